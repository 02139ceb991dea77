"""The library's folders: packs, pipelines, presets, profiles, workflows, read fresh on each call.

`config/packs` and its sisters belong to the person. Packs that come with the program, and the pipeline
`standard`, are there without a file; a person's pack of the same name stands before the program's.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from daemon.disk import sync_folder
from daemon.library.files import Texts, write_text
from daemon.prompting.packs import PRIORITY, only_settings, read_list, read_pack
from daemon.prompting.pipelines import read_pipeline
from daemon.prompting.presets import read_preset
from daemon.prompting.recipe import LastRun
from daemon.prompting.texts import MAX_CONFIG, MAX_TEXT, MAX_WORKFLOW, nearest, suffix, told
from daemon.prompting.workflows import check_workflow
from schema.errors import Refused
from schema.pipeline import STANDARD
from schema.places import Places
from schema.requests import TextFile

Kind = Literal["pack", "pipeline", "preset", "profile", "workflow"]

ENDINGS: dict[Kind, tuple[str, ...]] = {
    "pack": PRIORITY,
    "pipeline": (".json", ".yaml", ".yml"),
    "preset": (".json", ".yaml", ".yml"),
    "profile": (".json", ".yaml", ".yml"),
    "workflow": (".json",),
}
"""Which files count; of several with one stem the first ending wins."""

LARGEST: dict[Kind, int] = {"pack": MAX_TEXT, "workflow": MAX_WORKFLOW}
"""Bytes, where they may be more than `MAX_CONFIG`."""

EXAMPLES = Path(__file__).parent / "examples"

MAX_NAME = 150
"""Bytes of a name in the library."""


class Entry(NamedTuple):
    """A thing of the library as a list shows it."""

    name: str
    kind: Kind
    path: Path | None
    """None: built into the program, without a file."""
    builtin: bool
    bytes: int = 0
    modified: float = 0.0


class FolderShelf:
    """`last` answers with what the last run that ended well was made with."""

    def __init__(self, places: Places, last: Callable[[], LastRun | None] = lambda: None) -> None:
        self._folders: dict[Kind, Path] = {kind: places.config / f"{kind}s" for kind in ENDINGS}
        self._last = last
        self._texts = Texts()
        self._lists_read: dict[Path, tuple[str, dict[str, tuple[str, ...]] | None]] = {}

    def pack(self, name: str) -> tuple[TextFile, ...]:
        """The pack, or the packs of a list of that name. A name with its ending means that very file."""
        entry = self._find("pack", name)
        if entry is None:
            members = self._list(name)
            if members is None:
                raise self._unknown("pack", name)
            return tuple(self._pack(self._expect("pack", member), member) for member in members)
        return (self._pack(entry, name),)

    def pipeline(self, name: str) -> TextFile:
        return self._read(self._expect("pipeline", name))

    def preset(self, name: str) -> TextFile:
        return self._read(self._expect("preset", name))

    def profile(self, name: str) -> TextFile:
        return self._read(self._expect("profile", name))

    def workflow(self, name: str) -> TextFile:
        return self._read(self._expect("workflow", name))

    def last(self) -> LastRun | None:
        return self._last()

    def entries(self, kind: Kind) -> tuple[Entry, ...]:
        """One for each name, sorted; a person's own before the program's, and endings in their order."""
        found: dict[str, Entry] = {}
        for entry in self._all(kind):
            found.setdefault(entry.name.casefold(), entry)
        return tuple(sorted(found.values(), key=lambda entry: entry.name.casefold()))

    def lists(self) -> dict[str, tuple[str, ...]]:
        """Every list of packs, by its name."""
        found: dict[str, tuple[str, ...]] = {}
        for entry in self._files("pack", self._folders["pack"], builtin=False):
            found.update(self._lists_in(entry) or {})
        return found

    def text(self, kind: Kind, name: str) -> TextFile:
        """As it is on disk: for `show` and `export`."""
        entry = self._expect(kind, name)
        return self._pack(entry, name) if kind == "pack" else self._read(entry)

    def save(self, kind: Kind, name: str, text: str, *, replace: bool = True) -> Entry:
        """Checks the text as a run would, then writes the file whole. Packs are saved under a name with its ending."""
        stem, ending = _split(name, kind)
        check_name(stem)
        if kind == "pipeline" and stem.casefold() == STANDARD.name:
            raise Refused("'standard' is built in and stays as it is.", where="pipeline", remedy="Take another name.")
        ending = ending or (".json" if text.lstrip()[:1] in ("{", "[") else ".txt" if kind == "pack" else ".yaml")
        self._check(kind, f"{stem}{ending}", text)
        there, path = self._own(kind, stem), self._folders[kind] / f"{stem}{ending}"
        if not replace and (there is not None or path.exists()):  # a list of packs is there, but is no entry
            raise Refused(
                f"there is a {kind} '{stem}' already.", where=kind, remedy="Add --replace, or take another name."
            )
        write_text(path, text)
        if there is not None and there.path is not None and there.path != path:
            there.path.unlink(missing_ok=True)
        stat = path.stat()
        return Entry(stem, kind, path, builtin=False, bytes=stat.st_size, modified=stat.st_mtime)

    def rename(self, kind: Kind, name: str, to: str) -> Entry:
        """Keeps the file's ending. The new name must be free."""
        entry = self._owned(kind, name)
        stem, _ = _split(to, kind)
        check_name(stem)
        if kind == "pipeline" and stem.casefold() == STANDARD.name:
            raise Refused("'standard' is built in.", where="pipeline", remedy="Take another name.")
        taken = self._own(kind, stem)
        if taken is not None and taken.path != entry.path:
            raise Refused(f"there is a {kind} '{stem}' already.", where=kind, remedy="Take another name.")
        assert entry.path is not None
        path = entry.path.with_name(f"{stem}{entry.path.suffix}")
        entry.path.rename(path)
        sync_folder(path.parent)
        return entry._replace(name=stem, path=path)

    def delete(self, kind: Kind, name: str) -> None:
        entry = self._owned(kind, name)
        assert entry.path is not None
        entry.path.unlink(missing_ok=True)
        sync_folder(entry.path.parent)

    def _check(self, kind: Kind, file: str, text: str) -> None:
        match kind:
            case "pack":
                if read_list(file, text) is None:
                    read_pack(file, text)
            case "pipeline":
                read_pipeline(file, text)
            case "preset" | "profile":
                read_preset(file, text)
            case "workflow":
                check_workflow(file, text)

    def _pack(self, entry: Entry, name: str) -> TextFile:
        """The pack's text. A JSON that only brings settings lends them to the text or table of the same stem."""
        file = self._read(entry)
        if suffix(name) == ".json" or suffix(file.name) != ".json":
            return file
        try:
            settings = only_settings(file.name, file.text)
        except Refused:
            return file  # reading it as a pack tells what is wrong
        if settings is None:
            return file
        for ending in PRIORITY[1:]:
            other = self._find("pack", f"{entry.name}{ending}")
            if other is not None and other.builtin == entry.builtin:
                text = self._read(other)
                return TextFile(name=text.name, text=text.text, settings=settings)
        return file

    def _read(self, entry: Entry) -> TextFile:
        if entry.path is None:
            return TextFile(name=f"{entry.name}.json", text=STANDARD.canonical().decode())
        most = LARGEST.get(entry.kind, MAX_CONFIG)
        return TextFile(name=entry.path.name, text=self._texts.of(entry.path, most))

    def _expect(self, kind: Kind, name: str) -> Entry:
        entry = self._find(kind, name)
        if entry is None:
            raise self._unknown(kind, name)
        return entry

    def _find(self, kind: Kind, name: str) -> Entry | None:
        stem, ending = _split(name, kind)
        for entry in self._all(kind):
            if entry.name.casefold() != stem.casefold():
                continue
            if not ending or (entry.path and suffix(entry.path.name) == ending):
                return entry
        return None

    def _own(self, kind: Kind, stem: str) -> Entry | None:
        entry = self._find(kind, stem)
        return entry if entry and not entry.builtin else None

    def _owned(self, kind: Kind, name: str) -> Entry:
        entry = self._expect(kind, name)
        if entry.builtin:
            raise Refused(
                f"{kind} '{entry.name}' comes with the program and stays as it is.",
                where=kind,
                remedy="Save a copy under another name.",
            )
        return entry

    def _all(self, kind: Kind) -> Iterator[Entry]:
        """Every file that counts, in the order in which they win; lists of packs are none."""
        for entry in self._files(kind, self._folders[kind], builtin=False):
            if kind != "pack" or self._lists_in(entry) is None:
                yield entry
        if kind == "pack":
            yield from self._files(kind, EXAMPLES, builtin=True)
        if kind == "pipeline":
            yield Entry(STANDARD.name, kind, None, builtin=True)

    def _files(self, kind: Kind, folder: Path, builtin: bool) -> list[Entry]:
        found: list[Entry] = []
        try:
            paths = sorted(folder.iterdir())
        except OSError:
            return []
        for path in paths:
            ending = suffix(path.name)
            if ending not in ENDINGS[kind] or path.name.startswith("."):
                continue
            try:
                stat = path.stat()
            except OSError:
                continue
            name = path.name[: -len(ending)]
            found.append(Entry(name, kind, path, builtin, stat.st_size, stat.st_mtime))
        return sorted(found, key=lambda entry: ENDINGS[kind].index(suffix(entry.path.name)) if entry.path else 0)

    def _lists_in(self, entry: Entry) -> dict[str, tuple[str, ...]] | None:
        """None for a pack, and for a broken file: that is told when it is asked for, not when another is."""
        if entry.path is None or suffix(entry.path.name) != ".json":
            return None
        try:
            text = self._texts.of(entry.path, MAX_TEXT)
            known = self._lists_read.get(entry.path)
            if known is None or known[0] is not text:
                known = self._lists_read[entry.path] = (text, read_list(entry.path.name, text))
        except Refused:
            return None
        return known[1]

    def _list(self, name: str) -> tuple[str, ...] | None:
        wanted = name.removesuffix(".json").casefold()
        return next((members for one, members in self.lists().items() if one.casefold() == wanted), None)

    def _unknown(self, kind: Kind, name: str) -> Refused:
        names = [entry.name for entry in self.entries(kind)]
        names += list(self.lists()) if kind == "pack" else []
        remedy = nearest(name, names) or f"There is none yet; files go to {self._folders[kind]}."
        return Refused(f"there is no {kind} '{told(name, 80)}' in the library.", where=kind, remedy=remedy)


def check_name(name: str) -> None:
    """A name becomes a file: no slashes, nothing hidden, nothing a terminal would act on."""
    if not name.strip() or name != name.strip() or name.startswith(".") or not name.isprintable():
        raise Refused(
            "a name must not be empty, begin with a dot or hold control characters.",
            where="name",
            remedy="Take another.",
        )
    bad = [sign for sign in name if sign in '/\\:*?"<>|']
    if bad:
        raise Refused(
            f"'{told(name, 60)}' holds '{bad[0]}', which no file name may.", where="name", remedy="Leave it out."
        )
    if len(name.encode(errors="replace")) > MAX_NAME:
        raise Refused(
            f"'{told(name, 30)}' is longer than {MAX_NAME} bytes.", where="name", remedy="Take a shorter name."
        )


def _split(name: str, kind: Kind) -> tuple[str, str]:
    """`harbour.txt` -> `harbour`, `.txt`; an ending that does not count for the kind is part of the name."""
    ending = suffix(name)
    return (name[: -len(ending)], ending) if ending in ENDINGS[kind] else (name, "")
