"""The unfinished picture of a running job: fetched when there is a newer one, only while it is looked at."""

import asyncio
import io

import msgspec
import pytest
from PIL import Image

from schema.ids import RunId
from schema.scenes import Delta
from tui.screens.queue import QueueScreen


def jpeg(colour):
    kept = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(kept, "JPEG")
    return kept.getvalue()


async def make_newer(daemon, number, job="kn00gt7a.1"):
    """The agent sends another preview, and everybody who listens is told its number."""
    running = tuple(
        msgspec.structs.replace(one, preview=number) if one.job == job else one for one in daemon.scene().running
    )
    await daemon.tell(Delta(head=4300 + number, running=running))


def fetched(daemon):
    return [asked for asked in daemon.asked if asked.endswith("/preview")]


@pytest.mark.slow
async def test_it_appears_beside_the_job_and_changes_with_it(show, daemon):
    daemon.previews["kn00gt7a.1"] = jpeg("red")
    async with show() as eyes:
        eyes.app.area_screen.picture._pause = 0.01
        await eyes.sees("before variation")
        assert "as it comes" not in eyes.text() and not fetched(daemon)
        await make_newer(daemon, 1)
        await eyes.sees("as it comes  1", "▀▀▀▀▀▀")
        await make_newer(daemon, 2)
        await eyes.sees("as it comes  2")
        await eyes.press("j", "j")
        await eyes.sees("kn00gt7a.3  ○ queued")
        await eyes.until(lambda: "as it comes" not in eyes.text())


@pytest.mark.slow
async def test_however_many_come_no_more_than_one_in_a_pause_is_fetched(show, daemon):
    daemon.previews["kn00gt7a.1"] = jpeg("red")
    async with show() as eyes:
        await eyes.sees("before variation")
        eyes.app.area_screen.picture._pause = 0.4
        began = asyncio.get_running_loop().time()
        for number in range(1, 30):
            await make_newer(daemon, number)
            await eyes.pilot.pause(0.01)
        await eyes.sees("as it comes  29")
        took = asyncio.get_running_loop().time() - began
        assert len(fetched(daemon)) <= 2 + took / 0.4


@pytest.mark.slow
async def test_nothing_is_fetched_while_it_is_not_shown(show, daemon):
    daemon.previews["kn00gt7a.1"] = jpeg("red")
    async with show(80, 24) as eyes:
        await eyes.sees("kn00gt7a.4")
        await make_newer(daemon, 1)
        await eyes.sees("kn00gt7a.4")
        await eyes.quiet()
        assert not fetched(daemon)
        await eyes.press("enter")
        await eyes.sees("as it comes", "kn00gt7a.1")
        assert fetched(daemon)
        await eyes.press("g", "i")
        await eyes.sees("[Gallery]")
        before = len(fetched(daemon))
        await make_newer(daemon, 2)
        await eyes.pilot.pause(0.1)
        assert len(fetched(daemon)) == before


@pytest.mark.slow
async def test_a_preview_that_is_gone_or_no_picture_leaves_the_details_alone(show, daemon):
    async with show() as eyes:
        eyes.app.area_screen.picture._pause = 0.01
        await eyes.sees("before variation")
        await make_newer(daemon, 1)
        await eyes.until(lambda: fetched(daemon))
        daemon.previews["kn00gt7a.1"] = b"no picture at all"
        await make_newer(daemon, 2)
        await eyes.until(lambda: len(fetched(daemon)) == 2)
        await eyes.pilot.pause(0.05)
        assert "as it comes" not in eyes.text()
        assert isinstance(eyes.app.screen, QueueScreen)


@pytest.mark.slow
async def test_in_run_the_last_picture_stays_until_nothing_of_the_run_is_left(show, daemon):
    daemon.previews["kn00gt7a.1"] = jpeg("red")
    async with show() as eyes:
        await eyes.app.action_go("run")
        await eyes.until(lambda: eyes.app.area_screen.ready)
        screen = eyes.app.area_screen
        screen.followed, screen.picture._pause = RunId("kn00gt7a"), 0.01
        await make_newer(daemon, 1)
        await eyes.sees("as it comes  1", "▀▀▀▀▀▀")
        await daemon.change(0, msgspec.structs.replace(daemon.rows[0], stage="upscale"))  # it sends none
        await eyes.sees("upscale 1/3", "as it comes  1", "▀▀▀▀▀▀")
        await daemon.change(0, msgspec.structs.replace(daemon.rows[0], state="finished"))
        await eyes.sees("as made  kn00gt7a.1", "▀▀▀▀▀▀")
        await daemon.tell(Delta(head=4400, running=()))
        await eyes.until(lambda: not eyes.app.live.running)
        await eyes.sees("26 of 40", "as made  kn00gt7a.1")
        await daemon.tell(Delta(head=4401, runs=()))
        await eyes.until(lambda: "as made" not in eyes.text())


async def test_a_terminal_with_pictures_of_its_own_gets_a_picture(daemon):
    from textual_image.widget import TGPImage

    from tui.app import StableNew

    daemon.previews["kn00gt7a.1"] = jpeg("red")
    app = StableNew(lambda: daemon.socket, clock=lambda: daemon.now, sharp=TGPImage)
    async with app.run_test(size=(120, 36)) as pilot:
        while not app.live.linked or app.area_screen.record is None:
            await pilot.pause(0.01)
        await make_newer(daemon, 1)
        sharp = app.screen.query_one("#live .sharp", TGPImage)
        while not isinstance(sharp.image, Image.Image):
            await pilot.pause(0.01)
        assert app.area_screen.picture.display


@pytest.mark.slow
@pytest.mark.parametrize("area", ["queue", "run"])
async def test_another_way_of_drawing_is_taken_up_also_by_an_area_that_was_not_in_view(show, daemon, area):
    """Chosen in the gallery while the picture lay below it."""
    async with show() as eyes:
        await eyes.app.action_go(area)
        await eyes.until(lambda: eyes.app.area_screen.ready)
        await eyes.app.action_go("gallery")
        await eyes.until(lambda: eyes.app.area_screen.area == "gallery")
        eyes.app.draw_by("kitty")
        await eyes.app.action_go(area)
        await eyes.until(lambda: eyes.app.area_screen.picture._sharp is eyes.app.sharp_live is not None)
