"""The library as plans and people ask for it: packs, pipelines, presets, profiles, styles, wildcards and the rest.

Reads the folders fresh on each call; what did not change is remembered.
"""

import json
import re
from collections.abc import Callable

from daemon.library import keeping
from daemon.library.aside import bring_back
from daemon.library.finding import Finder
from daemon.library.kinds import ENDINGS, EXAMPLES, LARGEST, Entry, Kind
from daemon.prompting.packs import PRIORITY, only_settings
from daemon.prompting.recipe import LastRun
from daemon.prompting.styletext import written
from daemon.prompting.templates import Template, read_template
from daemon.prompting.texts import suffix
from schema.errors import Refused
from schema.places import Places
from schema.requests import TextFile

_NOT_TEXT = re.compile(r"[\d.:-]+$|.*: |(?:y|n|yes|no|true|false|on|off|null)$", re.IGNORECASE)

__all__ = ("ENDINGS", "EXAMPLES", "LARGEST", "Entry", "FolderShelf", "Kind")


class FolderShelf(Finder):
    """`last` answers with what the last run that ended well was made with."""

    def __init__(self, places: Places, last: Callable[[], LastRun | None] = lambda: None) -> None:
        super().__init__(places)
        self._last = last

    def pack(self, name: str) -> tuple[TextFile, ...]:
        """The pack, or the packs of a list of that name. A name with its ending means that very file."""
        entry = self.find("pack", name)
        if entry is None:
            members = self.members(name)
            if members is None:
                raise self.unknown("pack", name)
            return tuple(self._pack(self.expect("pack", member), member) for member in members)
        return (self._pack(entry, name),)

    def pipeline(self, name: str) -> TextFile:
        return self.read(self.expect("pipeline", name))

    def preset(self, name: str) -> TextFile:
        return self.read(self.expect("preset", name))

    def profile(self, name: str) -> TextFile:
        return self.read(self.expect("profile", name))

    def workflow(self, name: str) -> TextFile:
        return self.read(self.expect("workflow", name))

    def overlay(self, name: str) -> TextFile:
        return self.read(self.expect("overlay", name))

    def template(self, name: str) -> Template:
        file = self.read(self.expect("template", name))
        return read_template(file.name, file.text)

    def last(self) -> LastRun | None:
        return self._last()

    def text(self, kind: Kind, name: str) -> TextFile:
        """As it is on disk: for `show` and `export`. One wildcard or style of a file of many comes alone."""
        entry = self.find(kind, _bare(name) if kind == "wildcard" else name)
        if entry is None and kind == "style":
            style = next((one for one in self.styles() if one.name.casefold() == name.strip().casefold()), None)
            if style is not None:
                return TextFile(name=f"{style.name}.csv", text=written((style,)))
        if entry is None and kind == "wildcard" and (values := self.tables().values(_bare(name))):
            lines = (one.text if one.weight == 1 else f"{one.weight:g}::{one.text}" for one in values)
            return TextFile(name=f"{_bare(name)}.yaml", text="".join(f"- {_scalar(line)}\n" for line in lines))
        if entry is None:
            raise self.unknown(kind, name)
        return self._pack(entry, name) if kind == "pack" else self.read(entry)

    def save(self, kind: Kind, name: str, text: str, *, replace: bool = True, raw: bytes | None = None) -> Entry:
        return keeping.save(self, kind, name, text, replace=replace, raw=raw)

    def rename(self, kind: Kind, name: str, to: str) -> Entry:
        return keeping.rename(self, kind, name, to)

    def delete(self, kind: Kind, name: str) -> None:
        keeping.delete(self, kind, name)

    def bring_back(self, kind: Kind, name: str) -> Entry:
        """The last one of this name that was deleted."""
        return bring_back(self, kind, _bare(name) if kind == "wildcard" else name)

    def _pack(self, entry: Entry, name: str) -> TextFile:
        """The pack's text. A JSON that only brings settings lends them to the text or table of the same stem."""
        file = self.read(entry)
        if suffix(name) == ".json" or suffix(file.name) != ".json":
            return file
        try:
            settings = only_settings(file.name, file.text)
        except Refused:
            return file  # reading it as a pack tells what is wrong
        if settings is None:
            return file
        for ending in PRIORITY[1:]:
            other = self.find("pack", f"{entry.name}{ending}")
            if other is not None and other.builtin == entry.builtin:
                text = self.read(other)
                return TextFile(name=text.name, text=text.text, settings=settings)
        return file


def _scalar(text: str) -> str:
    """As it may stand in YAML."""
    return (
        text if re.fullmatch(r"\w(?:[\w ,.'():<>/-]*[\w)>])?", text) and not _NOT_TEXT.match(text) else json.dumps(text)
    )


def _bare(name: str) -> str:
    return name.removeprefix("__").removesuffix("__")
