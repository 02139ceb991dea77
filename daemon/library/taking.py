"""Takes in whole folders of StableNew: packs, lists, presets, wildcards, styles, templates, and learning records.

Files are copied byte for byte, after they were read as a run would read them. What is broken or empty is named with
its line and left where it is; the rest comes in all the same.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from daemon.disk import sync_folder, write_whole
from daemon.library.checks import check_text
from daemon.library.files import decoded
from daemon.library.folders import leads_out
from daemon.library.guessing import kind_of, kind_of_folder
from daemon.library.kinds import ENDINGS, Kind, check_name, largest, split
from daemon.library.learned import read_records
from daemon.library.shelf import FolderShelf
from daemon.prompting.packs import only_settings
from daemon.prompting.presets import read_preset
from daemon.prompting.styles import Style
from daemon.prompting.styletext import written
from daemon.prompting.templates import read_templates
from daemon.prompting.texts import suffix, told
from schema.errors import Refused, why

Outcome = Literal["taken", "there", "differs", "broken", "empty", "passed"]

WORDS: dict[Outcome, str] = {
    "there": "there already", "differs": "left as they are", "broken": "broken", "empty": "empty",
    "passed": "passed over",
}  # fmt: skip

SKIPPED = frozenset(
    {
        "src",
        "tests",
        "test",
        "docs",
        "doc",
        "node_modules",
        "__pycache__",
        "venv",
        "archive",
        "tools",
        "scripts",
        "logs",
    }
)
"""Folders of a checkout that hold no one's own files; named themselves, they are looked into."""

_NOTES = re.compile(r"read.?me|licen[sc]e|requirements|change|notes|todo|package|tsconfig|_", re.IGNORECASE)
"""Files on the top level that are no packs."""

MOST = 100_000
MANY = 50
LARGEST_LEARNED = 256_000_000
"""Bytes of one file of learning records."""


class Taken(NamedTuple):
    kind: str
    """A kind of the library, `list` or `learning`."""
    path: Path
    outcome: Outcome
    name: str = ""
    why: str = ""
    """What is wrong or was passed over, with file and line."""
    records: int = 0
    """Of learning."""
    target: Path | None = None
    """What was written."""


COUNTED = frozenset(ending for endings in ENDINGS.values() for ending in endings)
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif"})


def take_kind(shelf: FolderShelf, kind: Kind, root: Path, replace: bool) -> Iterator[Taken]:
    """Every file below the folder that may be of this kind; folders within become part of names of wildcards."""
    for path in _files(root):
        if suffix(path.name) not in ENDINGS[kind]:
            continue
        try:
            raw = path.read_bytes()
            parts = (f"{kind}s", *path.relative_to(root).parts)
            yield _checked(shelf, kind, raw, decoded(raw, path), path, parts, replace)
        except Refused as refused:
            yield Taken(kind, path, "broken", path.name, refused.told())
        except OSError as fault:
            yield Taken(kind, path, "broken", path.name, f"{told(str(path), 200)}: {why(fault)}.")


def take(shelf: FolderShelf, learning: Path, root: Path, replace: bool) -> Iterator[Taken]:
    """`learning` is where its records go; the files are not synced. Raises Refused where there is nothing to see."""
    if not root.exists():
        raise Refused("there is no such file or folder.", where=told(str(root), 200), remedy="Check the path.")
    base = root if root.is_dir() else root.parent
    for path in _files(root):
        parts = (base.absolute().name, *path.relative_to(base).parts)
        try:
            yield from _one(shelf, learning, path, parts, replace)
        except Refused as refused:
            yield Taken(_kind_told(parts), path, "broken", path.name, refused.told())
        except OSError as fault:
            yield Taken(_kind_told(parts), path, "broken", path.name, f"{told(str(path), 200)}: {why(fault)}.")


