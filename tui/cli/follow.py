"""Waiting for jobs and runs, with a live line or plain lines on stderr; survives a restart of the daemon."""

import os
import sys
import time
from collections.abc import Sequence

from schema.bars import bar
from schema.errors import Exit, NoDaemon
from tui.cli import output
from tui.cli.bar import Bar
from tui.cli.stalled import Stalled
from tui.link import endpoint
from tui.link.call import Refusal
from tui.link.doc import Doc

GRACE = 30.0
"""Seconds that a daemon may be away (a restart, an update) before a wait ends."""

QUIET = 1.0
"""Seconds between two plain lines."""

SILENCE = 30.0
"""Seconds; the daemon says something every five."""

AGAIN = 503
"""The status of an answer that says: not now."""


def follow(selected: Sequence[str]) -> Doc:
    """Blocks until all that was selected has ended; the daemon's last word on it.

    Raises NoDaemon when the daemon stays away, KeyboardInterrupt as it comes.
    """
    show = Live() if sys.stderr.isatty() else Lines()
    stalled = Stalled(selected)
    endpoint.reach(os.environ).get("/v1/status")  # a daemon that was never there is not waited for
    told = ""
    try:
        while True:
            if (trouble := _in_the_way()) != told and (told := trouble):
                show.end()
                output.tell(f"{output.clean(trouble)} The wait goes on.")
            try:
                done = _until_done(selected, show, stalled)
            except NoDaemon:
                done = None
            except Refusal as refusal:  # not even the log can be read now
                if refusal.status != AGAIN:
                    raise
                done = None
            if done is not None:
                return done
            _wait_for_return()
    finally:
        show.end()


def ended_with(done: Doc) -> int:
    """A job that failed, was cancelled or needs attention makes a waiting verb end with its own code."""
    return Exit.JOB_FAILED if done.whole("failed") or done.whole("cancelled") else Exit.DONE


def summary(done: Doc) -> str:
    parts = [f"{done.whole('finished')} of {output.plural(done.whole('jobs'), 'job')} finished"]
    for name in ("failed", "cancelled"):
        if number := done.whole(name):
            parts.append(f"{number} {name}")
    return ", ".join(parts) + "."


def how_to_go_on(selected: Sequence[str]) -> str:
    from shlex import join

    names = join(selected)
    return (
        f"Interrupted; the work goes on. Follow it with `stablenew job wait {names}`,"
        f" cancel it with `stablenew job cancel {names}`."
    )


def _until_done(selected: Sequence[str], show: "Live | Lines", stalled: Stalled) -> Doc | None:
    """None: the daemon closed the stream before the end."""
    daemon = endpoint.reach(os.environ)
    for line in daemon.lines("/v1/follow", {"select": tuple(selected)}, patience=SILENCE):
        if "done" in line:
            return line.doc("done")
        show.show(line.doc("progress"))
        if why := stalled.look(daemon, line.doc("progress")):
            show.end()
            output.tell(why)
    return None


def _in_the_way() -> str:
    """What keeps the daemon from working for now; empty: nothing."""
    seen = endpoint.look(os.environ)
    return seen.trouble if seen.state == "read-only" else ""


def _wait_for_return() -> None:
    time.sleep(endpoint.LOOK_AGAIN * 4)  # a stream that ends at once must not be asked for again and again
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline:
        if endpoint.state_of(os.environ) in endpoint.UP:
            return
        time.sleep(endpoint.LOOK_AGAIN * 4)
    raise NoDaemon("The daemon ended while we waited; the work goes on when it runs again.")


class Live:
    """One line, drawn over itself."""

    def __init__(self) -> None:
        self._bar = Bar()

    def show(self, progress: Doc) -> None:
        self._bar.show(live_line(progress))

    def end(self) -> None:
        self._bar.end()


class Lines:
    """A plain line whenever the counts changed, at most one a second."""

    def __init__(self) -> None:
        self._shown = ""
        self._at = 0.0

    def show(self, progress: Doc) -> None:
        line = plain_line(progress)
        now = time.monotonic()
        if line != self._shown and now - self._at >= QUIET:
            output.tell(line + _eta(progress))
            self._shown, self._at = line, now

    def end(self) -> None:
        pass


def plain_line(progress: Doc) -> str:
    """`12/40 jobs ended, 1 failed`"""
    failed = progress.whole("failed") + progress.whole("attention")
    line = f"{_ended(progress)}/{output.plural(progress.whole('jobs'), 'job')} ended"
    line += f", {failed} failed" if failed else ""
    return line + (", making the film" if progress.text("film") == "making" else "")


def live_line(progress: Doc) -> str:
    """`12/40 jobs ended █████░░░░░ ETA 3m 05s | k3mp.13 upscale (3 of 3) 12/20`"""
    jobs = progress.whole("jobs")
    running = progress.docs("running")
    steps = sum(_share(job) for job in running)
    part = min(1.0, (_ended(progress) + steps) / jobs) if jobs else 0.0
    line = f"{plain_line(progress)} {bar(part)}{_eta(progress)}"
    if running:
        line += " | " + stage_words(running[0]) + (f" and {len(running) - 1} more" if len(running) > 1 else "")
    return line


def stage_words(job: Doc) -> str:
    """`k3mp.13 upscale (3 of 3) 12/20 on here`"""
    words = f"{job.text('job')} {job.text('stage')} ({job.whole('stage_number')} of {job.whole('stages')})"
    if job.whole("steps"):
        words += f" {job.whole('step')}/{job.whole('steps')}"
    return words + (f" {job.text('doing')}" if job.text("doing") else "")


def _share(job: Doc) -> float:
    """How much of a running job is done, 0 to 1, all stages taken for equally long."""
    stages = max(1, job.whole("stages"))
    step = job.whole("step") / job.whole("steps") if job.whole("steps") else 0.0
    return min(1.0, (max(0, job.whole("stage_number") - 1) + step) / stages)


def _ended(progress: Doc) -> int:
    return sum(progress.whole(name) for name in ("finished", "failed", "cancelled", "attention"))


def _eta(progress: Doc) -> str:
    return f" ETA {output.duration(progress.real('eta_s'))}" if "eta_s" in progress else ""
