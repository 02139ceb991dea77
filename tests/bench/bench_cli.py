"""How long a command takes against a bare interpreter, interleaved so that the machine's moods hit all alike.

    python tests/bench/bench_cli.py [--rounds N] [--json]

The commands that ask are answered by a daemon in a home of its own. Goals: help at most 4.5 times `python -c pass`,
asking at most 4.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from measure import Goal, Line, compared, finish, interleaved, scratch, seconds
from running import running

BARE = [sys.executable, "-P", "-c", "pass"]
COMMANDS = ("--help", "run --help", "job list --help", "doctor --help", "status --json", "job list --json")


def once(command: list[str], home: Path) -> float:
    """Milliseconds."""
    env = {**os.environ, "STABLENEW_HOME": str(home)}
    return 1e3 * seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env))


def measure(home: Path, rounds: int) -> list[Line]:
    cases = {"bare": lambda: once(BARE, home)}
    for name in COMMANDS:
        words = [sys.executable, "-P", "-m", "tui.cli", *name.split()]
        cases[name] = lambda words=words: once(words, home)
    found = interleaved(rounds, cases)
    return [
        compared(name, "ms", found[name], "bare interpreter", found["bare"],
                 Goal("ratio", most=4.5 if name.endswith("--help") else 4))
        for name in COMMANDS
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with scratch("cli") as folder, running(folder):
        lines = measure(folder, asked.rounds)
    finish(lines, sys.argv)


if __name__ == "__main__":
    main()
