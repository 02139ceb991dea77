"""The FILTER grammar: words and `key:value` pairs, as a person types them. Pure; knows no table.

    knight "red banner" state:failed state:attention pack:knights stars:>=4 tag:keep since:2h

Pairs of different keys must all hold; of the same key any (of `tag` all). `state:open` is whatever is unfinished,
`state:failed|attention` is either.
Words must all occur in the name or the prompt, whatever their case. A value in quotes may hold spaces.
"""

import re
from datetime import datetime
from typing import Literal, NamedTuple, get_args

from schema.errors import Refused
from schema.events import JobPhase

Comparison = Literal["=", ">", ">=", "<", "<="]


class Stars(NamedTuple):
    how: Comparison
    stars: int


class Since(NamedTuple):
    """One of the two: a position in the log, or Unix seconds."""

    seq: int | None
    at: float | None


class Filter(NamedTuple):
    words: tuple[str, ...] = ()
    """Case folded."""
    states: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    stars: tuple[Stars, ...] = ()
    tags: tuple[str, ...] = ()
    since: Since | None = None


KEYS = ("state", "run", "job", "pack", "node", "model", "stars", "tag", "since")
JOB_STATES: tuple[str, ...] = (*get_args(JobPhase), "open")
RUN_STATES: tuple[str, ...] = (*JOB_STATES, "active", "paused")
IMAGE_STATES: tuple[str, ...] = (*JOB_STATES, "trashed")

_TOKEN = re.compile(r'\s*((?:[^\s"]|"[^"]*")+)')
_PAIR = re.compile(r"([A-Za-z]+):(.*)", re.DOTALL)
_STARS = re.compile(r"(>=|<=|>|<|=)?\s*([0-5])")
_AGE = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d|w)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def parse_filter(text: str, now: float, states: tuple[str, ...] = JOB_STATES) -> Filter:
    """Refused, naming the word at fault. `now` is what ages count back from, Unix seconds."""
    found = Filter()
    for key, value in pairs(text, KEYS):
        if key:
            found = _with_pair(found, key, value, now, states)
        else:
            found = found._replace(words=(*found.words, value.casefold()))
    return found


def pairs(text: str, keys: tuple[str, ...]) -> list[tuple[str, str]]:
    """Each `key:value` of a FILTER that knows these keys; a word has the key "". Refused, naming the word at fault."""
    found = []
    for token in _tokens(text):
        pair = _PAIR.fullmatch(token)
        if pair is None or token.startswith('"'):
            found.append(("", _bare(token)))
            continue
        key, value, where = pair[1].lower(), _bare(pair[2]), f"filter '{token}'"
        if key not in keys:
            known = ", ".join(f"{name}:" for name in keys)
            remedy = f'Use one of {known} or quote it: "{token}".'
            raise Refused(f"a filter has no '{key}:'.", where=where, remedy=remedy)
        if not value:
            remedy = "Write a value right behind the colon."
            raise Refused(f"nothing stands after '{key}:'.", where=where, remedy=remedy)
        found.append((key, value))
    return found


def is_pair(text: str) -> bool:
    """Whether this looks like a `key:value` of a FILTER, and so cannot be an id."""
    pair = _PAIR.match(text.strip())
    return pair is not None and pair[1].lower() in KEYS


def parse_when(text: str, now: float) -> Since:
    """A seq (an integer), an ISO time (local zone if none is given) or an age (`2h`, `3d`). Raises ValueError."""
    if text.isdigit():
        return Since(int(text), None)
    age = _AGE.fullmatch(text.strip().lower())
    if age is not None:
        return Since(None, now - float(age[1]) * _SECONDS[age[2]])
    return Since(None, datetime.fromisoformat(text).astimezone().timestamp())


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Refused(
                "a quote is opened and not closed.", where=f"filter '{text[at:].strip()}'", remedy="Close it."
            )
        tokens.append(match[1])
        at = match.end()
    return tokens


def _bare(token: str) -> str:
    return token.replace('"', "")


def _with_pair(found: Filter, key: str, value: str, now: float, states: tuple[str, ...]) -> Filter:
    where = f"filter '{key}:{value}'"
    match key:
        case "state":
            wanted = tuple(value.lower().split("|"))
            strange = [one for one in wanted if one not in states]
            if strange:
                raise Refused(
                    f"there is no state '{strange[0]}'.", where=where, remedy=f"Use one of {', '.join(states)}."
                )
            return found._replace(states=(*found.states, *wanted))
        case "run":
            return found._replace(runs=(*found.runs, value))
        case "job":
            return found._replace(jobs=(*found.jobs, value))
        case "pack":
            return found._replace(packs=(*found.packs, value))
        case "node":
            return found._replace(nodes=(*found.nodes, value))
        case "model":
            return found._replace(models=(*found.models, value))
        case "stars":
            return found._replace(stars=(*found.stars, _stars(value, where)))
        case "tag":
            return found._replace(tags=(*found.tags, value))
        case _:
            return found._replace(since=_since(value, now, where))


def _stars(value: str, where: str) -> Stars:
    match = _STARS.fullmatch(value)
    if match is None:
        raise Refused("stars go from 0 to 5.", where=where, remedy="Write stars:4, stars:>=4 or stars:<3.")
    how: Comparison = match[1] or "="  # type: ignore[assignment]  # the pattern takes nothing else
    return Stars(how, int(match[2]))


def _since(value: str, now: float, where: str) -> Since:
    try:
        return parse_when(value, now)
    except (ValueError, OverflowError):
        raise Refused(
            "this is no time.", where=where, remedy="Write an age (2h, 3d), a date (2026-11-20T18:00) or a seq (4120)."
        ) from None
