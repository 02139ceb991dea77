"""Pictures from outside: every broken, odd or hostile one gets its sentence; masks mean what was written."""

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from agent.backends import BackendTrouble, Cancelled, Work
from agent.effective import flattened
from agent.pictures import encoded, opened, opened_mask, seen
from agent.pictures.finish import FINISH_KINDS, finish
from agent.pictures.masks import Box, around, blurred, grown, mask_of
from schema.ids import JobId, StageId, Token
from schema.orders import Order
from schema.parts import Shape
from schema.stages import ImageStage, Img2Img, Post, Refine, Resize, Txt2Img

SIZE = (48, 32)


def photo() -> Image.Image:
    """Light and dark, red and blue, no two corners alike."""
    picture = Image.radial_gradient("L").resize(SIZE).convert("RGB")
    picture.paste((200, 40, 40), (2, 2, 12, 10))
    picture.paste((20, 60, 190), (30, 20, 46, 30))
    return picture


def saved(picture: Image.Image, path: Path, **options: object) -> Path:
    picture.save(path, **options)  # type: ignore[arg-type]
    return path


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb(width: int, height: int) -> bytes:
    """A header that promises more than anyone has memory for, and a body of nothing."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def animation(kind: str) -> bytes:
    content = io.BytesIO()
    frames = [photo(), photo().rotate(180)]
    frames[0].save(content, kind, save_all=True, append_images=frames[1:], duration=100)
    return content.getvalue()


# What a server answered ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_an_answered_picture_is_known_by_its_bytes(kind: str) -> None:
    assert seen(encoded(photo(), kind)) == (f"image/{kind}", *SIZE)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_truncated_picture_is_told_wherever_it_was_cut(kind: str) -> None:
    content = encoded(photo(), kind)
    for length in range(12, len(content) - 1, 7):
        with pytest.raises(BackendTrouble) as told:
            seen(content[:length])
        assert told.value.trouble == "backend"
    with pytest.raises(BackendTrouble, match="truncated"):
        seen(content[: len(content) * 2 // 3])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "web page"),
        (b"\n  <HTML><h1>Login</h1>", "web page"),
        (b"", "no picture"),
        (b"GIF89a" + b"\0" * 40, "no picture"),
        (b'{"detail": "Not Found"}', "no picture"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"IEND", b""), "no picture"),
        (animation("PNG"), "animation"),
        (animation("WEBP"), "animation"),
        (bomb(60_000, 60_000), "more than 64 megapixels"),
        (bomb(9_000, 8_000), "more than 64 megapixels"),
        (bomb(0, 5), "no picture"),
    ],
    ids=[
        "html",
        "html in capitals",
        "empty",
        "gif",
        "json",
        "only an end",
        "apng",
        "moving webp",
        "bomb",
        "large",
        "0",
    ],
)
def test_what_is_no_picture_is_the_backends_trouble(content: bytes, words: str) -> None:
    with pytest.raises(BackendTrouble, match=words) as told:
        seen(content, "the fake")
    assert told.value.trouble == "backend" and told.value.sentence.startswith("the fake answered")


def test_bytes_behind_the_end_do_no_harm() -> None:
    assert seen(encoded(photo(), "png") + b"trailing").size == SIZE
    assert seen(encoded(photo(), "jpeg") + b"\0\0\n").size == SIZE


# What a stage works on ----------------------------------------------------------------------------


def test_an_input_lying_on_its_side_is_put_upright(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # "rotate by 90 degrees to the right to see it upright"
    upright = opened(saved(photo(), tmp_path / "a.jpg", exif=turned, quality=95))
    assert upright.size == SIZE[::-1]
    red = upright.getpixel((SIZE[1] - 6, 6))
    assert isinstance(red, tuple) and red[0] > 150 and red[2] < 90


def test_clear_parts_of_an_input_are_white_and_of_a_mask_are_not_masked(tmp_path: Path) -> None:
    picture = Image.new("RGBA", SIZE, (255, 255, 255, 0))
    picture.paste((250, 250, 250, 255), (0, 0, 24, 32))
    path = saved(picture, tmp_path / "a.png")
    assert opened(path).getpixel((40, 10)) == (255, 255, 255)
    assert opened_mask(path).getpixel((40, 10)) == 0 and opened_mask(path).getpixel((4, 10)) == 250


def test_palettes_greys_and_sixteen_bits_come_as_they_look(tmp_path: Path) -> None:
    for mode in ("P", "L", "1", "LA", "CMYK"):
        kind = "a.jpg" if mode == "CMYK" else "a.png"
        assert opened(saved(photo().convert(mode), tmp_path / kind)).mode == "RGB"
    deep = saved(Image.new("I;16", SIZE, 0x8000), tmp_path / "deep.png")
    assert opened(deep).getpixel((3, 3)) == (127, 127, 127)
    clear = photo().convert("P")
    clear.info["transparency"] = clear.getpixel((0, 0))
    assert opened(saved(clear, tmp_path / "clear.png")).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no picture"),
        (b"<html>", "no picture"),
        (encoded(photo())[:-60], "no picture"),
        (encoded(photo(), "jpeg")[:-60], "no picture"),
        (encoded(photo(), "webp")[:-60], "no picture"),
        (animation("PNG"), "animation"),
        (animation("WEBP"), "animation"),
        (bomb(60_000, 60_000), "unpacks to more"),
        (bomb(10_000, 10_000), "unpacks to more than 64"),
        (bomb(200, 200), "no picture"),
    ],
)
def test_an_input_that_cannot_be_worked_on_is_a_bad_request(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "hostile").write_bytes(content)
    with pytest.raises(BackendTrouble, match=words) as told:
        opened(tmp_path / "hostile")
    assert told.value.trouble == "bad-request" and "input hostile" in told.value.sentence


def test_an_input_that_is_gone_is_a_bad_request(tmp_path: Path) -> None:
    with pytest.raises(BackendTrouble, match="no picture that can be read"):
        opened(tmp_path / "gone")


# Masks --------------------------------------------------------------------------------------------


def white(mask: Image.Image | None) -> tuple[int, int, int, int] | None:
    assert mask is not None and mask.mode == "L" and mask.size == SIZE
    return mask.getbbox()


def masked(**fields: object) -> Img2Img:
    return Img2Img.model_validate({"id": "s", **fields})


BOX = [{"points": [[0.25, 0.25], [0.5, 0.5]]}]


def test_no_mask_is_made_where_none_is_asked_for() -> None:
    assert mask_of(Img2Img(id="s", mask_grow=9, mask_invert=True), SIZE, None) is None


def test_a_drawn_box_covers_its_part_of_the_picture() -> None:
    assert white(mask_of(masked(mask_shapes=BOX), SIZE, None)) == (12, 8, 24, 16)
    assert white(mask_of(masked(mask_shapes=[{"points": [[1, 1], [0, 0]]}]), SIZE, None)) == (0, 0, 48, 32)


def test_ellipses_and_polygons_leave_their_corners_free() -> None:
    ellipse = mask_of(masked(mask_shapes=[{"kind": "ellipse", "points": [[0, 0], [1, 1]]}]), SIZE, None)
    assert white(ellipse) == (0, 0, 48, 32) and ellipse is not None
    assert ellipse.getpixel((0, 0)) == 0 and ellipse.getpixel((24, 16)) == 255
    triangle = mask_of(masked(mask_shapes=[{"kind": "polygon", "points": [[0, 0], [1, 0], [0, 1]]}]), SIZE, None)
    assert triangle is not None and triangle.getpixel((2, 2)) == 255 and triangle.getpixel((46, 30)) == 0


def test_shapes_written_as_text_mean_the_same() -> None:
    assert masked(mask_shapes='[{"points": [[0.25, 0.25], [0.5, 0.5]]}]').mask_shapes == (
        Shape(points=((0.25, 0.25), (0.5, 0.5))),
    )


@pytest.mark.parametrize(("grow", "box"), [(3, (9, 5, 27, 19)), (-3, (15, 11, 21, 13)), (100, (0, 0, 48, 32))])
def test_a_mask_grows_and_shrinks_by_pixels(grow: int, box: tuple[int, int, int, int]) -> None:
    assert white(mask_of(masked(mask_shapes=BOX, mask_grow=grow), SIZE, None)) == box


def test_growing_takes_every_pixel_within_reach_and_no_other() -> None:
    mask = Image.new("L", (64, 64))
    mask.putpixel((30, 20), 255)
    for px in (1, 2, 5, 8, 13):
        assert grown(mask, px).getbbox() == (30 - px, 20 - px, 31 + px, 21 + px)
        assert grown(mask, px).histogram()[255] == (2 * px + 1) ** 2
        assert grown(grown(mask, px), -px).tobytes() == mask.tobytes()


def test_inverted_last_everything_else_is_masked() -> None:
    mask = mask_of(masked(mask_shapes=BOX, mask_grow=2, mask_invert=True), SIZE, None)
    assert mask is not None and mask.getpixel((0, 0)) == 255 and mask.getpixel((11, 7)) == 0


def test_file_shapes_and_finds_add_up(tmp_path: Path) -> None:
    drawn = Image.new("L", SIZE)
    drawn.paste(255, (0, 0, 3, 3))
    config = masked(mask="0" * 64, mask_shapes=BOX, mask_detector="face")
    mask = mask_of(config, SIZE, saved(drawn, tmp_path / "m.png"), [Box(40, 28, 60, 90)])
    assert white(mask) == (0, 0, 48, 32) and mask is not None
    assert [mask.getpixel(at) for at in ((1, 1), (14, 10), (45, 30), (30, 4))] == [255, 255, 255, 0]


def test_a_mask_of_another_size_is_refused_with_both_sizes(tmp_path: Path) -> None:
    path = saved(Image.new("L", (64, 64), 255), tmp_path / "m.png")
    with pytest.raises(BackendTrouble, match="64x64 and the picture 48x32") as told:
        mask_of(masked(mask="0" * 64), SIZE, path)
    assert told.value.trouble == "bad-request"


def test_a_mask_that_masks_nothing_is_refused_unless_a_detector_found_nothing(tmp_path: Path) -> None:
    path = saved(Image.new("L", SIZE), tmp_path / "m.png")
    with pytest.raises(BackendTrouble, match="black everywhere"):
        mask_of(masked(mask="0" * 64), SIZE, path)
    with pytest.raises(BackendTrouble, match="white everywhere"):
        mask_of(masked(mask_shapes=[{"points": [[0, 0], [1, 1]]}], mask_invert=True), SIZE, None)
    assert white(mask_of(masked(mask_detector="face"), SIZE, None)) is None


def test_what_surrounds_a_mask_stays_inside_the_picture() -> None:
    mask = mask_of(masked(mask_shapes=BOX), SIZE, None)
    assert mask is not None
    assert around(mask, 0) == (12, 8, 24, 16) and around(mask, 10) == (2, 0, 34, 26)
    assert around(Image.new("L", SIZE), 10) is None


def test_a_blurred_edge_fades_over_its_pixels() -> None:
    mask = mask_of(masked(mask_shapes=BOX), SIZE, None)
    assert mask is not None and blurred(mask, 0) is mask
    soft = blurred(mask, 4).getpixel((12, 12))
    assert isinstance(soft, int) and 60 < soft < 200


# Finishing, the same for every backend --------------------------------------------------------------


class Listener:
    previews = False

    def __init__(self, patience: int = 1000) -> None:
        self.told: list[tuple[int, int, str]] = []
        self._patience = patience

    def step(self, step: int, steps: int, doing: str) -> None:
        self.told.append((step, steps, doing))
        if len(self.told) > self._patience:
            raise Cancelled

    def preview(self, jpeg: bytes) -> None: ...

    def rest(self, seconds: float) -> None: ...

    def cancelled(self) -> bool:
        return False


def work(config: ImageStage, *inputs: Path) -> Work:
    order = Order(job=JobId("r.1"), stage=StageId("s"), token=Token(1), epoch=1, config=msgspec.Raw(b"\xc0"), seed=40)
    return Work(order, config, inputs)


FINISHES: list[ImageStage] = [Refine(id="s"), Post(id="s", processor="sepia"), Resize(id="s", width=24, height=24)]


@pytest.mark.parametrize("config", FINISHES, ids=lambda config: config.type)
def test_every_picture_of_a_batch_is_finished_with_its_own_seed(config: ImageStage, tmp_path: Path) -> None:
    paths = [saved(photo(), tmp_path / "a.png"), saved(photo().rotate(180), tmp_path / "b.png")]
    listener = Listener()
    made = finish(work(config, *paths), listener)
    assert [drawn.seed for drawn in made.pictures] == [40, 41] and config.type in FINISH_KINDS
    assert made.pictures[0].content != made.pictures[1].content
    assert made.pictures[1].content == finish(work(config, paths[1]), Listener()).pictures[0].content
    assert listener.told[-1][0] == listener.told[-1][1]
    for patience in range(len(listener.told)):
        with pytest.raises(Cancelled):
            finish(work(config, *paths), Listener(patience))


def test_finishing_without_a_picture_or_with_another_stage_is_a_bad_request(tmp_path: Path) -> None:
    for config in (Refine(id="s"), Txt2Img(id="s")):
        with pytest.raises(BackendTrouble) as told:
            finish(work(config), Listener())
        assert told.value.trouble == "bad-request" and config.type in told.value.sentence


def test_what_nobody_filled_is_recorded_with_the_value_used(tmp_path: Path) -> None:
    path = saved(photo(), tmp_path / "a.png")
    refined = finish(work(Refine(id="s", sharpen=0.0), path), Listener()).effective
    assert refined == {"preset": None, "tool": "bilateral", "denoise": 0.3, "sharpen": 0.0, "radius": 1.0}
    posted = finish(work(Post(id="s", processor="border"), path), Listener()).effective
    assert posted == {"processor": "border", "options.width": 12, "options.color": "white"}


# The record of a config -----------------------------------------------------------------------------


def test_a_config_is_flat_in_its_record(record: Callable[..., dict[str, object]]) -> None:
    flat = record(Txt2Img, hires={"scale": 2}, encoders="a, b", workflow={"name": "w", "graph": "{}"}, controls=[])
    assert flat["hires.scale"] == 2.0 and flat["encoders"] == "a, b" and flat["refiner"] is None
    assert flat["controls"] is None and flat["workflow.name"] == "w"
    assert flat["workflow.graph"] == "sha256:" + hashlib.sha256(b"{}").hexdigest()
    assert not {"id", "type", "enabled"} & set(flat)


def test_parts_in_a_record_can_be_written_back(record: Callable[..., dict[str, object]]) -> None:
    flat = record(Img2Img, mask_shapes=BOX, controls=[{"model": "canny", "weight": 0.4}])
    again = Img2Img.model_validate({name: flat[name] for name in ("mask_shapes", "controls")})
    assert again.mask_shapes == masked(mask_shapes=BOX).mask_shapes and again.controls[0].weight == 0.4


@pytest.fixture
def record() -> Callable[..., dict[str, object]]:
    def flat(stage: type[Txt2Img | Img2Img], **fields: object) -> dict[str, object]:
        used = flattened(stage.model_validate({"id": "s", **fields}), {"width": 77})
        assert used["width"] == 77
        return dict(used)

    return flat
