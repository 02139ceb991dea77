"""What every registered backend must do. A new backend is one more parameter here, and none of the tests changes."""

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from agent.backends import BACKENDS, Backend, BackendTrouble, Cancelled, Made, Options, Work
from schema.ids import JobId, StageId, Token
from schema.orders import Order
from schema.settings import SketchSettings
from schema.stages import (
    Detail,
    FaceRestore,
    Hires,
    ImageStage,
    Img2Img,
    Post,
    Refine,
    Refiner,
    Resize,
    Txt2Img,
    Upscale,
)

SAMPLES: dict[str, ImageStage] = {
    "txt2img": Txt2Img(id="s", width=96, height=64, steps=5),
    "txt2img with hires": Txt2Img(id="s", width=64, height=64, steps=4, hires=Hires(scale=1.5)),
    "img2img": Img2Img(id="s", steps=6, denoise=0.5),
    "refiner": Refiner(id="s", steps=10, switch_at=0.5),
    "detail": Detail(id="s", steps=4, confidence=0.1),
    "upscale": Upscale(id="s", factor=2.0, tile=64, overlap=8),
    "upscale to a size": Upscale(id="s", width=150, height=130, tile=0),
    "face_restore": FaceRestore(id="s"),
    "refine": Refine(id="s"),
    "post": Post(id="s", processor="grayscale"),
    "resize": Resize(id="s", width=50, height=50, format="jpeg"),
}
"""Every kind of image stage, small."""

INPUT = (96, 64)
SIZES = {
    "txt2img with hires": (96, 96), "upscale": (192, 128), "upscale to a size": (150, 130), "resize": (50, 33),
}  # fmt: skip
"""Of what comes out, where it is not 96x64."""


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
        self._unwanted.wait(min(seconds, 0.001))

    def cancelled(self) -> bool:
        return self._unwanted.is_set()


@pytest.fixture(params=list(BACKENDS))
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    made = BACKENDS[request.param](Options(clock=time.monotonic, sketch=SketchSettings(load_seconds=0.01)))
    yield made
    made.close()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A photograph-like input: light, dark, edges."""
    canvas = Image.radial_gradient("L").resize(INPUT).convert("RGB")
    canvas.paste((200, 40, 40), (20, 10, 45, 40))
    canvas.paste((20, 60, 90), (60, 30, 80, 60))
    path = tmp_path / "input.png"
    canvas.save(path)
    return path


def work(config: ImageStage, *inputs: Path, prompt: str = "a lighthouse by the sea", **more: object) -> Work:
    order = Order(
        job=JobId("r.1"), stage=StageId("s"), token=Token(1), epoch=1, config=msgspec.Raw(b"\xc0"), prompt=prompt,
        **{"seed": 7, **more},
    )  # fmt: skip
    return Work(order, config, inputs if not isinstance(config, Txt2Img) else ())


def opened(made: Made) -> Image.Image:
    return Image.open(io.BytesIO(made.pictures[0].content)).convert("RGB")


@pytest.fixture(params=list(SAMPLES))
def sample(request: pytest.FixtureRequest, backend: Backend) -> tuple[str, ImageStage]:
    config = SAMPLES[request.param]
    if config.type not in backend.kinds():
        pytest.skip(f"{backend.kind} does not offer {config.type}")
    return request.param, config


def test_the_card_is_honest_about_itself(backend: Backend) -> None:
    card = backend.card()
    assert card.kind == backend.kind and card.kinds == backend.kinds() != () and card.note


def test_a_stage_gives_one_picture_of_the_size_asked_for(
    backend: Backend, sample: tuple[str, ImageStage], picture: Path
) -> None:
    name, config = sample
    made = backend.run(work(config, picture), Listener())
    (drawn,) = made.pictures
    assert opened(made).size == SIZES.get(name, INPUT) and drawn.seed == 7
    assert made.megapixels > 0 and made.peak_vram_gb >= 0


def test_the_same_order_gives_the_same_pixels(backend: Backend, sample: tuple[str, ImageStage], picture: Path) -> None:
    first, second = (opened(backend.run(work(sample[1], picture), Listener())) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_progress_only_grows_and_reaches_its_end(
    backend: Backend, sample: tuple[str, ImageStage], picture: Path
) -> None:
    listener = Listener()
    backend.run(work(sample[1], picture), listener)
    assert listener.steps, "a stage that tells nothing looks frozen"
    for doing in dict.fromkeys(doing for _, _, doing in listener.steps):
        told = [(step, steps) for step, steps, each in listener.steps if each == doing]
        assert told == sorted(told) and all(0 <= step <= steps for step, steps in told)
    step, steps, _ = listener.steps[-1]
    assert step == steps


def test_it_lets_go_at_the_very_step_it_is_told_to(
    backend: Backend, sample: tuple[str, ImageStage], picture: Path
) -> None:
    backend.run(work(sample[1], picture), Listener())  # its model is loaded from here on
    listener = Listener()
    backend.run(work(sample[1], picture), listener)
    for patience in range(len(listener.steps)):
        impatient = Listener(patience)
        with pytest.raises(Cancelled):
            backend.run(work(sample[1], picture), impatient)
        assert len(impatient.steps) == patience + 1
        if len(impatient.steps) >= 6:
            break
    # and is as good as before
    assert backend.run(work(sample[1], picture), Listener()).pictures


def test_the_effective_config_has_every_field_with_its_value(
    backend: Backend, sample: tuple[str, ImageStage], picture: Path
) -> None:
    config = sample[1]
    effective = backend.run(work(config, picture), Listener()).effective
    wanted = set()
    for name, value in config.model_dump(exclude={"id", "type", "enabled"}).items():
        wanted |= {f"{name}.{inner}" for inner in value} if isinstance(value, dict) and value else {name} - {"options"}
    assert wanted <= set(effective)
    for name in {"model", "sampler", "scheduler", "vae", "upscaler", "tool", "width"} & set(effective):
        if name == "model" and isinstance(config, Upscale):
            continue  # nothing is sampled without denoise
        assert effective[name] is not None, name
    assert msgspec.json.decode(msgspec.json.encode(effective)) == effective


def test_a_stage_without_its_picture_is_a_bad_request(backend: Backend) -> None:
    for config in (Upscale(id="s"), Detail(id="s"), Img2Img(id="s")):
        with pytest.raises(BackendTrouble) as told:
            backend.run(work(config), Listener())
        assert told.value.trouble == "bad-request" and told.value.sentence


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"GIF89a" + b"\0" * 40])
def test_an_input_that_is_no_picture_is_a_bad_request(backend: Backend, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(content)
    with pytest.raises(BackendTrouble) as told:
        backend.run(work(Upscale(id="s"), path), Listener())
    assert told.value.trouble == "bad-request"


def test_freed_models_are_loaded_again(backend: Backend) -> None:
    config = SAMPLES["txt2img"]
    first = backend.run(work(config), Listener()).loaded_s
    assert backend.run(work(config), Listener()).loaded_s < first
    assert backend.memory().resident
    backend.free()
    assert not backend.memory().resident
    assert backend.run(work(config), Listener()).loaded_s > 0


def test_previews_are_small_jpegs(backend: Backend) -> None:
    listener = Listener()
    backend.run(work(SAMPLES["txt2img"]), listener)
    for jpeg in listener.shown:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as preview:
            assert max(preview.size) <= 512
