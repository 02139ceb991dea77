"""The one writer: nothing is told before it is on disk, and nothing is done twice."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from daemon.core.apply import apply
from daemon.core.look import briefs
from daemon.core.rules import Rules
from daemon.core.state import State, state_hash
from daemon.core.vitals import Vitals
from daemon.ledger import Ledger, LedgerStopped, Origin
from daemon.log.store import LogInLoop
from schema import commands as c
from schema import events as e
from schema import observations as o
from schema.errors import Refused
from schema.plans import JobSpec, Picture, RunSpec, StageStep

UID = Origin("uid:1000")
CARD = e.NodeJoined(
    node="mill", name="mill", instance="i", link="loopback", backends=("sketch",), kinds=("txt2img",), vram_gb=8.0
)


def keyed(key: str, digest: bytes = b"d" * 32) -> Origin:
    return Origin("uid:1000", e.CommandId(f"command-{key}"), key, digest)


def submit(run: str = "run", jobs: int = 1) -> c.SubmitRun:
    spec = RunSpec(
        name=run, base="b" * 64, plan_hash="p", seed=1, jobs=jobs, stages=(StageStep(id="paint", kind="txt2img"),)
    )
    return c.SubmitRun(run=run, spec=spec, jobs=tuple(JobSpec(name=f"{n}") for n in range(jobs)))


class SlowLog(LogInLoop):
    """Commits when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[tuple[list[e.Envelope], asyncio.Future[None]]] = []

    def append(self, batch):
        done = asyncio.get_running_loop().create_future()
        self.batches.append((list(batch), done))
        return done

    async def commit(self) -> None:
        batch, done = self.batches.pop(0)
        await super().append(batch)
        done.set_result(None)
        await asyncio.sleep(0)


@asynccontextmanager
async def opened(log=None, state=None, *, rules=None, vitals=None, broken=None):
    log = LogInLoop() if log is None else log
    ledger = Ledger(
        State() if state is None else state,
        log,
        clock=time.time,
        vitals=vitals or Vitals(),
        rules=rules or Rules(),
        on_broken=(broken if broken is not None else []).append,
    )
    running = asyncio.create_task(ledger.run())
    try:
        yield ledger
    finally:
        await asyncio.wait_for(ledger.stop(), 5)
        await asyncio.wait_for(running, 5)


async def until(ready) -> None:
    async with asyncio.timeout(5):
        while not ready():  # noqa: ASYNC110 - a turn of the loop is what it waits for
            await asyncio.sleep(0)


async def replayed(log: LogInLoop) -> str:
    state = State()
    for envelope in await log.read(0, 100_000):
        apply(state, envelope)
    return state_hash(state)


async def test_a_wish_is_answered_with_what_it_did():
    async with opened() as ledger:
        answer = await ledger.command(submit(jobs=2), keyed("k"))

    assert answer.command == "command-k"
    assert (answer.seq, answer.subjects, answer.changed) == (3, ("run", "run.1", "run.2"), 3)
    assert not answer.repeated


async def test_nothing_is_told_before_it_is_on_disk():
    log = SlowLog()
    async with opened(log) as ledger, ledger.follow() as batches:
        wish = asyncio.create_task(ledger.command(submit(), UID))
        news = asyncio.ensure_future(anext(batches))
        await until(lambda: log.batches)
        for _ in range(20):
            await asyncio.sleep(0)

        assert not wish.done() and not news.done()
        assert (ledger.durable, ledger.scene().head, ledger.scene().runs) == (0, 0, ())

        await log.commit()
        assert (await wish).seq == 2
        assert [type(envelope.event).__name__ for envelope in (await news).envelopes] == [
            "RunSubmitted",
            "JobSubmitted",
        ]
        assert (ledger.durable, ledger.scene().head) == (2, 2)


async def test_a_refusal_waits_for_what_it_was_decided_upon():
    log = SlowLog()
    async with opened(log) as ledger:
        wish = asyncio.create_task(ledger.command(submit(), UID))
        await until(lambda: log.batches)
        refused = asyncio.create_task(ledger.command(submit(), UID))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not refused.done()

        await log.commit()

        await wish
        with pytest.raises(Refused, match="already a run"):
            await refused


async def test_at_most_two_batches_are_on_their_way_and_what_waits_shares_the_next():
    log = SlowLog()
    async with opened(log) as ledger:
        wishes = []
        for number in range(6):
            wishes.append(asyncio.create_task(ledger.command(submit(f"run{number}"), UID)))
            for _ in range(10):
                await asyncio.sleep(0)

        assert [len(batch) for batch, _ in log.batches] == [2, 2]

        await log.commit()
        await until(lambda: len(log.batches) == 2)
        assert len(log.batches[1][0]) == 8
        while log.batches:
            await log.commit()
        assert [(await wish).seq for wish in wishes] == [2, 4, 6, 8, 10, 12]