def _files(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        yield root
        return
    pending, seen = [root], 0
    while pending:
        folder = pending.pop()
        for path in sorted(folder.iterdir()):
            seen += 1
            if seen > MOST:
                raise Refused(
                    f"holds more than {MOST:,} files.", where=told(str(root), 200), remedy="Name the folders you want."
                )
            if path.name.startswith(".") or (path.is_symlink() and leads_out(path, root)):
                continue
            if path.is_dir():
                pending += [path] if not path.is_symlink() and path.name.casefold() not in SKIPPED else []
            elif path.is_file():
                yield path


def _one(shelf: FolderShelf, learning: Path, path: Path, parts: tuple[str, ...], replace: bool) -> Iterator[Taken]:
    folders = [part.casefold() for part in parts[:-1]]
    ending = suffix(path.name)
    if ending == ".jsonl" or (
        any("learning" in part or part == "experiments" for part in folders) and ending == ".json"
    ):
        yield _learned(learning, path, parts)
        return
    if ending not in COUNTED or path.stat().st_size > largest("wildcard") or _beside_picture(path):
        return
    raw = path.read_bytes()
    if not raw.strip():
        yield Taken(_kind_told(parts), path, "empty", path.name, f"{told(str(path), 200)}: is empty.")
        return
    if path.name in ("global_negative.txt", "global_positive.txt"):
        yield from _global(shelf, path, replace)
        return
    kind = kind_of_folder(Path(*parts))
    if path.name == "prompt_templates.json":
        yield from _templates(shelf, path, decoded(raw, path), replace)
    elif path.name == "style_loras.json":
        yield _checked(shelf, "style", raw, decoded(raw, path), path, parts, replace)
    elif kind is not None:
        yield _checked(shelf, kind, raw, decoded(raw, path), path, parts, replace)
    elif len(parts) == 2 and not _NOTES.match(path.name):
        text = raw.decode(errors="replace")
        if (kind := kind_of(Path(*parts), text)) is not None:
            yield _checked(shelf, kind, raw, text, path, parts, replace)


def _templates(shelf: FolderShelf, path: Path, text: str, replace: bool) -> Iterator[Taken]:
    """One file for each: here a template is called by its name."""
    for template in read_templates(path.name, text):
        made = {"name": template.name, "genre": template.genre, "prompt": template.prompt, "about": template.about}
        body = json.dumps({key: value for key, value in made.items() if value}, indent=2, ensure_ascii=False)
        yield _put(shelf, "template", f"{template.name}.json", body.encode(), path, replace)


def _checked(
    shelf: FolderShelf, kind: Kind, raw: bytes, text: str, path: Path, parts: tuple[str, ...], replace: bool
) -> Taken:
    file = path.name
    if kind == "wildcard":
        folders = [part.casefold() for part in parts[:-1]]
        at = folders.index("wildcards") + 1 if "wildcards" in folders else len(parts) - 1
        file = "/".join(parts[at:])
    warnings: tuple[str, ...] = ()
    if kind == "preset" and not _is_preset(path, text):
        return Taken(kind, path, "passed", path.name, f"{told(str(path), 200)}: holds no settings of stages.")
    if kind == "pack" and only_settings(str(path), text) is not None:
        if not any(path.with_suffix(ending).is_file() for ending in (".txt", ".tsv")):
            return _put(shelf, "preset", file, raw, path, replace)  # settings of a pack that is not there any more
    else:
        warnings = check_text(kind, str(path), text)
    taken = _put(shelf, kind, file, raw, path, replace)
    return taken if taken.why or not warnings else taken._replace(why=warnings[0])


def _put(shelf: FolderShelf, kind: Kind, file: str, raw: bytes, source: Path, replace: bool) -> Taken:
    stem, _ = split(file, kind)
    check_name(stem, kind)
    target = shelf.folders[kind] / file
    told_kind = "list" if kind == "pack" and shelf.is_list(source) else kind
    if target.is_file() and target.read_bytes() == raw:
        return Taken(told_kind, source, "there", stem)
    if target.exists() and not replace:
        why = f"{told(str(source), 200)}: another {kind} '{stem}' is there. --replace takes its place."
        return Taken(told_kind, source, "differs", stem, why)
    _written(target, raw)
    return Taken(told_kind, source, "taken", stem, target=target)


def _global(shelf: FolderShelf, path: Path, replace: bool) -> Iterator[Taken]:
    """What StableNew puts around every prompt becomes one style, when the first of its two files is met."""
    other = path.with_name("global_positive.txt" if "negative" in path.name else "global_negative.txt")
    if "positive" in path.name and other.is_file():
        return
    texts = {one.name: decoded(one.read_bytes(), one).strip() for one in (path, other) if one.is_file()}
    style = Style("global", texts.get("global_positive.txt", ""), texts.get("global_negative.txt", ""))
    if style.prompt or style.negative:
        yield _put(shelf, "style", "global.csv", written((style,)).encode(), path, replace)


def _learned(learning: Path, path: Path, parts: tuple[str, ...]) -> Taken:
    """Copied whole, broken lines and all: they are evidence, and whoever reads them passes over what is broken."""
    if path.stat().st_size > LARGEST_LEARNED:
        raise Refused(f"is larger than {LARGEST_LEARNED // 1_000_000} MB.", where=told(str(path), 200))
    raw = path.read_bytes()
    found = read_records(str(path), decoded(raw, path))
    if not found.records:
        outcome: Outcome = "broken" if found.broken and found.likely else "passed"
        return Taken("learning", path, outcome, path.name, found.broken[0] if found.broken else "")
    target = learning.joinpath(*(part for part in parts if part not in ("..", "/")))
    if target.is_file() and target.read_bytes() == raw:
        return Taken("learning", path, "there", path.name, records=found.records)
    _written(target, raw)
    return Taken("learning", path, "taken", path.name, found.broken[0] if found.broken else "", found.records, target)


def sync(found: Iterable[Taken]) -> None:
    """So that what came in is on disk: one by one, or everything at once where there is much."""
    targets = [one.target for one in found if one.target is not None]
    if len(targets) > MANY:
        os.sync()
        return
    for target in targets:
        with target.open("rb") as file:
            os.fsync(file.fileno())
    for folder in {target.parent for target in targets}:
        sync_folder(folder)


def _written(target: Path, raw: bytes) -> None:
    """Whole or not at all. Not synced, since there may be thousands: `sync` does, at the end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, raw, sync=False)


def _beside_picture(path: Path) -> bool:
    """A caption, or what says how the picture was made."""
    stem = path.name.partition(".")[0]
    return any(path.with_name(f"{name}{ending}").is_file() for name in {path.stem, stem} for ending in PICTURES)


def _is_preset(path: Path, text: str) -> bool:
    preset = read_preset(str(path), text)
    return any(isinstance(value, dict | list) and value for value in preset.values()) or any(
        "." in key for key in preset
    )


def _kind_told(parts: tuple[str, ...]) -> str:
    return kind_of_folder(Path(*parts)) or "file"
