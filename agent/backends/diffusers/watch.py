"""One stage in the diffusers process, watched from the agent: its steps passed on, its wish to end too, its end told.

Every way in which the process can fail ends here as one BackendTrouble; the caller starts a fresh one.
"""

import logging
import queue
import signal
import time
from contextlib import suppress
from typing import NamedTuple

from agent.backends import BackendTrouble, Cancelled, Reporter
from agent.backends.diffusers.child import Child, Death
from agent.backends.diffusers.messages import Broke, Cancel, Done, Run, Shown, Stopped, Told
from schema.errors import Trouble

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.2
"""How often the wish to cancel is looked at."""

REPEAT_SECONDS = 1.0
"""The last step is told again, so that the daemon sees life while a model loads."""


class Patience(NamedTuple):
    """Seconds."""

    start: float = 180.0
    """From the process's start to its first word: torch from a slow disk."""
    step: float = 600.0
    """Between two steps: a step on a CPU, a checkpoint read from a slow disk."""
    silence: float = 60.0
    """Without any sign of life: it is stopped, or hangs in a library that holds Python's lock."""
    cancel: float = 20.0
    """From the wish to cancel; then it is killed, as nothing can stop a decoding or a loading otherwise."""


PATIENCE = Patience()


def wait_ready(child: Child, reporter: Reporter, patience: Patience) -> None:
    """Until it has said hello. Raises BackendTrouble, Cancelled."""
    began = time.monotonic()
    while child.hello is None:
        reporter.step(0, 1, "starting diffusers")
        if not child.alive:
            raise _died(child.death(), "while it started")
        if time.monotonic() - began > patience.start:
            child.kill()
            child.death()
            raise BackendTrouble("backend", f"the diffusers process did not start within {patience.start:g} s")
        reporter.rest(LOOK_SECONDS)


def follow(child: Child, asked: Run, reporter: Reporter, patience: Patience) -> Done:
    """Asks, and waits for the end. Raises BackendTrouble, Cancelled; the child is dead after `backend` and `lost`
    and after a cancel that nothing but its end could fulfil.
    """
    child.ask(asked)
    told = Told(step=0, steps=1, doing="loading model")
    moved = repeated = time.monotonic()
    unwanted: float | None = None
    while True:
        fresh = False
        with suppress(queue.Empty):
            story = child.story.get(timeout=LOOK_SECONDS)
            match story:
                case None:
                    death = child.death()
                    raise Cancelled if unwanted is not None else _died(death, f"during {told.doing}")
                case Done() | Broke() | Stopped() if story.number == asked.number:
                    if isinstance(story, Broke) and story.ruined:
                        _killed(child)  # its driver may keep it from ending by itself
                    return _ended(story, unwanted)
                case Shown() if unwanted is None:
                    reporter.preview(story.jpeg)
                case Told():
                    told, moved, fresh = story, time.monotonic(), True
        now = time.monotonic()
        if unwanted is None and (fresh or now - repeated > REPEAT_SECONDS) and not reporter.cancelled():
            repeated = now
            _tell(reporter, told)
        if unwanted is None and reporter.cancelled():
            unwanted = now
            child.ask(Cancel(number=asked.number))
        if unwanted is not None and now - unwanted > patience.cancel:
            log.warning("the diffusers process did not stop within %g s and was killed", patience.cancel)
            _killed(child)
            raise Cancelled
        _check(child, told, now - moved, now - child.heard, patience)


def _tell(reporter: Reporter, told: Told) -> None:
    """The wish to cancel is honoured by `follow`, which must first stop the process."""
    try:
        reporter.step(told.step, told.steps, told.doing)
    except Cancelled:
        if not reporter.cancelled():
            raise


def _ended(story: Done | Broke | Stopped, unwanted: float | None) -> Done:
    match story:
        case Done():
            if unwanted is not None:
                raise Cancelled
            return story
        case Stopped():
            raise Cancelled
        case Broke():
            raise BackendTrouble(story.trouble, story.sentence)


def _check(child: Child, told: Told, still: float, silent: float, patience: Patience) -> None:
    if silent > patience.silence:
        _killed(child)
        raise BackendTrouble(
            "backend",
            f"the diffusers process gave no sign of life for {silent:.0f} s during {told.doing}; it was killed",
        )
    if still > patience.step:
        _killed(child)
        raise BackendTrouble(
            "backend",
            f"the diffusers process made no step for {still:.0f} s during {told.doing} "
            f"(step {told.step} of {told.steps}); it was killed",
        )


def _killed(child: Child) -> None:
    child.kill()
    child.death()


def _died(death: Death, when: str) -> BackendTrouble:
    log.error("the diffusers process ended with %d %s:\n%s", death.code, when, death.words)
    if death.killed_for_memory:
        return BackendTrouble(
            "out-of-memory", f"the system killed the diffusers process {when}: the computer's memory was full"
        )
    trouble, how = _named(death.code)
    last = death.words.strip().rpartition("\n")[2]
    return BackendTrouble(trouble, f"the diffusers process {how} {when}" + (f": {last[:300]}" if last else ""))


def _named(code: int) -> tuple[Trouble, str]:
    """Whoever sends a signal from outside does not mean the job; a crash may well be its fault."""
    if code in (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP):
        return "lost", f"was ended by {signal.Signals(-code).name}"
    if code < 0:
        return "backend", f"crashed ({signal.Signals(-code).name})"
    return "backend", f"ended with code {code}"
