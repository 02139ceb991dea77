"""The prompt editor: places, variants, counts, and what is pushed back into the run."""

import pytest

SEA = "a harbour in {dawn|dusk} light, __sky__, [[weather]]\n<lora:film_grain:0.6>, {dawn|dusk}"


async def to_editor(eyes, prompt, *more):
    await eyes.sees("kn00gt7a.4")
    await eyes.press("n")
    await eyes.sees("[Generate]")
    eyes.app.screen.query_one("#prompt").text = prompt
    await eyes.until(lambda: eyes.app.screen.draft.prompt == prompt)
    await eyes.press("ctrl+e")
    await eyes.sees("into the run", *more)


def look_into(eyes, name):
    eyes.app.screen.set_focus(eyes.app.screen.query_one(f"#{name}"))


@pytest.mark.slow
async def test_places_variants_and_count_at_two_sizes_and_a_variant_written_over(show, daemon, picture_of):
    async with show() as eyes:
        await to_editor(eyes, SEA, "12 variants · 12 jobs", "dawn · dawn · fog")
        picture_of(eyes, "prompt-120x36")
        await eyes.pilot.resize_terminal(80, 24)
        await eyes.sees("[Variants]", "dawn · dawn · fog")
        picture_of(eyes, "prompt-80x24")
        look_into(eyes, "places")
        await eyes.sees("{dawn|dusk}", "[Places]")
        await eyes.press("j", "space")
        await eyes.sees("4 variants", "■ __sky__", "held")
        look_into(eyes, "samples")
        await eyes.press("j", "enter")
        await eyes.sees("Variant 2", "Sent as it stands here")
        await eyes.press(*" mist", "ctrl+j")
        await eyes.sees("* a harbour in dawn")
        await eyes.press("ctrl+j")
        await eyes.sees("[Generate]", "1 held · 1 written over", "seed 7")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        edits = daemon.sent("/v1/runs")[0]["edits"]
        assert [edit["name"] for edit in edits] == ["prompt-01-v2"]
        assert edits[0]["prompt"].startswith("a harbour in dawn light") and edits[0]["prompt"].endswith(" mist")


@pytest.mark.slow
async def test_the_editor_shows_what_the_run_has_drawn_not_another_draw(show, daemon):
    async with show() as eyes:
        await to_editor(eyes, SEA, "12 variants")
        await eyes.press("escape")
        await eyes.sees("[Generate]", "12 variants · 12 jobs")
        asked = len(daemon.sent("/v1/prompt"))
        await eyes.press("ctrl+e")
        await eyes.until(lambda: len(daemon.sent("/v1/prompt")) > asked)
        assert daemon.sent("/v1/prompt")[-1]["run"].get("seed") == 7


@pytest.mark.long
async def test_places_are_coloured_where_they_stand_also_while_one_types(show):
    async with show() as eyes:
        await to_editor(eyes, SEA, "12 variants")
        area = eyes.app.screen.query_one("#prompt")
        area.move_cursor((0, 0))
        await eyes.press(*"on ")
        await eyes.until(lambda: coloured(area, 0) == ["{dawn|dusk}", "__sky__", "[[weather]]"])
        kinds = {str(span.style) for span in area.get_line(0).spans}
        assert len(kinds) == 3
        area.text = "\n" + area.text
        wanted = ["<lora:film_grain:0.6>", "{dawn|dusk}"]
        await eyes.until(lambda: coloured(area, 2) == wanted)


def coloured(area, row):
    line = area.get_line(row)
    return [line.plain[span.start : span.end] for span in line.spans]


@pytest.mark.long
async def test_a_place_is_held_and_freed_and_the_count_follows(show, daemon):
    async with show() as eyes:
        await to_editor(eyes, SEA, "12 variants")
        look_into(eyes, "places")
        await eyes.press("j", "space")
        await eyes.sees("4 variants", "■ __sky__", "held")
        await eyes.press("enter")
        await eyes.sees("free: it varies", "storm")
        await eyes.press("j", "j", "enter")
        await eyes.until(lambda: daemon.sent("/v1/prompt")[-1]["run"].get("lock") == ["__sky__=storm"])
        await eyes.until(lambda: "dawn · dawn · fog" not in eyes.text())
        await eyes.press("u")
        await eyes.sees("12 variants")


@pytest.mark.long
async def test_randomize_draws_what_is_not_held(show, daemon):
    async with show() as eyes:
        await to_editor(eyes, SEA, "12 variants")
        look_into(eyes, "places")
        await eyes.press("space", "ctrl+r")
        await eyes.sees("1 job", "drawn at random", "1 of 1")
        sent = daemon.sent("/v1/prompt")[-1]["run"]
        assert (sent["matrix"], sent["reroll"]) == ("random", ["__sky__=1", "weather=1"])
        await eyes.press("j", "r")
        await eyes.until(lambda: daemon.sent("/v1/prompt")[-1]["run"]["reroll"] == ["__sky__=2", "weather=1"])
        await eyes.press("R")
        await eyes.until(lambda: daemon.sent("/v1/prompt")[-1]["run"]["reroll"] == ["__sky__=2", "weather=2"])


@pytest.mark.long
async def test_what_will_be_sent_is_shown_beside_the_prompt(show):
    async with show() as eyes:
        await to_editor(eyes, SEA, "12 variants")
        await eyes.press("ctrl+t")
        await eyes.sees("What is sent", "txt2img", "steps 20", "a harbour in dawn light")


