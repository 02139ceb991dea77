"""The sketch honours what real backends are asked for: batches, masks, finds, controls, second models and samplers."""

import io
import time
from pathlib import Path

import msgspec
import pytest
from PIL import Image, ImageChops, ImageStat

from agent.backends import BackendTrouble, Made, Work
from agent.backends.sketch import Sketch
from agent.backends.sketch.look import described
from schema.ids import JobId, StageId, Token
from schema.orders import Order
from schema.settings import SketchSettings
from schema.stages import (
    Detail,
    FaceRestore,
    GeneratePrompt,
    ImageStage,
    Img2Img,
    Interrogate,
    Refiner,
    Score,
    Txt2Img,
    Upscale,
    WordStage,
)

SIZE = (160, 120)
TXT: dict[str, object] = {"width": 96, "height": 64, "steps": 8}


class Listener:
    previews = False

    def __init__(self) -> None:
        self.told: list[tuple[int, int, str]] = []

    def step(self, step: int, steps: int, doing: str) -> None:
        self.told.append((step, steps, doing))

    def preview(self, jpeg: bytes) -> None: ...

    def rest(self, seconds: float) -> None: ...

    def cancelled(self) -> bool:
        return False


def run(config: ImageStage | WordStage, *inputs: Path, listener: Listener | None = None, **work: object) -> Made:
    order = Order(
        job=JobId("r.1"), stage=StageId("s"), token=Token(1), epoch=1, config=msgspec.Raw(b"\xc0"),
        prompt="old lighthouse at sunset, sea", seed=7,
    )  # fmt: skip
    sketch = Sketch(SketchSettings(), time.monotonic)
    return sketch.run(Work(order, config, inputs, **work), listener or Listener())  # type: ignore[arg-type]


def pictures(made: Made) -> list[Image.Image]:
    return [Image.open(io.BytesIO(drawn.content)).convert("RGB") for drawn in made.pictures]


def picture(made: Made) -> Image.Image:
    (only,) = pictures(made)
    return only


def txt(**fields: object) -> Txt2Img:
    return Txt2Img.model_validate({"id": "s", **TXT, **fields})


def img(**fields: object) -> Img2Img:
    return Img2Img.model_validate({"id": "s", "steps": 6, "denoise": 0.9, "mask_blur": 0, **fields})


def detail(**fields: object) -> Detail:
    return Detail.model_validate({"id": "s", "steps": 3, "confidence": 0.1, "mask_blur": 0, **fields})


def difference(a: Image.Image, b: Image.Image) -> float:
    """Mean of the absolute difference, 0 to 255."""
    return sum(ImageStat.Stat(ImageChops.difference(a, b)).mean) / 3


def changed(a: Image.Image, b: Image.Image) -> tuple[int, int, int, int] | None:
    return ImageChops.difference(a, b).getbbox()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    canvas = Image.radial_gradient("L").resize(SIZE).convert("RGB")
    canvas.paste((200, 40, 40), (20, 10, 60, 50))
    canvas.paste((20, 60, 90), (100, 60, 140, 100))
    canvas.save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


# txt2img --------------------------------------------------------------------------------------------


def test_a_batch_is_what_single_orders_with_the_next_seeds_would_give() -> None:
    listener = Listener()
    made = run(txt(batch=3), listener=listener)
    assert [drawn.seed for drawn in made.pictures] == [7, 8, 9]
    assert made.pictures[0].content == run(txt()).pictures[0].content
    assert len({drawn.content for drawn in made.pictures}) == 3 and made.effective["batch"] == 3
    for doing in {doing for _, _, doing in listener.told}:
        told = [step for step, _, each in listener.told if each == doing]
        assert told == sorted(told)


