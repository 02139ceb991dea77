"""All benches, one after another, as one table: value, limit or peer of the same run, ratio, goal.

    python tests/bench [NAME ...] [--json]

NAME is `startup` for `bench_startup.py`; without names all are run, which takes about ten minutes on two cores.
Each is a process of its own, so that neither memory nor imports nor a replaced fsync reach from one into another.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import msgspec
from measure import Line, machine, table

HERE = Path(__file__).parent


def names() -> list[str]:
    return sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def run(name: str) -> list[Line]:
    """Raises CalledProcessError for a bench that fails, after its complaint."""
    words = [sys.executable, str(HERE / f"bench_{name}.py"), "--json"]
    told = subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout
    return msgspec.json.decode(told.splitlines()[-1], type=list[Line])


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python tests/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names()))
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(names()):
        parser.error(f"there is no bench {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    print(machine(), file=sys.stderr)
    lines: list[Line] = []
    failed: list[str] = []
    for name in asked.names or names():
        began = time.monotonic()
        try:
            found = run(name)
        except (subprocess.CalledProcessError, msgspec.MsgspecError) as fault:
            failed.append(f"{name}: {fault}")
            continue
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        lines += [msgspec.structs.replace(line, what=f"{name}: {line.what}") for line in found]
    print(msgspec.json.encode(lines).decode() if asked.json else f"{machine()}\n{table(lines)}")
    for fault in failed:
        print(f"failed: {fault}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
