"""Wildcards that stand for themselves, by way of others: where each step of the way is written. Pure."""

import re
from collections.abc import Iterable, Iterator

from daemon.prompting.variation.tables import Tables, Value

REFERENCE = re.compile(r"__[~@!]?((?:(?!__)[\w/*?.\\ -])+?)(?:\([^()\n]*\))?__")

Step = tuple[str, Value]
"""A wildcard and the value of it that names the next."""


def cycles(tables: Tables, names: Iterable[str], most: int = 20) -> Iterator[tuple[Step, ...]]:
    """Each once, at most so many. The last value of each names the first wildcard."""
    done: set[str] = set()
    found = 0
    for start in names:
        way: list[tuple[str, Iterator[tuple[Value, str]]]] = [(start, _named(tables, start))]
        steps: list[Step] = []
        inside = {start}
        while way and start not in done:
            name, rest = way[-1]
            value, named = next(rest, (None, ""))
            if value is None:
                done.add(name)
                inside.discard(name)
                way.pop()
                steps = steps[: max(0, len(way) - 1)]
            elif named in inside:
                begin = next(at for at, (one, _) in enumerate(way) if one == named)
                yield (*steps[begin:], (name, value))
                found += 1
                if found >= most:
                    return
            elif named not in done:
                steps = [*steps[: len(way) - 1], (name, value)]
                way.append((named, _named(tables, named)))
                inside.add(named)


def _named(tables: Tables, name: str) -> Iterator[tuple[Value, str]]:
    """Every wildcard that values of this one name, with the value; what a glob means is not followed."""
    for value in tables.values(name):
        for found in REFERENCE.findall(value.text) if "__" in value.text else ():
            if not any(sign in found for sign in "*?"):
                yield value, found.strip().replace("\\", "/").casefold()
