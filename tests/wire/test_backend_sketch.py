"""The sketch follows every setting visibly, and pretends honestly to be a slow machine with little memory."""

import hashlib
import io
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from PIL import Image, ImageChops, ImageFilter, ImageStat

from agent.backends import BackendTrouble, Cancelled, Made, Work
from agent.backends.sketch import Sketch
from agent.backends.sketch.composition import Painting, Wish
from agent.backends.sketch.pixels import tiles
from agent.backends.sketch.regions import find
from agent.backends.sketch.words import read
from schema.ids import JobId, StageId, Token
from schema.orders import Order
from schema.settings import SketchSettings
from schema.stages import Detail, Hires, ImageStage, Img2Img, Post, Refine, Resize, Txt2Img, Upscale

WISH = Wish("old lighthouse at sunset, sea, clouds", "", 7, 20, 7.0, "sketch-1", "pencil", "even")


class Quiet:
    """Listens to nothing."""

    previews = False

    def step(self, step: int, steps: int, doing: str) -> None: ...

    def preview(self, jpeg: bytes) -> None:
        raise AssertionError("nobody asked for previews")

    def rest(self, seconds: float) -> None: ...

    def cancelled(self) -> bool:
        return False


def painted(wish: Wish, size: tuple[int, int] = (160, 160)) -> Image.Image:
    painting = Painting(wish, size)
    for _, stroke in painting.strokes:
        stroke(painting.canvas)
    return painting.finished()


