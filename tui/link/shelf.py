"""The library as a client asks for it: names, texts, and what is kept there. Raises Refused or NoDaemon throughout."""

from typing import Literal

import msgspec

from schema.shelf import Said, Use
from tui.link.ask import Asker, reply
from tui.link.query import quoted

Noun = Literal[
    "packs", "pipelines", "presets", "profiles", "templates", "styles", "overlays", "wildcards", "workflows"
]  # fmt: skip


class Names(msgspec.Struct, frozen=True):
    items: tuple[str, ...]


class Item(msgspec.Struct, frozen=True):
    """`GET /v1/packs/{name}` and its like."""

    name: str
    text: str
    prompts: tuple[str, ...] = ()
    negatives: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()
    """Lines that give a pack's slots their values: `#! [[weather]] = rain | fog`."""
    says: tuple[Said, ...] = ()
    """Of all but packs and workflows: what is in it, line by line."""
    path: str = ""
    builtin: bool = False
    """It comes with the program and stays as it is."""

    def alone(self, number: int) -> tuple[str, str]:
        """The prompt with this number, from 0, and its negative, with what they need of the pack to vary alike."""
        prompt = self.prompts[number] if number < len(self.prompts) else ""
        negative = self.negatives[number] if number < len(self.negatives) else ""
        slots = [line for line in self.slots if line[line.find("[[") : line.find("]]") + 2] in prompt + negative]
        return "\n".join((*slots, prompt)), negative


async def names_of(asker: Asker, noun: Noun) -> tuple[str, ...]:
    return (await asker.get(f"/v1/{noun}", Names)).items


async def item_of(asker: Asker, noun: Noun, name: str) -> Item:
    return await asker.get(f"/v1/{noun}/{quoted(name)}", Item)


class Checked(msgspec.Struct, frozen=True):
    """`GET /v1/packs?check=1`."""

    items: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    """What is broken or left out, with file and line."""


class Text(msgspec.Struct, frozen=True):
    text: str


class Draft(msgspec.Struct, frozen=True):
    """`POST /v1/check`."""

    noun: str
    name: str
    text: str


class Warnings(msgspec.Struct, frozen=True):
    warnings: tuple[str, ...] = ()


class Uses(msgspec.Struct, frozen=True):
    items: tuple[Use, ...]


async def checked(asker: Asker, noun: Noun) -> Checked:
    return await asker.get(f"/v1/{noun}", Checked, {"check": 1})


async def save(asker: Asker, noun: Noun, name: str, text: str) -> Item:
    """Writes it as it is; one of the same name is replaced."""
    return reply(await asker.raw("PUT", f"/v1/{noun}/{quoted(name)}", body=Text(text)), Item)


class _To(msgspec.Struct, frozen=True):
    to: str


class _Gone(msgspec.Struct, frozen=True):
    name: str


async def text_of(asker: Asker, noun: Noun, name: str) -> Item:
    """Its text alone, also where what it says cannot be read."""
    return await asker.get(f"/v1/{noun}/{quoted(name)}", Item, {"text": 1})


async def rename(asker: Asker, noun: Noun, name: str, to: str) -> str:
    """Its new name."""
    return reply(await asker.raw("POST", f"/v1/{noun}/{quoted(name)}/rename", body=_To(to)), _Gone).name


async def delete(asker: Asker, noun: Noun, name: str) -> None:
    await asker.raw("POST", f"/v1/{noun}/{quoted(name)}/delete")


async def restore(asker: Asker, noun: Noun, name: str) -> str:
    """Brings back the last one of this name that was deleted."""
    return reply(await asker.raw("POST", f"/v1/{noun}/{quoted(name)}/restore"), _Gone).name


async def check(asker: Asker, noun: Noun, name: str, text: str) -> tuple[str, ...]:
    """Warnings of a text that is not saved yet. Refused with its line where it could not be."""
    return reply(await asker.raw("POST", "/v1/check", body=Draft(noun, name, text)), Warnings).warnings


async def uses_of(asker: Asker, noun: str, name: str) -> tuple[Use, ...]:
    """Who of the library names it; `noun` may be loras, embeddings or models too."""
    return (await asker.get("/v1/uses", Uses, {"noun": noun, "name": name})).items
