"""The large picture where the terminal has a protocol of its own: given as a picture, never as a path."""

import io

import pytest
from aiohttp import web
from PIL import Image

from tui.app import StableNew
from tui.widgets.preview import opened


async def test_the_protocols_widget_gets_the_large_thumbnail(daemon):
    from textual_image.widget import TGPImage

    app = StableNew(lambda: daemon.socket, clock=lambda: daemon.now, sharp=TGPImage)
    async with app.run_test(size=(120, 36)) as pilot:
        while not app.live.linked:
            await pilot.pause(0.01)
        await pilot.press("g", "i")
        while not (sharp := list(app.screen.query(".sharp"))) or sharp[0].image is None:
            await pilot.pause(0.01)
        assert isinstance(sharp[0].image, Image.Image)
        assert any("/im000000/thumb?size=1024" in asked for asked in daemon.asked)


async def test_pictures_can_be_switched_off(show, daemon):
    from tui.preferences import Preferences

    async with show(ui=Preferences(images="none")) as eyes:
        await eyes.press("g", "i")
        await eyes.sees("pictures are switched off", "kn00gt7a.9")
        await eyes.quiet()
        assert not any("thumb" in asked for asked in daemon.asked)


@pytest.mark.slow
async def test_what_is_no_picture_is_said_to_be_none_also_by_the_protocol(daemon, monkeypatch):
    from textual_image.widget import TGPImage

    async def nothing(request):
        return web.Response(body=b"no picture at all")

    monkeypatch.setattr(daemon, "thumb", nothing)
    await daemon.end()
    await daemon.begin()
    app = StableNew(lambda: daemon.socket, clock=lambda: daemon.now, sharp=TGPImage)
    async with app.run_test(size=(120, 36)) as pilot:
        while not app.live.linked:
            await pilot.pause(0.01)
        await pilot.press("g", "i")

        def seen():
            strips = app.screen._compositor.render_strips()
            return "\n".join("".join(segment.text for segment in strip) for strip in strips)

        while "cannot be shown" not in seen().replace("│", " ").split("Rate & tag")[0]:
            await pilot.pause(0.01)


def test_a_picture_far_too_large_is_refused_as_any_that_is_none():
    blob = io.BytesIO()
    Image.new("1", (16, 16)).save(blob, "PNG")
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, 16
    try:
        with pytest.raises(ValueError, match="256"):
            opened(blob.getvalue())
    finally:
        Image.MAX_IMAGE_PIXELS = before
