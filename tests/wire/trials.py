"""Each backend with what it drives, ready to be tried: the same tests run over all of them."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest
from comfy_fake import ComfyFake
from comfy_nodes import Names
from diffusers_world import sd_model
from llm_fake import fake_chat
from PIL import Image
from webui_engine import Engine
from webui_fake import FakeWebui, fake_webui

from agent.backends import BACKENDS, Backend, Cancelled, Made, Options, Work
from schema.ids import JobId, StageId, Token
from schema.orders import BackendCard, Order
from schema.settings import SketchSettings
from schema.stages import (
    Detail,
    FaceRestore,
    GeneratePrompt,
    Hires,
    ImageStage,
    Img2Img,
    Interrogate,
    LlmEnhance,
    Post,
    Refine,
    Refiner,
    Resize,
    Score,
    SelectLoras,
    Txt2Img,
    Upscale,
    WordStage,
)


@dataclass
class Trial:
    """A backend whose server, if it needs one, is there."""

    backend: Backend
    name: str = ""
    """Of the trial: `forge`."""
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
    names = Names(detectors=["bbox/face_yolov8n.pt"], face_models=["codeformer.pth"])
    with ComfyFake(names, impact=True, faces=True) as server:

        def slow() -> None:
            server.step_seconds = 0.2

        yield Trial(
            made("comfyui", home, server.url),
            names={"detector": "face_yolov8n.pt"},
            kill=server.kill,
            revive=server.start,
            slow=slow,
        )


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


@contextmanager
def words(home: Path) -> Iterator[Trial]:
    yield Trial(made("words", home))


TRIALS: dict[str, Callable[[Path], AbstractContextManager[Trial]]] = {
    "sketch": sketch,
    "a1111": webui("a1111"),
    "forge": webui("forge"),
    "comfyui": comfyui,
    "diffusers": diffusers,
    "llm": llm,
    "words": words,
}

DRAWN = ("txt2img", "img2img", "refiner", "detail", "upscale", "face_restore", "refine", "post", "resize")
OFFERS: dict[str, tuple[str, ...]] = {
    "sketch": (*DRAWN, "interrogate"),
    "a1111": (*DRAWN, "interrogate"),
    "forge": (*DRAWN, "interrogate"),
    "comfyui": DRAWN,
    "diffusers": ("txt2img", "img2img", "refiner", "upscale", "refine", "post", "resize"),
    "llm": ("generatePrompt", "llmEnhance"),
    "words": ("selectLoras",),
}
"""What each can do as it is tried here; its card must say just that."""

# What they are tried with --------------------------------------------------------------------

SAMPLES: dict[str, ImageStage | WordStage] = {
    "txt2img": Txt2Img(id="s", width=96, height=64, steps=5),
    "txt2img with hires": Txt2Img(id="s", width=64, height=64, steps=4, hires=Hires(scale=1.5)),
    "img2img": Img2Img(id="s", steps=6, denoise=0.5),
    "refiner": Refiner(id="s", steps=10, switch_at=0.5),
    "detail": Detail(id="s", steps=4, confidence=0.1),
    "upscale": Upscale(id="s", factor=2.0, tile=64, overlap=8),
    "upscale to a size": Upscale(id="s", width=152, height=136, tile=0),
    "face_restore": FaceRestore(id="s"),
    "refine": Refine(id="s"),
    "post": Post(id="s", processor="grayscale"),
    "resize": Resize(id="s", width=50, height=50, format="jpeg"),
    "interrogate": Interrogate(id="s"),
    "score": Score(id="s"),
    "generatePrompt": GeneratePrompt(id="s"),
    "llmEnhance": LlmEnhance(id="s"),
    "selectLoras": SelectLoras(id="s"),
}
"""Every kind of stage, small."""

INPUT = (96, 64)
SIZES = {
    "txt2img with hires": (96, 96), "upscale": (192, 128), "upscale to a size": (152, 136), "resize": (50, 33),
}  # fmt: skip
"""Of what comes out, where it is not 96x64."""

ANSWERS = {
    "interrogate": "caption", "score": "score", "generatePrompt": "prompt", "llmEnhance": "prompt",
    "selectLoras": "prompt",
}  # fmt: skip
"""Of stages that make no picture: what must be reported."""

MOMENT = 0.3
"""Seconds within which a stage may end without a word."""

QUICK = ("refine", "post", "resize")
"""Pixels only; done in the agent, so no server can be away."""


class Listener:
    """Takes down what a stage tells, and can stop wanting it after so many steps."""

    previews = True

    def __init__(self, patience: int | None = None) -> None:
        self.steps: list[tuple[int, int, str]] = []
        self.shown: list[bytes] = []
        self._patience = patience
        self._unwanted = threading.Event()

    def step(self, step: int, steps: int, doing: str) -> None:
        self.steps.append((step, steps, doing))
        if self._patience is not None and len(self.steps) > self._patience:
            self._unwanted.set()
        if self._unwanted.is_set():
            raise Cancelled

    def preview(self, jpeg: bytes) -> None:
        self.shown.append(jpeg)

    def rest(self, seconds: float) -> None:
        self._unwanted.wait(seconds)
        if self._unwanted.is_set():
            raise Cancelled

    def cancelled(self) -> bool:
        return self._unwanted.is_set()

    def no_more(self) -> None:
        self._unwanted.set()


def ready(trial: Trial) -> BackendCard:
    deadline = time.monotonic() + 60
    while (card := trial.backend.card()).state != "ready":
        assert time.monotonic() < deadline, card.trouble
        time.sleep(0.05)
    return card


def work(config: ImageStage | WordStage, *inputs: Path, prompt: str = "a lighthouse by the sea", seed: int = 7) -> Work:
    order = Order(
        job=JobId("r.1"), stage=StageId("s"), token=Token(1), epoch=1, config=msgspec.Raw(b"\xc0"),
        prompt=prompt, negative="fog", seed=seed, previews=True,
    )  # fmt: skip
    return Work(order, config, inputs if takes_pictures(config) else ())


def takes_pictures(config: ImageStage | WordStage) -> bool:
    return not isinstance(config, Txt2Img | GeneratePrompt | LlmEnhance | SelectLoras)


def opened(made: Made) -> Image.Image:
    return Image.open(io.BytesIO(made.pictures[0].content)).convert("RGB")


def named(config: ImageStage | WordStage, trial: Trial) -> ImageStage | WordStage:
    """With names that are to be had there."""
    own = {name: value for name, value in trial.names.items() if name in type(config).model_fields}
    return config.model_copy(update=own)


def offered(trial: Trial, but: tuple[str, ...] = ()) -> ImageStage | WordStage:
    """The first kind of stage that it offers, so that tests of what all stages have in common need one only."""
    return next(
        named(config, trial)
        for config in SAMPLES.values()
        if config.type in trial.backend.kinds() and config.type not in but
    )