async def test_who_hangs_up_stops_nothing():
    log = SlowLog()
    async with opened(log) as ledger:
        wish = asyncio.create_task(ledger.command(submit(), keyed("k")))
        await until(lambda: log.batches)
        wish.cancel()
        await log.commit()

        assert ledger.durable == 2
        assert (await ledger.command(submit(), keyed("k"))).repeated


async def test_the_same_key_is_the_same_answer_and_done_once():
    async with opened() as ledger:
        first = await ledger.command(submit(), keyed("k"))
        again = await ledger.command(submit(), keyed("k"))

        assert again.repeated
        assert (again.command, again.seq, again.subjects) == (first.command, first.seq, first.subjects)
        assert ledger.durable == first.seq


async def test_the_same_key_from_many_at_once_is_done_once():
    async with opened() as ledger:
        answers = await asyncio.gather(*(ledger.command(submit(), keyed("k")) for _ in range(20)))

    assert sorted(answer.repeated for answer in answers) == [False] + [True] * 19
    assert {answer.seq for answer in answers} == {2}


async def test_a_key_is_known_after_a_restart():
    log = LogInLoop()
    async with opened(log) as ledger:
        first = await ledger.command(submit(jobs=3), keyed("k"))
    state = State()
    for envelope in await log.read(0, 100):
        apply(state, envelope)

    async with opened(log, state) as ledger:
        again = await ledger.command(submit(jobs=3), keyed("k"))

    assert again.repeated
    assert (again.command, again.seq, again.subjects, again.changed) == (
        first.command, first.seq, first.subjects, first.changed,
    )  # fmt: skip


async def test_a_key_used_for_something_else_is_refused():
    async with opened() as ledger:
        await ledger.command(submit(), keyed("k"))
        with pytest.raises(Refused, match="used for another request"):
            await ledger.command(submit("other"), keyed("k", b"x" * 32))


async def test_another_actor_may_use_the_same_key():
    async with opened() as ledger:
        await ledger.command(submit(), keyed("k"))
        answer = await ledger.command(submit("other"), keyed("k")._replace(actor="api:other"))

    assert not answer.repeated


async def test_a_wish_that_changes_nothing_keeps_its_key_all_the_same():
    async with opened() as ledger:
        without = await ledger.command(c.ResumeQueue(), UID)
        with_key = await ledger.command(c.ResumeQueue(), keyed("k"))
        again = await ledger.command(c.ResumeQueue(), keyed("k"))

        assert (without.seq, without.changed) == (0, 0)
        assert (with_key.seq, with_key.subjects, again.repeated) == (1, (), True)
        assert ledger.durable == 1


async def test_a_refused_wish_leaves_its_key_free():
    async with opened() as ledger:
        with pytest.raises(Refused):
            await ledger.command(c.PauseRun(run="run"), keyed("k"))
        await ledger.command(submit(), UID)

        assert not (await ledger.command(c.PauseRun(run="run"), keyed("k"))).repeated


async def test_what_follows_stands_in_the_same_batch_with_its_cause():
    log = LogInLoop()
    async with opened(log) as ledger, ledger.follow() as batches:
        await ledger.observe(o.DaemonBegan(version="1", sqlite="3", host="attic"))
        await ledger.observe(o.NodeSeen(joined=CARD), actor="node:mill")
        await ledger.command(submit(), keyed("k"))
        batch = [await anext(batches) for _ in range(3)][-1]

    submitted, _, assigned = batch.envelopes
    assert (submitted.actor, submitted.key, submitted.command) == ("uid:1000", "k", "command-k")
    assert (assigned.actor, assigned.cause, assigned.command) == ("daemon", submitted.seq, None)
    assert [brief.attempt.token for brief in batch.briefs] == [assigned.seq]
    began, joined = await log.read(0, 2)
    assert (began.epoch, joined.epoch, assigned.epoch, joined.actor) == (1, 1, 1, "node:mill")


async def test_when_the_log_fails_nothing_is_acknowledged_any_more():
    log, broken = LogInLoop(), []
    async with opened(log, broken=broken) as ledger:
        await ledger.command(submit("one"), UID)
        log.fail_next(OSError(5, "Input/output error"))

        with pytest.raises(LedgerStopped):
            await ledger.command(submit("two"), UID)

        assert len(broken) == 1
        assert (ledger.durable, [run.run for run in ledger.scene().runs]) == (2, ["one"])
        with pytest.raises(LedgerStopped):
            await ledger.command(submit("three"), UID)
        with pytest.raises(LedgerStopped):
            await ledger.state_hash()


async def test_a_follower_is_told_when_it_is_over():
    async with opened() as ledger, ledger.follow() as batches:
        await ledger.command(submit(), UID)
        stopping = asyncio.create_task(ledger.stop())
        heard = [batch async for batch in batches]
        await stopping

    assert len(heard) == 1


