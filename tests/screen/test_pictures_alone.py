"""One picture on the whole screen, two beside each other, and how they are drawn: what each key sends and shows."""

import msgspec
import pytest
from screen_things import CONFIG

from schema.scenes import Delta


async def to_gallery(eyes):
    await eyes.press("g", "i")
    await eyes.sees("318", "kn00gt7a.1 ")


async def seen(eyes):
    """The picture stands on the screen long enough for a verdict to be about it."""
    zoom = eyes.app.screen
    await eyes.until(lambda: zoom.picture.image is not None and zoom.picture.seen == zoom.picture.image.id)
    await eyes.pilot.pause(zoom.attention.look + 0.02)


async def test_with_a_a_rating_goes_on_to_the_next_without_one(show, daemon):
    daemon.images = [msgspec.structs.replace(one, stars=3 * (n in (1, 2))) for n, one in enumerate(daemon.images)]
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("enter", "a")
        await eyes.sees("a rating goes on", "1 of 318")
        await seen(eyes)
        await eyes.press("4")
        await eyes.sees("4 of 318")
        await seen(eyes)
        await eyes.press("5")
        await eyes.sees("5 of 318")
        await eyes.until(lambda: len(daemon.sent("/v1/images/rate")) == 2)
        assert daemon.sent("/v1/images/rate") == [
            {"select": ["im000000"], "stars": 4},
            {"select": ["im000003"], "stars": 5},
        ]


async def test_a_picture_alone_goes_with_the_list_and_a_verdict_is_about_what_is_seen(show, daemon):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("enter")
        await eyes.sees("1 of 318")
        gone = daemon.images[0]
        daemon.images = daemon.images[1:]
        await daemon.tell(Delta(head=5000, images=(gone.id,)))
        await eyes.sees("kn00gt7a.2", "1 of 317")
        eyes.app.area_screen.listing.cursor = 7  # it has gone on, and what is seen has not followed yet
        await eyes.press("3")
        await eyes.until(lambda: daemon.sent("/v1/images/rate"))
        assert daemon.sent("/v1/images/rate") == [{"select": ["im000001"], "stars": 3}]


@pytest.mark.slow
async def test_where_no_picture_is_left_it_is_said_so(show, daemon):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("enter")
        await eyes.sees("1 of 318")
        daemon.images = []
        await daemon.tell(Delta(head=5000, images=("im000000",)))
        await eyes.sees("There is no picture here any more; esc goes back.")
        await eyes.press("3", "t", "d", "escape")
        await eyes.sees("No picture here yet.")
        assert daemon.commands == []


@pytest.mark.slow
async def test_a_rating_that_comes_before_its_picture_is_none(show, daemon):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("enter", "a")
        await eyes.sees("a rating goes on")
        await seen(eyes)
        await eyes.press("4")
        eyes.app.screen.attention.look = 60.0  # the next one has not been looked at, however slow this machine is
        await eyes.press("4")
        await eyes.sees("it has no verdict yet")
        await eyes.until(lambda: daemon.sent("/v1/images/rate"))
        await eyes.quiet()
        assert len(daemon.sent("/v1/images/rate")) == 1


@pytest.mark.slow
async def test_a_picture_alone_is_tagged_and_put_away_whatever_is_marked(show, daemon):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("space", "space", "enter")
        await eyes.sees("3 of 318")
        await eyes.press("t", "6", "enter")
        await eyes.until(lambda: daemon.sent("/v1/images/tag"))
        await eyes.press("d")
        await eyes.until(lambda: daemon.sent("/v1/images/trash"))
        assert daemon.sent("/v1/images/tag") == [{"select": ["im000002"], "add": ["nailed it"]}]
        assert daemon.sent("/v1/images/trash") == [{"select": ["im000002"]}]


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(120, 36), (80, 24)])
async def test_two_pictures_with_what_they_differ_in(show, picture_of, width, height):
    async with show(width, height) as eyes:
        await to_gallery(eyes)
        await eyes.press("space", "j" if width < 100 else "l", "c")
        await eyes.sees("what differs", "seed", "88000", "alike")
        await eyes.quiet()
        picture_of(eyes, f"compare-{width}x{height}")
        await eyes.press("e")
        await eyes.until(lambda: "settings are alike" not in eyes.text())


@pytest.mark.slow
async def test_that_neither_is_better_is_a_verdict(show, daemon):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("space", "space", "c")
        await eyes.sees("which is better?")
        await eyes.press("0")
        await eyes.until(lambda: daemon.sent("/v1/images/compare"))
        assert daemon.sent("/v1/images/compare")[0]["better"] == "="


