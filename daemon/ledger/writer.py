"""The one writer: inputs into its mailbox, events onto the disk, and only then answers, news and scenes.

It has a mailbox, not a lock: who hangs up has left a letter and cannot stop anything. What waits in the mailbox is
decided, folded and settled in order and becomes one batch of the log; while one batch commits, the next may be decided.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeVar

from daemon.core.apply import apply
from daemon.core.decide import Input, decide
from daemon.core.explain import explain
from daemon.core.look import outline, refresh
from daemon.core.outlook import Besides, Outlook, forecast_input
from daemon.core.rules import Rules
from daemon.core.settle import settle
from daemon.core.state import LastUsed, State, state_hash
from daemon.core.vitals import Vitals, check_room
from daemon.ledger.answers import answer_of
from daemon.ledger.keys import Recent
from daemon.ledger.mail import Batch, Committed, Followers, LedgerStopped, Letter, OnDisk, Origin, Question, fail
from daemon.log.store import Log
from schema.commands import Command
from schema.errors import Refused
from schema.events import DaemonStarted, Envelope, Event, NothingChanged
from schema.feedback import Feedback
from schema.ids import CommandId, JobId, Seq, Sha256
from schema.keeping import Access
from schema.lessons import Lessons
from schema.observations import Observation, TimePassed
from schema.scenes import Answer, Scene

BATCH = 1024
"""Events after which a batch takes no further input; one input may bring more."""

IN_FLIGHT = 2
"""Batches on their way to the disk."""

SETTLES = 100_000
"""More rounds than any one input can need: beyond it the core contradicts itself."""

SCENE_AGE = 1.0
"""Seconds after which a scene is taken anew although nothing happened: the time left runs down."""

LONGEST_SLEEP = 60.0
"""Seconds; the wall clock may be set meanwhile."""

T = TypeVar("T")


class Ledger:
    def __init__(
        self,
        state: State,
        log: Log,
        *,
        clock: Callable[[], float],
        vitals: Vitals,
        rules: Rules,
        on_broken: Callable[[BaseException], None],
        outlined: Callable[[State, Vitals, float], Scene] | None = None,
    ) -> None:
        """`clock` gives Unix seconds. `on_broken` is called once, when the log has failed: end the process."""
        self._state, self._log = state, log
        self._clock, self._vitals, self._rules = clock, vitals, rules
        self._on_broken = on_broken
        self._outlined = partial(outline, rules=rules) if outlined is None else outlined
        self._mailbox: deque[Letter | Question] = deque()
        self._mail = asyncio.Event()
        self._flight: deque[Batch] = deque()
        self._landed = asyncio.Event()
        self._recent = Recent(log)
        self._followers = Followers()
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False
        self._broken: BaseException | None = None
        self.durable: int = state.seq
        """The newest event on disk."""
        self._scene, self._looked = self._outlined(state, vitals, clock()), clock()
        self._on_disk = OnDisk.of(state)

    # What the edges call -----------------------------------------------------------------------

    async def command(self, command: Command, origin: Origin) -> Answer:
        """The answer, once all that the command did is on disk. Raises Refused, LedgerStopped."""
        if origin.key is None:
            return await self._letter(command, origin, None, wish=True)
        repeated = await self._recent.find(origin.actor, origin.key, origin.digest)
        if repeated is not None:
            return repeated
        answer = self._letter(command, origin, None, wish=True)
        self._recent.note(origin.actor, origin.key, origin.digest, answer)
        return await asyncio.shield(answer)

    async def observe(self, observation: Observation, actor: str = "daemon", cause: Seq | None = None) -> None:
        """Returns when what the news made happen is on disk. Raises LedgerStopped."""
        await self._letter(observation, Origin(actor), cause, wish=False)

    def follow(self) -> AbstractAsyncContextManager[AsyncIterator[Committed]]:
        """Every batch that is committed from now on, in order; ends when the ledger does."""
        return self._followers.follow()

    def scene(self) -> Scene:
        """The newest durable scene with the vitals of now."""
        now = self._clock()
        old = self._scene.head != self._state.seq or abs(now - self._looked) >= SCENE_AGE
        if old and not self._flight and self._broken is None:
            self._scene, self._looked = self._outlined(self._state, self._vitals, now), now
        return refresh(self._scene, self._vitals, now)

    @property
    def last(self) -> LastUsed | None:
        """What the last finished job used."""
        return self._on_disk.last

    @property
    def feedback(self) -> Feedback:
        """What looks at pictures have told, and whether plans lean to it."""
        return self._on_disk.feedback

    @property
    def lessons(self) -> Lessons:
        """The mode of learning, what plans take over, and what was shown: as it is on disk."""
        return self._on_disk.lessons

    @property
    def access(self) -> Mapping[str, Access]:
        """Who may ask over TCP: as it is on disk."""
        return self._on_disk.access

    @property
    def damaged(self) -> tuple[Sha256, ...]:
        """Files of the artifact store that were found damaged: as it is on disk."""
        return self._on_disk.damaged

    def pulse(self) -> None:
        """Vitals changed in a way that may let something start."""
        if not self._stopping and self._broken is None:
            self._letter(TimePassed(), Origin("daemon"), None, wish=False)

    async def ask(self, question: Callable[[State], T]) -> T:
        """The answer to a question about a state that is wholly on disk; the question may keep nothing of it."""
        answers: list[T] = []
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._put(Question(lambda state: answers.append(question(state)), done))
        await asyncio.shield(done)
        return answers[0]

    async def state_hash(self) -> tuple[int, str]:
        """Seq and canonical hash (64 hex digits) of a state that is wholly on disk."""
        return await self.ask(lambda state: (state.seq, state_hash(state)))

    async def explain(self, job: JobId) -> tuple[str, ...]:
        """Why the job waits, in words; empty if it is not an unfinished one."""
        return await self.ask(lambda state: tuple(explain(state, job, self._clock(), self._vitals, self._rules)))

    async def outlook(self, besides: Besides | None = None) -> Outlook:
        """What a forecast is made from, as it is now; with a run that is not queued yet."""
        return await self.ask(lambda state: forecast_input(state, self._vitals, self._clock(), self._rules, besides))

    async def undo_top(self) -> CommandId | None:
        """The command that `Undo` would take back."""
        return await self.ask(lambda state: state.undo[-1].command if state.undo else None)

    async def redo_top(self) -> CommandId | None:
        return await self.ask(lambda state: state.redo[-1].command if state.redo else None)

    async def stop(self) -> None:
        """What is in the mailbox is still decided and committed; `run` returns then."""
        self._stopping = True
        self._mail.set()
        while self._flight or (self._mailbox and self._broken is None):
            self._landed.clear()
            await self._landed.wait()

    # The one writer ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Until `stop`, or until the log breaks."""
        try:
            while self._broken is None and not (self._stopping and not self._mailbox):
                await self._mail.wait()
                self._mail.clear()
                await self._empty_mailbox()
            await self._until(lambda: not self._flight)
        except Exception as bug:  # the writer's outermost loop: the state may be anything, so nothing is told any more
            self._break(bug)
            raise
        finally:
            self._end()

    async def _empty_mailbox(self) -> None:
        while self._mailbox and self._broken is None:
            if isinstance(self._mailbox[0], Question):
                await self._until(lambda: not self._flight)
                self._answer_questions()
            else:
                await self._until(lambda: len(self._flight) < IN_FLIGHT)
                self._send_off()

    async def _until(self, ready: Callable[[], bool]) -> None:
        while self._broken is None and not ready():
            self._landed.clear()
            await self._landed.wait()

    def _answer_questions(self) -> None:
        while self._broken is None and self._mailbox and isinstance(question := self._mailbox[0], Question):
            self._mailbox.popleft()
            question.ask(self._state)
            if not question.answer.done():
                question.answer.set_result(None)
        self._landed.set()

    def _send_off(self) -> None:
        """Decides what waits, hands it to the log as one batch, and keeps the answers until it is durable."""
        batch = Batch()
        self._flight.append(batch)
        while self._mailbox and len(batch.envelopes) < BATCH and isinstance(letter := self._mailbox[0], Letter):
            self._decide(letter, batch)
            self._mailbox.popleft()
        if batch.envelopes:
            batch.keep(self._state)
            batch.scene = self._outlined(self._state, self._vitals, self._clock())
            batch.written = self._log.append(batch.envelopes)
            batch.written.add_done_callback(lambda _: self._land())
        else:
            self._land()

    def _decide(self, letter: Letter, batch: Batch) -> None:
        origin = letter.origin
        try:
            if letter.wish:
                check_room(self._vitals, letter.input)
            events = decide(self._state, letter.input, self._rules)
        except Refused as refused:
            if not letter.wish:
                raise
            batch.told.append((letter.answer, refused))
            return
        if not events and origin.key is not None:
            events = [NothingChanged(command=type(letter.input).__name__)]
        if letter.wish and events and origin.command is None:
            origin = origin._replace(command=CommandId(f"c{self._state.seq + 1}"))
        own = self._fold(events, origin, letter.cause)
        batch.envelopes += own
        cause = own[0].seq if own else letter.cause
        batch.envelopes += self._settle(cause, batch)
        batch.told.append((letter.answer, answer_of(origin.command or CommandId(""), own)))

    def _settle(self, cause: Seq | None, batch: Batch) -> list[Envelope]:
        """To a fixed point: each round sees the state that the last one made."""
        envelopes: list[Envelope] = []
        for _ in range(SETTLES):
            batch.settled = True
            events, batch.wake_at = settle(self._state, self._clock(), self._vitals, self._rules)
            if not events:
                return envelopes
            envelopes += self._fold(events, Origin("daemon"), cause)
        raise RuntimeError(f"settle does not come to rest at seq {self._state.seq}")

    def _fold(self, events: list[Event], origin: Origin, cause: Seq | None) -> list[Envelope]:
        at, state = round(self._clock(), 6), self._state
        envelopes: list[Envelope] = []
        for event in events:
            seq = Seq(state.seq + 1)
            first = not envelopes
            envelope = Envelope(
                seq=seq,
                at=at,
                epoch=seq if isinstance(event, DaemonStarted) else state.epoch,
                actor=origin.actor,
                event=event,
                cause=cause,
                command=origin.command,
                key=origin.key if first else None,
                digest=origin.digest if first else None,
            )
            apply(state, envelope)
            envelopes.append(envelope)
        return envelopes

    # Once it is on disk ------------------------------------------------------------------------

    def _land(self) -> None:
        """Tells what has become durable, in order; stops for good at the first failure."""
        while self._flight and self._broken is None:
            batch = self._flight[0]
            if batch.written is not None and not batch.written.done():
                break
            if (error := batch.failure()) is not None:
                self._break(error)
                return
            self._flight.popleft()
            self._tell(batch)
        self._landed.set()

    def _tell(self, batch: Batch) -> None:
        if batch.envelopes:
            self.durable = batch.envelopes[-1].seq
            if batch.scene is not None and batch.on_disk is not None:
                self._scene, self._on_disk = batch.scene, batch.on_disk
            self._followers.tell(Committed(tuple(batch.envelopes), batch.briefs))
        batch.answer()
        if batch.settled:
            self._wake_at(batch.wake_at)

    def _wake_at(self, at: float | None) -> None:
        """By the loop's clock, looked at again now and then: the wall clock may jump."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if at is not None and not self._stopping:
            delay = min(max(at - self._clock(), 0.001), LONGEST_SLEEP)
            self._timer = asyncio.get_running_loop().call_later(delay, self.pulse)

    def _break(self, error: BaseException) -> None:
        """The log failed, or the core contradicts itself.

        Nothing is acknowledged any more; the state may be ahead of the disk and must be forgotten.
        """
        self._broken = error
        self._mail.set()
        self._landed.set()
        self._on_broken(error)

    def _end(self) -> None:
        self._stopping = True
        self._wake_at(None)
        stopped = LedgerStopped("the daemon has stopped")
        for batch in self._flight:
            batch.give_up(stopped)
        self._flight.clear()
        for letter in self._mailbox:
            fail(letter.answer, stopped)
        self._mailbox.clear()
        self._followers.tell(None)
        self._landed.set()

    # The mailbox -------------------------------------------------------------------------------

    def _letter(self, input: Input, origin: Origin, cause: Seq | None, *, wish: bool) -> asyncio.Future[Answer]:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._put(Letter(input, origin, cause, answer, wish))
        return answer

    def _put(self, mail: Letter | Question) -> None:
        if self._stopping or self._broken is not None:
            raise LedgerStopped("the daemon is stopping")
        self._mailbox.append(mail)
        self._mail.set()
