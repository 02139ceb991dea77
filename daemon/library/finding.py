"""Finds things of the library by name: which file counts, what there is, what is broken.

`config/packs` and its sisters belong to the person. What comes with the program is there without a file of one's own;
a person's own of the same name stands before it.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from daemon.library.checks import check_text
from daemon.library.files import Texts
from daemon.library.folders import look
from daemon.library.kinds import ENDINGS, EXAMPLES, Entry, Kind, largest, split
from daemon.library.stylebook import Stylebook
from daemon.library.wordbook import ShelfTables, Wordbook
from daemon.prompting.packs import read_list
from daemon.prompting.styles import Style
from daemon.prompting.texts import MAX_TEXT, suffix, told
from daemon.prompting.variation.near import meant
from schema.errors import Refused
from schema.pipeline import STANDARD, PipelineConfig
from schema.places import Places
from schema.requests import TextFile

READ_ALL = 2000
"""Files of wildcards that are read only to say whether one of them is broken; beyond, those in use."""


class Finder:
    def __init__(self, places: Places) -> None:
        self.folders: dict[Kind, Path] = {kind: places.config / f"{kind}s" for kind in ENDINGS}
        self.texts = Texts()
        self._stylebook = Stylebook(self.texts)
        self._wordbook = Wordbook(((self.folders["wildcard"], False), (EXAMPLES / "wildcards", True)))
        self._lists_read: dict[Path, tuple[str, dict[str, tuple[str, ...]] | None]] = {}

    def entries(self, kind: Kind) -> tuple[Entry, ...]:
        """One for each name, sorted; a person's own before the program's, and endings in their order."""
        found: dict[str, Entry] = {}
        for entry in self.all(kind):
            key = entry.path.name if entry.path and kind in ("wildcard", "style") else ""
            found.setdefault(f"{entry.name.casefold()}\0{suffix(key)}", entry)
        return tuple(sorted(found.values(), key=lambda entry: (entry.name.casefold(), entry.builtin)))

    def names(self, kind: Kind) -> tuple[str, ...]:
        """What a person types: of wildcards and styles those that the files hold, else the files' stems."""
        if kind == "wildcard":
            return tuple(sorted(self.tables().names(), key=str.casefold))
        if kind == "style":
            return tuple(sorted((style.name for style in self.styles()), key=str.casefold))
        return tuple(entry.name for entry in self.entries(kind))

    def tables(self) -> ShelfTables:
        """Every wildcard; one object for one plan. Quick where nothing changed."""
        return self._wordbook.tables()

    def styles(self) -> tuple[Style, ...]:
        """Every style, by file; of two with one name the first counts, a person's own before the program's."""
        return self._stylebook.styles(tuple(self.all("style")))

    def style_file(self, name: str) -> Entry | None:
        return self._stylebook.where(tuple(self.all("style")), name)

    def broken_words(self) -> tuple[str, ...]:
        """What is known of files of wildcards that cannot be read; opens none that nobody asked for."""
        return tuple(dict.fromkeys(self._wordbook.check(0)))

    def lists(self) -> dict[str, tuple[str, ...]]:
        """Every list of packs, by its name."""
        found: dict[str, tuple[str, ...]] = {}
        for entry in look("pack", self.folders["pack"], builtin=False).entries:
            found.update(self._lists_in(entry) or {})
        return found

    def troubles(self, kind: Kind) -> tuple[str, ...]:
        """What of this kind is broken, left out or stands in another's way, in sentences with file and line."""
        if kind == "wildcard":
            return tuple(dict.fromkeys(self._wordbook.check(READ_ALL)))
        outside = look(kind, self.folders[kind], builtin=False)
        found = list(outside.troubles)
        if kind == "style":
            found += self._stylebook.troubles(tuple(outside.entries))
        else:
            for entry in outside.entries:
                try:
                    file = self.read(entry)
                    found += check_text(kind, file.name, file.text) if kind != "pack" else self._of_pack(entry, file)
                except Refused as refused:
                    found.append(refused.told())
        return tuple(found)

    def find(self, kind: Kind, name: str) -> Entry | None:
        stem, ending = split(name, kind)
        for entry in self.all(kind):
            if entry.name.casefold() != stem.casefold():
                continue
            if not ending or (entry.path and suffix(entry.path.name) == ending):
                return entry
        return None

    def expect(self, kind: Kind, name: str) -> Entry:
        entry = self.find(kind, name)
        if entry is None:
            raise self.unknown(kind, name)
        return entry

    def own(self, kind: Kind, stem: str) -> Entry | None:
        entry = self.find(kind, stem)
        return entry if entry and not entry.builtin else None

    def read(self, entry: Entry) -> TextFile:
        if entry.path is None:
            return TextFile(name=f"{entry.name}.json", text=_written(STANDARD))
        return TextFile(name=entry.path.name, text=self.texts.of(entry.path, largest(entry.kind)))

    def all(self, kind: Kind) -> Iterator[Entry]:
        """Every file that counts, in the order in which they win; lists of packs are none."""
        for entry in look(kind, self.folders[kind], builtin=False).entries:
            if kind != "pack" or self._lists_in(entry) is None:
                yield entry
        yield from look(kind, EXAMPLES if kind == "pack" else EXAMPLES / f"{kind}s", builtin=True).entries
        if kind == "pipeline":
            yield Entry(STANDARD.name, kind, None, builtin=True)

    def is_list(self, path: Path) -> bool:
        """Whether this file, wherever it lies, is a list of packs."""
        return self._lists_in(Entry(path.stem, "pack", path, builtin=False)) is not None

    def members(self, name: str) -> tuple[str, ...] | None:
        """Of a list of packs."""
        wanted = name.removesuffix(".json").casefold()
        return next((members for one, members in self.lists().items() if one.casefold() == wanted), None)

    def unknown(self, kind: Kind, name: str) -> Refused:
        names = list(self.names(kind)) + (list(self.lists()) if kind == "pack" else [])
        none = f"There is none yet; files go to {self.folders[kind]}."
        remedy = meant(name, names) or (f"`stablenew {kind} list` shows all." if names else none)
        link = self.folders[kind] / name
        if not any(sign in name for sign in "/\\") and any(_is_link(one) for one in self._maybe(link, kind)):
            remedy = "Its file is a link that leads out of the library's folder, and is not followed."
        return Refused(f"there is no {kind} '{told(name, 80)}' in the library.", where=kind, remedy=remedy)

    def _maybe(self, path: Path, kind: Kind) -> list[Path]:
        return [path, *(path.with_name(f"{path.name}{ending}") for ending in ENDINGS[kind])] if path.name else []

    def _of_pack(self, entry: Entry, file: TextFile) -> tuple[str, ...]:
        """A list that names packs that are not there, or what a pack's reader passes over."""
        lists = self._lists_in(entry)
        if lists is None:
            return check_text("pack", file.name, file.text)
        there = {entry.name.casefold() for entry in self.all("pack")} | {name.casefold() for name in lists}
        return tuple(
            f"{told(file.name)}: the list '{told(name, 60)}' names '{told(member, 60)}', which is not in the library."
            for name, members in lists.items()
            for member in members
            if split(member, "pack")[0].casefold() not in there
        )

    def _lists_in(self, entry: Entry) -> dict[str, tuple[str, ...]] | None:
        """None for a pack, and for a broken file: that is told when it is asked for, not when another is.

        A list alone that is called `packs` is called as its file.
        """
        if entry.path is None or suffix(entry.path.name) != ".json":
            return None
        try:
            text = self.texts.of(entry.path, MAX_TEXT)
            known = self._lists_read.get(entry.path)
            if known is None or known[0] is not text:
                lists = read_list(entry.path.name, text)
                lists = {entry.name: lists["packs"]} if lists and set(lists) == {"packs"} else lists
                known = self._lists_read[entry.path] = (text, lists)
        except Refused:
            return None
        return known[1]


def _is_link(path: Path) -> bool:
    try:
        return path.is_symlink()
    except OSError:  # as of a name that no file may have
        return False


def _written(pipeline: PipelineConfig) -> str:
    """As a person would write it: to be read, copied and changed."""
    return msgspec.json.format(pipeline.canonical(), indent=2).decode() + "\n"
