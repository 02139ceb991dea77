"""Where and when a run is to be made: a node, all on one, the hours of the night, the time it should be done by."""

import pytest


async def to_run(eyes):
    await eyes.sees("kn00gt7a.4")
    await eyes.press("n")
    await eyes.sees("[Generate]", "node any")
    await eyes.press(*"a kite")


async def ask(eyes, field):
    """Of the fields in the head."""
    head = eyes.app.screen.head
    eyes.app.screen.set_focus(head)
    head.go([one.id for one in head.fields].index(field))
    await eyes.press("enter")


async def write(eyes, field, title, text):
    await ask(eyes, field)
    await eyes.sees(title)
    await eyes.press(*text, "enter")


async def queue(eyes, daemon):
    await eyes.sees("1 job · seed 7")
    await eyes.press("ctrl+j")
    await eyes.until(lambda: daemon.sent("/v1/runs"))
    sent = daemon.sent("/v1/runs")[0]
    return {name: sent.get(name) for name in ("node", "whole", "window", "deadline")}


@pytest.mark.slow
async def test_a_run_is_queued_for_the_night(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        await write(eyes, "window", "Window", "22:00-07:00")
        await write(eyes, "deadline", "Done by", "07:00")
        await eyes.sees("window 22:00-07:00", "done by 07:00")
        sent = await queue(eyes, daemon)
    assert sent == {"node": None, "whole": None, "window": "22:00-07:00", "deadline": "07:00"}


@pytest.mark.slow
@pytest.mark.parametrize(("steps", "node", "whole"), [("jj", "studio", None), ("j", None, True)])
async def test_a_run_is_for_one_node(show, daemon, steps, node, whole):
    async with show(80, 24) as eyes:
        await to_run(eyes)
        await ask(eyes, "node")
        await eyes.sees("Made on")
        await eyes.press(*steps, "enter")
        sent = await queue(eyes, daemon)
    assert sent == {"node": node, "whole": whole, "window": None, "deadline": None}


@pytest.mark.slow
async def test_only_nodes_of_the_fleet_are_offered_and_what_was_chosen_is_kept(show):
    async with show() as eyes:
        await to_run(eyes)
        await ask(eyes, "node")
        await eyes.sees("all of it on one node", "studio · busy", "den · lost")
        assert not [n.name for n in eyes.app.live.scene.nodes if n.state == "new" and n.name in eyes.text()]
        await eyes.press("j", "j", "enter")
        await eyes.sees("node studio · busy")
        await eyes.press("f2")
        await eyes.sees("131 jobs")
        await eyes.press("n")
        await eyes.sees("node studio · busy", "a kite")


@pytest.mark.slow
async def test_priority_learning_and_count_are_stepped_chosen_and_sent(show, daemon):
    async with show() as eyes:
        await to_run(eyes)
        head = eyes.app.screen.head
        eyes.app.screen.set_focus(head)
        names = [one.id for one in head.fields]
        head.go(names.index("count"))
        await eyes.press("plus", "plus", "minus", "plus")
        head.go(names.index("priority"))
        await eyes.press("plus", "plus")
        await ask(eyes, "learning")
        await eyes.sees("passive: what you rate of it is learned from")
        await eyes.press("j", "j", "j", "enter")
        await eyes.sees("count 3", "priority 2", "learning active", "3 jobs · seed 7")
        await eyes.press("ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/runs"))
        sent = daemon.sent("/v1/runs")[0]
        assert (sent["count"], sent["priority"], sent["learning"]) == (3, 2, "active")
        head.go(names.index("learning"))
        await eyes.press("delete")
        await eyes.sees("learning as set")