@pytest.mark.long
async def test_a_wild_number_brings_a_hint_and_more_pages_come_as_one_scrolls(show, daemon):
    places = ", ".join(["{" + "|".join(f"{letter}{n}" for n in range(12)) + "}" for letter in "abcd"])
    async with show() as eyes:
        await to_editor(eyes, places, "20,736 variants", "! 20,736 jobs from places to vary", "50 of 20,736")
        look_into(eyes, "samples")
        for _ in range(5):
            await eyes.press("pagedown")
        await eyes.sees("100 of 20,736")
        await eyes.press("ctrl+o")
        await eyes.sees("How it varies", "no limit")
        look_into(eyes, "limit")
        await eyes.press(*"27", "escape")
        await eyes.sees("27 jobs")
        assert daemon.sent("/v1/prompt")[-1]["run"]["limit"] == 27


async def test_a_number_too_long_to_read_is_told_by_its_size(show):
    """Cut to the width of its pane it would be another number."""
    places = " ".join("{" + "|".join(f"{n}{letter}" for letter in "abcdefghij") + "}" for n in range(39))
    async with show() as eyes:
        await to_editor(eyes, places, "about 1.0e39 variants · about 1.0e39 jobs", "50 of about 1.0e39")


@pytest.mark.long
async def test_a_fault_tells_its_place_and_escape_asks_before_dropping(show, daemon):
    async with show() as eyes:
        await to_editor(eyes, "a {dawn|dusk", "prompt:1:3: a brace is not closed.")
        await eyes.press("end", *"}")
        await eyes.sees("2 variants")
        await eyes.press("escape")
        await eyes.sees("Put the changes into the run?")
        await eyes.press("escape")
        await eyes.until(lambda: type(eyes.app.screen).__name__ == "PromptEditor")
        await eyes.press("escape")
        await eyes.sees("Put the changes into the run?")
        await eyes.press("n")
        await eyes.until(lambda: type(eyes.app.screen).__name__ == "RunScreen")
        assert eyes.app.screen.query_one("#prompt").text == "a {dawn|dusk"


@pytest.mark.long
async def test_names_are_completed_as_one_types(show):
    async with show() as eyes:
        await to_editor(eyes, "", "write a prompt")
        area = eyes.app.screen.query_one("#prompt")
        area.insert("a harbour, __s")
        await eyes.press("k")
        await eyes.sees("__sky/high__", "2 values")
        await eyes.press("down", "enter")
        await eyes.sees("a harbour, __sky/high__", "2 variants")
        area.insert(", <f")
        await eyes.press("i")
        await eyes.sees("<lora:film_grain:1>")
        await eyes.press("tab")
        assert area.text == "a harbour, __sky/high__, <lora:film_grain:1>"
        await eyes.press("left", "ctrl+down", "ctrl+down")
        assert area.text.endswith("<lora:film_grain:0.9>")
        look_into(eyes, "negative")
        await eyes.press(*"bad")
        await eyes.sees("badhands", "tab take")
        await eyes.press("escape")
        await eyes.until(lambda: "tab take" not in eyes.text())
        assert eyes.app.screen.query_one("#negative").text == "bad"


@pytest.mark.long
async def test_the_run_takes_profile_style_matrix_and_numbers(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.4")
        await eyes.press("n")
        await eyes.sees("[Generate]")
        await eyes.press(*"a kite", "ctrl+o")
        await eyes.sees("How it varies")
        await eyes.press("enter")
        await eyes.sees("harbour master")
        await eyes.press(*"mir", "enter")
        for wanted in ("film", "wood"):
            look_into(eyes, "style")
            await eyes.press("enter")
            await eyes.sees("woodcut [old]", "film")
            await eyes.press(*wanted, "enter")
        await eyes.sees("film, woodcut [old]")
        look_into(eyes, "matrix")
        await eyes.press("enter")
        await eyes.sees("drawn at random")
        await eyes.press("j", "j", "enter")
        look_into(eyes, "variants")
        await eyes.press(*"3")
        look_into(eyes, "search")
        await eyes.press(*"kite => kite | balloon")
        await eyes.press("escape")
        await eyes.sees("profile mira", "style film, woodcut", "· 1 searched")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        sent = daemon.sent("/v1/runs")[0]
        assert (sent["profile"], sent["style"], sent["matrix"]) == ("mira", ["film", "woodcut [old]"], "random")
        assert (sent["variants"], sent["search"]) == (3, ["kite => kite | balloon"])


@pytest.mark.slow
async def test_arrows_go_through_the_lines_of_a_prompt_and_through_names_where_some_are_offered(show):
    async with show() as eyes:
        await to_editor(eyes, "a harbour\nat dusk", "1 variant")
        prompt = eyes.app.screen.query_one("#prompt")
        prompt.move_cursor((0, 2))
        await eyes.press("down")
        assert prompt.cursor_location == (1, 2)
        await eyes.press("up")
        assert prompt.cursor_location == (0, 2)
        prompt.move_cursor(prompt.document.end)
        await eyes.press(*", __s")
        await eyes.sees(">__ __sky__")
        await eyes.press("down")
        await eyes.sees(">__ __sky/high__")
        assert prompt.cursor_location == (1, 12)
