"""How structs are told to clients: as JSON with every field there, and times as UTC ISO 8601."""

import asyncio
from typing import TypeVar

import msgspec
from aiohttp import web

from schema.pages import Page, iso

TIMES = frozenset(
    {
        "added",
        "at",
        "checked",
        "created",
        "deadline",
        "ended",
        "latest",
        "not_before",
        "since",
        "soonest",
        "started",
        "until",
    }
)
"""Fields of our structs that hold Unix seconds."""

SCALARS = (str, int, float, bool)
"""A tuple: a union is taken apart at every look."""

LONG_PAGE = 200

Item = TypeVar("Item")

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

_fields: dict[type[msgspec.Struct], tuple[str, ...]] = {}


def told(value: object) -> Json:
    """Fields at their defaults are there too: a script need not know the defaults. Keys of maps are left alone."""
    if value is None or isinstance(value, SCALARS):
        return value
    if isinstance(value, msgspec.Struct):
        return _struct(value)
    if isinstance(value, dict):
        return {str(key): told(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [told(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} cannot be told as JSON")


def answer(value: object, status: int = 200) -> web.Response:
    return web.Response(body=line(value), status=status, content_type="application/json", charset="utf-8")


async def page_answer(page: Page[Item]) -> web.Response:
    """A long page is written off the loop: others are answered meanwhile."""
    if len(page.items) > LONG_PAGE:
        return await asyncio.to_thread(answer, page)
    return answer(page)


def line(value: object) -> bytes:
    """One JSON document, with the end of its line."""
    return msgspec.json.encode(told(value)) + b"\n"


def _struct(value: msgspec.Struct) -> dict[str, Json]:
    kind = type(value)
    names = _fields.get(kind)
    if names is None:
        names = _fields[kind] = kind.__struct_fields__
    found: dict[str, Json] = {}
    tag = kind.__struct_config__.tag
    if isinstance(tag, str):
        found[kind.__struct_config__.tag_field or "type"] = tag
    for name in names:
        each = getattr(value, name)
        found[name] = iso(each) if name in TIMES and isinstance(each, float) else told(each)
    return found