def difference(a: Image.Image, b: Image.Image) -> float:
    """Mean of the absolute difference, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(a, b)).mean) / 3


def edges(picture: Image.Image) -> float:
    """How much there is to see: the mean of the edges without the outermost pixels, which the filter makes up."""
    found = picture.convert("L").filter(ImageFilter.FIND_EDGES)
    return ImageStat.Stat(found.crop((2, 2, picture.width - 2, picture.height - 2))).mean[0]


def run(
    config: ImageStage, *inputs: Path, sketch: Sketch | None = None, mask: Path | None = None, **order: object
) -> Made:
    given = Order(
        job=JobId("r.1"), stage=StageId("s"), token=Token(1), epoch=1, config=msgspec.Raw(b"\xc0"),
        **{"prompt": WISH.prompt, "seed": 7, **order},
    )  # fmt: skip
    backend = sketch or Sketch(SketchSettings(), time.monotonic)
    return backend.run(Work(given, config, inputs, mask=mask), Quiet())


def opened(made: Made) -> Image.Image:
    return Image.open(io.BytesIO(made.pictures[0].content)).convert("RGB")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "input.png"
    painted(WISH).save(path)
    return path


# What shows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"prompt": "a castle on a hill at night"},
        {"prompt": WISH.prompt + ", serene"},
        {"prompt": WISH.prompt + " <lora:sea_haze:0.8>"},
        {"negative": "clouds"},
        {"negative": "anything at all"},
        {"seed": 8},
        {"steps": 30},
        {"cfg": 9.0},
        {"model": "some-checkpoint"},
        {"sampler": "Euler a"},
        {"scheduler": "Karras"},
        {"vae": "some.vae"},
        {"clip_skip": 4},
        {"hypernetwork": "some-net"},
    ],
    ids=lambda changed: "-".join(f"{name} {value}" for name, value in changed.items())[:40],
)
def test_every_setting_shows(changed: dict[str, object]) -> None:
    assert difference(painted(WISH), painted(WISH._replace(**changed))) > 0.3  # type: ignore[arg-type]


def test_the_seed_moves_everything() -> None:
    pictures = [painted(WISH._replace(seed=seed)) for seed in range(6)]
    assert min(difference(a, b) for i, a in enumerate(pictures) for b in pictures[:i]) > 8


def test_more_steps_give_more_detail_and_ever_less_of_it() -> None:
    def mean(steps: int) -> float:
        return sum(edges(painted(WISH._replace(steps=steps, seed=seed), (192, 192))) for seed in range(4)) / 4

    detail = [mean(steps) for steps in (1, 4, 10, 20, 60)]
    assert detail == sorted(detail)
    assert detail[4] - detail[3] < detail[3] - detail[0]


def test_cfg_is_pale_when_low_and_burnt_when_high() -> None:
    def colour(cfg: float) -> float:
        _, saturation, _ = painted(WISH._replace(cfg=cfg)).convert("HSV").split()
        return ImageStat.Stat(saturation).mean[0]

    assert colour(1.0) < colour(7.0) < colour(14.0)

    def shades(cfg: float) -> int:
        return len(painted(WISH._replace(cfg=cfg)).getcolors(2**20) or ())

    assert shades(30.0) < shades(7.0) / 2


def test_what_is_asked_for_is_drawn_and_what_is_refused_is_not() -> None:
    names = {name for name, _ in Painting(WISH, (32, 32)).strokes}
    assert {"sky", "clouds", "water"} <= names
    refused = {name for name, _ in Painting(WISH._replace(negative="clouds, sea"), (32, 32)).strokes}
    assert not {"clouds", "water"} & refused


def test_a_prompt_that_names_nothing_is_drawn_from_its_words() -> None:
    abstract = WISH._replace(prompt="velvet harmony of seventeen")
    assert "ribbons" in {name for name, _ in Painting(abstract, (32, 32)).strokes}
    assert difference(painted(abstract), painted(abstract._replace(prompt="velvet harmony of eighteen"))) > 4
    assert painted(WISH._replace(prompt="")).size == (160, 160)


def test_a_larger_picture_shows_the_same_scene() -> None:
    small = painted(WISH, (192, 192))
    large = painted(WISH, (384, 384)).resize((192, 192))
    assert difference(small, large) < difference(small, painted(WISH._replace(seed=8), (192, 192))) / 2


def test_pixels_are_the_same_in_every_process() -> None:
    """Nothing may hang on hash seeds, dictionary order or what was painted before."""
    code = (
        "from agent.backends.sketch.composition import Painting, Wish; import hashlib\n"
        f"p = Painting({WISH!r}, (96, 64))\n"
        "for _, stroke in p.strokes: stroke(p.canvas)\n"
        "print(hashlib.sha256(p.finished().tobytes()).hexdigest())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert hashes == {hashlib.sha256(painted(WISH, (96, 64)).tobytes()).hexdigest().encode() + b"\n"}


# Words ------------------------------------------------------------------------------------------


def test_tags_are_read_apart_from_words() -> None:
    reading = read("(Castle:1.4), fog <lora:sea_haze:0.65> <lora:film> <embedding:soft_tone> <old_one> [[slot]]")
    assert reading.loras == (("sea_haze", 0.65), ("film", 1.0))
    assert reading.embeddings == ("soft_tone", "old_one")
    assert reading.things()["castle"] == 1.4 and "mist" in reading.things()


@pytest.mark.parametrize(
    "text", ["<" * 5000, "(" * 5000, "<lora:::>" * 500, "((a:1.1):1.2)" * 500, "\x00\ud800 ☃" * 900]
)
def test_hostile_prompts_are_read_in_no_time(text: str) -> None:
    began = time.process_time()
    read(text)
    assert painted(WISH._replace(prompt=text), (32, 32)).size == (32, 32)
    assert time.process_time() - began < 5


# Pixel work -------------------------------------------------------------------------------------


def test_img2img_changes_more_with_more_denoise(picture: Path) -> None:
    before = Image.open(picture).convert("RGB")
    changes = [
        difference(before, opened(run(Img2Img(id="s", denoise=denoise), picture, seed=9)))
        for denoise in (0.0, 0.3, 0.6, 1.0)
    ]
    assert changes[0] == 0 and changes == sorted(changes) and changes[3] > 10


@pytest.mark.parametrize("fill", ["fill", "original", "noise", "nothing"])
def test_only_what_the_mask_shows_white_is_painted_over(picture: Path, tmp_path: Path, fill: str) -> None:
    mask = Image.new("L", (160, 160))
    mask.paste(255, (80, 0, 160, 160))
    mask.save(tmp_path / "mask.png")
    config = Img2Img.model_validate({"id": "s", "denoise": 0.9, "mask": "0" * 64, "mask_blur": 4, "fill": fill})
    after = opened(run(config, picture, mask=tmp_path / "mask.png", seed=9))
    before = Image.open(picture).convert("RGB")
    left, right = (0, 0, 64, 160), (96, 0, 160, 160)
    assert difference(before.crop(left), after.crop(left)) == 0
    assert difference(before.crop(right), after.crop(right)) > 5


@pytest.mark.parametrize("how", ["stretch", "crop", "pad"])
def test_img2img_takes_another_shape(picture: Path, how: str) -> None:
    config = Img2Img.model_validate({"id": "s", "width": 200, "height": 100, "denoise": 0.2, "resize": how})
    assert opened(run(config, picture)).size == (200, 100)


def test_hires_adds_detail_to_what_a_mere_enlargement_gives() -> None:
    plain = opened(run(Txt2Img(id="s", width=128, height=128)))
    hires = opened(run(Txt2Img(id="s", width=128, height=128, hires=Hires(scale=2.0, denoise=0.6))))
    assert hires.size == (256, 256)
    assert edges(hires) > edges(plain.resize((256, 256), Image.Resampling.BICUBIC))


def test_detail_changes_the_regions_it_found_and_nothing_else(picture: Path) -> None:
    before = Image.open(picture).convert("RGB")
    made = run(Detail(id="s", confidence=0.2, padding=8), picture)
    found = find(before, "face", 0.2, 0)
    assert made.reported["regions"] == len(found) >= 1
    changed = ImageChops.difference(before, opened(made)).convert("L").point([0] + [255] * 255)
    for region in found:
        left, top, right, bottom = region.box
        assert ImageStat.Stat(changed.crop(region.box)).mean[0] > 0
        changed.paste(0, (left - 24, top - 24, right + 24, bottom + 24))
    assert changed.getbbox() is None


def test_detectors_look_for_different_things_and_respect_their_limits(picture: Path) -> None:
    before = Image.open(picture).convert("RGB")
    assert find(before, "face", 0.0, 3) != find(before, "hand", 0.0, 3) != find(before, "center", 0.0, 3)
    assert len(find(before, "face", 0.0, 2)) == 2
    assert find(before, "face", 1.0, 0) == [] or find(before, "face", 1.0, 0)[0].confidence == 1.0
    assert find(Image.new("RGB", (64, 64)), "face", 0.3, 0) == []


def test_tiles_cover_every_pixel_and_overlap() -> None:
    for size, tile, overlap in (
        ((1000, 700), 256, 32),
        ((64, 64), 512, 32),
        ((513, 512), 512, 0),
        ((100, 2000), 64, 32),
    ):
        seen = Image.new("L", size)
        for box in tiles(size, tile, overlap):
            assert box[2] <= size[0] and box[3] <= size[1] and box[2] - box[0] <= tile
            seen.paste(255, box)
        assert seen.getextrema() == (255, 255)


@pytest.mark.parametrize("overlap", [0, 32])
def test_tiling_leaves_no_seams(picture: Path, overlap: int) -> None:
    whole = opened(run(Upscale(id="s", factor=2.7, tile=0), picture))
    tiled = opened(run(Upscale(id="s", factor=2.7, tile=128, overlap=overlap), picture))
    assert max(high for _, high in ImageChops.difference(whole, tiled).getextrema()) <= 4  # type: ignore[misc]


def test_refine_calms_then_sharpens(picture: Path) -> None:
    calm = opened(run(Refine(id="s", tool="median", denoise=1.0, sharpen=0.0), picture))
    sharp = opened(run(Refine(id="s", tool="none", denoise=0.0, sharpen=2.0), picture))
    before = Image.open(picture).convert("RGB")
    assert edges(calm) < edges(before) < edges(sharp)
    assert run(Refine(id="s"), picture).effective == {
        "preset": None, "tool": "bilateral", "denoise": 0.3, "sharpen": 0.5, "radius": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize("processor", ["grayscale", "sepia", "vignette", "border", "autocontrast"])
def test_every_processor_does_something(picture: Path, processor: str) -> None:
    made = run(Post(id="s", processor=processor), picture)
    assert difference(Image.open(picture).convert("RGB"), opened(made)) > 0
    assert made.effective["processor"] == processor


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (Post(id="s", processor="glitter"), "grayscale, sepia"),
        (Post(id="s", processor="sepia", options={"power": 3}), "strength"),
        (Post(id="s", processor="border", options={"width": "wide"}), "width"),
        (Post(id="s", processor="border", options={"color": "nonsense"}), "nonsense"),
        (Post(id="s", processor="border", options={"width": -4}), "width"),
    ],
)
def test_a_processor_or_option_that_is_not_there_is_refused_with_those_that_are(
    picture: Path, stage: Post, words: str
) -> None:
    with pytest.raises(BackendTrouble) as told:
        run(stage, picture)
    assert told.value.trouble == "bad-request" and words in told.value.sentence


@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF")])
def test_the_web_copy_fits_its_box_and_is_never_enlarged(picture: Path, kind: str, magic: bytes) -> None:
    made = run(Resize.model_validate({"id": "s", "width": 80, "height": 300, "format": kind}), picture)
    assert opened(made).size == (80, 80) and made.pictures[0].content.startswith(magic)
    assert opened(run(Resize(id="s", width=1000, height=1000), picture)).size == (160, 160)


# Pretending -------------------------------------------------------------------------------------


def test_too_large_a_picture_is_out_of_memory_and_fits_with_the_saving_profile() -> None:
    small = Sketch(SketchSettings(vram_gb=2.0), time.monotonic)
    large = Txt2Img(id="s", width=1024, height=768, steps=1)
    with pytest.raises(BackendTrouble) as told:
        run(large, sketch=small)
    assert told.value.trouble == "out-of-memory" and "2 GB" in told.value.sentence
    made = run(large, sketch=small, reduced=True)
    assert 1.6 < made.peak_vram_gb <= 2.0
    assert run(large, sketch=Sketch(SketchSettings(vram_gb=0.0), time.monotonic)).pictures


def test_upscaling_in_tiles_needs_the_memory_of_a_tile(picture: Path) -> None:
    small = Sketch(SketchSettings(vram_gb=1.65), time.monotonic)
    with pytest.raises(BackendTrouble):
        run(Upscale(id="s", factor=4.0, tile=0), picture, sketch=small)
    assert run(Upscale(id="s", factor=4.0, tile=128), picture, sketch=small).pictures


class Stopwatch(Quiet):
    """Adds up what it is asked to rest, without resting."""

    def __init__(self, unwanted_after: float = 1e9) -> None:
        self.rested = 0.0
        self._unwanted_after = unwanted_after

    def rest(self, seconds: float) -> None:
        self.rested += seconds
        if self.rested > self._unwanted_after:
            raise Cancelled


def test_steps_and_loading_take_as_long_as_was_set() -> None:
    sketch = Sketch(SketchSettings(step_seconds=0.5, load_seconds=3.0), time.monotonic)
    order = Order(job=JobId("r.1"), stage=StageId("s"), token=Token(1), epoch=1, config=msgspec.Raw(b"\xc0"))
    config = Txt2Img(id="s", width=32, height=32, steps=4, model="a")
    for model, expected in (("a", 3.0 + 2.0), ("a", 2.0), ("b", 3.0 + 2.0)):
        watch = Stopwatch()
        sketch.run(Work(order, config.model_copy(update={"model": model})), watch)
        assert watch.rested == pytest.approx(expected)
        assert sketch.memory().resident == (model,)
    with pytest.raises(Cancelled):
        sketch.run(Work(order, config.model_copy(update={"model": "c"})), Stopwatch(unwanted_after=1.0))
    assert sketch.memory().resident == ("b",)


def test_a_flat_picture_is_told_to_be_suspect(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (90, 90, 90)).save(tmp_path / "flat.png")
    assert run(Upscale(id="s"), tmp_path / "flat.png").suspect
    assert run(Txt2Img(id="s", width=64, height=64)).suspect is None


def test_loras_are_reported_with_their_weights() -> None:
    made = run(Txt2Img(id="s", width=64, height=64), prompt="a boat <lora:sea_haze:0.65> <lora:film_v2:0.4>")
    assert made.reported["loras"] == "sea_haze:0.65, film_v2:0.4"
