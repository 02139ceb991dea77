"""One request to the server from its sending to its answer: told progress, survived silence, cancelled for certain.

The answer comes when the picture is done, and hanging up stops nothing: so a request is never given up while the
server lives, and a cancelled one is interrupted until its own answer is there. Only then may the next be sent.
"""

import base64
import binascii
import contextlib
import hashlib
import io
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

from agent.backends import BackendTrouble, Cancelled, Reporter
from agent.backends.webui.door import API, LIMIT, Door
from agent.backends.webui.errors import broken_off
from agent.backends.webui.owning import Look, Owner
from agent.backends.webui.shapes import Progress
from agent.http import Answer, Call, ServerTrouble

PREVIEW_SIDE = 384
"""Pixels along the longer side."""

AGAIN = 0.5
"""Seconds after which the same progress is told again."""


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


@dataclass
class Course:
    """What was seen while the request was under way."""

    first_step_s: float | None = None
    """Seconds from sending to the first step of the sampler."""
    interrupted: bool = False
    """By somebody else: the server told so of our job."""
    timestamp: str | None = None
    """Of our job."""
    waited_s: float = 0.0
    """For another client's job, before anything was sent."""


class Runner:
    """One per server: `run` holds its place, so that never two of our requests are under way."""

    def __init__(self, door: Door, clock: Callable[[], float], patience: Patience) -> None:
        self._door = door
        self._clock = clock
        self._patience = patience
        self._place = threading.Lock()

    def run(
        self,
        path: str,
        request: object,
        look: Look,
        reporter: Reporter,
        told: "Telling",
        around: AbstractContextManager[object] | None = None,
        *,
        tasks: bool,
    ) -> tuple[Answer, Course]:
        """The answer, of whatever status. `around` holds while it is under way.

        Raises Cancelled after the answer, or BackendTrouble when there will be none.
        """
        with self._place:
            course, call = Course(), self._door.call(API + path, request)  # written out before the server is looked at
            before = self._idle(reporter, course, wait=not (tasks and look.task))
            with around or nullcontext():
                owner = Owner(look, before, exact=self._door if tasks else None)
                return self._under_way(call, owner, reporter, told, course), course

    def _idle(self, reporter: Reporter, course: Course, *, wait: bool) -> Progress:
        """Waits while one other job runs, so that ours is known by being the next; joins the queue when more wait."""
        seen = self._door.progress()
        began, other = self._clock(), seen.state.job_timestamp
        while wait and seen.busy and seen.state.job_timestamp == other:
            reporter.step(0, 1, "waiting for another client's job")
            reporter.rest(self._patience.poll)
            seen = self._door.progress()
        course.waited_s = self._clock() - began
        if reporter.cancelled():
            raise Cancelled
        return seen

    def _under_way(self, call: Call, owner: Owner, reporter: Reporter, told: "Telling", course: Course) -> Answer:
        sending = _Sending(call)
        watch = _Watch(self._door, owner, sending, self._clock, self._patience, reporter.previews)
        began = self._clock()
        sending.start()
        try:
            while not sending.done.wait(self._patience.step):
                if reporter.cancelled():
                    watch.unwanted()
                watch.start()
                self._tell(watch, reporter, told, course, began)
                watch.judge(call)
        finally:
            watch.stop()
            call.close()
        if reporter.cancelled() or watch.cancelling:
            raise Cancelled
        course.interrupted |= watch.interrupted
        return sending.answer()

    def _tell(self, watch: "_Watch", reporter: Reporter, told: "Telling", course: Course, began: float) -> None:
        """To the reporter, unless it would only answer that nobody wants the picture any more."""
        seen = watch.ours
        if seen is not None:
            course.timestamp = seen.state.job_timestamp
            if course.first_step_s is None and seen.state.sampling_step:
                course.first_step_s = self._clock() - began
        now = told.due(seen, self._clock())
        if now is not None and not watch.cancelling:
            with contextlib.suppress(Cancelled):
                reporter.step(*now)
        if seen is not None and (jpeg := told.preview(seen)) is not None:
            reporter.preview(jpeg)


