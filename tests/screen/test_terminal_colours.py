"""How many colours the terminal has, or shall have: what is written can be read with any of them."""

import os

import pytest

from tui.preferences import Preferences
from tui.terminal import colours, themed


@pytest.fixture
def terminal(monkeypatch):
    def named(name, **more):
        monkeypatch.delenv("COLORTERM", raising=False)
        for key, value in {"TERM": name, **more}.items():
            monkeypatch.setenv(key, value)

    return named


@pytest.mark.parametrize(
    ("name", "said", "wanted", "then"),
    [
        ("tmux-256color", "", "auto", "truecolor"),
        ("linux", "", "auto", ""),
        ("linux", "", "yes", "truecolor"),
        ("xterm-256color", "", "no", ""),
        ("xterm-256color", "truecolor", "no", ""),
        ("linux", "24bit", "auto", "24bit"),
    ],
)
def test_24_bit_colours_where_the_terminal_is_known_to_have_them(terminal, name, said, wanted, then, monkeypatch):
    terminal(name)
    monkeypatch.setenv("COLORTERM", said)
    colours(Preferences(truecolor=wanted))
    assert os.environ.get("COLORTERM", "") == then


@pytest.mark.parametrize(
    ("name", "theme"),
    [("linux", "ansi-dark"), ("xterm", "ansi-dark"), ("xterm-256color", "textual-dark"), ("dumb", "textual-dark")],
)
def test_where_there_are_16_colours_the_theme_is_made_of_them(terminal, name, theme):
    terminal(name)
    assert themed(Preferences()).theme == theme


def test_a_theme_that_the_person_has_chosen_stays(terminal):
    terminal("linux")
    assert themed(Preferences(theme="nord")).theme == "nord"


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light", "textual-dark", "nord"])
async def test_without_colours_no_letter_has_the_colour_of_its_ground(show, monkeypatch, theme):
    """The terminal's own colours, made greys, would all be one."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with show(ui=Preferences(theme=theme)) as eyes:
        await eyes.sees("kn00gt7a.2", "before variation")
        segments = [one for strip in eyes.app.screen._compositor.render_strips() for one in strip if one.text.strip()]
        hidden = [
            text for text, style, _ in segments
            if style and style.color and style.color.triplet and style.color == style.bgcolor
        ]  # fmt: skip
        assert hidden == []
        shades = {tuple(c.triplet) for _, style, _ in segments if style for c in (style.color, style.bgcolor)
                  if c and c.triplet}  # fmt: skip
        assert all(red == green == blue for red, green, blue in shades)
