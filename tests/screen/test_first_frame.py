"""What the first frame waits for, counted, since no test asserts a time: how often the screen is styled; and that inks,
which are kept out of the stylesheet for its sake, are the theme's all the same.
"""

import subprocess
import sys
from pathlib import Path

from textual.color import Color
from textual.css import stylesheet
from textual.css.stylesheet import Stylesheet

from tui.widgets.ink import INKS, Drawn
from tui.widgets.topbar import TopBar


async def test_the_stylesheet_is_read_once(show, monkeypatch):
    read, parse = [], stylesheet.parse

    def counted(scope, css, read_from, **more):
        read.append(Path(read_from[0]).name)
        return parse(scope, css, read_from, **more)

    monkeypatch.setattr(stylesheet, "parse", counted)
    async with show() as eyes:
        await eyes.sees("Queue")
        assert read.count("styles.tcss") == 1


def test_what_other_areas_need_is_not_loaded_for_it():
    asked = "import sys, tui.opening, tui.screens.queue; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-P", "-c", asked], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "tui.screens.queue" in loaded
    assert not {"aiohttp", "pydantic", "PIL", "numpy", "textual.widgets._text_area"} & set(loaded)


async def test_no_cursor_blinks_for_an_idle_screen_sends_nothing(show):
    async with show() as eyes:
        await eyes.press("slash")
        await eyes.until(lambda: eyes.app.focused)
        assert eyes.app.focused.cursor_blink is False
        await eyes.press("escape")
        await eyes.app.action_go("run")
        await eyes.quiet()
        eyes.app.screen.query_one("#prompt").focus()
        await eyes.until(lambda: eyes.app.focused and eyes.app.focused.id == "prompt")
        await eyes.until(lambda: not eyes.app.focused.cursor_blink)


async def test_a_widget_is_styled_once_and_not_for_every_ink(show, monkeypatch):
    async with show() as eyes:
        await eyes.quiet()
        styled, apply = [], Stylesheet.apply

        def counted(self, node, **more):
            styled.append(node)
            apply(self, node, **more)

        monkeypatch.setattr(Stylesheet, "apply", counted)
        bar = eyes.app.screen.query_one(TopBar)
        bar.set_class(True, "-of-this-test")
        await eyes.pilot.pause()
        assert styled == [bar]


async def test_inks_are_the_colours_of_the_theme_also_where_one_was_before_it_was_taken(show):
    async with show() as eyes:
        app = eyes.app
        await app.action_go("nodes")
        await app.action_go("queue")
        for theme in ("textual-light", "gruvbox", "ansi-dark", "textual-dark"):
            app.theme = theme
            for area in ("queue", "nodes"):
                await app.action_go(area)
                await eyes.pilot.pause()
                bar, colours = app.screen.query_one(TopBar), app.theme_variables
                assert bar.ink("warn").color == Color.parse(colours["warning"]).rich_color, (theme, area)
                assert bar.ink("strong").bold


async def test_an_ink_that_is_not_opaque_lies_on_the_ground_of_its_widget(show):
    async with show() as eyes:
        for widget in eyes.app.screen.query(Drawn):
            ground = widget.background_colors[1]
            foreground = Color.parse(eyes.app.theme_variables["foreground"])
            assert widget.ink("dim").color == (ground + foreground.with_alpha(0.55)).rich_color
            assert widget.ink("dim").bgcolor == ground.rich_color
            assert widget.ink("cursor").bgcolor != ground.rich_color
            assert all(widget.ink(name) for name in INKS)
