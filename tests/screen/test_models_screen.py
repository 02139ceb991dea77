"""The models: one list of files and nodes, favourites first, verdicts by keys, new files by themselves."""

import pytest
from screen_library import model

from schema.scenes import Delta


async def test_models_at_two_sizes_and_a_file_that_appears_by_itself(show, daemon, picture_of):
    async with show() as eyes:
        await eyes.app.action_go("library.models")
        await eyes.sees("line_07", "20 names")
        await eyes.press("f", "end", "enter")
        await eyes.sees("line_07", "60 names")
        await eyes.press("j", "j", "j")
        await eyes.sees("haze_00", "A haze over the sea")
        picture_of(eyes, "models-120x36")
        await eyes.pilot.resize_terminal(80, 24)
        await eyes.press("l")
        await eyes.sees("haze_00", "A haze over the sea")
        picture_of(eyes, "models-80x24")
        await eyes.press("escape")
        daemon.shelf.models.append({**model(62), "name": "sea/newcomer", "favourite": True})
        await daemon.tell(Delta(head=4212, library=1))
        await eyes.sees("sea/newcomer", "61")


async def to_models(eyes):
    await eyes.app.action_go("library.models")
    await eyes.sees("line_07", "20 names")
    await eyes.press("f", "end", "enter")
    await eyes.sees("line_07", "60 names", "seahaze")


@pytest.mark.long
async def test_verdicts_are_sent_and_shown_at_once(show, daemon):
    async with show() as eyes:
        await to_models(eyes)
        await eyes.press("j", "j", "j", "4")
        await eyes.sees("★★★★☆")
        await eyes.press("asterisk", "t")
        await eyes.sees("Tags", "They stay with the file")
        eyes.app.screen.focused.value = "sea mist -sea"
        await eyes.press("enter")
        await eyes.until(lambda: daemon.sent("/v1/models/tag"))
        key = f"{0:032x}" if daemon.shelf.models[0]["path"] else "name:loras/sea/haze_00"
        assert daemon.sent("/v1/models/rate") == [{"select": [key], "stars": 4}]
        assert daemon.sent("/v1/models/favourite") == [{"select": [key], "favourite": True}]
        assert daemon.sent("/v1/models/tag") == [{"select": [key], "add": ["mist"], "remove": ["sea"]}]


@pytest.mark.long
async def test_only_one_kind_or_only_what_lacks_something(show, daemon):
    async with show() as eyes:
        await to_models(eyes)
        await eyes.press("right_square_bracket")
        await eyes.sees("[LoRAs]", "20 names", "sea/haze_00")
        await eyes.press("f")
        await eyes.sees("Which", "embeddings")
        await eyes.press("j", "enter")
        await eyes.sees("[LoRAs]", "20 names", "town/")
        await eyes.press("left_square_bracket")
        await eyes.sees("[Models]", "60 names")
        await eyes.press("m")
        await eyes.sees("missing:any", "of 60")


@pytest.mark.long
async def test_a_lora_goes_into_a_new_run_with_what_calls_it_up(show):
    async with show() as eyes:
        await to_models(eyes)
        await eyes.press("j", "j", "j", "n")
        await eyes.sees("[Run]", "<lora:sea/haze_00:1>, seahaze, soft")
