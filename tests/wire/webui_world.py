"""A webui backend before a pretended server, the pictures it is given, and somebody who listens to its progress."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from PIL import Image
from webui_engine import Engine
from webui_fake import FakeWebui, fake_webui

from agent.backends import Cancelled, Made, Options, Work
from agent.backends.webui import WebUI
from agent.backends.webui.watching import Patience
from schema.ids import JobId, StageId, Token
from schema.orders import Order
from schema.stages import ImageStage, Txt2Img

SMALL = Txt2Img(width=64, height=64, steps=4, model="toy")
DEADLINE = 10.0
QUICK = Patience(poll=0.02, silence=5.0, gone=0.2, step=0.005, quiet=0.02)


class Listener:
    """A reporter; `unwanted` is the wish to cancel."""

    def __init__(self, *, previews: bool = False) -> None:
        self.previews = previews
        self.unwanted = threading.Event()
        self.told: list[tuple[int, int, str]] = []
        self.shown: list[bytes] = []

    def step(self, step: int, steps: int, doing: str) -> None:
        self.told.append((step, steps, doing))
        self._check()

    def preview(self, jpeg: bytes) -> None:
        self.shown.append(jpeg)

    def rest(self, seconds: float) -> None:
        self.unwanted.wait(seconds)
        self._check()

    def cancelled(self) -> bool:
        return self.unwanted.is_set()

    @property
    def doing(self) -> list[str]:
        return list(dict.fromkeys(doing for _, _, doing in self.told))

    def _check(self) -> None:
        if self.unwanted.is_set():
            raise Cancelled


class World:
    def __init__(self, server: FakeWebui, models: Path | None = None, auth: str = "", home: Path = Path()) -> None:
        self.server = server
        self._options = Options(clock=time.monotonic, url=server.url, auth=auth, models=models, home=home)
        self.backend = WebUI(self._options, QUICK)
        self.listener = Listener()

    def restart(self) -> None:
        """The agent: what is kept in its home is all that is left."""
        self.backend = WebUI(self._options, QUICK)

    @property
    def engine(self) -> Engine:
        return self.server.engine

    def run(self, config: ImageStage = SMALL, *inputs: Path, listener: Listener | None = None, **order: object) -> Made:
        return self.backend.run(work(config, *inputs, **order), listener or self.listener)

    def start(self, config: ImageStage = SMALL, *inputs: Path, **order: object) -> "Running":
        return Running(lambda: self.run(config, *inputs, **order))

    def last(self, path: str) -> dict[str, object]:
        return self.server.bodies(path)[-1]

    def busy(self, steps: int = 1) -> None:
        """Waits until its job has done so many steps."""
        until(lambda: self.engine.state.job != "" and self.engine.state.sampling_step >= steps)

    def idle(self) -> None:
        until(lambda: self.engine.state.job == "" and not self.engine.pending)


class Running:
    """A call in a thread of its own."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call = call
        self.result: object = None
        self.fault: Exception | None = None
        self._thread = threading.Thread(target=self._go, daemon=True)
        self._thread.start()

    def _go(self) -> None:
        try:
            self.result = self._call()
        except Exception as fault:
            self.fault = fault

    @property
    def over(self) -> bool:
        return not self._thread.is_alive()

    def end(self) -> object:
        """The result, or the exception itself."""
        self._thread.join(DEADLINE)
        assert self.over, "it does not end"
        return self.fault or self.result


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.002)


def work(
    config: ImageStage,
    *inputs: Path,
    prompt: str = "a lighthouse",
    negative: str = "fog",
    seed: int = 7,
    image: Path | None = None,
    mask: Path | None = None,
    controls: dict[str, Path] | None = None,
) -> Work:
    order = Order(
        job=JobId("r.1"), stage=StageId("s"), token=Token(1), epoch=1, config=msgspec.Raw(b"\xc0"),
        prompt=prompt, negative=negative, seed=seed,
    )  # fmt: skip
    return Work(order, config, inputs, image, mask, controls or {})


@contextlib.contextmanager
def world(
    engine: Engine | None = None, *, tasks: bool = False, models: Path | None = None, home: Path = Path()
) -> Iterator[World]:
    with fake_webui(engine, tasks=tasks) as server:
        yield World(server, models, home=home)


def painted(path: Path, size: tuple[int, int] = (64, 64), **kept: object) -> Path:
    picture = Image.new("RGB", size, (90, 120, 150))
    picture.putpixel((1, 1), (255, 255, 255))
    picture.save(path, **kept)
    return path
