"""The ledger that stands still tells what the real one told at that event, and takes nothing."""

import asyncio

import pytest

from daemon.api.house import LedgerDoor
from daemon.core.look import look
from daemon.core.state import canonical, revive, state_hash
from daemon.core.vitals import Vitals
from daemon.ledger.mail import Origin
from daemon.still import StillLedger
from schema.commands import PauseQueue
from schema.errors import Refused


def still(case, **more) -> StillLedger:
    return StillLedger(revive(canonical(case.state)), lambda: case.now, lambda: Refused("this is the past."), **more)


async def test_it_is_what_the_state_was(case):
    case.node("box")
    case.run("meadow", jobs=3)

    then: LedgerDoor = still(case)
    case.wish(PauseQueue())

    assert then.durable == case.log[-1].seq - 1
    assert not then.scene().queue.paused
    assert [run.name for run in then.scene().runs] == ["meadow"]
    assert await then.ask(lambda state: state.seq) < case.state.seq


async def test_scene_and_hash_are_those_of_the_live_state(case):
    case.node("box")
    case.run("meadow", jobs=3)

    then = still(case)

    assert then.scene() == look(case.state, Vitals(), case.now)
    assert await then.state_hash() == (case.state.seq, state_hash(case.state))
    assert await then.explain("meadow.3")


async def test_every_wish_is_refused_and_changes_nothing(case):
    then = still(case)
    before = await then.state_hash()

    with pytest.raises(Refused, match="this is the past"):
        await then.command(PauseQueue(), Origin("uid:1000"))

    assert await then.state_hash() == before


async def test_who_follows_waits_until_it_ends(case):
    then, batches = still(case), []

    async def follow() -> None:
        async with then.follow() as committed:
            batches.extend([batch async for batch in committed])

    waiting = asyncio.create_task(follow())
    done, _ = await asyncio.wait((waiting,), timeout=0.01)
    assert not done

    then.end()
    await waiting
    assert batches == []
