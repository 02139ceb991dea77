"""Verdicts on their way: in order, once each, whatever the daemon does meanwhile; and the deck they are given from."""

import asyncio
import itertools

import pytest

from schema.errors import NoDaemon, Refused
from tui import outbox as outboxes
from tui.deck import Deck
from tui.link.ask import Told
from tui.outbox import Outbox, Wish
from tui.screens.alone import Attention


class Daemon:
    """Takes what it is sent; `mood` says what it does next instead."""

    def __init__(self):
        self.sent = []
        self.heard = asyncio.Event()
        self.mood = []

    async def __call__(self, path, body, *, key):
        mood = self.mood.pop(0) if self.mood else "well"
        if mood == "away":
            raise NoDaemon("it is being restarted")
        self.sent.append((path, key))
        self.heard.set()
        if mood == "cut off":
            raise NoDaemon("the connection broke before the answer")
        if mood == "refuses":
            raise Refused("there is no such picture.")
        return Told(command=f"c{len(self.sent)}", seq=len(self.sent))


@pytest.fixture
def daemon():
    return Daemon()


@pytest.fixture
def outbox(daemon, monkeypatch):
    monkeypatch.setattr(outboxes, "FIRST_WAIT", 0.0)
    monkeypatch.setattr(outboxes, "LONGEST_WAIT", 0.0)
    keys = itertools.count(1)
    works = []
    made = Outbox(daemon, lambda work: works.append(asyncio.create_task(work())), order=asyncio.Lock(),
                  fresh_key=lambda: f"k{next(keys)}")  # fmt: skip
    made.works = works
    return made


def wish(name):
    return Wish(f"/v1/{name}", None, f"stablenew {name}")


async def sent(outbox):
    await asyncio.wait_for(asyncio.gather(*outbox.works), 10)
    assert not outbox.waiting


async def test_verdicts_arrive_in_the_order_they_were_given(outbox, daemon):
    for name in "abc":
        outbox.put(wish(name))
    await sent(outbox)
    outbox.put(wish("d"))
    await sent(outbox)
    assert daemon.sent == [("/v1/a", "k1"), ("/v1/b", "k2"), ("/v1/c", "k3"), ("/v1/d", "k4")]


async def test_a_daemon_that_goes_away_gets_them_when_it_is_back_under_the_same_keys(outbox, daemon):
    daemon.mood = ["well", "cut off", "away", "away"]
    told = []
    outbox.tell = lambda: told.append((len(outbox.waiting), outbox.silent))
    for name in "abc":
        outbox.put(wish(name))
    await sent(outbox)
    assert daemon.sent == [("/v1/a", "k1"), ("/v1/b", "k2"), ("/v1/b", "k2"), ("/v1/c", "k3")]
    assert (2, "it is being restarted") in told and told[-1] == (0, "")


async def test_what_is_refused_is_told_and_does_not_hold_up_the_others(outbox, daemon):
    daemon.mood = ["refuses"]
    came_back = []
    outbox.put(wish("a"), came_back.append)
    other = outbox.put(wish("b"), came_back.append)
    await sent(outbox)
    assert [parcel.refused for parcel in came_back] == ["there is no such picture."]
    assert other.done and other.command == "c2"


async def test_what_was_never_sent_is_taken_back_without_a_word_to_the_daemon(outbox, daemon):
    outbox.put(wish("a"))
    outbox.take_back(outbox.put(wish("b")), wish("b-back"), lambda parcel: None)
    await sent(outbox)
    assert daemon.sent == [("/v1/a", "k1")]


async def test_what_is_taken_back_while_another_command_goes_first_is_not_sent_either(daemon):
    turn, works = asyncio.Lock(), []
    outbox = Outbox(daemon, lambda work: works.append(asyncio.create_task(work())), order=turn, fresh_key=lambda: "k")
    for others in ((), ("b",)):
        async with turn:
            parcel = outbox.put(wish("a"))
            await asyncio.sleep(0)  # its turn has not come
            outbox.take_back(parcel, wish("a-back"), lambda parcel: None)
            for name in others:
                outbox.put(wish(name))
        await asyncio.wait_for(asyncio.gather(*works), 10)
    assert [path for path, _ in daemon.sent] == ["/v1/b"] and not outbox.waiting


