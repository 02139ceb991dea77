"""Agents that wait with a token, brought in by themselves: what goes wrong with one holds up and ends nobody else."""

import asyncio
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `fleet_world`

from fleet_world import until

from daemon.fleet import admission
from daemon.fleet.admission import Admission
from daemon.fleet.sightings import Sighting, Sightings
from daemon.fleet.trust.invites import Invites
from daemon.fleet.trust.keys import kept_keys
from schema.ids import NodeId
from schema.pairing import Hello
from schema.tokens import mark_of, short_of


class Lan:
    def __init__(self, keys) -> None:
        self.sightings = Sightings()
        self.moved = asyncio.Event()
        self.keys = asyncio.get_running_loop().create_future()
        self.keys.set_result(keys)

    def sees(self, node: str, join: str) -> None:
        self.sightings.saw(
            Sighting(
                service=f"at {node}", node=NodeId(node), name=node, addresses=(node,), open=True, protocol=1, join=join
            )
        )
        self.moved.set()


@pytest.fixture
def keys(tmp_path):
    return kept_keys(tmp_path / "keys", "house")


async def test_one_that_never_answers_holds_up_nobody_and_is_called_ever_more_seldom(keys, monkeypatch):
    monkeypatch.setattr(admission, "INVITE_SECONDS", 0.1)
    monkeypatch.setattr(admission, "LEAST_SECONDS", 0.01)
    lan = Lan(keys)
    desk = Admission(lan, None, None, lambda: 0.0)
    asked: list[str] = []

    async def tried(one: Sighting) -> None:
        asked.append(one.node)
        if one.node == "silent":
            await asyncio.sleep(0.3)

    monkeypatch.setattr(desk, "_try_token", tried)
    running = asyncio.create_task(desk.run())
    mine = short_of(keys.certificate)
    lan.sees("silent", mine)
    lan.sees("good", mine)
    lan.sees("foreign", "aaaaaaaa")
    await until(lambda: asked == ["silent", "good"])
    await asyncio.sleep(2.0)
    running.cancel()
    await asyncio.wait((running,))
    assert "foreign" not in asked and 2 <= asked.count("good") <= 5


async def test_a_token_that_was_used_is_spent_although_the_disk_does_not_take_it(keys, tmp_path, monkeypatch):
    invites = Invites(tmp_path / "keys/invites.json", keys, lambda: 1000.0)
    invites.new()
    [invite] = invites.waiting()
    hello = Hello(version=1, node=keys.fleet, name="x", release="", secret="token", invite=mark_of(invite.secret))
    assert invites.of(hello) == invite

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("daemon.fleet.trust.invites.write_private", full)
    with pytest.raises(OSError, match="space"):
        invites.spent(invite)
    assert not invites.waiting() and invites.of(hello) is None


async def test_tokens_that_are_made_and_used_at_once_are_neither_lost_nor_kept(keys, tmp_path):
    invites = Invites(tmp_path / "keys/invites.json", keys, lambda: 1000.0)
    for _ in range(10):
        invites.new()
    old = list(invites.waiting())
    made, used = (
        [asyncio.to_thread(invites.new) for _ in old],
        [asyncio.to_thread(invites.spent, one) for one in old],
    )
    await asyncio.gather(*(each for pair in zip(made, used, strict=True) for each in pair))
    kept = Invites(tmp_path / "keys/invites.json", keys, lambda: 1000.0).waiting()
    assert len(kept) == 10 and not set(kept) & set(old)
