"""The Library: a tab for each kind, what is in a text and who names it, and verbs that z takes back."""

import asyncio

import pytest

from schema.models import Fetching, Offer
from tui.widgets.librarytabs import LibraryTabs


async def test_a_text_is_looked_into_at_two_sizes_deleted_and_brought_back(show, daemon, picture_of):
    async with show() as eyes:
        await eyes.press("g", "p")
        await eyes.sees("[Packs]", "knights")
        await eyes.press("right_square_bracket", "right_square_bracket", "right_square_bracket")
        await eyes.sees("[Wildcards]", "sea")
        await eyes.press("j")
        await eyes.sees("dusk over {calm|rough} water", "Named in", "pack knights:1")
        picture_of(eyes, "library-120x36")
        await eyes.pilot.resize_terminal(80, 24)
        await eyes.press("l")
        await eyes.sees("[Wildcards]", "dusk over {calm|rough} water", "pack knights:1")
        picture_of(eyes, "library-80x24")
        await eyes.press("d")
        await eyes.sees("sky deleted; z brings back")
        await eyes.press("z")
        await eyes.sees("taken back: delete the wildcard sky")
        assert daemon.shelf.gone == [] and not daemon.sent("/v1/undo")


async def to(eyes, tab, *seen):
    await eyes.app.action_go(f"library.{tab}")
    await eyes.sees(*seen)
    await eyes.quiet()


@pytest.mark.long
async def test_each_tab_keeps_its_cursor_and_its_filter(show):
    async with show() as eyes:
        await to(eyes, "styles", "film", "woodcut [old]")
        await eyes.press("j", "right_square_bracket")
        await eyes.sees("[Profiles]", "mira", "a cartographer")
        await eyes.press("slash", *"mir", "enter")
        await eyes.sees("1 of 2 profile")
        await eyes.press("left_square_bracket")
        await eyes.sees("[Styles]", "> woodcut [old]")
        await eyes.press("g", "q")
        await eyes.sees("131 jobs")
        await eyes.press("f7", "right_square_bracket")
        await eyes.sees("[Profiles]", "1 of 2 profile")


@pytest.mark.long
async def test_a_preset_says_what_a_new_run_would_change_and_goes_into_one(show, daemon):
    async with show() as eyes:
        await to(eyes, "presets", "fine", "txt2img", "steps", "31", "A new run would change")
        await eyes.press("n")
        await eyes.until(lambda: eyes.app.screen.area == "run" or "fine" in eyes.text())
        plans = daemon.sent("/v1/plan")
        assert any(body.get("preset") == "fine" for body in plans)


@pytest.mark.long
async def test_new_copied_renamed_and_edited_texts_are_taken_back_in_order(show, daemon):
    async with show() as eyes:
        await to(eyes, "profiles", "mira")
        await eyes.press("A", *"wren", "enter")
        await eyes.sees("Profile  wren", 'name: "wren"')
        await eyes.press("ctrl+j")
        await eyes.sees("wren saved", "3 profiles")
        await eyes.press("c")
        await eyes.sees("A copy of wren")
        await eyes.press("enter")
        await eyes.sees("wren copy is a copy of wren", "4 profiles")
        await eyes.press("r")
        await eyes.sees("Rename wren copy")
        eyes.app.screen.focused.value = "jay"
        await eyes.press("enter")
        await eyes.sees("wren copy is called jay now", "> ")
        await eyes.press("z")
        await eyes.sees("taken back: rename the profile wren copy")
        await eyes.press("z", "z")
        await eyes.sees("2 profiles")
        assert daemon.shelf.gone == [("profiles", "wren copy"), ("profiles", "wren")]
        await eyes.press("Z")
        await eyes.sees("done again: write the profile wren", "3 profiles")


@pytest.mark.long
async def test_a_command_after_a_file_is_taken_back_before_it(show, daemon):
    async with show() as eyes:
        await to(eyes, "styles", "film")
        await eyes.press("d")
        await eyes.sees("film deleted")
        await to(eyes, "models", "line_07")
        await eyes.press("4")
        await eyes.until(lambda: daemon.sent("/v1/models/rate"))
        await eyes.quiet()
        await eyes.press("z")
        await eyes.until(lambda: daemon.sent("/v1/undo"))
        assert daemon.shelf.gone == [("styles", "film")]
        await eyes.quiet()
        await eyes.press("z")
        await eyes.until(lambda: not daemon.shelf.gone)


@pytest.mark.long
async def test_what_is_broken_is_marked_told_with_its_line_and_mended(show, daemon):
    daemon.shelf.broken["templates", "portrait"] = "portrait.yaml:2:7"
    async with show() as eyes:
        await to(eyes, "templates", "landscape")
        await eyes.press("R")
        await eyes.sees("portrait.yaml:2:7: a bracket is not closed.", "!│")
        await eyes.press("s", "end", "enter")
        await eyes.sees("> portrait", "# portrait, as it was written")
        await eyes.press("e")
        await eyes.sees("Template  portrait")
        eyes.app.screen.query_one("#text").insert("x: [\n")
        await eyes.sees("a bracket is not closed.")
        await eyes.press("ctrl+g", "escape", "n")
        await eyes.sees("[Templates]")


