"""The keys: one table, no two meanings, in their order, silent where one types."""

import pytest
from textual.command import CommandList
from textual.widgets import OptionList

from tui import keys
from tui.areas import modes_of
from tui.preferences import Preferences
from tui.screens.ask import Choose
from tui.thenkeys import only_looks


@pytest.mark.parametrize(
    "places",
    [
        ("everywhere", "lists", "queue"),
        ("everywhere", "lists", "gallery"),
        ("everywhere", "learn"),
        ("everywhere", "settings"),
        ("welcome",),
        ("zoom",),
        ("compare",),
    ],
)
def test_no_key_means_two_things_in_one_place(places):
    pressed = [name for key in keys.of(*places) for name in key.keys.split(",")]
    assert sorted(pressed) == sorted(set(pressed))


def test_ids_are_unique():
    ids = [key.id for key in keys.TABLE]
    assert len(ids) == len(set(ids))


def test_nobody_is_kept_on_a_screen_because_nothing_can_be_changed():
    ways_out = [key for key in keys.TABLE if key.action in ("leave", "app.keys_help", "app.redraw")]
    assert ways_out
    assert [key.id for key in ways_out if not only_looks(key.id)] == []


def test_no_key_is_used_that_terminals_do_not_send():
    lost = {"ctrl+enter", "alt+enter", "ctrl+h", "ctrl+i", "ctrl+m", "ctrl+backspace", "ctrl+slash"}
    assert not lost & {name for key in keys.TABLE for name in key.keys.split(",")}


@pytest.mark.slow
async def test_every_binding_has_its_action(show):
    async with show() as eyes:
        for mode in (mode for area in keys.AREAS for mode in modes_of(area.id)):
            await eyes.app.action_go(mode)
            screen = eyes.app.screen
            for key in keys.of("everywhere", *keys.places_of(screen.place or screen.area)):
                name = key.action.partition("(")[0].removeprefix("app.")
                owner = eyes.app if key.action.startswith("app.") else screen
                assert hasattr(owner, f"action_{name}"), key


async def test_letters_are_letters_while_one_types(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("slash", *"xpqgnzRH")
        await eyes.sees(" xpqgnzRH", "0 of 131 jobs")
        assert eyes.app.screen.area == "queue"
        assert not [path for path, _, _ in daemon.commands]


async def test_what_is_typed_in_one_go_after_a_slash_is_the_filter(show, daemon):
    """All keys are in the queue before the first is looked at: `x` must not cancel."""
    from textual import events

    async with show() as eyes:
        await eyes.sees("131 jobs")
        for name, letter in (("slash", "/"), ("x", "x"), ("p", "p")):
            event = events.Key(name, letter)
            eyes.app.post_message(event)
        await eyes.sees(" xp ", "of 131 jobs")
        assert daemon.commands == []


async def test_the_leader_survives_fast_fingers(show):
    from textual import events

    async with show() as eyes:
        await eyes.sees("131 jobs")
        for letter in "gigqgigqgigqgigqgi":
            eyes.app.post_message(events.Key(letter, letter))
        await eyes.sees("[Gallery]", "318 pictures")


async def test_the_leader_shows_where_it_leads_and_escape_ends_it(show):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("g")
        await eyes.sees("q Queue", "i Gallery", "g top")
        await eyes.press("escape")
        await eyes.sees("n new  x cancel")
        await eyes.press("g", "y")
        await eyes.sees("no such area")


async def test_gg_goes_to_the_top_and_G_to_the_bottom(show):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("G")
        await eyes.sees(">", "kn03gt7a.11")
        assert eyes.app.screen.listing.cursor == 130
        await eyes.press("g", "g")
        assert eyes.app.screen.listing.cursor == 0


@pytest.mark.slow
async def test_a_users_keymap_is_obeyed_and_shown(show, daemon):
    ui = Preferences(keymap={"queue.cancel": "X", "no.such": "q"})
    async with show(ui=ui) as eyes:
        await eyes.sees("131 jobs", "X cancel", "The keymap names no key of ours: no.such.")
        await eyes.press("j", "j", "x")
        await eyes.press("X")
        await eyes.until(lambda: daemon.sent("/v1/jobs/cancel"))
        assert len(daemon.commands) == 1


REBOUND = {
    **{f"{place}.down": "t" for place in ("list", "learn", "settings", "held", "page", "dialog")},
    "learn.past": "j",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "where"),
    [
        ("queue", lambda screen: screen.listing.cursor), ("gallery", lambda screen: screen.listing.cursor),
        ("learn", lambda screen: screen.listing.cursor), ("settings", lambda screen: screen.listing.cursor),
        ("packs-in", lambda screen: screen.prompts.cursor),
        ("editor-places", lambda screen: screen.query_one("#places").cursor),
        ("help", lambda screen: screen.query_one("#keys-help").top),
        ("order", lambda screen: screen.query_one(OptionList).highlighted),
    ],
)  # fmt: skip
async def test_a_list_moves_by_the_key_of_the_user_and_no_more_by_j(at, way, where):
    """In the places where keys of a list itself and of its screen could both be meant."""
    async with at(way.removesuffix("-in").replace("packs", "packs-all"), ui=Preferences(keymap=REBOUND)) as eyes:
        if way == "packs-in":
            await eyes.press("l")
        screen = eyes.app.screen
        before = where(screen)
        await eyes.press("j")
        assert where(screen) == before
        if eyes.app.screen is not screen:
            await eyes.press("escape")  # j means something else there now
        await eyes.press("t")
        await eyes.until(lambda: where(screen) > before)


