"""A file in, what it says of how it was made out: the one door to all readers.

Nothing here refuses a picture that says nothing; Refused is for files that cannot be read.
"""

import re
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image, UnidentifiedImageError

from daemon.artifacts import parameters
from daemon.artifacts.foreign import apps, comfy, containers, infotexts, invoke, records, stealth
from daemon.artifacts.foreign.draft import Draft
from daemon.artifacts.png import Malformed
from schema.errors import Refused, why
from schema.foreign import Foreign
from schema.stages import MAX_MEGAPIXELS

LARGEST_PROMPT = 16 << 20
"""Bytes of a text or JSON file."""

BESIDE = (".txt", ".json")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif")
HIDES = ("image/png", "image/webp")
"""Where pixels are kept exactly, so that text can be hidden in them."""


class Carried(NamedTuple):
    media: str
    carrier: str
    texts: dict[str, str]


READERS: tuple[Callable[[Mapping[str, str]], Draft | None], ...] = (
    infotexts.read_own, infotexts.read_legacy, invoke.read, apps.swarm, apps.draw_things, apps.easy, apps.novel,
    apps.matrix,
)  # fmt: skip


def read_picture(path: Path, *, hidden: bool = True) -> Foreign:
    """A picture, a film, or a `.txt` or `.json` of one. Raises Refused, naming the file.

    `hidden`: looks for text in the pixels where there is none beside them, which means to decode the picture.
    """
    return understood(carried(path, hidden=hidden), str(path))


def read_bytes(raw: bytes, name: str, *, beside: str = "", hidden: bool = True) -> Foreign:
    """The same of a file's content. `beside`: the text that lay beside it."""
    found = _carried(BytesIO(raw), len(raw), name, hidden=hidden)
    if not found.texts and beside:
        found = Carried(found.media, "txt", _as_texts(beside))
    return understood(found, name)


def carried(path: Path, *, hidden: bool = True) -> Carried:
    """Its texts, or those of the file beside it. Raises Refused."""
    try:
        with path.open("rb") as file:
            found = _carried(file, path.stat().st_size, str(path), hidden=False)
            if not found.texts and found.media.startswith("image/"):
                for ending in BESIDE:
                    with suppress(FileNotFoundError):
                        return Carried(found.media, "txt", _as_texts(_text_file(path.with_suffix(ending))))
                if hidden:
                    found = _hidden(file, found)
            return found
    except OSError as fault:
        raise unreadable(str(path), fault) from fault


def understood(found: Carried, name: str) -> Foreign:
    draft = drafted(found.texts)
    if draft is None:
        return Foreign(name=name, carrier=found.carrier, media=found.media)
    return draft.told(name, found.carrier, found.media)


def drafted(texts: Mapping[str, str]) -> Draft | None:
    """By whoever knows these texts; None where they tell nothing of a making."""
    for read in READERS:
        draft = read(texts)
        if draft is not None:
            return draft
    said = texts.get("parameters", "")
    if said.lstrip("\ufeff \n").startswith(("{", "[")):
        draft = records.of_text(said)
        if draft is not None:
            return draft
    elif said and parameters.read(said).fields:
        return infotexts.from_text(said)
    return comfy.read(texts) or apps.fooocus(texts) or (infotexts.from_text(said) if said.strip() else None)


def _carried(file: BinaryIO, size: int, name: str, *, hidden: bool) -> Carried:
    try:
        found = containers.texts_of(file, size)
    except Malformed as fault:
        raise Refused(f"the picture {fault}.", where=name, remedy="Take another copy of it.") from fault
    if found is not None:
        told = Carried(*found)
        return _hidden(file, told) if hidden and not told.texts else told
    file.seek(0)
    raw = file.read(LARGEST_PROMPT + 1)
    if not raw.strip():
        raise Refused("this file is empty.", where=name, remedy="Name another.")
    if not containers.is_text(raw[:4096]):
        raise Refused(
            "this is neither a picture nor a prompt file that is known here.",
            where=name,
            remedy="Name a PNG, JPEG, WebP, AVIF or GIF picture, a film, a .txt or a .json.",
        )
    if len(raw) > LARGEST_PROMPT:
        raise Refused(f"this text is larger than {LARGEST_PROMPT >> 20} MB.", where=name, remedy="Name another file.")
    text = containers.decoded(raw)
    ending = Path(name).suffix.lower()
    if ending in PICTURES:
        raise Refused("this is no picture, though it is called one: it holds text.", where=name, remedy="Get it again.")
    if ending == ".json" or text.lstrip().startswith(("{", "[")):
        records.check(text, name)
        return Carried("application/json", "json", {"parameters": text})
    return Carried("text/plain", "txt", _as_texts(text))


def _as_texts(text: str) -> dict[str, str]:
    """Of a text file; InvokeAI's first years logged their command lines."""
    line = DREAM.match(text)
    return {"Dream": text[line.end() :].split("\n", 1)[0]} if line else {"parameters": text}


DREAM = re.compile(r'\s*(?:[Dd]ream:|dream>|invoke>)\s*(?=")')


def _text_file(path: Path) -> str:
    with path.open("rb") as file:
        return containers.decoded(file.read(LARGEST_PROMPT))


def _hidden(file: BinaryIO, found: Carried) -> Carried:
    """The picture's pixels, where it keeps them exactly. What cannot be decoded hides nothing."""
    if found.media not in HIDES:
        return found
    file.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(file, formats=("PNG", "WEBP")) as picture:
                if picture.width * picture.height > MAX_MEGAPIXELS * 1e6:
                    return found
                texts = stealth.texts_of(picture)
        except (Image.DecompressionBombError, UnidentifiedImageError, OSError, SyntaxError, ValueError, TypeError):
            return found
        except (IndexError, KeyError, EOFError, OverflowError, MemoryError):
            return found
    return Carried(found.media, "stealth", texts) if texts else found


def unreadable(name: str, fault: OSError) -> Refused:
    if isinstance(fault, IsADirectoryError):
        return Refused("this is a folder.", where=name, remedy="Name a picture in it.")
    if isinstance(fault, FileNotFoundError | NotADirectoryError):
        return Refused("there is no such file.", where=name, remedy="Check the path.")
    return Refused(f"cannot be read: {why(fault)}.", where=name, remedy="Check its permissions.")
