"""Where and when a new run is to be made: a node, all on one, the hours of the night, the time it should be done by."""

import pytest
from textual.widgets import Select


async def to_form(eyes):
    await eyes.sees("kn00gt7a.4")
    await eyes.press("n")
    await eyes.sees("New run", "backend's own", "window")
    await eyes.press(*"a kite")


async def write(eyes, field, text):
    eyes.app.screen.set_focus(eyes.app.screen.query_one(f"#{field}"))
    await eyes.press(*text)


async def queue(eyes, daemon):
    await eyes.sees("1 job · seed 7")
    await eyes.press("ctrl+j")
    await eyes.until(lambda: daemon.sent("/v1/runs"))
    sent = daemon.sent("/v1/runs")[0]
    return {name: sent.get(name) for name in ("node", "whole", "window", "deadline")}


@pytest.mark.slow
async def test_a_run_is_queued_for_the_night(show, daemon):
    async with show() as eyes:
        await to_form(eyes)
        await write(eyes, "window", "22:00-07:00")
        await write(eyes, "deadline", "07:00")
        sent = await queue(eyes, daemon)
    assert sent == {"node": None, "whole": None, "window": "22:00-07:00", "deadline": "07:00"}


@pytest.mark.slow
@pytest.mark.parametrize(("chosen", "node", "whole"), [("studio", "studio", None), ("/", None, True)])
async def test_a_run_is_for_one_node(show, daemon, chosen, node, whole):
    async with show(80, 24) as eyes:
        await to_form(eyes)
        eyes.app.screen.query_one("#node", Select).value = chosen
        sent = await queue(eyes, daemon)
    assert sent == {"node": node, "whole": whole, "window": None, "deadline": None}


async def test_only_nodes_of_the_fleet_are_offered_and_what_was_chosen_is_kept(show):
    async with show() as eyes:
        await to_form(eyes)
        select = eyes.app.screen.query_one("#node", Select)
        offered = {value for _, value in eyes.app.screen.nodes()}
        assert offered == {"/", *(n.name for n in eyes.app.live.scene.nodes if n.state not in ("new", "taken"))}
        select.value = "studio"
        await write(eyes, "window", "22:00-07:00")
        await eyes.press("escape", "n")
        await eyes.sees("22:00-07:00", "studio ·")