def test_a_batch_needs_the_memory_of_all_its_pictures() -> None:
    small = Sketch(SketchSettings(vram_gb=2.0), time.monotonic)
    order = Order(job=JobId("r.1"), stage=StageId("s"), token=Token(1), epoch=1, config=msgspec.Raw(b"\xc0"))
    assert small.run(Work(order, txt(width=512, height=512, steps=1)), Listener()).pictures
    with pytest.raises(BackendTrouble, match="GB"):
        small.run(Work(order, txt(width=512, height=512, steps=1, batch=4)), Listener())


@pytest.mark.parametrize(
    "fields",
    [
        {"refiner": {"model": "other", "switch_at": 0.4}},
        {"variation": 0.4},
        {"variation": 0.4, "variation_seed": 99},
        {"tiling": True},
        {"guidance": 9.0},
        {"encoders": "clip_l, t5"},
    ],
)
def test_each_field_shows(fields: dict[str, object]) -> None:
    plain, other = run(txt()), run(txt(**fields))
    assert difference(picture(plain), picture(other)) > 0.2


def test_a_full_variation_is_the_other_seeds_picture() -> None:
    full = run(txt(variation=1.0, variation_seed=8))
    assert full.pictures[0].content == run(txt(batch=2)).pictures[1].content
    assert run(txt(variation=0.5)).effective["variation_seed"] == 8


def test_a_tiled_picture_continues_itself_at_its_edges() -> None:
    def jump(made: Made) -> float:
        shown = picture(made)
        right, left = shown.crop((95, 0, 96, 64)), shown.crop((0, 0, 1, 64))
        bottom, top = shown.crop((0, 63, 96, 64)), shown.crop((0, 0, 96, 1))
        return difference(right, left) + difference(bottom, top)

    assert jump(run(txt(tiling=True))) < jump(run(txt())) / 2


def test_a_map_steers_the_picture_and_nothing_steers_without_weight(photo: Path) -> None:
    unit = {"model": "lines", "processor": "edges", "image": "a" * 64}
    controls = {"a" * 64: photo}
    plain = run(txt())
    steered = run(txt(controls=[unit]), controls=controls)
    assert difference(picture(plain), picture(steered)) > 0.5
    assert '"processor":"edges"' in str(steered.effective["controls"])
    for idle in ({"weight": 0.0}, {"start": 0.5, "end": 0.5}):
        assert run(txt(controls=[unit | idle]), controls=controls).pictures == plain.pictures


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"controls": [{"model": "x"}]}, "names no picture, and txt2img has none"),
        ({"controls": [{"model": "x", "image": "b" * 64}]}, "is not here"),
        ({"controls": [{"model": "x", "processor": "depth", "image": "a" * 64}]}, "makes no map with 'depth'"),
        ({"workflow": {"name": "mine", "graph": "{}"}}, "runs no ComfyUI workflow"),
    ],
)
def test_what_it_cannot_do_is_refused_with_a_sentence(photo: Path, fields: dict[str, object], words: str) -> None:
    with pytest.raises(BackendTrouble) as told:
        run(txt(**fields), controls={"a" * 64: photo})
    assert told.value.trouble == "bad-request" and words in told.value.sentence


# img2img --------------------------------------------------------------------------------------------


def test_only_the_drawn_shape_is_painted_over(photo: Path) -> None:
    box = {"mask_shapes": [{"points": [[0.5, 0.5], [1, 1]]}]}
    before = Image.open(photo).convert("RGB")
    inside = changed(before, picture(run(img(**box), photo)))
    assert inside is not None and inside[0] >= 80 and inside[1] >= 60
    outside = picture(run(img(**box, mask_invert=True), photo))
    assert changed(before.crop((80, 60, *SIZE)), outside.crop((80, 60, *SIZE))) is None
    grown = changed(before, picture(run(img(**box, mask_grow=20), photo)))
    assert grown is not None and grown[0] < inside[0] and grown[0] >= 60


