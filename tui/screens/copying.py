"""What may be copied of a picture, each in words: its file, links to it, what it was made with. Pure."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import NamedTuple

from schema.pages import ImageRow, JobRecord
from schema.words import words_in
from tui.widgets.differing import settings_of
from tui.widgets.imagecard import link_to


class Copy(NamedTuple):
    name: str
    """What it is, in a word or two."""
    text: str


def copies(image: ImageRow, record: JobRecord | None) -> Sequence[Copy]:
    found = [Copy("path", image.path), Copy("link", link_to(image.path)), Copy("folder", folder_of(image.path))]
    if record is not None:
        words = words_in(record)
        found += [Copy("prompt", words.prompt), Copy("negative prompt", words.negative)]
        told = settings_of(image, record)
        found.append(Copy("settings", "\n".join(f"{name}: {value}" for name, value in told.items() if value)))
    found += [Copy("seed", str(image.seed)), Copy("id", image.id), Copy("job", image.job), Copy("run", image.run)]
    found += [Copy("command", f"stablenew image show {image.id}"), Copy("sha256", image.sha256)]
    return [one for one in found if one.text]


def folder_of(path: str) -> str:
    return str(PurePath(path).parent) if path else ""
