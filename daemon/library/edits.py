"""The verb `library edit KIND NAME [CHANGE]`: one prompt of a pack, by a change in JSON; any file in an editor."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

import msgspec

from daemon.library.kinds import Entry, Kind
from daemon.library.shelf import FolderShelf
from daemon.prompting.editing.change import Change, edited
from daemon.prompting.texts import suffix, told
from schema.errors import Refused, why


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """`Change`, as JSON."""

    number: int
    text: str | None = None
    negative: str | None = None
    weight: float | None = None
    backend: str | None = None
    overrides: dict[str, str | None] = {}
    remove: bool = False
    to: int | None = None


def edit(shelf: FolderShelf, kind: Kind, name: str, asked: str | None) -> Entry:
    """Raises Refused; then the file is as it was."""
    name = _file_that_holds(shelf, kind, name)
    file = shelf.text(kind, name)
    if asked is None:
        return _in_editor(shelf, kind, name, file.name, file.text)
    try:
        change = Change(**msgspec.structs.asdict(msgspec.json.decode(asked, type=Asked)))
    except msgspec.ValidationError as fault:
        raise Refused(f"this is no change of a pack: {told(str(fault))}.", where="pack edit") from None
    if change.number == 0:
        change = change._replace(number=len(_prompts(file.name, file.text)) + 1)
    return shelf.save(kind, file.name, edited(file.name, file.text, change))


def _file_that_holds(shelf: FolderShelf, kind: Kind, name: str) -> str:
    """One wildcard or style of a file of many is edited within it."""
    if kind == "style" and shelf.find(kind, name) is None and (entry := shelf.style_file(name)) and entry.path:
        return entry.path.name
    if kind == "wildcard" and (place := shelf.tables().place(name.removeprefix("__").removesuffix("__"))):
        return place.file if shelf.find(kind, name) is None else name
    return name


def _prompts(file: str, text: str) -> tuple[object, ...]:
    from daemon.prompting.packs import read_pack

    return read_pack(file, text).prompts


def _in_editor(shelf: FolderShelf, kind: Kind, name: str, file: str, text: str) -> Entry:
    """What cannot be saved stays in the temporary file, which is told."""
    program = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    descriptor, made = tempfile.mkstemp(prefix="stablenew-", suffix=suffix(file))
    path = Path(made)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as written:
            written.write(text)
        code = subprocess.run([*program, made]).returncode
    except OSError as fault:
        path.unlink(missing_ok=True)
        raise Refused(f"the editor did not start: {why(fault)}.", where=program[0], remedy="Set EDITOR.") from None
    if code != 0:
        path.unlink(missing_ok=True)
        raise Refused(f"the editor ended with {code}; nothing was saved.", where=program[0])
    changed = path.read_bytes().decode("utf-8", "replace")
    try:
        entry = shelf.save(kind, name if suffix(name) == suffix(file) else f"{name}{suffix(file)}", changed)
    except Refused as refused:
        raise Refused(
            refused.sentence, where=refused.where, remedy=f"{refused.remedy} What you wrote is in {made}.".strip()
        ) from None
    path.unlink(missing_ok=True)
    return entry
