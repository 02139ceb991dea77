"""One accepted order on its way: what the loop and the backend's thread both know of it."""

import threading
from collections.abc import Callable, Mapping

from agent.backends import Backend, Cancelled, Work
from agent.spool import Spool
from schema.ids import Sha256, run_of
from schema.orders import AttemptReport, Order, Preview, Progress, attempt_id

LARGEST_PREVIEW = 512 * 1024
"""Bytes; a larger one is left out rather than told ten times a second."""


class Turn:
    """Made in the loop. Only `state` changes there, only `progress` in the backend's thread."""

    def __init__(self, work: Work, needs: tuple[Sha256, ...], backend: Backend, spool: Spool, accepted: float) -> None:
        self.work = work
        self.spool = spool
        """Of whoever ordered it: another may be served before it has ended."""
        self.needs = needs
        """Blobs pinned for it."""
        self.backend = backend
        self.accepted = accepted
        self.moved_s = 0.0
        self.running = False
        self.unwanted = threading.Event()
        """Set by a cancel and by the end of the process."""

    @property
    def order(self) -> Order:
        return self.work.order

    @property
    def id(self) -> str:
        return attempt_id(self.order.job, self.order.stage, self.order.token)

    def fields(self) -> Mapping[str, str | int]:
        """For the log."""
        job = self.order.job
        return {"run": run_of(job), "job": job, "stage": self.order.stage, "token": self.order.token}

    def report(self) -> AttemptReport:
        """As it is now."""
        return AttemptReport(
            job=self.order.job,
            stage=self.order.stage,
            token=self.order.token,
            state="running" if self.running else "waiting",
        )


class TurnReporter:
    """Hands progress from the backend's thread to the loop; the newest replaces what the loop has not yet taken.

    So a backend that reports ten thousand steps a second costs the loop one wake-up per turn of its own.
    """

    def __init__(
        self,
        turn: Turn,
        clock: Callable[[], float],
        wake: Callable[[Callable[[], None]], None],
        tell: Callable[[Progress | Preview], None],
        watched: Callable[[], bool] = lambda: False,
    ) -> None:
        """`watched`: whether somebody has begun to watch since the order was sent."""
        self._turn = turn
        self._clock = clock
        self._wake = wake
        self._tell = tell
        self._watched = watched
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._preview: Preview | None = None
        self._doing = ""
        self._began = clock()

    @property
    def previews(self) -> bool:
        return self._turn.order.previews or self._watched()

    def step(self, step: int, steps: int, doing: str) -> None:
        self._check()
        now = self._clock()
        if doing != self._doing:
            self._doing, self._began = doing, now
        order = self._turn.order
        self._leave(
            Progress(
                job=order.job,
                stage=order.stage,
                token=order.token,
                step=step,
                steps=steps,
                eta_s=round((now - self._began) / step * (steps - step), 3) if step else None,
                doing=doing,
            )
        )

    def preview(self, jpeg: bytes) -> None:
        if len(jpeg) > LARGEST_PREVIEW:
            return
        order = self._turn.order
        self._leave(Preview(job=order.job, stage=order.stage, token=order.token, jpeg=jpeg))

    def rest(self, seconds: float) -> None:
        if seconds > 0:
            self._turn.unwanted.wait(seconds)
        self._check()

    def cancelled(self) -> bool:
        return self._turn.unwanted.is_set()

    def _check(self) -> None:
        if self._turn.unwanted.is_set():
            raise Cancelled

    def _leave(self, news: Progress | Preview) -> None:
        with self._lock:
            awake = self._progress is not None or self._preview is not None
            if isinstance(news, Progress):
                self._progress = news
            else:
                self._preview = news
        if not awake:
            self._wake(self._take)

    def _take(self) -> None:
        """In the loop's thread."""
        with self._lock:
            left = (self._progress, self._preview)
            self._progress = self._preview = None
        for news in left:
            if news is not None:
                self._tell(news)
