"""Names and prompts come from files, people and machines: none may steer the terminal or break the frame."""

import msgspec
import pytest
import screen_library
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from screen_things import record_of

from tui import keys
from tui.areas import modes_of
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


def all_is_called(daemon, name, monkeypatch):
    """Everything that a person, a file or a machine names has this name."""
    replace = msgspec.structs.replace
    daemon.rows = [replace(row, name=name, pack=name, model=name, node_name=name) for row in daemon.rows]
    daemon.images = [
        replace(one, name=name, pack=name, model=name, tags=(name,), path=f"/results/{name}", suspect=name)
        for one in daemon.images
    ]
    daemon.nodes = tuple(
        replace(
            node,
            name=name,
            trouble=name,
            resident=(name,),
            servers=tuple(replace(one, trouble=name, release=name) for one in node.servers),
        )
        for node in daemon.nodes
    )
    daemon.resources = [replace(one, name=name) for one in daemon.resources]
    daemon.standing = replace(daemon.standing, concerns=(name,))
    monkeypatch.setattr(screen_library, "NAMES", dict.fromkeys(screen_library.NAMES, (name,)))
    monkeypatch.setattr(screen_library, "SAYS", {noun: [(name, name, name)] for noun in screen_library.SAYS})


def is_whole(eyes):
    lines = eyes.text().split("\n")
    width, height = eyes.app.size
    assert (len(lines), {cell_len(line) for line in lines}) == (height, {width})
    assert not [letter for line in lines for letter in line if steers(letter)]


@pytest.mark.long
@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_are_text_in_every_area(show, daemon, monkeypatch, name):
    all_is_called(daemon, name, monkeypatch)
    async with show() as eyes:
        await eyes.sees("131 jobs")
        for mode in (mode for area in keys.AREAS for mode in modes_of(area.id)):
            await eyes.app.action_go(mode)
            await eyes.until(lambda: eyes.app.area_screen is not None and eyes.app.area_screen.ready)
            await eyes.quiet()
            await eyes.settle()
            is_whole(eyes)


@pytest.mark.long
@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_are_text_in_what_opens_over_an_area(show, daemon, monkeypatch, name):
    all_is_called(daemon, name, monkeypatch)
    over = {
        "queue.jobs": ("w", "r", "enter"),
        "gallery": ("enter", "e", "f", "ctrl+y", "t"),
        "queue.runs": ("w", "enter"),
    }
    async with show() as eyes:
        await eyes.sees("131 jobs")
        for mode, pressed in over.items():
            await eyes.app.action_go(mode)
            await eyes.quiet()
            for key in pressed:
                await eyes.press(key)
                await eyes.quiet()
                await eyes.settle()
                is_whole(eyes)
                await eyes.press("escape")
        await eyes.app.action_go("gallery")
        await eyes.press("space", "space", "c")
        await eyes.quiet()
        await eyes.settle()
        is_whole(eyes)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(200, 60), (120, 36), (80, 24)])
async def test_a_prompt_of_ten_thousand_letters_fits_wherever_it_is_told(show, daemon, width, height):
    long = "(a knight in [rain:fog:0.4]:1.2), __armor__, {red|blue} " * 180
    record = record_of(daemon.rows[0])
    spec = msgspec.structs.replace(record.spec, prompt=long, template=long, negative=long)
    daemon.records[daemon.rows[0].id] = msgspec.structs.replace(record, spec=spec)
    monkey = daemon.learned.spec_of
    daemon.learned.spec_of = lambda image, was: msgspec.structs.replace(monkey(image, was), prompt=long, negative=long)
    async with show(width, height) as eyes:
        await eyes.sees("kn00gt7a.1 ")
        await eyes.press("enter")
        await eyes.quiet()
        await eyes.sees("a knight in")
        is_whole(eyes)
        await eyes.app.action_go("gallery")
        await eyes.quiet()
        await eyes.press("e")
        await eyes.quiet()
        await eyes.sees("sha256")
        is_whole(eyes)