def test_a_detector_finds_the_mask_and_without_a_find_the_picture_stays(photo: Path, tmp_path: Path) -> None:
    made = run(img(mask_detector="face", mask_confidence=0.1), photo)
    assert made.reported["regions"] and changed(Image.open(photo).convert("RGB"), picture(made))
    Image.new("RGB", SIZE, (90, 120, 60)).save(tmp_path / "plain.png")
    made = run(img(mask_detector="face"), tmp_path / "plain.png")
    assert made.reported == {"regions": 0, "steps_run": 0}
    assert changed(Image.open(tmp_path / "plain.png"), picture(made)) is None


def test_with_padding_only_the_surroundings_are_painted(photo: Path) -> None:
    box = {"mask_shapes": [{"points": [[0.5, 0.5], [0.75, 0.75]]}]}
    before = Image.open(photo).convert("RGB")
    whole, around = (picture(run(img(**box, mask_padding=padding), photo)) for padding in (None, 8))
    for shown in (whole, around):
        found = changed(before, shown)
        assert found is not None and found[0] >= 80 and found[1] >= 60 and found[2] <= 120 and found[3] <= 90
    assert difference(whole, around) > 0


def test_a_mask_of_another_size_names_both(photo: Path, tmp_path: Path) -> None:
    Image.new("L", (64, 64), 255).save(tmp_path / "mask.png")
    with pytest.raises(BackendTrouble, match="64x64 and the picture 160x120"):
        run(img(mask="0" * 64), photo, mask=tmp_path / "mask.png")


def test_a_mask_is_fitted_as_its_picture_is(photo: Path, tmp_path: Path) -> None:
    mask = Image.new("L", SIZE)
    mask.paste(255, (0, 0, 80, 120))
    mask.save(tmp_path / "mask.png")
    for how in ("stretch", "crop", "pad"):
        made = run(img(mask="0" * 64, width=200, height=80, resize=how), photo, mask=tmp_path / "mask.png")
        assert picture(made).size == (200, 80)


# Every picture of a batch ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "config",
    [img(), Refiner(id="s", steps=4), detail(), Upscale(id="s", denoise=0.3), FaceRestore(id="s")],
    ids=lambda config: config.type,
)
def test_each_picture_of_a_batch_goes_on_with_its_own_seed(config: ImageStage, photo: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned.png"
    Image.open(photo).rotate(180).save(turned)
    made = run(config, photo, turned)
    assert [drawn.seed for drawn in made.pictures] == [7, 8]
    assert made.pictures[0].content == run(config, photo).pictures[0].content
    assert made.pictures[0].content != made.pictures[1].content


# detail and upscale ---------------------------------------------------------------------------------


def boxes(made: Made) -> list[tuple[int, ...]]:
    return [tuple(map(int, box.split(","))) for box in str(made.reported["boxes"]).split("; ") if box]


def test_finds_outside_the_areas_do_not_count(photo: Path) -> None:
    every = boxes(run(detail(), photo))
    areas = sorted((box[2] - box[0]) * (box[3] - box[1]) / (SIZE[0] * SIZE[1]) for box in every)
    few = boxes(run(detail(max_area=areas[0]), photo))
    assert few and all((box[2] - box[0]) * (box[3] - box[1]) / (SIZE[0] * SIZE[1]) <= areas[0] for box in few)
    assert run(detail(min_area=0.5), photo).reported["regions"] == 0


def test_finds_are_shifted_right_and_up(photo: Path) -> None:
    before = Image.open(photo).convert("RGB")
    still = changed(before, picture(run(detail(max_regions=1, dilate=0), photo)))
    moved = changed(before, picture(run(detail(max_regions=1, dilate=0, shift_x=12, shift_y=9), photo)))
    assert still and moved and (moved[0], moved[3]) == (still[0] + 12, still[3] - 9)
    assert changed(before, picture(run(detail(shift_x=500), photo))) is None


def test_finds_are_painted_together_or_all_but_them(photo: Path) -> None:
    before = Image.open(photo).convert("RGB")
    found = boxes(run(detail(dilate=0), photo))
    merged = ImageChops.difference(before, picture(run(detail(dilate=0, merge="merge"), photo))).convert("L")
    inverted = ImageChops.difference(before, picture(run(detail(dilate=0, merge="invert"), photo))).convert("L")
    for left, top, right, bottom in found:
        assert inverted.crop((left, top, right, bottom)).getbbox() is None
        merged.paste(0, (left, top, right, bottom))
    assert merged.getbbox() is None and inverted.getbbox() is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"only_masked": False},
        {"noise": 1.4},
        {"restore_face": True},
        {"control": "lines", "control_processor": "edges"},
        {"control": "tile", "control_weight": 0.5},
        {"guidance": 12.0},
    ],
)
def test_each_field_of_detail_shows_and_only_where_something_was_found(photo: Path, fields: dict[str, object]) -> None:
    plain, other = run(detail(dilate=0), photo), run(detail(dilate=0, **fields), photo)
    found = ImageChops.difference(picture(plain), picture(other)).convert("L")
    assert found.getbbox() is not None
    for box in boxes(plain):
        found.paste(0, box)
    assert found.getbbox() is None