async def test_a_retry_is_due_without_anybody_asking():
    async with opened(rules=Rules(backoff=0.01)) as ledger, ledger.follow() as batches:
        await ledger.observe(o.NodeSeen(joined=CARD))
        await ledger.command(submit(), UID)
        async with asyncio.timeout(5):
            attempt = await _next_attempt(batches)
            await ledger.observe(o.StageBroke(attempt=attempt, trouble="backend", reason="hiss"))
            again = await _next_attempt(batches)

    assert again.token > attempt.token


async def test_a_pulse_makes_it_look_again():
    vitals = Vitals(free_bytes=0, dispatch_floor=1)
    async with opened(vitals=vitals) as ledger, ledger.follow() as batches:
        await ledger.observe(o.NodeSeen(joined=CARD))
        await ledger.command(submit(), UID)
        assert ledger.scene().queue.blocked
        vitals.free_bytes = 5

        ledger.pulse()

        async with asyncio.timeout(5):
            assert (await _next_attempt(batches)).job == "run.1"
        assert not ledger.scene().queue.blocked


async def test_a_run_that_the_disk_has_no_room_for_is_refused():
    async with opened(vitals=Vitals(free_bytes=0, submit_floor=1)) as ledger:
        with pytest.raises(Refused, match="of disk are free"):
            await ledger.command(submit(), UID)
        await ledger.command(c.PauseQueue(), UID)


async def test_the_state_is_that_of_the_log():
    log = LogInLoop()
    async with opened(log) as ledger:
        await ledger.observe(o.NodeSeen(joined=CARD))
        await asyncio.gather(*(ledger.command(submit(f"run{number}", 3), UID) for number in range(20)))

        seq, found = await ledger.state_hash()

        assert seq == ledger.durable
        assert found == await replayed(log)


async def test_questions_are_answered_from_what_is_on_disk():
    async with opened() as ledger:
        assert await ledger.undo_top() is None
        await ledger.command(submit(), keyed("k"))

        assert await ledger.undo_top() == "command-k"
        assert await ledger.redo_top() is None
        assert await ledger.explain("run.1") == ("No node is there.",)
        assert await ledger.ask(briefs) == ()
        assert ledger.last is None


async def test_stopping_ends_what_is_in_the_mailbox_first():
    log = LogInLoop()
    async with opened(log) as ledger:
        wishes = [asyncio.create_task(ledger.command(submit(f"run{number}"), UID)) for number in range(5)]
        await asyncio.sleep(0)
        await ledger.stop()

        assert [(await wish).seq for wish in wishes] == [2, 4, 6, 8, 10]
        with pytest.raises(LedgerStopped):
            await ledger.command(submit("late"), UID)


async def test_a_command_without_an_id_gets_one_from_its_place_in_the_log():
    async with opened() as ledger:
        assert (await ledger.command(c.PauseQueue(), UID)).command == "c1"
        assert (await ledger.command(c.ResumeQueue(), UID)).command == "c2"


async def _next_attempt(batches) -> o.Attempt:
    async for batch in batches:
        for brief in batch.briefs:
            return brief.attempt
    raise AssertionError("nothing was assigned")


async def test_a_bug_ends_the_writing_and_nobody_waits_for_ever(monkeypatch):
    def contradict(*_):
        raise ZeroDivisionError("one and one is three")

    broken = []
    log = LogInLoop()
    ledger = Ledger(State(), log, clock=time.time, vitals=Vitals(), rules=Rules(), on_broken=broken.append)
    running = asyncio.create_task(ledger.run())
    await ledger.command(submit("one"), UID)
    monkeypatch.setattr("daemon.ledger.writer.decide", contradict)

    wish = asyncio.create_task(ledger.command(submit("two"), UID))

    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(running, 5)
    assert [type(error) for error in broken] == [ZeroDivisionError]
    with pytest.raises(LedgerStopped):
        await asyncio.wait_for(wish, 5)
    assert [run.run for run in ledger.scene().runs] == ["one"]


async def test_the_time_left_runs_down_though_nothing_happens():
    now = [1_000.0]
    log = LogInLoop()
    ledger = Ledger(State(), log, clock=lambda: now[0], vitals=Vitals(), rules=Rules(), on_broken=print)
    running = asyncio.create_task(ledger.run())
    await ledger.observe(o.NodeSeen(joined=CARD))
    measured = o.Measures(executed_s=10.0)
    async with ledger.follow() as batches:
        await ledger.command(submit(jobs=2), UID)
        attempt = await _next_attempt(batches)
        file = Picture(sha256="a" * 64, pixels="c" * 64, media="image/png", bytes=9, width=8, height=8)
        made = (o.NewImage(image="i1", file=file),)
        await ledger.observe(o.StageReturned(attempt=attempt, backend="sketch", images=made, measures=measured))
    before = ledger.scene().running[0].eta_s

    now[0] += 4.0

    assert ledger.scene().running[0].eta_s == before - 4.0
    await ledger.stop()
    await running
