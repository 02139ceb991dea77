"""The packs: browsed, looked into, run, tried and edited without another format."""

import pytest


async def test_packs_at_two_sizes_and_one_edited_while_what_was_not_touched_stays(show, daemon, picture_of):
    async with show() as eyes:
        await eyes.app.action_go("library.packs")
        await eyes.sees("knights", "broken", "!│", "3 variants", "a knight by the {sea|lake}")
        picture_of(eyes, "packs-120x36")
        await eyes.pilot.resize_terminal(80, 24)
        await eyes.press("l")
        await eyes.sees("3 variants", "a knight by the {sea|lake}")
        picture_of(eyes, "packs-80x24")
        await eyes.press("h", "j")
        await eyes.until(lambda: eyes.app.screen.item is not None and eyes.app.screen.item.name == "city [bold]")
        await eyes.press("l", "j", "e")
        await eyes.sees("Pack  city [bold]", "jobs")
        assert eyes.app.screen.query_one("#text").cursor_location == (2, 0)
        eyes.app.screen.query_one("#text").insert("at noon, ")
        await eyes.press("ctrl+j")
        await eyes.sees("city [bold] saved")
        assert daemon.shelf.saved == [
            ("packs", "city [bold]", "a street in the [[weather]]\r\n\r\nat noon, a harbour, __sea__\r\n")
        ]


async def to_packs(eyes):
    await eyes.app.action_go("library.packs")
    await eyes.sees("3 variants", "broken")


@pytest.mark.long
async def test_a_pack_or_several_go_into_the_form(show, daemon):
    async with show() as eyes:
        await to_packs(eyes)
        await eyes.press("space", "space", "n")
        await eyes.sees("[Run]", "city [bold]")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        assert sorted(daemon.sent("/v1/runs")[0]["packs"]) == ["city [bold]", "knights"]


@pytest.mark.long
async def test_a_prompt_of_a_pack_is_tried_and_comes_back_into_a_form(show):
    async with show() as eyes:
        await to_packs(eyes)
        await eyes.press("l", "j", "t")
        await eyes.sees("4 variants", "sea · dawn")
        await eyes.press("ctrl+j")
        await eyes.sees("[Run]", "a knight by the {sea|lake}")


@pytest.mark.long
async def test_a_broken_pack_tells_its_line_and_can_be_mended(show, daemon):
    async with show() as eyes:
        await to_packs(eyes)
        await eyes.press("G")
        await eyes.sees("broken.txt:1:3: a brace is not closed.")
        await eyes.press("e")
        await eyes.sees("Pack  broken", "a {dawn|dusk sky")
        await eyes.press("ctrl+g", "right", "right", *"{")
        await eyes.press("escape")
        await eyes.sees("Save what was changed?", "n drops it, esc goes on writing.")
        await eyes.press("escape")
        await eyes.sees("Pack  broken")
        await eyes.press("escape")
        await eyes.sees("Save what was changed?")
        await eyes.press("n")
        await eyes.sees("3 packs")
        assert daemon.shelf.saved == []


@pytest.mark.long
async def test_enter_at_the_question_loses_nothing_that_was_written(show, daemon):
    async with show() as eyes:
        await to_packs(eyes)
        await eyes.press("e")
        await eyes.sees("Pack  ")
        await eyes.press(*"an owl, ", "escape")
        await eyes.sees("Save what was changed?")
        await eyes.press("enter")
        await eyes.until(lambda: daemon.shelf.saved)


@pytest.mark.long
async def test_packs_that_appear_are_shown_by_themselves(show, daemon):
    from schema.scenes import Delta

    async with show() as eyes:
        await to_packs(eyes)
        daemon.shelf.packs["aground"] = "a ship aground\n"
        await daemon.tell(Delta(head=4212, library=1))
        await eyes.sees("aground", "4 packs")
