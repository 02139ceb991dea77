"""The mouse, in every area: names of areas, rows, the wheel, and the hints at the bottom."""

import pytest
from textual import events

from tui import keys
from tui.widgets.listing import Listing

pytestmark = pytest.mark.slow


def first_list(screen):
    """The list that has most of the area."""
    return next((one for one in screen.query(Listing) if one.display and one.pages.total > 1), None)


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (200, 60)], ids=str)
async def test_every_area_is_reached_and_used_by_the_mouse(show, size):
    async with show(*size) as eyes:
        await eyes.sees("131")
        for area in reversed(keys.AREAS):
            await click_on_the_name(eyes, area)
            await eyes.until(lambda area=area: eyes.app.screen.area == area.id and eyes.app.screen.ready)
            await eyes.quiet()
            await eyes.settle()
            listing = first_list(eyes.app.screen)
            if listing is not None:
                await use(eyes, listing)


async def click_on_the_name(eyes, area):
    """Where the top line says it; a narrow one may say the letter alone."""
    line = eyes.text().split("\n")[0]
    words = (f" {area.title} ", f"[{area.title}]", f" {area.letter} ")
    at = next(line.index(word) for word in words if word in line)
    await eyes.pilot.click(offset=(at + 1, 0))


async def use(eyes, listing):
    columns, high = listing.cells()
    second = (1 % columns, 1 // columns)
    wide = listing.room[0] // columns
    x = listing.inset + second[0] * wide + 2
    y = listing.inset + listing.header_lines + second[1] * high
    await eyes.pilot.click(listing, offset=(x, y))
    assert listing.cursor == listing.top * columns + 1
    if listing.rows > listing.rows_in_view:
        for kind, way in ((events.MouseScrollUp, -1), (events.MouseScrollDown, 1)):
            top = listing.top
            if top + way in range(listing.rows - listing.rows_in_view + 1):
                await eyes.pilot._post_mouse_events([kind], listing, offset=(x, y))
                await eyes.until(lambda top=top, way=way: (listing.top - top) * way > 0)


async def test_a_hint_at_the_bottom_is_a_button(show):
    async with show() as eyes:
        await eyes.sees("131 jobs", "? help")
        line = eyes.text().split("\n")[-1]
        await eyes.pilot.click(offset=(line.index("? help") + 2, 35))
        await eyes.until(lambda: type(eyes.app.screen).__name__ == "KeysHelp")
