"""Themes of the person's own: `themes/NAME.toml` beside the settings, with the fields of Textual's themes.

One that cannot be used is told in one sentence and left out; whichever of that name was there before stays.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import cast

from textual.color import Color, ColorParseError
from textual.css.constants import VALID_STYLE_FLAGS
from textual.theme import BUILTIN_THEMES, Theme

from schema.errors import Refused, why
from schema.printable import nearest, told

COLOURS = (
    "primary", "secondary", "accent", "warning", "error", "success", "foreground", "background", "surface", "panel"
)  # fmt: skip
FIELDS = (*COLOURS, "dark", "variables")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*\Z")
SHADE = re.compile(rf"({'|'.join(COLOURS)}|boost)(-background|-(lighten|darken)-\d)*\Z")
"""Variables that styles thin out: they take no percentage of their own."""
PERCENT = re.compile(r"\s+\d{1,3}%\Z")
STYLED = re.compile(r"-style(-hover)?\Z")
FLAG = rf"(not +)?({'|'.join(VALID_STYLE_FLAGS - {'none', 'not'})})"
STYLE = re.compile(rf"(none|{FLAG}( +{FLAG})*)\Z")
LIKE = "Write it as '#4ebf71' or 'teal'"


def read_all(folder: Path) -> tuple[dict[str, Theme], dict[str, Refused]]:
    """The themes there by their names, and of the others why they cannot be used."""
    themes: dict[str, Theme] = {}
    faults: dict[str, Refused] = {}
    try:
        with os.scandir(folder) as entries:
            names = sorted(one.name for one in entries if one.name.endswith(".toml") and one.is_file())
    except FileNotFoundError:
        return themes, faults
    except OSError as fault:
        return themes, {"": Refused(f"cannot be read: {why(fault)}.", where=str(folder), remedy="Mend that folder.")}
    for name in (name.removesuffix(".toml") for name in names if not name.startswith(".")):
        try:
            themes[name] = read(folder / f"{name}.toml")
        except Refused as fault:
            faults[name] = fault
    return themes, faults


def faults_of(folder: Path) -> list[str]:
    return [fault.told() for fault in read_all(folder)[1].values()]


def read(path: Path) -> Theme:
    """Raises Refused with the line."""
    if not NAME.match(path.stem):
        raise Refused("a theme cannot have that name.", where=told(str(path)), remedy="Take letters, digits, - and _.")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        what = why(fault) if isinstance(fault, OSError) else "it is no UTF-8 text"
        raise Refused(f"cannot be read: {what}.", where=str(path), remedy="Mend it or take it away.") from None
    try:
        tree: dict[str, object] = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        from schema.configured import parsed

        tree = dict(parsed(path, text))  # it says where
    try:
        judge(tree)
    except Fault as fault:
        from schema.configured import lines

        line = lines(text).get(fault.key)
        where = f"{path}:{line}" if line else str(path)
        raise Refused(f"{told(fault.key, 60)}: {fault.what}.", where=where, remedy=fault.remedy) from None
    hues = {key: cast(str, tree[key]) for key in COLOURS if key in tree}
    return Theme(
        path.stem,
        hues["primary"],
        secondary=hues.get("secondary"),
        accent=hues.get("accent"),
        warning=hues.get("warning"),
        error=hues.get("error"),
        success=hues.get("success"),
        foreground=hues.get("foreground"),
        background=hues.get("background"),
        surface=hues.get("surface"),
        panel=hues.get("panel"),
        dark=tree.get("dark") is not False,
        variables=cast(dict[str, str], tree.get("variables", {})),
    )


class Fault(Exception):
    """Of a field; what is wrong, and the remedy."""

    def __init__(self, key: str, what: str, remedy: str) -> None:
        super().__init__(key, what, remedy)
        self.key, self.what, self.remedy = key, what, remedy


def judge(tree: Mapping[str, object]) -> None:
    """Raises Fault for the first field that cannot be used."""
    for key, value in tree.items():
        if key in COLOURS:
            _judge_colour(key, value)
        elif key == "dark":
            if not isinstance(value, bool):
                raise Fault(key, f"{_shown(value)} is neither true nor false", "Write one of them.")
        elif key != "variables":
            raise Fault(key, "there is no such field", nearest(key, FIELDS))
        elif isinstance(value, dict):
            _judge_variables(value)
        else:
            raise Fault(key, f"{_shown(value)} is no table", "Write [variables], and below it a line for each.")
    if "primary" not in tree:
        raise Fault("primary", "is missing", f"{LIKE}; what else is not there follows from it.")


def _judge_variables(table: Mapping[str, object]) -> None:
    """A value that styles cannot be made with would end the screen."""
    known = BUILTIN_THEMES["textual-dark"].to_color_system().generate()
    for name, value in table.items():
        key = f"variables.{name}"
        if name not in known:
            raise Fault(key, "there is no such variable", nearest(name, known))
        if SHADE.match(name):
            _judge_colour(key, value)
        elif STYLED.search(name):
            if not isinstance(value, str) or not STYLE.match(value):
                raise Fault(key, f"{_shown(value)} is no style", "Write 'bold', 'underline', 'reverse' or 'none'.")
        else:
            _judge_colour(key, PERCENT.sub("", value) if isinstance(value, str) else value)


def _judge_colour(key: str, value: object) -> None:
    """The terminal's own are for the two themes that are made of them alone."""
    with suppress(ColorParseError):
        if isinstance(value, str) and Color.parse(value).ansi is None:
            return
    raise Fault(key, f"{_shown(value)} is no colour", f"{LIKE}.")


def _shown(value: object) -> str:
    return f"'{told(value, 40)}'" if isinstance(value, str) else told(str(value), 40)
