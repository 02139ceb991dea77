"""Saves, renames and deletes what people keep. Every text is read as a run would before it is written."""

from collections.abc import Callable
from pathlib import Path

from daemon.disk import sync_folder
from daemon.library.aside import keep_style, put_aside
from daemon.library.checks import check_text
from daemon.library.files import write_text
from daemon.library.finding import Finder
from daemon.library.folders import leads_out
from daemon.library.kinds import Entry, Kind, check_name, ending_for, split
from daemon.prompting.styles import Style, read_styles
from daemon.prompting.styletext import as_file, renamed, replaced, without
from daemon.prompting.texts import suffix, told
from schema.errors import Refused
from schema.pipeline import STANDARD

MANY: tuple[Kind, ...] = ("wildcard", "style")
"""Kinds whose files hold several, and stand beside one another whatever their endings."""


def save(finder: Finder, kind: Kind, name: str, text: str, *, replace: bool = True, raw: bytes | None = None) -> Entry:
    """Checks the text as a run would, then writes the file whole: as `raw`, or encoded as the one that is there.

    Packs are saved under a name with its ending.
    """
    stem, ending = split(_slashed(kind, name), kind)
    check_name(stem, kind)
    _not_standard(kind, stem)
    text = as_file(stem, text) if kind == "style" and ending in ("", ".csv") else text
    if kind == "style" and not ending and replace and (entry := _among_others(finder, stem)):
        return _rewritten(finder, entry, lambda file, old: replaced(file, old, stem, _only(stem, text)))
    ending = ending or _same_ending(finder, kind, stem, text)
    file = f"{stem}{ending}"
    check_text(kind, file, text)
    path = _inside(finder, kind, file)
    there = finder.own(kind, file if kind in MANY else stem)
    if not replace and (there is not None or path.exists()):  # a list of packs is there, but is no entry
        raise Refused(f"there is a {kind} '{stem}' already.", where=kind, remedy="Add --replace, or take another name.")
    write_text(path, text, raw)
    if there is not None and there.path is not None and there.path != path:
        there.path.unlink(missing_ok=True)
    stat = path.stat()
    return Entry(stem, kind, path, builtin=False, bytes=stat.st_size, modified=stat.st_mtime)


def rename(finder: Finder, kind: Kind, name: str, to: str) -> Entry:
    """Keeps the file's ending. The new name must be free. A style is renamed within its file."""
    if kind == "style" and finder.own(kind, name) is None and (entry := _style_file(finder, name)):
        if any(style.name.casefold() == to.strip().casefold() for style in finder.styles()):
            raise Refused(f"there is a style '{told(to, 60)}' already.", where=kind, remedy="Take another name.")
        check_name(to, kind)
        return _rewritten(finder, entry, lambda file, text: renamed(file, text, name, to))._replace(name=to)
    entry = _owned(finder, kind, name)
    stem, _ = split(_slashed(kind, to), kind)
    check_name(stem, kind)
    _not_standard(kind, stem)
    assert entry.path is not None
    path = _inside(finder, kind, f"{stem}{suffix(entry.path.name)}")
    taken = finder.own(kind, path.name if kind in MANY else stem)
    if path != entry.path and ((taken is not None and taken.path != entry.path) or path.exists()):
        same = path.exists() and path.samefile(entry.path)  # only large and small letters differ
        if not same:
            raise Refused(f"there is a {kind} '{stem}' already.", where=kind, remedy="Take another name.")
    path.parent.mkdir(parents=True, exist_ok=True)
    entry.path.rename(path)
    sync_folder(path.parent)
    return entry._replace(name=stem, path=path)


def delete(finder: Finder, kind: Kind, name: str) -> None:
    """What is deleted lies aside for a while: see `aside`.

    A style that is not called as its file is taken out of its file; the file goes with its last.
    """
    if kind == "style" and finder.own(kind, name) is None and (entry := _style_file(finder, name)):
        for style in finder.styles():
            if style.name.casefold() == name.strip().casefold():
                keep_style(finder, style)
                break
        _rewritten(finder, entry, lambda file, text: without(file, text, name))
        return
    entry = _owned(finder, kind, name)
    assert entry.path is not None
    put_aside(finder, kind, entry.path)


def _among_others(finder: Finder, name: str) -> Entry | None:
    """The person's file that holds this style with others; None: it has none, or a file of its own name."""
    entry = finder.style_file(name) if finder.own("style", name) is None else None
    return entry if entry and not entry.builtin else None


def _only(name: str, text: str) -> Style:
    """Raises Refused where the text is not one style."""
    found = read_styles(f"{name}{ending_for('style', text)}", text)
    if len(found) != 1:
        raise Refused(
            f"'{told(name, 60)}' is one style of a file of many, and this is {len(found)}.",
            where="style",
            remedy="Name the file with its ending to write it whole.",
        )
    return found[0]


def _style_file(finder: Finder, name: str) -> Entry | None:
    entry = finder.style_file(name)
    return _mine(entry) if entry else None


def _rewritten(finder: Finder, entry: Entry, change: Callable[[str, str], str]) -> Entry:
    assert entry.path is not None
    text = change(entry.path.name, finder.read(entry).text)
    if not read_styles(entry.path.name, text):
        entry.path.unlink(missing_ok=True)
        sync_folder(entry.path.parent)
        return entry
    check_text(entry.kind, entry.path.name, text)
    write_text(entry.path, text)
    return entry


def _owned(finder: Finder, kind: Kind, name: str) -> Entry:
    found = finder.find(kind, _slashed(kind, name))
    if found is None and kind == "wildcard" and (place := finder.tables().place(name)):
        raise Refused(
            f"wildcard '{told(name, 60)}' stands in {told(place.file)} with others.",
            where=kind,
            remedy=f"Edit {told(place.path, 200)}, or name the file.",
        )
    if found is None:
        raise finder.unknown(kind, name)
    return _mine(found)


def _mine(entry: Entry) -> Entry:
    if entry.builtin:
        raise Refused(
            f"{entry.kind} '{entry.name}' comes with the program and stays as it is.",
            where=entry.kind,
            remedy="Save a copy under another name.",
        )
    return entry


def _same_ending(finder: Finder, kind: Kind, stem: str, text: str) -> str:
    """That of the file it takes the place of, where the text still is of that dialect."""
    wanted = ending_for(kind, text)
    there = finder.own(kind, stem)
    old = suffix(there.path.name) if there and there.path else ""
    if old and kind in MANY:
        try:
            check_text(kind, f"{stem}{old}", text)
        except Refused:
            return wanted
    if kind == "pack":
        return old if old == ".tsv" and wanted == ".txt" and "\t" in text else wanted
    same = (old == ".json") == (wanted == ".json")
    return old if old and same else wanted


def _inside(finder: Finder, kind: Kind, file: str) -> Path:
    """Raises Refused where a folder on the way leads out of the library."""
    root = finder.folders[kind]
    path = root / file
    for folder in (path, *path.parents):
        if folder == root:
            break
        if folder.is_symlink() and (trouble := leads_out(folder, root)):
            raise Refused(trouble, where=kind)
    return path


def _slashed(kind: Kind, name: str) -> str:
    return name.replace("\\", "/").removeprefix("__").removesuffix("__") if kind == "wildcard" else name


def _not_standard(kind: Kind, stem: str) -> None:
    if kind == "pipeline" and stem.casefold() == STANDARD.name:
        raise Refused("'standard' is built in and stays as it is.", where="pipeline", remedy="Take another name.")
