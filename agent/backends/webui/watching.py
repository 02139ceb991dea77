"""A request under way and what is seen of it: the thread that waits for its answer, and the one that looks after it.

The second interrupts our job once it is not wanted any more, and goes on when nobody waits for the answer: a job is
never left to run on at the server.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.backends import BackendTrouble
from agent.backends.webui.door import API, LIMIT, Door
from agent.backends.webui.errors import broken_off
from agent.backends.webui.owning import Owner
from agent.backends.webui.shapes import JobState, Progress
from agent.http import Answer, Call, ServerTrouble


class Patience(NamedTuple):
    """Seconds."""

    poll: float = 0.5
    """Between two looks at the progress; never less."""
    silence: float = 900.0
    """Without any answer to a look: loading a model may keep a server silent for minutes."""
    gone: float = 15.0
    """That nothing listens at its address while our request still seems to be under way."""
    step: float = 0.05
    """Within which a wish to cancel is seen."""
    quiet: float = 0.25
    """That a server must go on showing no job after another client's, to be taken for idle."""
    others: float = 600.0
    """For other clients' jobs: before our request is sent; behind them, while nothing of theirs moves."""
    letting_go: float = 30.0
    """From the wish to cancel to our answer: well within the minute after which an agent is taken for one that hangs.
    After that only the looking after goes on."""


@dataclass
class Course:
    """What was seen from the sending of a request to its answer."""

    interrupted: bool = False
    """By somebody else: the server told so of our job."""
    timestamp: str | None = None
    """Of our job."""
    waited_s: float = 0.0
    """For other clients' jobs."""
    first_step_s: float | None = None
    """Seconds from the beginning of our job to the first step of the sampler."""
    alone: bool = True
    """The server was idle when it was sent."""
    sent: float = 0.0
    looked: float = 0.0
    begun: dict[str, float] = field(default_factory=dict)
    """Timestamp of a job to the first look that showed it."""
    stepped: dict[str, float] = field(default_factory=dict)
    """To the first look that showed a step of it."""

    def look(self, state: JobState, now: float) -> None:
        stamp = state.job_timestamp or ""
        self.looked = now
        self.begun.setdefault(stamp, now)
        if state.sampling_step:
            self.stepped.setdefault(stamp, now)

    def ended(self, after: Progress) -> None:
        """`after`: seen right after its answer."""
        if not after.busy:
            self.timestamp = after.state.job_timestamp

    def settle(self, timestamp: str | None) -> None:
        """`timestamp`: as the answer says it; how long ours waited, and how long it was before its first step."""
        self.timestamp = timestamp or self.timestamp
        stamp = self.timestamp or ""
        first = next(iter(self.begun), stamp) == stamp
        began = self.sent if self.alone and first else self.begun.get(stamp, max(self.sent, self.looked))
        self.waited_s += began - self.sent
        if stamp in self.stepped:
            self.first_step_s = self.stepped[stamp] - began


class Sending:
    """The thread that waits for the answer."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._answer: Answer | None = None
        self._trouble: ServerTrouble | None = None
        self.done = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._wait, name="webui-request", daemon=True).start()

    def close(self) -> None:
        self._call.close()

    def _wait(self) -> None:
        try:
            self._answer = self._call.answer(LIMIT)
        except ServerTrouble as trouble:
            self._trouble = trouble
        finally:
            self.done.set()

    def answer(self) -> Answer:
        if self._answer is None:
            raise broken_off(self._trouble) if self._trouble else BackendTrouble("lost", "the request was given up")
        return self._answer


class Watch:
    """The thread that looks at the progress. All but `start`, `stop`, `unwanted` and `leave` is its own."""

    def __init__(
        self,
        door: Door,
        owner: Owner,
        sending: Sending,
        course: Course,
        clock: Callable[[], float],
        patience: Patience,
        previews: Callable[[], bool],
    ) -> None:
        self._door, self._owner, self.sending, self._course = door, owner, sending, course
        self._clock, self._patience, self._previews = clock, patience, previews
        self._answered = clock()
        self._refused: float | None = None
        self._wake = threading.Event()
        self._stopped = False
        self._left = False
        self._heeded = False
        """Our interrupt was answered while our job made its steps: it cannot be lost any more."""
        self._thread: threading.Thread | None = None
        self._state: JobState | None = None
        self.cancelling: float | None = None
        """Since when it is not wanted any more."""
        self.interrupted = False
        self.moved = clock()
        """When the server's job was last seen to change."""
        self.behind = False
        """A job runs that is not known to be ours."""
        self.ours: Progress | None = None
        """The newest that was seen of our job."""

    def start(self) -> None:
        """Looks for the first time after one pause: a short job is never looked at."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="webui-progress", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()

    def unwanted(self) -> None:
        if self.cancelling is None:
            self.cancelling = self._clock()
            self._wake.set()

    def leave(self) -> None:
        """Nobody waits for the answer any more. It goes on until the answer is there: the server is not free before."""
        self.unwanted()
        self._left = True
        self.start()

    def judge(self) -> None:
        """Gives the request up when the server is gone; the open connection alone would never tell."""
        now = self._clock()
        refused = self._refused is not None and now - self._refused > self._patience.gone
        if refused or now - self._answered > self._patience.silence:
            self.sending.close()

    def _watch(self) -> None:
        while True:
            self._wake.wait(self._patience.poll)
            if self._stopped or (self._left and self.sending.done.is_set()):
                self.sending.close()
                return
            self._wake.clear()
            self._look()
            if self._left:
                self.judge()

    def _look(self) -> None:
        try:
            seen = self._door.look(picture=self.cancelling is None and self._previews())
            self._answered, self._refused = self._clock(), None
            cancelling = self.cancelling is not None
            self._follow(seen)
            ours = self._owner.is_ours(seen, certain=cancelling)
            self.behind = seen.busy and not ours and self.ours is None
            if not ours or self.sending.done.is_set():
                return
            self.ours, self._course.timestamp = seen, seen.state.job_timestamp
            if cancelling and not seen.state.interrupted:
                self._interrupt(seen.state)
            elif not cancelling and seen.state.cut_short:
                self.interrupted = True
        except ServerTrouble as trouble:
            if not trouble.sent and self._refused is None:
                self._refused = self._clock()
        except BackendTrouble:
            return  # the next look will tell

    def _interrupt(self, state: JobState) -> None:
        """Once it is heeded, another would meet the next client's job, which may have begun in the same second."""
        if not self._heeded:
            self._door.tell(f"{API}/interrupt")
            self._heeded = self._owner.stepped(state)

    def _follow(self, seen: Progress) -> None:
        if seen.state != self._state:
            self._state, self.moved = seen.state, self._clock()
        if seen.busy:
            self._course.look(seen.state, self._clock())
