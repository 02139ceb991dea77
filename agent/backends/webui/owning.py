"""Whose job it is that the server works on: its progress belongs to whoever holds the lock, and so does an interrupt.

Where the server runs with its web page, one request can be asked for by its id, and the answer is exact. Elsewhere it
is concluded, and only where the server was idle when our request was sent: then the next job is ours if it is of our
kind and has our number of steps. Before its first step a job shows no steps of its own, so it is not interrupted
before: the interrupt would have no effect before the first step either. Where the server was not idle, or another job
was seen in between, nobody can tell which of those to come is ours, as many may queue: then none is, and a cancel waits
for our answer. What stays open without the web page: a request of our kind and steps that comes to the server between
our last look and ours, or that waits there while the server shows no job for longer than `Patience.quiet`: it loads a
model before its first job, or runs deepdanbooru.
"""

from typing import NamedTuple

from agent.backends.webui.door import Door
from agent.backends.webui.shapes import JobState, Progress, TaskProgress


class Look(NamedTuple):
    """How our job shows in the progress."""

    job: str
    """`scripts_txt2img`, `scripts_img2img`, `extras`, `interrogate`; batches rename it."""
    steps: frozenset[int] = frozenset()
    """Any that its passes may count; empty: it counts none."""
    task: str = ""
    """Its id; empty: the request takes none."""


def sampled_look(job: str, steps: int, task: str, *, denoise: float | None = None, second: int = 0) -> Look:
    """A sampler may count each step twice, img2img counts only those it takes."""
    counts = {steps} if denoise is None else {steps, int(min(denoise, 0.999) * steps) + 1}
    counts |= {second} if second else set()
    return Look(job, frozenset(n for count in counts for n in (count, count * 2, count * 2 - 1, count + 1)), task)


class Owner:
    """Follows the progress from before our request was sent. Not for several threads."""

    def __init__(self, look: Look, before: Progress, *, exact: Door | None) -> None:
        self._look = look
        self._alone = not before.busy
        """No job but ours can have been under way since ours was sent."""
        self._ours: str | None = None
        """The timestamp of our job, once it was seen."""
        self._exact = exact if look.task else None

    def is_ours(self, seen: Progress, *, certain: bool = False) -> bool:
        """Whether what was seen is our job. `certain`: asked for an interrupt, so nothing is taken for granted."""
        if not seen.busy:
            return False
        if self._exact is not None and (certain or self._ours != seen.state.job_timestamp):
            ours = self._asked(self._exact)
        else:
            ours = self._concluded(seen.state, certain)
        return ours

    def _asked(self, door: Door) -> bool:
        body = {"id_task": self._look.task, "id_live_preview": -1, "live_preview": False}
        return bool(door.post("/internal/progress", body, TaskProgress).active)

    def _concluded(self, state: JobState, certain: bool) -> bool:
        if self._ours is not None:
            return state.job_timestamp == self._ours
        self._alone = self._alone and self._fits(state)
        if not self._alone:
            return False
        shown = self.stepped(state)
        if shown:
            self._ours = state.job_timestamp
        return shown or not certain

    def stepped(self, state: JobState) -> bool:
        """Whether our job, seen in this state, is past its beginning, which clears every interrupt."""
        return bool(state.sampling_step) or not self._look.steps

    def _fits(self, state: JobState) -> bool:
        job = state.job or ""
        if job and job != self._look.job and not job.startswith("Batch "):
            return False
        return not state.sampling_step or not self._look.steps or (state.sampling_steps or 0) in self._look.steps
