"""img2img that paints nothing over: whatever the backend, the picture that comes out is the one that went in."""

import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))  # for `trials`

from trials import INPUT, OFFERS, TRIALS, Listener, Trial, ready, work

from agent.backends import BackendTrouble, Cancelled
from agent.outcome import Outcome, outcome_of
from agent.pictures.asis import as_is, is_as_is
from agent.spool import Spool
from agent.turn import Turn
from schema.parts import Shape, Workflow
from schema.stages import Img2Img, Txt2Img

PAINTERS = [name for name, kinds in OFFERS.items() if "img2img" in kinds]


@pytest.fixture
def trial(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Trial]:
    with TRIALS[request.param](tmp_path) as trial:
        ready(trial)
        yield trial
        trial.backend.close()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Noise, which no model's latents could give back."""
    path = tmp_path / "input.png"
    Image.effect_noise(INPUT, 90).convert("RGB").save(path)
    return path


def outcome(trial: Trial, config: Img2Img, picture: Path, *inputs: Path) -> Outcome:
    turn = Turn(work(config, picture, *inputs), (), trial.backend, Spool(picture.parent / "spool"), 0.0)
    return outcome_of(turn, Listener(), time.monotonic)


def size_of(content: bytes) -> tuple[int, int]:
    return Image.open(BytesIO(content)).size


@pytest.mark.parametrize("trial", PAINTERS, indirect=True)
def test_no_backend_touches_a_picture_that_is_not_to_be_painted_over(trial: Trial, picture: Path) -> None:
    made = outcome(trial, Img2Img(id="s", denoise=0.0, model="whatever", sampler="Euler"), picture, picture).made
    assert made is not None and made.reported["steps_run"] == 0
    assert [(one.content, one.seed) for one in made.pictures] == [(picture.read_bytes(), 7), (picture.read_bytes(), 8)]
    told = made.effective
    assert (told["denoise"], told["width"], told["height"], told["model"], told["sampler"]) == (0.0, *INPUT, None, None)
    assert msgspec.json.decode(msgspec.json.encode(told)) == told


@pytest.mark.parametrize("trial", ["sketch"], indirect=True)
@pytest.mark.parametrize("how", ["stretch", "crop", "pad"])
def test_another_size_is_made_of_its_pixels(trial: Trial, picture: Path, how: str) -> None:
    made = outcome(trial, Img2Img(id="s", denoise=0.0, width=64, height=64, resize=how), picture).made
    assert made is not None and size_of(made.pictures[0].content) == (64, 64)
    assert (made.effective["width"], made.effective["height"]) == (64, 64)


def test_a_picture_that_its_header_turns_is_turned(tmp_path: Path) -> None:
    path, turned = tmp_path / "turned.jpg", Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (40, 20), "teal").save(path, exif=turned)
    config = Img2Img(id="s", denoise=0.0)
    made = as_is(work(config, path), config, Listener())
    assert size_of(made.pictures[0].content) == (20, 40) and made.effective["height"] == 40


def test_what_it_names_itself_comes_before_the_stage_before(picture: Path, tmp_path: Path) -> None:
    config = Img2Img(id="s", denoise=0.0)
    made = as_is(work(config, tmp_path / "none.png")._replace(image=picture), config, Listener())
    assert [one.content for one in made.pictures] == [picture.read_bytes()]


def test_a_mask_a_workflow_or_a_little_denoise_is_the_backends_business() -> None:
    nothing = Img2Img(id="s", denoise=0.0)
    assert is_as_is(nothing) and not is_as_is(Txt2Img(id="s"))
    box = Shape(kind="box", points=((0.1, 0.1), (0.4, 0.4)))
    for other in (
        {"denoise": 0.01}, {"mask": "ab" * 32}, {"mask_shapes": (box,)}, {"mask_detector": "face"},
        {"workflow": Workflow(name="own")},
    ):  # fmt: skip
        assert not is_as_is(nothing.model_copy(update=other)), other


def test_no_picture_and_none_that_can_be_read_are_bad_requests_and_a_cancel_is_honoured(
    picture: Path, tmp_path: Path
) -> None:
    config = Img2Img(id="s", denoise=0.0)
    (tmp_path / "hostile").write_bytes(b"GIF89a")
    for given in ((), (tmp_path / "hostile",)):
        with pytest.raises(BackendTrouble) as told:
            as_is(work(config, *given), config, Listener())
        assert told.value.trouble == "bad-request"
    with pytest.raises(Cancelled):
        as_is(work(config, picture), config, Listener(patience=0))
