"""Few bytes: what an update sends, counted; and that a terminal shows the same as if all had been sent."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import ControlType, Segment
from rich.style import Style
from textual.strip import Strip

from tui.widgets.thrift import Pen, ThriftyUpdate, cells, changed

STYLES = (
    Style(color="#ff0000", bgcolor="#000000"),
    Style(color="#00ff00", bgcolor="#000000"),
    Style(color="#00ff00", bgcolor="#000000", bold=True),
    Style(color="#ff0000"),
    None,
)
pieces = st.lists(st.tuples(st.text("ab ★漢é", max_size=5), st.sampled_from(STYLES)), max_size=6)


def strip_of(parts):
    return Strip([Segment(text, style) for text, style in parts])


@settings(deadline=None)
@given(pieces, pieces)
def test_sending_what_changed_makes_the_new_line(old, new):
    before, after = strip_of(old), strip_of(new)
    width = max(before.cell_length, after.cell_length)
    before, after = before.adjust_cell_length(width), after.adjust_cell_length(width)
    span = changed(before, after, width)
    shown = cells(before)
    if span is not None:
        first, end = span
        part = after.crop(first, end)
        assert part.cell_length == end - first
        shown[first:end] = cells(part)
    assert shown == cells(after)


@settings(deadline=None)
@given(pieces)
def test_the_pen_writes_what_textual_writes(parts):
    """Both are played on a terminal of a few lines: letters with the colours they got."""
    strip = strip_of(parts)
    pen = Pen(ColorSystem.TRUECOLOR)
    pen.write(strip)
    plainly = "".join(
        Strip.render_style(style, text, ColorSystem.TRUECOLOR) if style else text for text, style, _ in strip
    )
    assert played(pen.text()) == played(plainly)
    assert len(pen.text()) <= len(plainly) + 8


def test_a_picture_by_sixel_is_sent_and_sent_whole():
    """It lies in a segment without cells, behind one that only moves the cursor: cut by cells, none is left."""
    picture = "\x1bPq#0;2;0;0;0~~@@\x1b\\"
    strip = Strip([Segment("\x1b[3;4H"), Segment(picture, Style(), ((ControlType.CURSOR_FORWARD, 0),))], 10)
    console = Console(color_system="truecolor", force_terminal=True)
    for left, right in ((0, 10), (2, 5)):
        sent = ThriftyUpdate([{0: strip}], [(0, left, right)], [[10]]).render_segments(console)
        assert sent.endswith(f"\x1b[3;4H{picture}")


def played(text):
    """Letter and the set of colours in force, of a text with SGR codes."""
    shown, colours = [], {}
    for codes, letter in re.findall(r"\x1b\[([0-9;]*)m|(.)", text):
        if letter:
            shown.append((letter, dict(colours)))
            continue
        numbers = [int(code or 0) for code in codes.split(";")]
        while numbers:
            code = numbers.pop(0)
            if code == 0:
                colours = {}
            elif code in (38, 48):
                colours[code], numbers = tuple(numbers[:4]), numbers[4:]
            elif code in (39, 49):
                colours.pop(code - 1, None)
            elif code == 1:
                colours["bold"] = True
    return shown


async def test_bytes_of_small_updates(show, daemon, monkeypatch):
    """A progress step, a cursor step and a page, in bytes; the goals of docs, with 24-bit colours."""
    from rich.console import Console

    from tui.widgets import thrift

    sent = []
    console = Console(color_system="truecolor", force_terminal=True)
    real = thrift.ThriftyCompositor.render_partial_update

    def counted(self):
        update = real(self)
        if update is not None:
            sent.append(len(update.render_segments(console).encode()))
        return update

    monkeypatch.setattr(thrift.ThriftyCompositor, "render_partial_update", counted)
    async with show() as eyes:
        await eyes.sees("131 jobs", "before variation")
        await eyes.press("j", "j", "j", "j")
        await eyes.sees("waits")
        await eyes.quiet()
        await eyes.pilot.pause()

        async def bytes_of(act, *seen):
            await eyes.pilot.pause()
            sent.clear()
            await act
            await eyes.sees(*seen)
            await eyes.until(lambda: sent)
            return sum(sent)

        assert 0 < await bytes_of(daemon.progress(token=101, step=17), " 18%") <= 160
        moved = eyes.app.run_action("move(0, 1)", eyes.app.screen)
        assert 0 < await bytes_of(moved, "> kn00gt7a.6 ") <= 700
        assert 0 < await bytes_of(eyes.app.run_action("half(1)", eyes.app.screen), "kn00gt7a.35") <= 7168
