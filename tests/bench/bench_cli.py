"""How long a command takes against a bare interpreter, interleaved so that the machine's moods hit all alike.

    python tests/bench/bench_cli.py [ROUNDS]

Prints per command the median seconds and the ratio to `python -c pass`. Goals: help and status at most 5.
`status` is asked of the daemon that runs (STABLENEW_HOME chooses it); without one its ratio is that of the refusal.
"""

import json
import statistics
import subprocess
import sys
import time

BARE = [sys.executable, "-P", "-c", "pass"]
COMMANDS = ("--help", "run --help", "job list --help", "doctor --help", "status --json", "job list --json")


def once(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - begun


def measure(rounds: int) -> dict[str, dict[str, float]]:
    """Per command: the median of its seconds, and of its ratios to the bare interpreter beside it."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    ratios: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name in COMMANDS:
            bare = once(BARE)
            took = once([sys.executable, "-P", "-m", "tui.cli", *name.split()])
            seconds[name].append(took)
            ratios[name].append(took / bare)
    return {
        name: {
            "seconds": round(statistics.median(seconds[name]), 4),
            "ratio": round(statistics.median(ratios[name]), 2),
        }
        for name in COMMANDS
    }


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 15), indent=2))
