"""The packs: browsed, looked into, run, tried and edited without another format."""

import pytest


@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24)])
async def test_packs_and_their_prompts_at_two_sizes(show, picture_of, width, height):
    async with show(width, height) as eyes:
        await eyes.app.action_go("packs")
        await eyes.sees("knights", "broken")
        if width < 100:
            await eyes.press("l")
        await eyes.sees("3 variants", "a knight by the {sea|lake}")
        picture_of(eyes, f"packs-{width}x{height}")
