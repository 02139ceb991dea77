"""Names and prompts come from files, people and machines: none may steer the terminal or break the frame."""

import msgspec
import pytest
import screen_library
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from screen_disk import DiskDaemon
from screen_things import record_of
from screen_ways import WAYS, at_home, go, prepare

from tui.widgets.ink import fit, fit_middle, plain, wrap

HOSTILE = (
    "[bold red]big[/] [@click=app.quit]x[/]",
    "\x1b[2J\x1b]52;c;aGFoYQ==\x07gone",
    "two\nlines\rand\ttabs",
    "right‮to left‬",
    "wide 漢字漢字漢字漢字漢字 and é́́ combining",
    "[" * 40,
    "zero\u200b\u200d\u2060width \u05d0\u05d1\u05d2 \u0645\u0631\u062d\u0628\u0627 👩\u200d🚀",
)

EVERYTHING = "".join(HOSTILE) + "x" * 300


DAEMON = DiskDaemon


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


def all_is_called(daemon, name, prompt):
    """Everything that a person, a file or a machine names has this name, and every job this prompt."""
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
    daemon.shelf.names = dict.fromkeys(daemon.shelf.names, (name,))
    daemon.shelf.packs = {name: prompt}
    daemon.shelf.models = [{**one, "name": name, "base": name, "tags": [name]} for one in daemon.shelf.models]
    daemon.journal.lines = [replace(one, says=name, trace=name) for one in daemon.journal.lines]
    worded = {"prompt": prompt, "template": prompt, "negative": prompt}
    records = (record_of(row) for row in daemon.rows)
    daemon.records = {one.id: replace(one, spec=replace(one.spec, **worded)) for one in records}
    spec_of = daemon.learned.spec_of
    daemon.learned.spec_of = lambda image, was: replace(spec_of(image, was), **worded)


def is_whole(eyes):
    lines = eyes.text().split("\n")
    width, height = eyes.app.size
    assert (len(lines), {cell_len(line) for line in lines}) == (height, {width})
    assert not [letter for line in lines for letter in line if steers(letter)]


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
async def test_hostile_names_and_prompts_are_text_on_every_screen(show, daemon, monkeypatch, tmp_path, way):
    """All that is hostile at once: names of 300 letters and more, prompts of 10,000."""
    prepare(daemon, way)
    all_is_called(daemon, EVERYTHING, EVERYTHING * 25)
    monkeypatch.setattr(screen_library, "SAYS", {noun: [(EVERYTHING,) * 3] for noun in screen_library.SAYS})
    async with show() as eyes:
        at_home(eyes, tmp_path)
        await go(eyes, daemon, way, words=False)
        await eyes.settle()
        is_whole(eyes)
        for size in ((80, 24), (200, 60), (60, 15)):
            await eyes.pilot.resize_terminal(*size)
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


@pytest.mark.slow
@pytest.mark.parametrize(("way", "keys", "field"), [("queue", ("slash",), "#filter"), ("names", (), "#narrow"),
                                                    ("moment", (), "Input"), ("tags", ("slash",), "#own")])  # fmt: skip
async def test_a_line_that_is_typed_steers_nothing_and_stays_as_it_is(at, way, keys, field):
    text = "right\u202eto left\x9b2J \u2066end"
    async with at(way) as eyes:
        await eyes.press(*keys)
        typed = eyes.app.screen.query_one(field)
        typed.value = text
        typed.cursor_position = len(text)
        await eyes.sees("end")
        assert typed.value == text
        assert not set(eyes.text()) & {"\u202e", "\x9b", "\u2066"}
        assert {cell_len(line) for line in eyes.text().split("\n")} == {120}
