"""The library as a client asks for it: names, texts, and what is kept there. Raises Refused or NoDaemon throughout."""

from typing import Literal

import msgspec

from tui.link.ask import Asker
from tui.link.query import quoted

Noun = Literal["packs", "pipelines", "presets", "profiles", "templates", "styles", "overlays", "wildcards"]


class Names(msgspec.Struct, frozen=True):
    items: tuple[str, ...]


class Item(msgspec.Struct, frozen=True):
    """`GET /v1/packs/{name}` and its like."""

    name: str
    text: str
    prompts: tuple[str, ...] = ()


async def names_of(asker: Asker, noun: Noun) -> tuple[str, ...]:
    return (await asker.get(f"/v1/{noun}", Names)).items


async def item_of(asker: Asker, noun: Noun, name: str) -> Item:
    return await asker.get(f"/v1/{noun}/{quoted(name)}", Item)
