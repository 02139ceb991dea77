"""Names and prompts come from files, people and machines: none may steer the terminal or break the frame."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.widgets.ink import fit, fit_middle, plain, wrap

HOSTILE = (
    "[bold red]big[/] [@click=app.quit]x[/]",
    "\x1b[2J\x1b]52;c;aGFoYQ==\x07gone",
    "two\nlines\rand\ttabs",
    "right‮to left‬",
    "wide 漢字漢字漢字漢字漢字 and é́́ combining",
    "[" * 40,
)


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_is_text_in_its_place(show, daemon, name):
    row = msgspec.structs.replace(daemon.rows[2], name=name, reason=name, state="failed")
    daemon.rows[2] = row
    daemon.refuse["/v1/jobs/skip"] = (name, name)
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("j", "j")
        await eyes.sees("kn00gt7a.3  ✗ failed")
        await eyes.press("S")
        await eyes.until(lambda: daemon.sent("/v1/jobs/skip"))
        await eyes.quiet()
        await eyes.pilot.pause()
        lines = eyes.text().split("\n")
        assert {cell_len(line) for line in lines} == {120}
        assert not any(
            ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or ord(c) in (0x202E, 0x202C) for line in lines for c in line
        )
        assert eyes.app.is_running


@settings(deadline=None)
@given(st.text(), st.integers(0, 40))
def test_what_is_fitted_has_exactly_its_width(text, width):
    shown = plain(text)
    assert cell_len(fit(shown, width)) == width
    assert cell_len(fit_middle(shown, width)) == width


@settings(deadline=None)
@given(st.text(), st.integers(2, 40), st.integers(1, 6))
def test_what_is_wrapped_fits_and_ends(text, width, limit):
    lines = wrap(text, width, limit)
    assert len(lines) <= limit
    assert all(cell_len(line) <= width for line in lines)


@settings(deadline=None)
@given(st.text())
def test_nothing_plain_steers_a_terminal(text):
    assert not any(map(steers, plain(text)))


def steers(letter):
    """Control characters, and those that turn the direction of writing."""
    code = ord(letter)
    return code < 32 or 0x7F <= code < 0xA0 or code in range(0x202A, 0x202F) or code in range(0x2066, 0x206A)
