"""The gallery: what a verdict sends, and that pictures are sent once."""

import msgspec
import pytest
from screen_things import make_image

from schema.scenes import Delta
from tui.widgets.grouping import named


@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24), (60, 15)])
async def test_the_gallery_at_its_three_sizes(show, picture_of, width, height):
    async with show(width, height) as eyes:
        await to_gallery(eyes)
        await eyes.sees("30 st", "▀▀▀▀")
        await eyes.quiet()
        picture_of(eyes, f"gallery-{width}x{height}")


async def test_only_final_pictures_are_asked_for(show, daemon):
    async with show() as eyes:
        await to_gallery(eyes)
        assert all("final=1" in asked for asked in daemon.asked if asked.startswith("/v1/images?"))


@pytest.mark.parametrize(
    ("folder", "name"),
    [("2025-11-21-kn00gt7a-night-watch", "night-watch"), ("2025-11-21-kn00gt7a", "kn00gt7a"), ("", "kn00gt7a")],
)
def test_a_run_is_called_by_its_name_below_its_pictures(folder, name):
    image = msgspec.structs.replace(make_image(1), folder=folder)
    assert named(image, "run") == name
    assert named(image, "pack") == "knights"


@pytest.mark.slow
async def test_a_digit_rates_and_the_stars_are_seen_at_once(show, daemon):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("l", "4")
        await eyes.until(lambda: daemon.sent("/v1/images/rate"))
        assert daemon.sent("/v1/images/rate") == [{"select": ["im000001"], "stars": 4}]
        await eyes.sees("> kn00gt7a.2     ★★★★☆")
        await eyes.press("0")
        await eyes.until(lambda: len(daemon.sent("/v1/images/rate")) == 2)
        assert daemon.sent("/v1/images/rate")[1] == {"select": ["im000001"], "stars": 0}


async def test_n_goes_to_the_next_picture_without_stars(show, daemon):
    bare = (0, 250)
    daemon.images = [
        msgspec.structs.replace(image, stars=0 if n in bare else 3) for n, image in enumerate(daemon.images)
    ]
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("n")
        await eyes.until(lambda: eyes.app.area_screen.listing.cursor == 250)
        await eyes.press("N")
        await eyes.until(lambda: eyes.app.area_screen.listing.cursor == 0)


@pytest.mark.slow
async def test_new_pictures_do_not_slip_under_the_cursor(show, daemon):
    """A rating meant for one picture must not meet the one that came in its place."""
    async with show() as eyes:
        await to_gallery(eyes)
        stood = eyes.app.area_screen.listing.item().id
        newer = msgspec.structs.replace(daemon.images[0], id="im000999")
        daemon.images = [newer, *daemon.images]
        await daemon.tell(Delta(head=5000, images=("im000999",)))
        await eyes.sees("319 pictures")
        await eyes.press("5")
        await eyes.until(lambda: daemon.sent("/v1/images/rate"))
        assert daemon.sent("/v1/images/rate") == [{"select": [stood], "stars": 5}]


@pytest.mark.slow
async def test_tags_are_typed_and_told_as_what_differs(show, daemon):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("l", "t")
        await eyes.sees("keep, wallpaper", "6 [ ] nailed it")
        await eyes.press("6", "tab", *["backspace"] * 9, *"blue sky", "enter")
        await eyes.until(lambda: daemon.sent("/v1/images/tag"))
        assert daemon.sent("/v1/images/tag") == [
            {"select": ["im000001"], "add": ["nailed it", "blue sky"], "remove": ["wallpaper"]}
        ]


@pytest.mark.slow
async def test_of_two_marked_pictures_one_is_better(show, daemon, picture_of):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("c")
        await eyes.sees("mark two pictures")
        await eyes.press("space", "space", "c")
        await eyes.sees("which is better?", "kn00gt7a.1", "kn00gt7a.2")
        await eyes.press("2")
        await eyes.until(lambda: daemon.sent("/v1/images/compare"))
        assert daemon.sent("/v1/images/compare") == [{"select": ["im000000", "im000001"], "better": "im000001"}]


async def test_d_puts_into_the_trash_and_says_how_to_take_it_back(show, daemon):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("d")
        await eyes.until(lambda: daemon.sent("/v1/images/trash"))
        await eyes.sees("z takes it back")


@pytest.mark.slow
async def test_a_zoomed_picture_is_rated_alone_though_others_are_marked(show, daemon):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("space", "space", "enter")
        await eyes.sees("3 of 318", "next unrated")
        await eyes.press("2")
        await eyes.until(lambda: daemon.sent("/v1/images/rate"))
        assert daemon.sent("/v1/images/rate") == [{"select": ["im000002"], "stars": 2}]
        await eyes.press("j")
        await eyes.sees("4 of 318")
        await eyes.press("escape")
        await eyes.sees("2 marked")


@pytest.mark.slow
async def test_moving_the_cursor_asks_for_no_picture_and_draws_none(show, daemon):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.sees("seed 88000")
        await eyes.quiet()
        grid = eyes.app.area_screen.listing
        drawn = []
        real = grid.picture_line
        grid.picture_line = lambda *args: (drawn.append(args), real(*args))[1]
        await eyes.press("l")
        await eyes.sees("seed 88001")
        assert drawn == []
        assert sum("/im000000/thumb" in asked for asked in daemon.asked) == 1


@pytest.mark.slow
async def test_a_picture_that_is_none_is_said_to_be_one(show, daemon, monkeypatch):
    async def nothing(request):
        from aiohttp import web

        return web.Response(body=b"no picture at all")

    monkeypatch.setattr(daemon, "thumb", nothing)
    await daemon.end()
    await daemon.begin()
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.sees("cannot be shown")


@pytest.mark.slow
async def test_e_tells_everything(show):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.sees("seed 88000")
        await eyes.press("e")
        await eyes.sees("sha256", "before variation")
        await eyes.press("q")
        await eyes.sees("318 pictures")


async def to_gallery(eyes):
    await eyes.press("g", "i")
    await eyes.sees("318", "kn00gt7a.1 ")


@pytest.mark.long
async def test_a_run_is_rated_as_a_whole_from_its_pictures_and_its_jobs(show, daemon):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("W")
        await eyes.sees("How good are the pictures of kn00gt7a")
        await eyes.press("4")
        await eyes.until(lambda: daemon.sent("/v1/images/rate"))
        await eyes.sees("kn00gt7a as a whole: ★★★★; z takes it back")
        await eyes.press("g", "q")
        await eyes.sees("kn00gt7a.3")
        await eyes.press("W", "0")
        await eyes.until(lambda: len(daemon.sent("/v1/images/rate")) == 2)
        assert daemon.sent("/v1/images/rate") == [
            {"select": ["kn00gt7a"], "stars": 4},
            {"select": ["kn00gt7a"], "stars": 0},
        ]