class _Sending:
    """The thread that waits for the answer."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._answer: Answer | None = None
        self._trouble: ServerTrouble | None = None
        self.done = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._wait, name="webui-request", daemon=True).start()

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


class _Watch:
    """The thread that looks at the progress, and interrupts our job when it is not wanted any more."""

    def __init__(
        self,
        door: Door,
        owner: Owner,
        sending: _Sending,
        clock: Callable[[], float],
        patience: Patience,
        previews: bool,
    ) -> None:
        self._door, self._owner, self._sending = door, owner, sending
        self._clock, self._patience, self._previews = clock, patience, previews
        self._answered = clock()
        self._refused: float | None = None
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None
        self.cancelling = False
        self.interrupted = False
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
        if not self.cancelling:
            self.cancelling = True
            self._wake.set()

    def judge(self, call: Call) -> None:
        """Gives the request up when the server is gone; the open connection alone would never tell."""
        now = self._clock()
        refused = self._refused is not None and now - self._refused > self._patience.gone
        if refused or now - self._answered > self._patience.silence:
            call.close()

    def _watch(self) -> None:
        while True:
            self._wake.wait(self._patience.poll)
            if self._stopped:
                return
            self._wake.clear()
            self._look()

    def _look(self) -> None:
        try:
            seen = self._door.look(picture=self._previews and not self.cancelling)
            self._answered, self._refused = self._clock(), None
            cancelling = self.cancelling
            if not self._owner.is_ours(seen, certain=cancelling) or self._sending.done.is_set():
                return
            self.ours = seen
            if cancelling:
                self._door.tell(f"{API}/interrupt")
            elif seen.state.cut_short:
                self.interrupted = True
        except ServerTrouble as trouble:
            if not trouble.sent and self._refused is None:
                self._refused = self._clock()
        except BackendTrouble:
            return  # the next look will tell


class Telling:
    """Progress in the words of a reporter: within one `doing` it only grows."""

    def __init__(self, *, passes: int, begins: str) -> None:
        self._passes = max(1, passes)
        """Times the sampler runs."""
        self._waiting = begins
        """Until the first step of a sampler, if there is one."""
        self._last = (0, 1, self._waiting)
        self._told: tuple[tuple[int, int, str], float] | None = None
        self._shown = ""

    def due(self, seen: Progress | None, now: float) -> tuple[int, int, str] | None:
        """`seen`: our own job's; None: it was not seen yet. Gives None when nothing changed a moment ago."""
        if seen is not None:
            self._last = self._grown(self._read(seen))
        if self._told is not None and self._told[0] == self._last and now - self._told[1] < AGAIN:
            return None
        self._told = (self._last, now)
        return self._last

    def _read(self, seen: Progress) -> tuple[int, int, str]:
        state = seen.state
        steps, step, number = state.sampling_steps or 0, state.sampling_step or 0, state.job_no or 0
        if not step and not number:
            return 0, 1, self._waiting
        if step >= steps and number + 1 >= self._passes:
            return 0, 1, "decoding"
        of = max(1, steps)
        return min(number, self._passes - 1) * of + min(step, of), self._passes * of, "sampling"

    def _grown(self, new: tuple[int, int, str]) -> tuple[int, int, str]:
        step, steps, doing = self._last
        order = (self._waiting, "sampling", "decoding")
        if order.index(new[2]) < order.index(doing):
            return self._last
        if new[2] == doing and new[0] * steps < step * new[1]:
            return self._last
        return new

    def preview(self, seen: Progress) -> bytes | None:
        """As a small JPEG; None: none, or the one before."""
        text = seen.current_image or ""
        if not text:
            return None
        digest = hashlib.sha256(text.encode()).hexdigest()
        if digest == self._shown:
            return None
        self._shown = digest
        try:
            return _small(base64.b64decode(text.rpartition(",")[2]))
        except (ValueError, binascii.Error, OSError, SyntaxError, Image.DecompressionBombError):
            return None


def _small(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP")) as picture:
        small = picture.convert("RGB")
        small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=80)
        return out.getvalue()
