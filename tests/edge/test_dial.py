"""Finding a paired agent among addresses: what is dead holds up nobody, and news counts while others are dialled."""

import asyncio

import pytest

from daemon.fleet import dial
from daemon.fleet.dial import Reached, Unreached, first_of
from daemon.fleet.heart import Heart, Timers
from daemon.fleet.seam import LinkLost, Refusing


class Air:
    """Addresses, and who answers there."""

    def __init__(self, *seen: str) -> None:
        self.seen = list(seen)
        self.alive: set[str] = set()
        self.dialled: list[str] = []
        self.closed: list[str] = []
        self.news = asyncio.Event()

    def tells(self, *seen: str) -> None:
        self.seen = list(seen)
        self.news.set()


class Line:
    def __init__(self, air: Air, address: str) -> None:
        self._air, self._address = air, address
        air.dialled.append(address)

    async def card(self) -> str:
        if self._address.startswith("refuses"):
            raise Refusing("nobody listens")
        if self._address not in self._air.alive:
            await asyncio.Event().wait()
        return "its card"

    async def close(self) -> None:
        self._air.closed.append(self._address)


async def found(air: Air) -> Reached:
    async with asyncio.timeout(2.0):
        return await first_of(lambda: air.seen, lambda address: Line(air, address), air.news)


async def test_news_of_an_address_is_heeded_while_a_dead_one_is_dialled():
    air = Air("dead")
    looking = asyncio.create_task(found(air))
    await asyncio.sleep(0.05)
    air.alive.add("new")
    air.tells("new", "dead")
    assert (await looking).address == "new"
    assert air.dialled == ["dead", "new"] and air.closed == ["dead"]


async def test_news_that_says_nothing_new_dials_nobody_again():
    air = Air("dead")
    looking = asyncio.create_task(found(air))
    for _ in range(5):
        await asyncio.sleep(0.01)
        air.tells("dead")
    assert air.dialled == ["dead"]
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert air.closed == ["dead"]


async def test_who_shouts_new_addresses_without_end_ends_the_search_all_the_same():
    air = Air("refuses 0")
    looking = asyncio.create_task(found(air))
    number = 0
    while not looking.done():
        number += 1
        air.tells(*(f"refuses {number}.{each}" for each in range(8)))
        await asyncio.sleep(0)
    with pytest.raises(Unreached):
        await looking
    assert len(air.dialled) <= dial.MOST_TRIED


async def test_what_was_found_at_each_address_is_told():
    air = Air("refuses a", "refuses b")
    with pytest.raises(Unreached) as nobody:
        await found(air)
    assert set(nobody.value.faults) == {"refuses a", "refuses b"}
    assert nobody.value.of(Refusing) is not None and nobody.value.of(LinkLost) is not None


def test_one_that_was_stopped_is_suspect_at_once_and_lost_no_sooner():
    heart = Heart(Timers(beat=5.0, suspect=15.0, lost=45.0), 0.0)
    assert heart.doubt() and not heart.doubt()
    assert heart.turned(1.0) == "suspect"
    assert heart.pulse(44.0) == "suspect" and heart.pulse(45.0) == "lost"
    assert heart.beat(46.0) and heart.pulse(46.0) == "well"


def test_a_sign_of_life_before_anybody_looked_ends_the_doubt():
    heart = Heart(Timers(), 0.0)
    heart.doubt()
    assert heart.beat(0.5)
    assert heart.turned(0.6) is None
