"""FILTERs of models, as a person types them: words and `key:value` pairs. Pure.

    haze list:loras base:sdxl tag:sea stars:>=4 favourite:yes missing:triggers node:box local:yes since:2h

All must hold. Words may stand in the name, the title, tags or trigger words, whatever their case.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from daemon.library.models.bases import base_of, kin
from daemon.library.models.rows import Row
from schema.errors import Refused
from schema.models import ModelRow

Holds = Callable[[ModelRow], bool]

KEYS = ("list", "base", "tag", "trigger", "stars", "uses", "node", "backend", "favourite", "missing", "local", "trouble", "since")  # fmt: skip  # noqa: E501
ALIASES = {"favorite": "favourite", "kind": "list"}
LACKS = ("any", "triggers", "base", "preview", "description")
SORTS = ("favourites", "name", "newest", "stars", "uses", "size")

_TOKEN = re.compile(r'(?:[^\s"]|"[^"]*")+')
_NUMBER = re.compile(r"(>=|<=|>|<|=)?(\d{1,9})")
_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


class Pair(NamedTuple):
    key: str
    value: str
    where: str


def parse(text: str, now: float) -> tuple[Holds, ...]:
    """Raises Refused, naming the word at fault. `now` is what ages count back from, Unix seconds."""
    if text.count('"') % 2:
        raise Refused("a quote is opened and not closed.", where=f"filter '{text[:80]}'", remedy="Close it.")
    found: list[Holds] = []
    for token in _TOKEN.findall(text):
        key, colon, value = token.partition(":")
        key = ALIASES.get(key.lower(), key.lower())
        if token.startswith('"') or not colon or not key.isalpha():
            found.append(_word(token.replace('"', "").lower()))
            continue
        pair = Pair(key, value.replace('"', ""), f"filter '{token[:80]}'")
        if key not in KEYS:
            known = ", ".join(f"{name}:" for name in KEYS)
            raise Refused(f"a filter of models has no '{key}:'.", where=pair.where, remedy=f"Use one of {known}.")
        if not pair.value:
            raise Refused(f"nothing stands after '{key}:'.", where=pair.where, remedy="Write a value behind the colon.")
        found.append(_held(pair, now))
    return tuple(found)


def is_filter(text: str) -> bool:
    """Whether it looks like one, and so is no name."""
    return any(
        colon and (key.lower() in KEYS or key.lower() in ALIASES)
        for key, colon, _ in (token.partition(":") for token in _TOKEN.findall(text))
    )


def matching(found: Iterable[Row], tests: Iterable[Holds]) -> list[Row]:
    tests = tuple(tests)
    return [one for one in found if all(holds(one.row) for holds in tests)]


def ordered(found: list[Row], sort: str) -> list[Row]:
    """`-name` the other way round. Raises Refused."""
    name = sort.removeprefix("-") or "favourites"
    if name not in SORTS:
        raise Refused(f"there is no order '{name[:40]}'.", where="sort", remedy=f"Use one of {', '.join(SORTS)}.")
    keys: dict[str, Callable[[Row], tuple[float, ...]]] = {
        "favourites": lambda one: (not one.row.favourite,),
        "name": lambda one: (),
        "newest": lambda one: (-(one.row.added or 0.0),),
        "stars": lambda one: (-one.row.stars, -(one.row.rating or 0.0)),
        "uses": lambda one: (-one.row.uses,),
        "size": lambda one: (-one.row.bytes,),
    }
    if name == "name":
        return sorted(found, key=lambda one: one.row.name.lower(), reverse=sort.startswith("-"))
    return sorted(found, key=keys[name], reverse=sort.startswith("-"))


def _word(word: str) -> Holds:
    def holds(row: ModelRow) -> bool:
        texts = (row.name, row.title, *row.tags, *row.about, *row.triggers)
        return any(word in text.lower() for text in texts)

    return holds


def _held(pair: Pair, now: float) -> Holds:
    value = pair.value.lower()
    match pair.key:
        case "list":
            return lambda row: row.list == value or row.list == f"{value}s"
        case "base":
            base = base_of(value)
            return lambda row: row.base == base or kin(row.base) == base
        case "tag":
            return lambda row: any(value == tag.lower() for tag in (*row.tags, *row.about))
        case "trigger":
            return lambda row: any(value in word.lower() for word in row.triggers)
        case "node":
            return lambda row: any(value == node.lower() for node in row.nodes)
        case "backend":
            return lambda row: value in row.backends
        case "stars" | "uses":
            return _counted(pair)
        case "missing":
            return _lacking(pair)
        case "since":
            since = _since(pair, now)
            return lambda row: (row.added or 0.0) >= since
        case _:
            return _yes(pair)


def _yes(pair: Pair) -> Holds:
    wanted = {"yes": True, "1": True, "true": True, "no": False, "0": False, "false": False}.get(pair.value.lower())
    if wanted is None:
        raise Refused("this is yes or no.", where=pair.where, remedy=f"Write {pair.key}:yes or {pair.key}:no.")
    match pair.key:
        case "favourite":
            return lambda row: row.favourite == wanted
        case "local":
            return lambda row: bool(row.path) == wanted
        case _:
            return lambda row: bool(row.trouble) == wanted


def _lacking(pair: Pair) -> Holds:
    value = pair.value.lower()
    if value not in LACKS:
        raise Refused(f"nothing is called '{value[:40]}'.", where=pair.where, remedy=f"Use one of {', '.join(LACKS)}.")
    return lambda row: value in row.missing or (value == "any" and bool(row.missing or row.trouble))


def _counted(pair: Pair) -> Holds:
    found = _NUMBER.fullmatch(pair.value)
    if found is None:
        raise Refused("this is no number.", where=pair.where, remedy=f"Write {pair.key}:4 or {pair.key}:>=4.")
    number, how = int(found[2]), found[1] or "="

    def holds(row: ModelRow) -> bool:
        has = row.stars if pair.key == "stars" else row.uses
        return {"=": has == number, ">": has > number, ">=": has >= number, "<": has < number, "<=": has <= number}[how]

    return holds


def _since(pair: Pair, now: float) -> float:
    age = _AGE.fullmatch(pair.value.lower())
    try:
        return (
            now - float(age[1]) * _SECONDS[age[2]]
            if age
            else datetime.fromisoformat(pair.value).astimezone().timestamp()
        )
    except (ValueError, OverflowError):
        raise Refused(
            "this is no time.", where=pair.where, remedy="Write an age (2h, 3d) or a date (2026-11-20T18:00)."
        ) from None
