"""FILTERs of events and of the programs' own lines: the words and `key:value` pairs of all lists, with their own keys.

kind:trouble job:kn00gt7a.4 since:2h "out of memory"
"""

from collections.abc import Iterable
from typing import NamedTuple, get_args

from daemon.sieve import Bound, LineSieve, Sieve
from daemon.views.filters import pairs, parse_when
from schema.errors import Refused
from schema.logpages import TROUBLE, TYPES, Kind, kind_of

KINDS = (*get_args(Kind), "trouble")
EVENT_KEYS = ("kind", "type", "job", "run", "picture", "node", "actor", "command", "since", "until")
LINE_KEYS = ("level", "program", "since", "until")
LEVELS = ("debug", "info", "warning", "error", "critical")


BEGINNING = 4
"""Letters of a run's id that name one run, as good as always."""

NOTHING = ("none",)
"""The name of no event."""


class Asked(NamedTuple):
    sieve: Sieve
    since: Bound | None
    until: Bound | None


def events_filter(text: str, now: float, me: str) -> Asked:
    """`me`: the actor that `actor:me` stands for. `now`: what ages count back from. Raises Refused, naming the word."""
    words, found = _read(text, EVENT_KEYS)
    sieve = Sieve(
        types=_types(found.get("kind", []), found.get("type", [])),
        jobs=tuple(found.get("job", ())),
        runs=tuple(_begun(run) for run in found.get("run", ())),
        images=tuple(found.get("picture", ())),
        nodes=tuple(found.get("node", ())),
        actors=tuple(me if one.lower() in ("me", "you") else one for one in found.get("actor", ())),
        commands=tuple(found.get("command", ())),
        words=words,
    )
    return Asked(sieve, _bound("since", found, now), _bound("until", found, now))


def lines_filter(text: str, now: float) -> LineSieve:
    """`level:warning` is that and worse. A seq is no time here. Raises Refused, naming the word at fault."""
    words, found = _read(text, LINE_KEYS)
    least = [_level(one) for one in found.get("level", ())]
    return LineSieve(
        levels=frozenset(LEVELS[min(least) :]) if least else frozenset(),
        programs=tuple(found.get("program", ())),
        words=tuple(word.casefold() for word in words),
        since=_time("since", found, now),
        until=_time("until", found, now),
    )


def _read(text: str, keys: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, list[str]]]:
    """Words, and the values of each key."""
    words: list[str] = []
    found: dict[str, list[str]] = {}
    for key, value in pairs(text, keys):
        if key:
            found.setdefault(key, []).append(value)
        else:
            words.append(value)
    return tuple(words), found


def _begun(run: str) -> str:
    """The beginning of a run's id: one that many runs share would be looked for in half of the log."""
    if len(run) < BEGINNING:
        remedy = f"Write {BEGINNING} letters of its id, or more."
        raise Refused("too many runs begin like this.", where=f"filter 'run:{run}'", remedy=remedy)
    return run


def _types(kinds: list[str], names: list[str]) -> tuple[str, ...]:
    """Of any of these kinds and any of these names; empty: all there are."""
    of_kinds = {one for kind in kinds for part in kind.split("|") for one in _types_of(part)}
    called = {_type(part) for name in names for part in name.split("|")}
    wanted = of_kinds & called if kinds and names else of_kinds | called
    return tuple(name for name in TYPES if name in wanted) or (NOTHING if kinds or names else ())


def _types_of(kind: str) -> Iterable[str]:
    if kind.lower() == "trouble":
        return [name for name in TYPES if name in TROUBLE]
    if kind.lower() not in KINDS:
        raise Refused(f"there is no kind '{kind}'.", where=f"filter 'kind:{kind}'", remedy=_one_of(KINDS))
    return [name for name in TYPES if kind_of(name) == kind.lower()]


def _type(name: str) -> str:
    for known in TYPES:
        if known.lower() == name.lower():
            return known
    raise Refused(
        f"there is no event called '{name}'.", where=f"filter 'type:{name}'",
        remedy="Write it as the log does, like JobFailed; kind:job stands for all of jobs.",
    )  # fmt: skip


def _level(name: str) -> int:
    if name.lower() not in LEVELS:
        raise Refused(f"there is no level '{name}'.", where=f"filter 'level:{name}'", remedy=_one_of(LEVELS))
    return LEVELS.index(name.lower())


def _one_of(names: Iterable[str]) -> str:
    return f"Use one of {', '.join(names)}."


def _bound(key: str, found: dict[str, list[str]], now: float) -> Bound | None:
    """The last one counts."""
    if key not in found:
        return None
    value = found[key][-1]
    try:
        when = parse_when(value, now)
    except (ValueError, OverflowError):
        raise Refused(
            "this is no time.", where=f"filter '{key}:{value}'",
            remedy="Write an age (2h, 3d), a date (2026-11-20T18:00) or a seq (4120).",
        ) from None  # fmt: skip
    if when.seq is not None and when.seq > 2**62:
        raise Refused("no log has so many events.", where=f"filter '{key}:{value[:40]}'")
    return Bound(when.seq, when.at)


def _time(key: str, found: dict[str, list[str]], now: float) -> float | None:
    bound = _bound(key, found, now)
    if bound is not None and bound.at is None:
        raise Refused(
            "lines of programs have no seq.", where=f"filter '{key}:{bound.seq}'",
            remedy="Write an age (2h, 3d) or a date (2026-11-20T18:00).",
        )  # fmt: skip
    return bound.at if bound is not None else None
