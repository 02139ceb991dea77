"""The `[ui]` section of the settings, as the terminal UI reads it before it starts.

A broken file is told, not fatal: the defaults are taken and the sentence names the file and the line.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from schema.errors import why


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

    from schema.configured import lines
    from schema.faults import sentence
    from schema.settings import UiSettings

    try:
        ui = UiSettings.model_validate(told)
    except ValidationError as e:
        names = [".".join(("ui", *map(str, e.errors()[0]["loc"][:depth]))) for depth in (2, 1)]
        written = lines(text)
        line = next((written[name] for name in names if name in written), 0)
        where = f"{path}:{line}" if line else str(path)
        return Preferences(), f"{where}: ui.{sentence(e, told, UiSettings)} The defaults are used."
    return Preferences(ui.theme, ui.images, ui.mouse, ui.truecolor, ui.keymap), ""
