"""Agents on the network: what the way to them costs per stage, how soon they are seen, what they cost while idle.

    python tests/bench/bench_fleet.py [--rounds N] [--agents N] [--idle SECONDS] [--json]

The way: one stage with an input picture, through a paired agent over TLS on loopback, less what its backend alone takes
in this process; against a bare aiohttp server that takes and gives the same bytes over plain HTTP in the same rounds.
Discovery and idleness need a network of their own (namespaces, no root): without one those lines are left out.
"""

import argparse
import asyncio
import sys

import fleet_idle
import fleet_way
from measure import Line, finish, scratch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--agents", type=int, default=16)
    parser.add_argument("--idle", type=float, default=30.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    lines: list[Line] = []
    with scratch("fleet") as folder:
        lines += asyncio.run(fleet_way.way(folder, asked.rounds))
    if why := fleet_idle.why_not():
        print(f"discovery and idleness are left out: {why}", file=sys.stderr)
    else:
        with scratch("idle") as folder:
            lines += fleet_idle.measured(folder, asked.agents, asked.idle)
    finish(lines, sys.argv[1:])


if __name__ == "__main__":
    main()
