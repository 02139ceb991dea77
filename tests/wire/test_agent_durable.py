"""What an agent has told is never lost: on a full disk, on one that cannot be read, killed at any moment."""

import hashlib
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `agent_net`

from agent_net import Daemon, Link, order, running

from agent.spool import Spool
from schema.ids import JobId, Sha256, StageId, Token
from schema.orders import AgentNews, AttemptReport, Ended, Product, Result

CONTENTS = (b"first picture", b"second picture")


def report(token: int) -> AttemptReport:
    products = tuple(Product(sha256=Sha256(hashlib.sha256(c).hexdigest()), bytes=len(c)) for c in CONTENTS)
    result = Result(backend="b", products=products)
    return AttemptReport(job=JobId("r.1"), stage=StageId("s"), token=Token(token), state="done", result=result)


class Steps:
    """Every call of the spool's that changes the disk, counted; at number `at` something befalls it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, befalls: Callable[[], BaseException]) -> None:
        self.taken = 0
        self._at = at
        self._befalls = befalls
        for owner, name in ((os, "fsync"), (os, "open"), (Path, "open"), (Path, "replace")):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, call: Callable[..., object]) -> Callable[..., object]:
        def counted(*given: object, **more: object) -> object:
            self.taken += 1
            if self.taken == self._at:
                raise self._befalls()
            return call(*given, **more)

        return counted


EVERY_STEP = tuple(range(1, 12))
"""Opening, syncing and renaming of two files and a report, and the folder's sync."""


def full() -> OSError:
    return OSError(28, "No space left on device")


def test_every_step_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, steps = Spool(tmp_path), Steps(monkeypatch, -1, full)
    spool.write(report(1), CONTENTS)
    assert steps.taken == len(EVERY_STEP)


@pytest.mark.parametrize("at", EVERY_STEP)
def test_on_a_full_disk_what_was_kept_stays_and_the_next_attempt_is_kept_again(tmp_path: Path, at: int) -> None:
    spool = Spool(tmp_path)
    spool.write(report(1), CONTENTS)
    spool.remember(report(1))
    with pytest.MonkeyPatch.context() as patch:
        Steps(patch, at, full)
        with pytest.raises(OSError, match="No space left"):
            spool.write(report(2), CONTENTS)
    assert spool.find(report(1).result.products[0].sha256) is not None  # type: ignore[union-attr]
    spool.write(report(3), CONTENTS)
    assert {each.token for each in Spool(tmp_path).reports()} >= {1, 3}


def test_a_disk_that_cannot_be_read_costs_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Spool(tmp_path).write(report(1), CONTENTS)

    def broken(path: Path) -> bytes:
        raise OSError(5, "Input/output error", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", broken)
        with pytest.raises(OSError, match="Input/output"):
            Spool(tmp_path)
    assert [each.token for each in Spool(tmp_path).reports()] == [1]


class Book:
    """What a daemon of this agent knows for certain."""

    def __init__(self) -> None:
        self.told: set[int] = set()
        """Ends that the feed has told."""
        self.let_go: set[int] = set()
        """Whose DELETE was sent, answered or not."""
        self.taken: set[int] = set()
        """Whose DELETE was answered."""


async def work(link: Link, book: Book, tokens: Iterator[int], kill: Callable[[], None], after: int) -> None:
    """Orders without end; most of what has ended is taken. The end number `after` is the last thing it says."""
    decode = msgspec.msgpack.Decoder(AgentNews).decode
    async with link.session.ws_connect("/v1/feed") as feed:
        await link.offer(order(next(tokens), steps=1))
        async for message in feed:
            news = decode(message.data)
            if isinstance(news, Ended):
                book.told.add(news.report.token)
                after -= 1
                if after == 0:
                    kill()
                    return
                await link.offer(order(next(tokens), steps=1))
                if news.report.token % 3:
                    book.let_go.add(news.report.token)
                    await link.read("DELETE", f"/v1/attempts/abcdefgh.1~txt2img~{news.report.token}")
                    book.taken.add(news.report.token)


@pytest.mark.story
async def test_killed_at_any_moment_it_has_what_it_told_and_forgets_only_what_was_taken(tmp_path: Path) -> None:
    daemon, book, drawn = Daemon.at(tmp_path / "d"), Book(), random.Random(7)
    tokens = iter(range(1, 100_000))
    pairing = None
    for life in range(6):
        async with running(tmp_path / "a", port="") as agent:
            pairing = pairing or await daemon.pairs(agent)
            async with daemon.connected(pairing, agent.address) as link:
                known = await link.attempts()
                assert set(known) >= book.told - book.let_go, life
                assert not set(known) & book.taken, life
                for found in known.values():
                    assert found.state == "done" and found.result is not None
                    for product in found.result.products:
                        content = await link.read("GET", f"/v1/blobs/{product.sha256}")
                        assert hashlib.sha256(content).hexdigest() == product.sha256
                await work(link, book, tokens, agent.process.kill, drawn.randint(1, 6))
    assert len(book.told) > 5
