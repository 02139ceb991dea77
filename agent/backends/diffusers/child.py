"""The diffusers process as the agent holds it: started, listened to, ended. Knows its messages, no stages.

A process of its own, because a crash, a hang or the system's out-of-memory killer may end it at any time.
"""

import logging
import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from agent.backends.diffusers.messages import (
    Alive,
    Answer,
    BadFrame,
    Broke,
    Cancel,
    Done,
    Held,
    Hello,
    Run,
    Shown,
    Stopped,
    Told,
    next_answer,
    send,
)

log = logging.getLogger(__name__)

END_SECONDS = 5.0
"""Given to the process to end by itself before it is killed."""

LAST_WORDS = 30
"""Lines of its standard error that are kept for the log."""

OFFLINE: Mapping[str, str] = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
}
"""Never any network; and memory of the GPU that does not fall to pieces while models come and go."""

Story = Told | Shown | Done | Broke | Stopped | None
"""What concerns the stage that runs. None: the process has ended."""


class Death(NamedTuple):
    code: int
    """As `subprocess` counts: below 0 the signal that ended it."""
    killed_for_memory: bool
    words: str
    """The end of what it wrote."""


class Child:
    """Made running. `hello`, `held` and `heard` are set by its listening thread."""

    def __init__(self, argv: Sequence[str], home: Path) -> None:
        self._kills = _memory_kills()
        self.hello: Hello | None = None
        self.held = Held()
        self.heard = time.monotonic()
        """When any message came last."""
        self.story: queue.SimpleQueue[Story] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._words: deque[str] = deque(maxlen=LAST_WORDS)
        self._process, self._stdin = self._begun(argv, home)

    def _begun(self, argv: Sequence[str], home: Path) -> tuple[subprocess.Popen[bytes], BinaryIO]:
        """Started by the thread that then listens until its end: Linux takes the thread that starts a process for
        its parent, and ends the process with it (`process.die_with_parent`). Raises OSError.
        """
        born: Future[subprocess.Popen[bytes]] = Future()

        def live() -> None:
            try:
                process = subprocess.Popen(
                    argv,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env={**os.environ, **OFFLINE},
                    cwd=home if home.is_dir() else None,
                )
            except OSError as fault:
                born.set_exception(fault)
                return
            born.set_result(process)
            self._listen(process)

        listening = threading.Thread(target=live, name="diffusers", daemon=True)
        listening.start()
        process = born.result()
        noting = threading.Thread(target=self._note, args=(process.stderr,), name="diffusers-log", daemon=True)
        noting.start()
        self._threads = listening, noting
        assert process.stdin
        return process, process.stdin  # type: ignore[return-value]

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, asked: Run | Cancel) -> None:
        """What a dead process is asked is lost; its end is told by `story`."""
        with self._lock, suppress(OSError, ValueError):
            send(self._stdin, asked)

    def kill(self) -> None:
        with suppress(OSError):
            self._process.kill()

    def end(self) -> Death:
        """Closes its pipe, waits, kills. Gives back all its memory, that of the GPU too."""
        with self._lock, suppress(OSError, ValueError):
            self._stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        return self.death()

    def death(self) -> Death:
        """Waits for it: call it only when the process has ended or was killed."""
        code = self._process.wait()
        for thread in self._threads:
            thread.join(END_SECONDS)
        for pipe in (self._process.stdout, self._process.stderr, self._stdin):
            with suppress(OSError, ValueError):
                assert pipe
                pipe.close()
        by_system = code == -signal.SIGKILL and _memory_kills() > self._kills
        return Death(code, by_system, "\n".join(self._words))

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Until its pipe is closed, which is when it ends."""
        assert process.stdout
        try:
            while (answer := next_answer(process.stdout)) is not None:  # type: ignore[arg-type]
                self._hear(answer)
        except (BadFrame, OSError, ValueError) as fault:
            log.error("the diffusers process spoke nonsense: %s", fault)
            with suppress(OSError):
                process.kill()
        finally:
            self.story.put(None)

    def _hear(self, answer: Answer) -> None:
        self.heard = time.monotonic()
        match answer:
            case Hello():
                self.hello = answer
            case Held():
                self.held = answer
            case Alive():
                pass
            case Told() | Shown() | Done() | Broke() | Stopped():
                self.story.put(answer)

    def _note(self, pipe: BinaryIO) -> None:
        with suppress(OSError, ValueError):
            for line in pipe:
                text = line.decode("utf-8", "replace").rstrip()
                self._words.append(text[:500])
                log.debug("diffusers: %s", text)


def _memory_kills() -> int:
    """How many processes the kernel has killed for memory since it started; 0 where it does not say."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text("ascii").splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
