"""`python -P -m agent.backends.diffusers.process`: the process in which torch works. See `messages`.

Ends when its standard input does, at once and whatever it is computing: the agent that started it is gone.
"""

import argparse
import ctypes
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import BinaryIO, Protocol

from agent.backends import BackendTrouble
from agent.backends.diffusers.messages import (
    Alive,
    Answer,
    Broke,
    Cancel,
    Done,
    Held,
    Hello,
    Run,
    Shown,
    Stopped,
    Told,
    next_asked,
    send,
)
from schema.errors import why

ALIVE_SECONDS = 0.5

PR_SET_PDEATHSIG = 1

RUINED = 4
"""Exit code of a process that its device serves no more."""


class Unwanted(Exception):
    """Raised by `Teller.step` once the stage is not wanted any more."""


RUINS = ("CUDA error", "CUBLAS_STATUS", "CUDNN_STATUS", "device-side assert", "HIP error", "unspecified launch failure")
"""Words of faults after which a GPU answers everything that this process asks with the same fault."""

MOST_CAUSES = 10

SPARED = ("out of memory", "ALLOC_FAILED")
"""Memory that was full can be had again."""


class Ruined(BackendTrouble):
    """The stage's trouble, and the end of this process: its memory cannot be had back otherwise."""


class Worker(Protocol):
    """What `serve` drives: `inside.engine.Engine`, or a test's."""

    def hello(self) -> Hello: ...

    def held(self) -> Held: ...

    def run(self, asked: Run, teller: "Teller") -> Done:
        """Raises BackendTrouble, Unwanted."""


class Line:
    """The pipe to the agent, for several threads."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def say(self, answer: Answer) -> None:
        with self._lock:
            send(self._pipe, answer)


class Teller:
    """How a stage tells of itself, in the process."""

    def __init__(self, line: Line, previews: bool, unwanted: threading.Event) -> None:
        self._line = line
        self._unwanted = unwanted
        self.previews = previews

    def step(self, step: int, steps: int, doing: str) -> None:
        if self._unwanted.is_set():
            raise Unwanted
        self._line.say(Told(step=step, steps=steps, doing=doing))

    def preview(self, jpeg: bytes) -> None:
        self._line.say(Shown(jpeg=jpeg))


class Wishes:
    """What the agent asks, read by a thread of its own."""

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._current = 0
        self.runs: queue.SimpleQueue[Run] = queue.SimpleQueue()
        self.unwanted = threading.Event()
        threading.Thread(target=self._read, name="wishes", daemon=True).start()

    def begin(self, number: int) -> None:
        with self._lock:
            self._current = number
            self.unwanted.clear()

    def _read(self) -> None:
        while (asked := next_asked(self._pipe)) is not None:
            match asked:
                case Run():
                    self.runs.put(asked)
                case Cancel(number=number):
                    with self._lock:
                        if number == self._current:
                            self.unwanted.set()
        os._exit(0)


def serve(make: Callable[[], Worker], pipe_in: BinaryIO, pipe_out: BinaryIO) -> None:
    """Until the process ends."""
    line, wishes = Line(pipe_out), Wishes(pipe_in)
    threading.Thread(target=_beat, args=(line,), name="alive", daemon=True).start()
    worker = make()
    line.say(worker.hello())
    line.say(worker.held())
    while True:
        asked = wishes.runs.get()
        wishes.begin(asked.number)
        answer = _answer(worker, asked, Teller(line, asked.previews, wishes.unwanted))
        if isinstance(answer, Broke) and answer.ruined:
            line.say(answer)
            os._exit(RUINED)
        line.say(worker.held())
        line.say(answer)


def _answer(worker: Worker, asked: Run, teller: Teller) -> Answer:
    try:
        return worker.run(asked, teller)
    except Unwanted:
        return Stopped(number=asked.number)
    except Exception as fault:  # one stage's fault must not take the loaded models along
        ruin = ruin_in(fault)
        ends = isinstance(fault, Ruined)
        if isinstance(fault, BackendTrouble) and (ends or ruin is None):
            return Broke(number=asked.number, trouble=fault.trouble, sentence=fault.sentence, ruined=ends)
        traceback.print_exc()
        broken = ruin or fault
        sentence = f"diffusers failed ({type(broken).__name__}): {why(broken)[:500]}"
        return Broke(number=asked.number, trouble="backend", sentence=sentence, ruined=ruin is not None)


def ruin_in(fault: BaseException) -> Exception | None:
    """The fault that cost this process its GPU, if one is at the bottom of this. Torch's own class for it is young;
    older ones, and the libraries below, tell by their words only.
    """
    at: BaseException | None = fault
    for _ in range(MOST_CAUSES):
        if isinstance(at, RuntimeError) and not any(word in str(at) for word in SPARED):
            named = any(kind.__name__ == "AcceleratorError" for kind in type(at).__mro__)
            if named or any(word in str(at) for word in RUINS):
                return at
        at = at and (at.__cause__ or at.__context__)
    return None


def _beat(line: Line) -> None:
    wait = threading.Event()
    while not wait.wait(ALIVE_SECONDS):
        try:
            line.say(Alive())
        except (OSError, ValueError):
            return


def die_with_parent() -> None:
    """On Linux the kernel ends this process as soon as the agent has ended, also while a library holds Python's lock
    or a driver hangs, when the end of standard input is seen by nobody. Elsewhere that end must do. `prctl(2)`.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    try:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    except (OSError, AttributeError) as fault:
        print(f"the kernel was not asked to end this process with its agent: {fault}", file=sys.stderr)
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(0)


def pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two to the agent, with which it lives. What libraries print goes to standard error from now on."""
    die_with_parent()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return sys.stdin.buffer, out


def main() -> int:
    parser = argparse.ArgumentParser(prog="diffusers process", description=__doc__)
    parser.add_argument("--limit-gb", type=float, default=0.0, help="memory for models; 0: by what is free")
    parser.add_argument("--ram-gb", type=float, default=0.0, help="on a CPU, memory for all; 0: what is free")
    asked = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipe_in, pipe_out = pipes()

    def make() -> Worker:
        from agent.backends.diffusers.inside.engine import Engine

        return Engine(int(asked.limit_gb * 1e9), int(asked.ram_gb * 1e9))

    try:
        serve(make, pipe_in, pipe_out)
    except ImportError as fault:
        print(f"{fault.name or 'a library'} cannot be imported: {fault}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a thread still reads standard input, at which Python's own way out would stumble
