"""A picture that a person names: by its hash, its id, or a file here whose content is then sent to the daemon."""

import asyncio
from pathlib import Path

import msgspec

from schema.errors import Refused, why
from schema.foreign import Foreign, Understood
from schema.pages import ImageRow
from tui.link.ask import Asker


class Shown(msgspec.Struct, frozen=True):
    """Of `GET /v1/images/{id}`."""

    image: ImageRow


LARGEST_PICTURE = 64_000_000
"""Bytes of a file that is sent to the daemon."""


async def picture_named(asker: Asker, text: str) -> str:
    """The hash of a picture that the daemon then has: of a hash, an image's id, or a file here. Raises Refused.

    Raises NoDaemon too.
    """
    text = text.strip()
    if len(text) == 64 and not set(text) - set("0123456789abcdef"):
        return text
    content = await asyncio.to_thread(read_picture, text)
    if content is not None:
        try:
            return await asker.upload(content)
        except Refused as e:
            raise Refused(e.sentence, where=e.where or text, remedy=e.remedy or "Name a picture.") from None
    if "/" in text:
        raise Refused("there is no such file.", where=text, remedy="Check the path.")
    try:
        return (await asker.get(f"/v1/images/{text}", Shown)).image.sha256
    except Refused:
        raise Refused("this is neither a file nor an image's id.", where=text, remedy="Check the path.") from None


def read_picture(named: str) -> bytes | None:
    """The file's content, None where there is no such file. Raises Refused for one that cannot be read."""
    try:
        path = Path(named).expanduser()
        if not path.is_file():
            return None
        with path.open("rb") as file:
            content = file.read(LARGEST_PICTURE + 1)
    except (OSError, ValueError, RuntimeError) as fault:
        raise Refused(f"cannot read this file: {why(fault)}.", where=named, remedy="Check the path.") from None
    if len(content) > LARGEST_PICTURE:
        raise Refused(f"this is larger than {LARGEST_PICTURE // 10**6} MB.", where=named, remedy="Make it smaller.")
    return content


async def understood(asker: Asker, path: Path) -> Understood:
    """What the file says of how it was made, and the run that would make it again. Raises Refused or NoDaemon."""
    content = await asyncio.to_thread(read_picture, str(path))
    if content is None:
        raise Refused("there is no such file.", where=str(path), remedy="Check the path.")
    return await asker.foreign(content, path.name)


def gist(found: Foreign) -> str:
    """`sea.png: by a1111, toy-xl; 2 things were left out`."""
    by = f"by {found.program}" if found.program != "none" else "it says nothing of how it was made"
    words = [by, *([found.model] if found.model else [])]
    return f"{found.name}: {', '.join(words)}" + "".join(f"\n! {warning}" for warning in found.warnings[:2])
