"""The log against a model of it: whatever is appended, refused, crashed, reopened or tampered with, in any order."""

import asyncio
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from checker.whole import check_log
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from daemon.log import anchor
from daemon.log.check import check
from daemon.log.store import Head, Kept, LogBroken, LogDamaged, LogFile, open_log, read_log
from schema.events import Envelope, Event, ImageRated, JobHeld, QueuePaused
from schema.ids import CommandId, Seq

EVENTS = some.one_of(
    some.just(QueuePaused()),
    some.builds(JobHeld, job=some.sampled_from(["a.1", "a.2", "ü.1"])),
    some.builds(ImageRated, image=some.sampled_from(["i1", "i2"]), stars=some.integers(0, 5)),
)
KEYS = some.sampled_from(["k1", "k2", "k3", None])


class LogMachine(RuleBasedStateMachine):
    """`durable` is what must be in the log, in order; nothing else may be."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="log-model-"))
        self.path, self.anchor = self.folder / "events.db", self.folder / "events.head"
        self.loop = asyncio.new_event_loop()
        self.durable: list[Envelope] = []
        self.keys: dict[str, Kept] = {}
        self.broken = False
        self.log: LogFile = open_log(self.path, self.anchor)

    def teardown(self) -> None:
        self.loop.run_until_complete(self.log.close())
        self.loop.close()
        assert check_log(self.path, self.anchor) == []
        shutil.rmtree(self.folder)

    def reopen(self) -> None:
        self.log = open_log(self.path, self.anchor)
        self.broken = False

    async def give(self, *batches: list[Envelope]) -> list[BaseException | None]:
        return await asyncio.gather(*(self.log.append(batch) for batch in batches), return_exceptions=True)

    def envelopes(self, events: list[Event], key: str | None = None, ahead: int = 0) -> list[Envelope]:
        first = len(self.durable) + ahead + 1
        return [
            Envelope(
                seq=Seq(seq), at=float(seq), epoch=Seq(1), actor="uid:1", event=event, command=CommandId(f"c{first}"),
                key=key if seq == first else None, digest=b"d" if key and seq == first else None,
            )
            for seq, event in enumerate(events, first)
        ]  # fmt: skip

    @precondition(lambda self: not self.broken)
    @rule(events=some.lists(EVENTS, min_size=1, max_size=9), key=KEYS)
    def append(self, events: list[Event], key: str | None) -> None:
        batch = self.envelopes(events, key)
        (failure,) = self.loop.run_until_complete(self.give(batch))
        if key in self.keys:
            assert isinstance(failure, LogBroken)
            self.broken = True
            return
        assert failure is None
        self.durable += batch
        if key:
            self.keys[key] = Kept(CommandId(f"c{batch[0].seq}"), b"d", tuple(batch))

    @precondition(lambda self: not self.broken)
    @rule(first=some.lists(EVENTS, max_size=5), second=some.lists(EVENTS, max_size=5))
    def append_two_at_once(self, first: list[Event], second: list[Event]) -> None:
        one, two = self.envelopes(first), self.envelopes(second, ahead=len(first))
        assert self.loop.run_until_complete(self.give(one, two)) == [None, None]
        self.durable += one + two

    @precondition(lambda self: not self.broken)
    @rule(events=some.lists(EVENTS, min_size=1, max_size=3), ahead=some.integers(-3, 3).filter(bool))
    def append_at_a_wrong_seq(self, events: list[Event], ahead: int) -> None:
        batch = self.envelopes(events, ahead=ahead)
        (failure,) = self.loop.run_until_complete(self.give(batch))
        assert isinstance(failure, LogBroken)
        self.broken = True

    @precondition(lambda self: self.broken)
    @rule()
    def a_broken_log_takes_nothing(self) -> None:
        (failure,) = self.loop.run_until_complete(self.give(self.envelopes([QueuePaused()])))
        assert isinstance(failure, LogBroken)

    @rule()
    def close_and_reopen(self) -> None:
        self.loop.run_until_complete(self.log.close())
        self.reopen()

    @precondition(lambda self: not self.broken)
    @rule()
    def crash_and_reopen(self) -> None:
        """The files as they are this moment go on elsewhere; this process is forgotten."""
        image = Path(tempfile.mkdtemp(prefix="log-model-"))
        for name in ("events.db", "events.db-wal", "events.head"):
            if self.path.with_name(name).exists():
                shutil.copy(self.path.with_name(name), image / name)
        self.loop.run_until_complete(self.log.close())
        shutil.rmtree(self.folder)
        self.folder, self.path, self.anchor = image, image / "events.db", image / "events.head"
        self.reopen()

    @precondition(lambda self: len(self.durable) > 0)
    @rule()
    def tamper_and_put_right_again(self) -> None:
        self.loop.run_until_complete(self.log.close())
        kept = self.anchor.read_bytes()
        anchor.reset(self.anchor, Head(len(self.durable) + 1, bytes(32)))
        with pytest.raises(LogDamaged, match=f"ends at {len(self.durable)} but {len(self.durable) + 1} was promised"):
            open_log(self.path, self.anchor)
        self.anchor.write_bytes(kept)
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db, pytest.raises(sqlite3.IntegrityError):
            db.execute("DELETE FROM events")
        self.reopen()

    @rule(after=some.integers(0, 60), limit=some.integers(0, 20))
    def read_a_part(self, after: int, limit: int) -> None:
        found = self.loop.run_until_complete(self.log.read(after, limit))
        assert list(found) == self.durable[after : after + limit]

    @rule(key=some.sampled_from(["k1", "k2", "k3"]))
    def look_for_a_key(self, key: str) -> None:
        assert self.loop.run_until_complete(self.log.find_key("uid:1", key)) == self.keys.get(key)

    @invariant()
    def the_log_is_what_was_told(self) -> None:
        assert self.log.head.seq == len(self.durable)
        assert list(read_log(self.path)) == self.durable
        assert check(self.path, self.anchor, deep=True).findings == ()


LogMachine.TestCase.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLog = LogMachine.TestCase


@pytest.mark.long
@pytest.mark.timeout(1200)
class TestLogLong(LogMachine.TestCase):  # type: ignore[misc, name-defined]
    settings = settings(
        max_examples=300, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
    )