@pytest.mark.long
async def test_what_is_saved_while_one_is_asked_about_it_leaves_nothing_over_the_list(show, daemon, monkeypatch):
    from tui.screens import textedit

    asked, kept = asyncio.Event(), textedit.save

    async def late(*words):
        await asked.wait()
        return await kept(*words)

    monkeypatch.setattr(textedit, "save", late)
    async with show() as eyes:
        await to(eyes, "overlays", "gentle")
        await eyes.press("e")
        await eyes.sees("Overlay  gentle")
        eyes.app.screen.query_one("#text").insert("# mine\n")
        await eyes.sees("# mine", "can be read")
        await eyes.press("ctrl+j", "escape")
        await eyes.sees("Save what was changed?")
        asked.set()
        await eyes.until(lambda: not eyes.app.screen.is_modal)
        assert daemon.shelf.saved[-1][2].startswith("# mine\n")
        await eyes.press("z")
        await eyes.sees("taken back: edit the overlay gentle")


@pytest.mark.long
async def test_a_text_is_edited_in_the_persons_own_editor(show, daemon, monkeypatch):
    from tui import editor

    left = []

    def edit(app, path, line=0):
        left.append(path)
        path.write_text(path.read_text() + "more\n")
        return ""

    def fail(app, path, line=0):
        edit(app, path)
        return "vi ended with 1."

    def destroy(app, path, line=0):
        path.unlink()
        return ""

    async with show() as eyes:
        await to(eyes, "overlays", "gentle")
        monkeypatch.setattr(editor, "edit", fail)
        await eyes.press("E")
        await eyes.sees("vi ended with 1. What you wrote is in")
        assert left.pop().read_text() == "# gentle, as it was written\nmore\n" and not daemon.shelf.saved
        monkeypatch.setattr(editor, "edit", destroy)
        await eyes.press("E")
        await eyes.sees("What was written cannot be read")
        monkeypatch.setattr(editor, "edit", edit)
        await eyes.press("E")
        await eyes.sees("gentle saved")
        assert daemon.shelf.saved == [("overlays", "gentle", "# gentle, as it was written\nmore\n")]
        assert not left.pop().exists()
        await eyes.press("z")
        await eyes.sees("taken back: edit the overlay gentle")
        assert daemon.shelf.saved[-1] == ("overlays", "gentle", "# gentle, as it was written\n")


@pytest.mark.long
async def test_models_are_searched_and_fetched_while_one_goes_on(show, daemon, monkeypatch):
    from tui.screens import libraryoffers

    offer = Offer(source="civitai", id="civitai:7", name="Sea [haze]", list="loras", base="sdxl", bytes=144_000_000)

    async def offers(asker, words, of):
        return (offer,) if words == "haze" and of == "loras" else ()

    async def fetching(asker, wanted):
        yield Fetching(id=wanted.id, bytes=72_000_000, total=144_000_000)
        yield Fetching(id=wanted.id, state="done", path="/models/loras/haze.safetensors")

    monkeypatch.setattr(libraryoffers, "offers", offers)
    monkeypatch.setattr(libraryoffers, "fetching", fetching)
    async with show() as eyes:
        await to(eyes, "loras", "haze_00")
        await eyes.press("S", *"haze", "enter")
        await eyes.sees("Sea [haze]", "144.0 MB", "1 found")
        await eyes.press("enter", "escape")
        await eyes.sees("Sea [haze] is here: /models/loras/haze.safetensors")


@pytest.mark.long
async def test_tabs_are_clicked_and_slide_where_there_is_little_room(show):
    async with show(80, 24) as eyes:
        await to(eyes, "pipelines", "[Pipelines]", "standard")
        assert eyes.app.screen.query_one(LibraryTabs).shown().start == 0
        await eyes.press("right_square_bracket", "right_square_bracket", "right_square_bracket")
        await eyes.sees("‹", "[Workflows]", "oils")
        await eyes.pilot.click(LibraryTabs, offset=(0, 0))
        await eyes.sees("[Overlays]", "gentle")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["[bold red]big[/] [@click=app.quit]x[/]", "\x1b[2Jgone", "wide 漢字漢字漢字漢字漢字"])
async def test_a_hostile_name_is_text_in_its_place(show, daemon, name):
    daemon.shelf.names["styles"] = (name,)
    async with show() as eyes:
        await to(eyes, "styles", "1 style")
        for key in ("r", "escape", "c", "escape", "d"):
            await eyes.press(key)
            await eyes.quiet()
        assert not any(ord(letter) < 32 for line in eyes.text().split("\n") for letter in line)


@pytest.mark.long
async def test_a_wildcard_of_a_file_of_many_is_edited_in_that_file(show, daemon):
    daemon.shelf.paths["wildcards", "sea"] = "/config/wildcards/weather/all.yaml"
    async with show() as eyes:
        await to(eyes, "wildcards", "> sea", "all.yaml")
        await eyes.press("e")
        await eyes.sees("Wildcard  weather/all.yaml")
        eyes.app.screen.query_one("#text").insert("calm\n")
        await eyes.press("ctrl+j")
        await eyes.sees("weather/all.yaml saved")
        assert [name for _, name, _ in daemon.shelf.saved] == ["weather/all.yaml"]


@pytest.mark.slow
async def test_what_was_just_written_is_seen_also_where_the_filter_would_hide_it(show):
    async with show() as eyes:
        await to(eyes, "profiles", "mira")
        await eyes.press("slash", *"mir", "enter")
        await eyes.sees("1 of 2 profile")
        await eyes.press("c")
        await eyes.sees("A copy of mira")
        eyes.app.screen.focused.value = "wren"
        await eyes.press("enter")
        await eyes.sees("wren is a copy of mira", "> wren", "3 profiles")
        assert not eyes.app.screen.filter
