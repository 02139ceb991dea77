"""The first start: one screen that explains itself, one key for a picture, stars for it, and ways on from there."""

import msgspec
import pytest
from screen_things import make_image

from schema.ids import JobId, NodeId, RunId
from schema.scenes import BackendScene, Delta, NodeScene, RunScene
from tui.widgets.welcomewords import drawers


@pytest.fixture
def fresh(daemon, monkeypatch):
    """A home in which nothing was ever made; `daemon.under_way` is the run that is."""
    daemon.rows, daemon.images, daemon.under_way = [], [], ()
    whole = daemon.scene

    def scene():
        return msgspec.structs.replace(whole(), head=12, runs=daemon.under_way, running=())

    monkeypatch.setattr(daemon, "scene", scene)
    return daemon


async def test_a_picture_by_one_key_and_its_stars_by_another(show, fresh):
    async with show() as eyes:
        await eyes.sees("pictures go to", "what draws", "⏎  makes the first picture", "r a prompt of your own")
        fresh.under_way = (RunScene(run=RunId("newrun22"), name="first picture", jobs=1),)
        await eyes.press("enter")
        await eyes.until(lambda: fresh.sent("/v1/runs"))
        assert fresh.sent("/v1/runs")[0]["pipeline"]["text"] == '[{"type": "txt2img"}]'
        await fresh.tell(Delta(head=14, runs=fresh.under_way))
        await eyes.sees("it waits for somebody to draw it")
        fresh.images = [msgspec.structs.replace(make_image(3), job=JobId("newrun22.1"), run=RunId("newrun22"))]
        fresh.under_way = ()
        await fresh.tell(Delta(head=20, runs=()))
        await eyes.sees("How do you like it?")
        await eyes.until(lambda: eyes.app.screen.picture.seen)
        await eyes.press("4")
        await eyes.sees("★★★★ noted.", "r a prompt of your own")
        assert fresh.sent("/v1/images/rate") == [{"select": ["im000003"], "stars": 4}]
        await eyes.press("comma")
        await eyes.sees("[Settings]")


@pytest.mark.slow
async def test_at_80x24_it_can_be_left_at_once_and_does_not_come_where_something_was_made(show, fresh, picture_of):
    async with show(80, 24) as eyes:
        await eyes.sees("⏎  makes the first picture", "r a prompt of your own")
        picture_of(eyes, "welcome-80x24")
        await eyes.press("escape")
        await eyes.sees("[Queue]")


@pytest.mark.slow
async def test_what_could_not_be_made_is_told(show, fresh):
    async with show() as eyes:
        await eyes.sees("⏎  makes the first picture")
        fresh.refuse["/v1/runs"] = ("the disk is full.", "Make room.")
        await eyes.press("enter")
        await eyes.sees("the disk is full", "⏎  makes the first picture")


def test_where_nothing_draws_it_says_what_to_do_and_looks_no_longer():
    words = BackendScene(kind="words", state="ready")
    node = NodeScene(node=NodeId("local"), name="here", state="ready", servers=(words,))
    told = [" ".join("".join(piece.text for piece in line) for line in drawers(nodes, 76)) for nodes in ((), (node,))]
    assert "looking for it" in told[0] and "agent.webui" not in told[0]
    assert "nothing yet" in told[1] and "agent.webui" in told[1] and "looking" not in told[1]