async def test_what_may_have_arrived_is_taken_back_after_it(outbox, daemon):
    """Its answer was lost: only asking again tells which command it became."""
    daemon.mood = ["cut off"]
    parcel = outbox.put(wish("a"))
    await asyncio.wait_for(daemon.heard.wait(), 10)
    outbox.take_back(parcel, wish("a-back"), lambda parcel: None)
    await sent(outbox)
    assert [path for path, _ in daemon.sent] == ["/v1/a", "/v1/a", "/v1/undo?command=c2"]


async def test_what_is_no_longer_the_last_thing_done_is_made_up_for_instead(outbox, daemon):
    parcel = outbox.put(wish("a"))
    await sent(outbox)
    daemon.mood = ["refuses"]
    outbox.take_back(parcel, wish("a-back"), lambda parcel: None)
    await sent(outbox)
    assert [path for path, _ in daemon.sent] == ["/v1/a", "/v1/undo?command=c1", "/v1/a-back"]
    assert len({key for _, key in daemon.sent}) == 3


async def test_taking_back_what_was_refused_sends_nothing(outbox, daemon):
    daemon.mood = ["refuses"]
    parcel = outbox.put(wish("a"))
    await asyncio.sleep(0)
    outbox.take_back(parcel, wish("a-back"), lambda parcel: None)
    await sent(outbox)
    assert [path for path, _ in daemon.sent] == ["/v1/a"]


async def test_what_waits_when_the_program_ends_is_tried_once_more_and_told(daemon):
    outbox = Outbox(daemon, lambda work: None, order=asyncio.Lock(), fresh_key=lambda: "k")
    for name in "ab":
        outbox.put(wish(name))
    daemon.mood = ["well", "away"]
    await outbox.flush(10)
    assert [path for path, _ in daemon.sent] == ["/v1/a"]
    assert outbox.unsent() == "One verdict has not reached the daemon. This does the same:\n  stablenew b"
    await outbox.flush(10)
    assert outbox.unsent() == ""


# What a key is about ----------------------------------------------------------------------------


def test_a_key_counts_once_its_picture_could_be_seen():
    now = [0.0]
    attention = Attention(lambda: now[0], 0.1)
    assert not attention.counts(), "nothing is shown yet"
    now[0] = 1.0
    attention.seen()
    now[0] = 1.05
    assert not attention.counts(), "nobody reacts so fast"
    now[0] = 1.5
    assert attention.counts()
    attention.lost()
    attention.seen()
    for _ in range(30):
        now[0] += 0.033
        assert not attention.counts(), "a key that is held down is no verdict"
    now[0] += 0.2
    assert attention.counts()


# The deck ---------------------------------------------------------------------------------------


def test_a_deck_goes_on_back_and_again():
    deck = Deck()
    assert deck.take([("a", 1), ("b", 2), ("c", 3)], waiting=3, judged=0) == 3
    first = deck.done("rated", 4)
    deck.done("skipped")
    assert (deck.item, deck.judged, deck.skipped, deck.all) == (3, 1, 1, 3)
    assert deck.take([("b", 2), ("c", 3), ("d", 4)], waiting=3, judged=1) == 1
    assert deck.all == 4
    deck.bring_back(first, "a")
    assert [deck.item, *deck.next(9)] == [3, 1, 4], "who looks at a picture is not shown another instead"
    assert deck.again(lambda item: "b") == 1
    assert [deck.item, *deck.next(9)] == [3, 1, 4, 2]
    deck.done("rated", 1)
    deck.back("c")
    assert (deck.item, deck.behind) == (3, [])
