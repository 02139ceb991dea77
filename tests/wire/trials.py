"""Each backend with what it drives, ready to be tried: the same tests run over all of them."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest
from comfy_fake import ComfyFake
from diffusers_world import sd_model
from llm_fake import fake_chat
from webui_engine import Engine
from webui_fake import FakeWebui, fake_webui

from agent.backends import BACKENDS, Backend, Options
from schema.settings import SketchSettings


@dataclass
class Trial:
    """A backend whose server, if it needs one, is there."""

    backend: Backend
    names: dict[str, str] = field(default_factory=dict)
    """Fields of stages to a name that is to be had there."""
    kill: Callable[[], None] | None = None
    """Its server is gone, as by kill -9. None: it has none."""
    revive: Callable[[], None] | None = None
    """And is back at the same address."""
    slow: Callable[[], None] | None = None
    """From now on a step takes long enough to be cancelled in."""
    repeats: bool = True
    """The same order gives the same pixels."""
    seconds: float = 2.0
    """Within which a wish to cancel is honoured."""


def made(kind: str, home: Path, url: str = "", models: Path | None = None) -> Backend:
    options = Options(clock=time.monotonic, sketch=SketchSettings(load_seconds=0.01), url=url, models=models, home=home)
    return BACKENDS[kind](options)


@contextmanager
def sketch(home: Path) -> Iterator[Trial]:
    yield Trial(made("sketch", home))


def webui(flavour: str) -> Callable[[Path], AbstractContextManager[Trial]]:
    @contextmanager
    def trial(home: Path) -> Iterator[Trial]:
        with ExitStack() as stack:
            servers: list[FakeWebui] = []

            def start(port: int = 0) -> None:
                server = stack.enter_context(fake_webui(Engine(flavour=flavour, weights=True), port=port))
                server.adetailer = True
                servers.append(server)

            def slow() -> None:
                servers[-1].engine.step_s = 0.2

            start()
            yield Trial(
                made("webui", home, servers[0].url),
                names={"upscaler": "4x-sharp", "detector": "face_yolov8n.pt"},
                kill=servers[0].kill,
                revive=lambda: start(servers[0].server_port),
                slow=slow,
            )

    return trial


@contextmanager
def comfyui(home: Path) -> Iterator[Trial]:
    with ComfyFake() as server:

        def slow() -> None:
            server.step_seconds = 0.2

        yield Trial(made("comfyui", home, server.url), kill=server.kill, revive=server.start, slow=slow)


@contextmanager
def llm(home: Path) -> Iterator[Trial]:
    with fake_chat() as server:
        yield Trial(made("llm", home, server.url))


@contextmanager
def diffusers(home: Path) -> Iterator[Trial]:
    if find_spec("torch") is None or find_spec("diffusers") is None:
        pytest.skip("torch and diffusers are not installed: pip install 'stablenew[diffusers]'")
    models = home / "models"
    sd_model(models / "toy")
    yield Trial(made("diffusers", home, models=models), seconds=5.0)


TRIALS: dict[str, Callable[[Path], AbstractContextManager[Trial]]] = {
    "sketch": sketch,
    "a1111": webui("a1111"),
    "forge": webui("forge"),
    "comfyui": comfyui,
    "diffusers": diffusers,
    "llm": llm,
}
