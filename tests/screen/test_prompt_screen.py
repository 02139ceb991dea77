"""The prompt editor: places, variants, counts, and what is pushed back into the form."""

import pytest


async def to_editor(eyes, prompt):
    await eyes.sees("kn00gt7a.4")
    await eyes.press("n")
    await eyes.sees("New run")
    eyes.app.screen.query_one("#prompt").text = prompt
    await eyes.press("ctrl+e")
    await eyes.sees("into the form")


@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24)])
async def test_places_variants_and_count_at_two_sizes(show, picture_of, width, height):
    async with show(width, height) as eyes:
        await to_editor(
            eyes, "a harbour in {dawn|dusk} light, __sky__, [[weather]]\n<lora:film_grain:0.6>, {dawn|dusk}"
        )
        await eyes.sees("12 variants · 12 jobs", "dawn · dawn · fog")
        picture_of(eyes, f"prompt-{width}x{height}")