def test_a_control_without_weight_or_time_steers_no_find(photo: Path) -> None:
    plain = run(detail(), photo).pictures
    for idle in ({"control_weight": 0.0}, {"control_start": 0.7, "control_end": 0.2}):
        assert run(detail(control="lines", **idle), photo).pictures == plain


def test_a_second_upscaler_is_mixed_in(photo: Path) -> None:
    def up(**fields: object) -> Image.Image:
        return picture(run(Upscale.model_validate({"id": "s", "upscaler": "lanczos", **fields}), photo))

    first, second = up(), up(upscaler="nearest")
    half = up(upscaler2="nearest", blend=0.5)
    assert 0 < difference(first, half) < difference(first, second)
    assert (
        changed(up(upscaler2="nearest"), first) is None and changed(up(upscaler2="nearest", blend=1.0), second) is None
    )


def test_a_repainting_upscale_records_its_sampler(photo: Path) -> None:
    named = run(Upscale(id="s", denoise=0.4, sampler="Euler a", scheduler="Karras", cfg=11.0), photo)
    plain = run(Upscale(id="s", denoise=0.4), photo)
    assert (named.effective["sampler"], named.effective["scheduler"]) == ("Euler a", "Karras")
    assert plain.effective["sampler"] in ("canvas", "charcoal", "pencil") and plain.effective["scheduler"] == "even"
    assert difference(picture(named), picture(plain)) > 0.2
    assert run(Upscale(id="s"), photo).effective["sampler"] is None, "nothing was sampled"


# Looking --------------------------------------------------------------------------------------------


def test_it_says_what_it_sees_and_gives_no_picture(photo: Path) -> None:
    made = run(Interrogate(id="s"), photo)
    assert made.pictures == () and "red" in str(made.reported["caption"]) and made.megapixels > 0
    assert made.effective == {"model": "colours"}


@pytest.mark.parametrize(
    ("color", "words"),
    [((250, 250, 250), "bright, mostly white, smooth"), ((4, 4, 4), "dark, mostly black"), ((230, 120, 20), "orange"),
     ((90, 50, 10), "brown"), ((40, 60, 220), "blue"), ((60, 170, 60), "green"), ((150, 150, 150), "grey")],
)  # fmt: skip
def test_colours_have_their_names(color: tuple[int, int, int], words: str) -> None:
    assert words in described(Image.new("RGB", (64, 32), color))
    assert described(Image.new("RGB", (64, 32), color)).startswith("wide picture")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (Interrogate(id="s", model="clip"), "no interrogator 'clip'"),
        (Score(id="s"), "does not run score"),
        (GeneratePrompt(id="s"), "does not run generatePrompt"),
    ],
)
def test_what_needs_a_model_that_recognises_things_is_refused(
    photo: Path, config: ImageStage | WordStage, words: str
) -> None:
    with pytest.raises(BackendTrouble, match=words) as told:
        run(config, photo)
    assert told.value.trouble == "bad-request"