@pytest.mark.slow
async def test_p_draws_pictures_in_another_way_and_says_which(show, daemon):
    from textual_image.widget import SixelImage, TGPImage

    async with show() as eyes:
        await to_gallery(eyes)
        for kind, words in ((TGPImage, "kitty's protocol"), (SixelImage, "by sixel")):
            await eyes.press("p")
            await eyes.sees(words)
            await eyes.until(lambda kind=kind: [type(one) for one in eyes.app.screen.query(".sharp")] == [kind])
        await eyes.press("p")
        await eyes.sees("pictures are switched off")
        await eyes.press("p")
        await eyes.sees("half cells", "▀▀▀▀")
        await eyes.until(lambda: "switched off" not in eyes.text())
        assert not list(eyes.app.screen.query(".sharp"))


@pytest.mark.slow
async def test_only_those_like_the_picture_and_the_next_group(show, daemon):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("greater_than_sign")
        await eyes.until(lambda: eyes.app.screen.listing.cursor == 40)
        await eyes.press("f")
        await eyes.sees("Only those of the same", "run    kn01gt7a", "pack   knights")
        await eyes.press("enter")
        await eyes.sees("40 of 318 pictures")
        assert eyes.app.screen.filter == "run:kn01gt7a"


@pytest.mark.slow
async def test_something_else_of_a_picture_is_copied(show):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.sees("seed 88000")
        await eyes.press("ctrl+y")
        await eyes.sees("file://", "/results/2025-11-21/knights", "seed            88000", "sha256")
        await eyes.press("enter")
        await eyes.sees("link copied")
        assert eyes.app.clipboard.startswith("file://") and eyes.app.clipboard.endswith("s88000.png")


@pytest.mark.slow
async def test_pictures_of_other_programs_are_brought_in(show, daemon, monkeypatch, tmp_path):
    from schema.foreign import ImportAnswer

    folder = tmp_path / "old [b]"
    (folder / "deep").mkdir(parents=True)
    for name in ("one.png", "deep/two.webp", "notes.doc"):
        (folder / name).write_bytes(name.encode())
    (folder / "one.txt").write_text("a lighthouse")
    real = daemon.do

    def do(path, body):
        if path != "/v1/images/import":
            return real(path, body)
        return msgspec.json.encode(ImportAnswer(run="imp0rt22", images=("a", "b")))

    monkeypatch.setattr(daemon, "do", do)
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("I")
        await eyes.sees("Bring in pictures")
        await eyes.press(*str(folder), "enter")
        await eyes.sees("2 pictures brought in")
        (sent,) = daemon.sent("/v1/images/import")
        assert sent["name"] == "old [b]"
        assert [(one["name"], one.get("beside", "")) for one in sent["files"]] == [
            ("one.png", "a lighthouse"),
            ("two.webp", ""),
        ]
        assert daemon.uploads == [b"one.png", b"deep/two.webp"]


@pytest.mark.slow
async def test_each_screen_of_pictures_tells_its_keys(show):
    async with show() as eyes:
        await to_gallery(eyes)
        for keys, title in (("M", "The disk"), ("enter", "A picture alone"), ("space space c", "Two pictures")):
            await eyes.press(*keys.split())
            await eyes.until(lambda: eyes.app.screen.is_modal)
            await eyes.press("question_mark")
            await eyes.sees(title, "these keys")
            await eyes.press("escape")
            await eyes.sees("? help")
            await eyes.press("escape")
            await eyes.until(lambda: not eyes.app.screen.is_modal)


@pytest.mark.slow
async def test_why_a_list_is_empty(show, daemon):
    async with show(80, 24) as eyes:
        await eyes.press("g", "i")
        await eyes.sees("318")
        await eyes.press("slash", *"model:none", "enter")
        await eyes.sees("No picture fits the filter", "esc clears it.")
        await eyes.press("escape")
        await eyes.until(lambda: eyes.app.screen.listing.pages.total == 318)
        daemon.images = []
        await eyes.press("T")
        await eyes.sees("The trash is empty; T goes")
        await eyes.press("T")
        await eyes.sees("No picture here yet.")


@pytest.mark.slow
async def test_a_picture_that_the_terminal_draws_goes_with_its_list(show, daemon):
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("p")
        await eyes.until(lambda: [one.display for one in eyes.app.screen.query(".sharp")] == [True])
        await eyes.quiet()
        await eyes.press("slash", *"model:none", "enter")
        await eyes.sees("No picture fits the filter")
        await eyes.until(lambda: [one.display for one in eyes.app.screen.query(".sharp")] == [False])
        await eyes.press("escape")
        await eyes.until(lambda: [one.display for one in eyes.app.screen.query(".sharp")] == [True])


@pytest.mark.slow
async def test_a_picture_is_made_again_with_what_its_whole_run_was_told(show, daemon):
    """What a run says of all its jobs is in none of their overlays."""
    daemon.config = {"txt2img": {**CONFIG["txt2img"], "clip_skip": 2}, "upscale": CONFIG["upscale"]}
    async with show() as eyes:
        await to_gallery(eyes)
        await eyes.press("r")
        await eyes.sees("Prompt  like kn00gt7a.1")
        assert {"txt2img.clip_skip=2", "detail.enabled=false"} <= set(eyes.app.draft.set)
        assert not [one for one in eyes.app.draft.set if one.startswith("upscale")]
