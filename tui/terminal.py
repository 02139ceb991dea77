"""What the terminal can show, settled before the screen opens: how many colours, which letters, and where to draw."""

import os
import sys

from tui.preferences import Preferences

TRUECOLOR = ("tmux-256color", "xterm-256color", "xterm-kitty", "foot", "alacritty", "wezterm")
"""Terminals that show 24-bit colour though ssh does not say so."""


def prepare(ui: Preferences) -> None:
    colours(ui)
    letters()
    canvas()


def colours(ui: Preferences) -> None:
    """24-bit colours where the terminal is known to have them: ssh does not pass COLORTERM on."""
    if ui.truecolor == "no":
        os.environ.pop("COLORTERM", None)
    known = os.environ.get("TERM", "") in TRUECOLOR and ui.truecolor == "auto"
    if not os.environ.get("COLORTERM") and (known or ui.truecolor == "yes"):
        os.environ["COLORTERM"] = "truecolor"


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
