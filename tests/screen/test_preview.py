"""The large picture where the terminal has a protocol of its own: given as a picture, never as a path."""

from PIL import Image

from tui.app import StableNew


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