@pytest.mark.slow
async def test_the_prompts_of_a_pack_move_by_all_keys_of_lists(at):
    async with at("packs-all") as eyes:
        prompts = eyes.app.screen.prompts
        await eyes.until(lambda: prompts.pages.total > 1)
        await eyes.press("l", "G")
        assert prompts.cursor == prompts.pages.total - 1
        await eyes.press("g", "g")
        assert (prompts.cursor, eyes.app.screen.listing.cursor) == (0, 0)


async def test_help_is_made_from_the_table(show, picture_of):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("question_mark")
        await eyes.sees("Keys", "After g")
        picture_of(eyes, "help-120x36")
        await eyes.press("space", "space")
        await eyes.sees("Words of a filter")
        await eyes.press("escape")
        await eyes.sees("sort: position")


@pytest.mark.slow
async def test_the_palette_knows_every_key_of_the_area(show, daemon):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("colon")
        await eyes.until(lambda: type(eyes.app.screen).__name__ == "Palette")
        await eyes.press(*"pause or resume")
        await eyes.sees("pause or resume the queue", "p   Queue · queue.pause")
        await eyes.press("down", "enter")
        await eyes.until(lambda: daemon.sent("/v1/queue/pause"))


@pytest.mark.slow
async def test_the_palette_clears_the_queue_from_anywhere_and_says_how_it_is_taken_back(show, daemon):
    async with show() as eyes:
        await eyes.press("f4")
        await eyes.sees("[Gallery]")
        await eyes.press("colon")
        await eyes.until(lambda: type(eyes.app.screen).__name__ == "Palette")
        await eyes.press(*"clear the queue")
        await eyes.sees("cancels all that waits; z brings it back")
        await eyes.press("down", "enter")
        await eyes.until(lambda: daemon.sent("/v1/queue/clear"))


@pytest.mark.slow
async def test_the_palette_finds_by_other_words_and_leads_to_what_other_areas_do(show):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.press("colon")
        await eyes.until(lambda: type(eyes.app.screen).__name__ == "Palette")
        await eyes.press(*"quit")
        await eyes.sees("leave at once", "^q   Everywhere · app.leave")
        await eyes.press(*["backspace"] * 4, *"pair")
        await eyes.sees("pair one that asks to join", "goes to Nodes, where it is P · nodes.pair")
        await eyes.press("down", "enter")
        await eyes.sees("[Nodes]", "P pair")


async def test_a_click_on_an_area_goes_there_and_a_click_on_a_hint_does_it(show):
    async with show() as eyes:
        await eyes.sees("131 jobs")
        await eyes.pilot.click("TopBar", offset=(17, 0))
        await eyes.sees("[Gallery]")
        await eyes.pilot.click("TopBar", offset=(4, 0))
        await eyes.sees("[Queue]")
        await eyes.pilot.click("JobTable", offset=(10, 5))
        assert eyes.app.screen.listing.cursor == 3


@pytest.mark.slow
async def test_a_page_of_the_palette_that_has_no_lines_yet_is_none(show):
    async with show() as eyes:
        await eyes.press("colon")
        await eyes.until(lambda: type(eyes.app.screen).__name__ == "Palette")
        commands = eyes.app.screen.query_one(CommandList)
        await eyes.until(lambda: commands.options)
        commands.styles.height, commands.styles.border, commands.styles.padding = 0, None, 0
        await eyes.until(lambda: not commands.scrollable_content_region)
        commands.add_option("one more")
        await eyes.press("pagedown", "pageup")
        await eyes.press("escape")
        await eyes.sees("sort: position")


@pytest.mark.slow
async def test_a_question_that_is_answered_twice_at_once_is_answered_once(show):
    answers = []
    async with show() as eyes:
        question = Choose("Which?", (("one", "the first"), ("two", "the second")), "one")
        await eyes.app.push_screen(question, answers.append)
        options = question.query_one(OptionList)
        for index in (0, 1):
            options.post_message(OptionList.OptionSelected(options, options.options[index], index))
        await eyes.sees("sort: position")
    assert answers == ["one"]
