"""`config.toml` on the disk, for whoever changes it: read with its faults, changed one setting at a time, undone.

What is written has been read back as the daemon reads it: no change can leave a file behind that it refuses.
"""

import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from schema.configured import MOST_BYTES, loaded, parsed, shown
from schema.errors import Refused, why
from schema.places import places
from schema.plans import Scalar
from schema.printable import nearest
from tui.link.configtext import Value, drop, put
from tui.link.settingsheet import Setting, every, path_of

BOM = "\ufeff"


@dataclass(frozen=True)
class Config:
    """The file as it was read, and what is in force with the environment above it."""

    path: Path
    text: str = ""
    sheet: tuple[Setting, ...] = ()
    values: Mapping[str, Scalar] = field(default_factory=dict)
    """By key; lists with commas between, of a secret only that it is set."""
    origins: Mapping[str, str] = field(default_factory=dict)
    """By key, `config.toml:12` or a variable; what is missing is a default."""
    usual: Mapping[str, str] = field(default_factory=dict)
    """Where folders are that nobody has set, by key."""
    keymap: Mapping[str, str] = field(default_factory=dict)
    fault: Refused | None = None
    """Why it is not obeyed; the values are the defaults then."""

    def value(self, key: str) -> Scalar:
        return self.values.get(key)

    @property
    def fault_line(self) -> int:
        """From 1; 0: nobody can tell."""
        found = re.search(r":(\d+)(?::\d+)?$", self.fault.where) if self.fault is not None else None
        return int(found[1]) if found else 0


def read(path: Path, env: Mapping[str, str]) -> Config:
    """Never raises: what is wrong is told in `fault`."""
    text = ""
    try:
        text = text_of(path)
        return replace(_read(path, text, env), usual=usual(env))
    except Refused as fault:
        told = _read(path, "", {})
        return replace(told, text=text, fault=fault, usual=usual(env))


def _read(path: Path, text: str, env: Mapping[str, str]) -> Config:
    settings, origins = loaded(path, text, env)
    tree = shown(settings)
    return Config(path, text, every(tree), _flat(tree), origins, keymap=dict(settings.ui.keymap))


def usual(env: Mapping[str, str]) -> dict[str, str]:
    where = places(env)
    return {"results.folder": str(where.results), "backup.folder": str(where.backups)}


def _flat(tree: Mapping[str, object], prefix: str = "") -> dict[str, Scalar]:
    flat: dict[str, Scalar] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            flat[prefix + name] = ", ".join(map(str, value))
        else:
            flat[prefix + name] = value if isinstance(value, str | int | float | bool) else None
    return flat


