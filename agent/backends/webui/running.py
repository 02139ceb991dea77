"""One request to the server from its sending to its answer: told progress, survived silence, cancelled for certain.

The answer comes when the picture is done, and hanging up stops nothing: so a request is never given up while the
server lives, and a cancelled one is interrupted until its own answer is there. Only then may the next be sent.
"""

import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from agent.backends import BackendTrouble, Cancelled, Reporter
from agent.backends.webui.door import API, Door
from agent.backends.webui.owning import Look, Owner
from agent.backends.webui.shapes import Progress
from agent.backends.webui.telling import Telling
from agent.backends.webui.watching import Course, Patience, Sending, Watch
from agent.http import Answer, Call

OTHERS = "waiting for another client's job"
BEHIND = "waiting in the server's queue"
LETTING_GO = "letting go"
SURE = "looking whether the server is idle"

NEVER = None, "", "0"
"""The timestamps of a server that has had no job yet."""


class Runner:
    """One per server: `run` holds its place, so that never two of our requests are under way."""

    def __init__(self, door: Door, clock: Callable[[], float], patience: Patience) -> None:
        self._door = door
        self._clock = clock
        self._patience = patience
        self._place = threading.Lock()
        self._left: Watch | None = None
        self._last = Course()
        """Of our newest request."""

    @property
    def held(self) -> str:
        """Why nothing may be sent: a job of ours that nobody wants any more goes on there. Empty: it is free."""
        if self._left is None or self._left.sending.done.is_set():
            return ""
        url = self._door.url
        return f"the WebUI at {url} has not let go of a job of ours; wait until it has, or restart it if it hangs"

    def run(
        self,
        path: str,
        request: object,
        look: Look,
        reporter: Reporter,
        told: Telling,
        around: AbstractContextManager[object] | None = None,
        *,
        tasks: bool,
    ) -> tuple[Answer, Course]:
        """The answer, of whatever status. `around` holds while it is under way.

        Raises Cancelled after the answer, or when it takes too long, or BackendTrouble when there will be none.
        """
        with self._place:
            self._wait_until_free(reporter)
            course, call = Course(), self._door.call(API + path, request)  # written out before the server is looked at
            before = self._idle(reporter, course, wait=not (tasks and look.task))
            with around or nullcontext():
                owner = Owner(look, before, exact=self._door if tasks else None)
                course.alone = not before.busy
                self._last = course
                return self._under_way(call, owner, reporter, told, course), course

    def _wait_until_free(self, reporter: Reporter) -> None:
        began = self._clock()
        while held := self.held:
            waited = self._clock() - began
            if waited > self._patience.gone:
                raise BackendTrouble("lost", held)
            reporter.step(0, 1, f"waiting until the server has let go of another job, {waited:.0f} s")
            reporter.rest(self._patience.poll)
        self._left = None

    def _idle(self, reporter: Reporter, course: Course, *, wait: bool) -> Progress:
        """Waits while one other job runs, so that ours is known by being the next; joins the queue when more wait."""
        began, seen = self._clock(), self._sure(reporter, wait=wait)
        other = seen.state.job_timestamp
        while wait and seen.busy and seen.state.job_timestamp == other:
            waited = self._clock() - began
            if waited > self._patience.others:
                raise BackendTrouble("lost", self._kept_busy(waited))
            reporter.step(0, 1, f"{OTHERS}, {waited:.0f} s")
            reporter.rest(self._patience.poll)
            seen = self._sure(reporter, wait=wait)
        course.waited_s = self._clock() - began
        if reporter.cancelled():
            raise Cancelled
        return seen

    def _sure(self, reporter: Reporter, *, wait: bool) -> Progress:
        """Between two jobs of its queue a server shows none either, while it clears its memory after the first.

        So where the last job was another client's, it is idle only if it still is a moment later. After our own last
        job nothing is waited for: our answer is written and sent once the next in the queue was let in. (Jobs are known
        by the second in which they begin: one of less than a second may pass for the one before it.)
        """
        seen, over = self._door.progress(), {*NEVER, self._last.timestamp}
        while wait and not seen.busy and seen.state.job_timestamp not in over:
            over.add(seen.state.job_timestamp)
            reporter.step(0, 1, SURE)
            reporter.rest(self._patience.quiet)
            seen = self._door.progress()
        return seen

    def _under_way(self, call: Call, owner: Owner, reporter: Reporter, told: Telling, course: Course) -> Answer:
        sending = Sending(call)
        watch = Watch(self._door, owner, sending, course, self._clock, self._patience, lambda: reporter.previews)
        course.sent = self._clock()
        sending.start()
        try:
            while not sending.done.wait(self._patience.step):
                if reporter.cancelled():
                    watch.unwanted()
                watch.start()
                self._tell(watch, reporter, told, course)
                watch.judge()
                self._bear(watch)
        except BaseException:
            self._left = watch
            watch.leave()
            raise
        watch.stop()
        sending.close()
        if reporter.cancelled() or watch.cancelling is not None:
            raise Cancelled
        course.interrupted |= watch.interrupted
        return sending.answer()

    def _bear(self, watch: Watch) -> None:
        """Raises what ends the patience with a server that lives, but does not come to an end with us."""
        now = self._clock()
        if watch.cancelling is not None:
            if now - watch.cancelling > self._patience.letting_go:
                raise Cancelled
        elif watch.behind and now - watch.moved > self._patience.others:
            raise BackendTrouble("lost", self._kept_busy(now - watch.moved))

    def _kept_busy(self, seconds: float) -> str:
        return f"another client's job has kept the WebUI at {self._door.url} busy for {seconds:.0f} seconds"

    def _tell(self, watch: Watch, reporter: Reporter, told: Telling, course: Course) -> None:
        """To the reporter, also while nobody wants the picture any more: silence would pass for a standstill."""
        seen, now = watch.ours, self._clock()
        if watch.cancelling is not None:
            news = told.waiting(LETTING_GO, watch.cancelling, now)
        elif watch.behind:
            news = told.waiting(BEHIND, course.sent, now)
        else:
            news = told.due(seen, now)
        if news is not None:
            with contextlib.suppress(Cancelled):
                reporter.step(*news)
        if seen is not None and watch.cancelling is None and (jpeg := told.preview(seen)) is not None:
            reporter.preview(jpeg)
