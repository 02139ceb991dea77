"""What the terminal can show, settled before the screen opens: how many colours, which letters, and where to draw."""

import os
import sys
from dataclasses import replace

from tui.preferences import Preferences

TRUECOLOR = ("tmux-256color", "xterm-256color", "xterm-kitty", "foot", "alacritty", "wezterm")
"""Terminals that show 24-bit colour though ssh does not say so."""


FEW = "ansi-dark"
"""The theme where there are 16 colours: made of them. Of one of finer colours rows and their ground become alike."""


def prepare(ui: Preferences) -> Preferences:
    """The same as it suits this terminal."""
    colours(ui)
    letters()
    canvas()
    return themed(ui)


def colours(ui: Preferences) -> None:
    """24-bit colours where the terminal is known to have them: ssh does not pass COLORTERM on."""
    if ui.truecolor == "no":
        os.environ.pop("COLORTERM", None)
    known = os.environ.get("TERM", "") in TRUECOLOR and ui.truecolor == "auto"
    if not os.environ.get("COLORTERM") and (known or ui.truecolor == "yes"):
        os.environ["COLORTERM"] = "truecolor"


def themed(ui: Preferences) -> Preferences:
    """A theme that the person has chosen stays."""
    from rich.console import Console

    told = os.environ.get("TEXTUAL_COLOR_SYSTEM", "auto")
    if ui.theme != Preferences.theme or told not in ("auto", "standard"):
        return ui
    few = told == "standard" or Console(force_terminal=True).color_system == "standard"  # as Textual will find it
    return replace(ui, theme=FEW) if few else ui


def letters() -> None:
    """A terminal without Unicode (LC_ALL=de_DE.ISO-8859-1) shows `?` for what it has not: one cell for one letter.

    Textual draws on stderr from a thread of its own, which a letter that cannot be written would end.
    """
    if sys.__stderr__ is not None:
        sys.__stderr__.reconfigure(errors="replace")


def canvas() -> None:
    """Textual draws on stderr: `stablenew 2>log` would show nothing. It draws where stdout goes, then."""
    if sys.__stdout__ is None or sys.__stderr__ is None:
        return
    if sys.__stdout__.isatty() and not sys.__stderr__.isatty():
        os.dup2(sys.__stdout__.fileno(), sys.__stderr__.fileno())