def text_of(path: Path) -> str:
    """Empty where there is none. Raises Refused."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return ""
    except OSError as fault:
        raise Refused(f"cannot be read: {why(fault)}", where=str(path), remedy="Check its permissions.") from None
    if len(raw) > MOST_BYTES:
        raise Refused(f"is larger than {MOST_BYTES // 1000} kB", where=str(path), remedy="Is it the right file?")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        raise Refused("is no UTF-8 text", where=f"{path}:{line}", remedy="Save it as UTF-8.") from None


# Changing ---------------------------------------------------------------------------------------


def change(path: Path, env: Mapping[str, str], key: str, written: str | None) -> Config:
    """Writes the setting as a person typed it; None: takes it out, so that its default holds again.

    Raises Refused for what it cannot be, with the key, and when the file cannot be written.
    """
    text = text_of(path)
    new = with_setting(path, text, key, written)
    if new != text:
        write(path, new)
    return read(path, env)


def with_setting(path: Path, text: str, key: str, written: str | None) -> str:
    """The text of the file with this change, which the daemon would obey. Raises Refused; `path` is only told."""
    parsed(path, text)
    where, sheet = path_of(key), sheet_of(path, text)
    value = None if written is None else meant(key, written, sheet)
    new = drop(text, where) if value is None else put(text, where, value)
    if new == text and written is None and not any(one.key == key for one in sheet) and not is_own(where):
        raise _unknown(key, sheet)
    try:
        loaded(path, new, {})
    except Refused as fault:
        raise _as_typed(fault, key, path, text) from None
    return new


def sheet_of(path: Path, text: str) -> tuple[Setting, ...]:
    """With tables that people named in it, as far as the file can be read."""
    try:
        return every(shown(loaded(path, text, {}).settings))
    except Refused:
        return _read(path, "", {}).sheet


def meant(key: str, written: str, sheet: tuple[Setting, ...]) -> Value | None:
    """What was typed as a value; None: nothing. Whether it may be is seen when it is read. Raises Refused."""
    setting = next((one for one in sheet if one.key == key), None)
    words = written.strip()
    if setting is None:
        return _own(key, words, sheet)
    if not words and setting.empty:
        return None
    if setting.sort == "list" and not words.startswith("["):
        return tuple(part.strip() for part in words.split(",") if part.strip())
    if setting.sort == "flag":
        return SWITCH.get(words.lower(), words)
    if setting.sort in ("number", "list"):
        found = _toml(words)
        return words if found is None else found
    return written if setting.sort == "secret" else words


SWITCH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def is_own(path: tuple[str, ...]) -> bool:
    """A name of a person's own, or something in a table with such a name."""
    return (path[:2] in OWN_NAMES and len(path) == 3) or path[:1] == ("hooks",) or path[:2] == ("refine", "presets")


OWN_NAMES = (("ui", "keymap"), ("refine", "models"))


def _own(key: str, words: str, sheet: tuple[Setting, ...]) -> Value:
    """A key of the keymap, the preset of a model, a whole table; all else is no setting."""
    path = path_of(key)
    if not is_own(path):
        raise _unknown(key, sheet)
    found = None if path[:2] in OWN_NAMES else _toml(words)
    if len(path) == (2 if path[0] == "hooks" else 3) and path[:2] not in OWN_NAMES and not isinstance(found, Mapping):
        raise Refused("is a table", where=key, remedy="Write it as {name = value, other = value}.")
    return words if found is None else found


def _unknown(key: str, sheet: tuple[Setting, ...]) -> Refused:
    inside = [one.key for one in sheet if one.key.startswith(f"{key}.")]
    if inside:
        return Refused("is a table of settings", where=key, remedy=f"Name one of them, as {inside[0]}.")
    return Refused("there is no such setting", where=key, remedy=nearest(key, [one.key for one in sheet]))


def _toml(words: str) -> Value | None:
    try:
        tree = tomllib.loads(f"x = {words}")
    except tomllib.TOMLDecodeError:
        return None
    found = tree.get("x")
    return found if len(tree) == 1 and isinstance(found, str | int | float | bool | list | dict) else None


def _as_typed(fault: Refused, key: str, path: Path, text: str) -> Refused:
    """Of a text that was in order before: the fault is the new setting's, and its line one that nobody has seen."""
    sentence = fault.sentence.removeprefix(f"{key}: ")
    if sentence != fault.sentence:
        return Refused(sentence, where=key)
    try:
        loaded(path, text, {})
    except Refused:
        return fault
    return Refused(sentence)


def write(path: Path, text: str) -> None:
    """Whole or not at all; a link stays one, and the file's mode stays. Raises Refused."""
    try:
        real = path.resolve()
        real.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode, mark = 0o600, ""
        if real.exists():
            mode = stat.S_IMODE(real.stat().st_mode)
            with real.open("rb") as old:
                mark = BOM if old.read(3) == BOM.encode() else ""
        handle, name = tempfile.mkstemp(prefix=f".{real.name}.", dir=real.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write((mark + text).encode())
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(mode)
            Path(name).replace(real)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as fault:
        raise Refused(
            f"cannot be written: {why(fault)}", where=str(path), remedy="Check permissions and free space."
        ) from None
