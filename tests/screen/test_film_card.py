"""Where no film can be made it is told beside the film, before the run is sent."""

import shutil
import sys

import pytest

from schema.errors import Refused
from tui.link.ffmpeg import ffmpeg, makes_films
from tui.screens.draft import Draft
from tui.screens.stageform import stage_form
from tui.widgets.stagewords import head, told_of

GONE = {"IMAGEIO_FFMPEG_EXE": "/nowhere/ffmpeg"}


def test_the_ffmpeg_that_is_named_must_be_a_program(tmp_path):
    with pytest.raises(Refused, match="this is no program"):
        ffmpeg(GONE)
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert ffmpeg({"IMAGEIO_FFMPEG_EXE": str(program)}) == str(program)


def test_without_any_there_are_no_films(monkeypatch):
    import imageio_ffmpeg

    def none():
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none)
    assert not makes_films({})
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: "/came/along/ffmpeg")
    assert ffmpeg({}) == "/came/along/ffmpeg"


@pytest.mark.slow
async def test_a_film_that_cannot_be_made_is_told_on_its_card(show):
    async with show(env=GONE) as eyes:
        form = await stage_form(eyes.app, Draft(prompt="a bay", video=True))
        card = next(row for row in form.lines(frozenset()) if row.stage.kind == "video")
        assert "! no ffmpeg" in "".join(piece.text for piece in head(form, card, 60, opened=False))
        assert told_of(form, card)[0] == (f"! {form.doubts['video.enabled']}", "warn")
        eyes.app.env = {"IMAGEIO_FFMPEG_EXE": sys.executable}
        assert (await stage_form(eyes.app, Draft(prompt="a bay", video=True))).doubts == {}
