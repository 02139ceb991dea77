"""Pictures that diffusers makes of pictures: over them, inside masks, steered, in detail, larger; and what it sees."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `diffusers_trial`

from diffusers_notes import Notes
from diffusers_trial import NEEDS_TORCH, TXT, distance, kept, run, seen
from PIL import Image, ImageChops

from agent.backends import BackendTrouble
from schema.parts import Control, Shape
from schema.stages import Detail, ImageStage, Img2Img, Interrogate, Refine, Refiner, Resize, Score, Upscale

pytest_plugins = ["diffusers_fixtures"]
pytestmark = NEEDS_TORCH


def test_img2img_goes_further_from_the_picture_with_more_denoise(backend, photo):
    before = Image.open(photo).convert("RGB")
    far = [distance(before, seen(run(backend, Img2Img(id="i", model="toy", steps=8, denoise=d), photo)))
           for d in (0.0, 0.25, 1.0)]  # fmt: skip
    assert far[0] == 0 and far[0] < far[1] < far[2]


def test_img2img_takes_any_size_and_gives_what_was_asked(backend, photo):
    made = run(backend, Img2Img(id="i", model="toy", steps=4, denoise=0.5, width=71, height=53, resize="crop"), photo)
    assert seen(made).size == (71, 53)
    assert (made.effective["width"], made.effective["height"]) == (71, 53)


@pytest.mark.parametrize("padding", [None, 4])
def test_outside_the_mask_nothing_changes(backend, photo, padding):
    corner = Shape(points=((0.0, 0.0), (0.4, 0.4)))
    config = Img2Img(id="i", model="toy", steps=4, denoise=1.0, mask_shapes=(corner,), mask_blur=0, fill="noise",
                     mask_padding=padding)  # fmt: skip
    before, after = Image.open(photo).convert("RGB"), seen(run(backend, config, photo))
    box = (0, 0, 26, 26)
    assert distance(before.crop(box), after.crop(box)) > 1
    before.paste(0, box), after.paste(0, box)
    assert ImageChops.difference(before, after).getbbox() is None


def test_a_mask_can_be_what_a_detector_finds(backend, photo):
    config = Img2Img(id="i", model="toy", steps=3, mask_detector="faces", mask_confidence=0.1)
    made = run(backend, config, photo)
    assert int(made.reported["regions"] or 0) >= 1
    nothing = run(backend, config.model_copy(update={"mask_confidence": 1.0}), photo)
    assert (nothing.reported["regions"], nothing.reported["steps_run"]) == (0, 0)
    assert distance(seen(nothing), Image.open(photo).convert("RGB")) == 0


def test_a_controlnet_steers(backend, photo):
    sha = "a" * 64
    unit = Control(model="lines", image=sha, processor="canny", weight=1.0)
    free = seen(run(backend, TXT))
    made = run(backend, TXT.model_copy(update={"controls": (unit,)}), controls={sha: photo})
    assert made.reported["pipeline"] == "StableDiffusionControlNetPipeline"
    assert distance(free, seen(made)) > 0.05
    two = (unit, unit.model_copy(update={"weight": 0.5, "end": 0.5}))
    assert (
        distance(seen(made), seen(run(backend, TXT.model_copy(update={"controls": two}), controls={sha: photo}))) > 0.01
    )
    over = run(backend, Img2Img(id="i", model="toy", steps=4, controls=(Control(model="lines"),)), photo)
    assert over.reported["pipeline"] == "StableDiffusionControlNetImg2ImgPipeline"
    with pytest.raises(BackendTrouble, match="no ControlNet processor 'depth', only canny"):
        run(backend, TXT.model_copy(update={"controls": (unit.model_copy(update={"processor": "depth"}),)}),
            controls={sha: photo})  # fmt: skip


def test_detail_paints_what_was_found_and_nothing_else(backend, photo):
    config = Detail(id="d", model="toy", detector="faces", confidence=0.1, steps=4, denoise=0.9, max_regions=1,
                    mask_blur=0, dilate=0, padding=8)  # fmt: skip
    made = run(backend, config, photo)
    left, top, right, bottom = map(int, str(made.reported["boxes"]).split(","))
    before, after = Image.open(photo).convert("RGB"), seen(made)
    changed = ImageChops.difference(before, after).getbbox()
    assert changed and left <= changed[0] and top <= changed[1] and changed[2] <= right and changed[3] <= bottom
    assert made.effective["prompt"] == "a lighthouse by the sea" and made.reported["labels"] == "face"


def test_detail_counts_what_it_is_told_to(backend, photo):
    base = Detail(id="d", model="toy", detector="faces", confidence=0.1, steps=2)
    for update, regions in (({"classes": ("hand",)}, 0), ({"max_area": 0.0001}, 0), ({"confidence": 1.0}, 0),
                            ({"max_regions": 2}, 2), ({"merge": "merge"}, 3)):  # fmt: skip
        assert run(backend, base.model_copy(update=update), photo).reported["regions"] == regions, update
    strong = base.model_copy(update={"steps": 4, "denoise": 0.9})
    loud, quiet = (run(backend, strong.model_copy(update={"noise": noise}), photo) for noise in (1.4, None))
    assert distance(seen(loud), seen(quiet)) > 0.01


def test_upscale_resizes_and_repaints_in_tiles(backend, photo):
    plain = run(backend, Upscale(id="u", factor=2.0), photo)
    assert seen(plain).size == (128, 128) and plain.effective["upscaler"] == "Lanczos"
    config = Upscale(id="u", factor=2.0, tile=64, overlap=16, denoise=0.4, steps=4, model="toy", sampler="Euler")
    notes = Notes()
    again = run(backend, config, photo, notes=notes)
    assert seen(again).size == (128, 128)
    assert again.reported["tiles"] == 9 and "tile 9/9" in notes.doings()
    assert distance(seen(plain), seen(again)) > 0.1
    with pytest.raises(BackendTrouble, match="no upscaler"):
        run(backend, Upscale(id="u", upscaler="4x-sharp"), photo)


def test_it_says_what_it_sees(backend, photo):
    caption = run(backend, Interrogate(id="c"), photo)
    assert caption.reported["caption"] and caption.pictures == ()
    assert run(backend, Interrogate(id="c"), photo).reported["caption"] == caption.reported["caption"]
    score = run(backend, Score(id="s", against="a boat"), photo)
    assert 0 <= float(score.reported["score"] or 0) <= 1 and score.pictures == ()
    assert score.effective["against"] == "a boat" and score.effective["model"] == "small"


def test_the_whole_studio_pipeline_in_one_process(backend, tmp_path):
    """Nine stages; the face restorer's place is taken by its plain sibling, as spandrel is not to be had here."""
    stages: list[ImageStage] = [
        TXT,
        Refiner(id="refiner", model="other", steps=8, switch_at=0.6),
        Detail(id="faces", detector="faces", confidence=0.1, steps=3, max_regions=1),
        Detail(id="hands", detector="faces", classes=("face",), confidence=0.1, steps=3, max_regions=2),
        Detail(id="eyes", detector="faces", confidence=0.1, steps=3, max_regions=1, prompt="eyes"),
        Upscale(id="upscale", factor=2.0, tile=64, overlap=8, denoise=0.3, steps=4, model="toy"),
        Score(id="score"),
        Refine(id="refine"),
        Resize(id="resize", width=100, height=100),
    ]
    pids, last, made = set(), None, None
    for stage in stages:
        made = run(backend, stage, *([last] if last else []))
        assert made.suspect is None, stage.id
        assert set(type(stage).model_fields) - {"id", "type", "enabled"} <= {n.split(".")[0] for n in made.effective}
        if made.pictures:
            last = kept(made, tmp_path / f"{stage.id}.png")
        pids.add(backend._child.pid)
    assert len(pids) == 1 and seen(made).size == (100, 100)
