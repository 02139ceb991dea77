"""The models: one list of files and nodes, favourites first, verdicts by keys, new files by themselves."""

import pytest


@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24)])
async def test_models_at_two_sizes(show, picture_of, width, height):
    async with show(width, height) as eyes:
        await eyes.app.action_go("models")
        await eyes.sees("line_07", "60")
        await eyes.press("j", "j", "j", *(("l",) if width < 100 else ()))
        await eyes.sees("haze_00", "A haze over the sea")
        picture_of(eyes, f"models-{width}x{height}")
