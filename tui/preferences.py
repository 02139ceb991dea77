"""The `[ui]` section of the settings, as the terminal UI reads it before it starts.

A broken file is told, not fatal: the defaults are taken and the sentence names the file and the line.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from schema.errors import why

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


@dataclass(frozen=True)
class Preferences:
    """`schema.settings.UiSettings`, as plain values: who wrote nothing need not wait for pydantic."""

    theme: str = "textual-dark"
    images: Literal["auto", "half", "kitty", "sixel", "none"] = "auto"
    mouse: bool = True
    truecolor: Literal["auto", "yes", "no"] = "auto"
    keymap: Mapping[str, str] = field(default_factory=dict)


def preferences(path: Path, env: Mapping[str, str]) -> tuple[Preferences, str]:
    """The settings and, if something is wrong with them, a sentence for the person."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError) as e:
        what = why(e) if isinstance(e, OSError) else "it is no UTF-8 text"
        return Preferences(), f"{path} cannot be read: {what}. The defaults are used."
    try:
        section = tomllib.loads(text).get("ui", {})
    except tomllib.TOMLDecodeError as e:
        return Preferences(), f"{path}: broken TOML: {why(e)}. The defaults are used."
    told = dict(section) if isinstance(section, dict) else {}
    told |= {k.removeprefix("STABLENEW_UI__").lower(): v for k, v in env.items() if k.startswith("STABLENEW_UI__")}
    return checked(told, path, text) if told else (Preferences(), "")


def checked(told: dict[str, object], path: Path, text: str) -> tuple[Preferences, str]:
    from pydantic import ValidationError

    from schema.settings import UiSettings

    try:
        ui = UiSettings.model_validate(told)
    except ValidationError as e:
        first = e.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "ui"
        line = line_of(text, str(first["loc"][0]) if first["loc"] else "ui")
        where = f"{path}:{line}" if line else str(path)
        return Preferences(), f"{where}: ui.{name}: {_saying(first)}. The defaults are used."
    return Preferences(ui.theme, ui.images, ui.mouse, ui.truecolor, ui.keymap), ""


def _saying(fault: "ErrorDetails") -> str:
    match fault["type"], fault.get("ctx", {}):
        case "literal_error", {"expected": expected}:
            return f"'{fault['input']}' is not one of {expected}"
        case "extra_forbidden", _:
            return "there is no such setting"
        case (("bool_parsing" | "bool_type"), _):
            return f"'{fault['input']}' is neither true nor false"
        case "value_error", {"error": error}:
            return str(error)
        case _:
            return f"'{fault['input']}' cannot be used"


def line_of(text: str, field: str) -> int:
    """The line, from 1, of `field` in section `[ui]`; 0 when it is not written there."""
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*\[([^\]]+)\]", line):
            section = head[1].strip()
            if section == f"ui.{field}":
                return number
        elif section == "ui" and re.match(rf"\s*[\"']?{re.escape(field)}[\"']?\s*[.=]", line):
            return number
    return 0
