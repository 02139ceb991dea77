"""Presets and profiles from Run, and files that are dropped on the terminal."""

import pytest
from textual import events

from tui.dropped import named, path_in
from tui.screens.numbers import is_wild, many
from tui.screens.packtext import written
from tui.screens.weights import stepped


async def to_saved(eyes):
    await eyes.sees("kn00gt7a.4")
    await eyes.press("n")
    await eyes.sees("[Generate]", "preset none")
    await eyes.press("ctrl+n")
    await eyes.sees("[presets]", "quick look")


@pytest.mark.long
async def test_a_preset_is_saved_renamed_deleted_and_applied(show, daemon):
    async with show() as eyes:
        await to_saved(eyes)
        await eyes.press("ctrl+n")
        await eyes.sees("nothing to save")
        eyes.app.screen._text = '{"txt2img": {"steps": 30}}'
        await eyes.press("ctrl+n")
        await eyes.sees("Save a preset")
        eyes.app.screen.focused.value = "night"
        await eyes.press("enter")
        await eyes.sees("night saved", "3 · now")
        assert daemon.shelf.saved == [("presets", "night", '{"txt2img": {"steps": 30}}')]
        await eyes.press("ctrl+r")
        await eyes.sees("Rename night")
        eyes.app.screen.focused.value = "nightfall"
        await eyes.press("enter")
        await eyes.sees("nightfall")
        await eyes.press("up", "ctrl+d")
        await eyes.sees("fine deleted; z brings it back", "2 · now")
        await eyes.press("enter")
        await eyes.sees("preset nightfall")


@pytest.mark.long
async def test_a_profile_begins_as_a_text_that_can_be_filled_in(show, daemon):
    async with show() as eyes:
        await to_saved(eyes)
        await eyes.press("tab")
        await eyes.sees("[profiles]", "harbour master")
        await eyes.press("ctrl+n")
        await eyes.sees("Save a profile")
        await eyes.press(*"ada", "enter")
        await eyes.sees("Profile  ada", 'name: "ada"')
        await eyes.press("ctrl+j")
        await eyes.sees("ada saved")
        assert daemon.shelf.saved[0][:2] == ("profiles", "ada")


async def test_a_dropped_picture_fills_the_draft(show, daemon, tmp_path):
    file = tmp_path / "a boat.png"
    file.write_bytes(b"png")
    async with show() as eyes:
        await eyes.sees("131 jobs")
        eyes.app.post_message(events.Paste(f"'{file}' "))
        await eyes.sees("Prompt  like a boat.png", "a harbour, {dawn|dusk}", "● 31", "seed 99")
        await eyes.until(lambda: daemon.sent("/v1/prompt")[-1]["run"].get("seed") == 99)
        await eyes.sees("a boat.png: by a1111, toy-xl", "! ENSD 31337 is not known here")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        sent = daemon.sent("/v1/runs")[0]
        assert (sent["prompt"], sent["negative"]) == ("a harbour, {dawn|dusk}", "blur")
        assert (sent["set"], sent["seed"] in (7, 99)) == (["txt2img.steps=31"], True)


@pytest.mark.long
async def test_words_that_are_pasted_are_words(show, tmp_path):
    file = tmp_path / "bare.json"
    file.write_text("{}")
    async with show() as eyes:
        await eyes.press("n")
        await eyes.sees("[Generate]")
        eyes.app.post_message(events.Paste("a boat, /no/such/boat.png"))
        await eyes.sees("a boat, /no/such/boat.png")
        eyes.app.post_message(events.Paste(str(file)))
        await eyes.sees("bare.json: it says nothing of how it was made", "a boat, /no/such/boat.png")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("'/a b/c.png' ", "/a b/c.png"),
        ("/a\\ b/c.png", "/a b/c.png"),
        ("file:///a%20b/c.png\r\n", "/a b/c.png"),
        ("~/x.json", "~/x.json"),
        ("a knight", ""),
        ("C:\\x\\y.png", ""),
        ("'/never closed.png", ""),
        ("/" * 5000, ""),
    ],
)
def test_paths_as_terminals_write_them(text, path):
    assert path_in(text) == path


def test_of_several_files_the_first_is_taken(tmp_path):
    one, two = tmp_path / "a.png", tmp_path / "b.png"
    one.touch()
    two.touch()
    assert named(f"{one} {two}") == one


@pytest.mark.parametrize(
    ("text", "at", "by", "then"),
    [
        ("a rim light", (2, 11), 1, "a (rim light:1.1)"),
        ("a (rim light:1.1)", (4, 4), -1, "a rim light"),
        ("<lora:grain:0.6>", (3, 3), 1, "<lora:grain:0.65>"),
        ("<lora:grain>", (3, 3), -1, "<lora:grain:0.95>"),
        ("sea, sky", (6, 6), -1, "sea, (sky:0.9)"),
        ("{dawn|dusk} light", (0, 11), 1, "({dawn|dusk}:1.1) light"),
        ("{dawn|dusk}, (sea:1.2)", (6, 14), 1, None),
        ("{dawn|dusk}", (1, 10), 1, None),
        ("a \\) b", (0, 6), 1, "(a \\) b:1.1)"),
        (" , ", (1, 1), 1, None),
    ],
)
def test_weights_step_by_tenths_and_loras_by_twentieths(text, at, by, then):
    change = stepped(text, *at, by)
    assert (text[: change.start] + change.text + text[change.end :] if change else None) == then


@pytest.mark.parametrize(
    ("before", "edited", "after"),
    [
        ("a\r\nb\r\n", "a\nc\n", "a\r\nc\r\n"),
        ("a\nb\r\nc", "a\nb\nnew\nc", "a\nb\r\nnew\nc"),
        ("a\r\nb\r\nc", "a\nb\nc", "a\r\nb\r\nc"),
        ("", "a\n", "a\n"),
        ("a\rb\r", "a\nx\nb\n", "a\rx\nb\r"),
    ],
)
def test_only_what_was_edited_is_written_otherwise(before, edited, after):
    assert written(before, edited) == after


def test_numbers_of_any_size_are_told():
    assert [many("1200"), many("0"), many("1" + "0" * 40)] == ["1,200", "0", "about 1.0e40"]
    assert [many(10**14), many(34 * 10**14)] == ["100,000,000,000,000", "about 3.4e15"]
    assert [is_wild("1000"), is_wild("1001"), is_wild("9" * 50)] == [False, True, True]
