"""The artifact store: what comes in is verified, hashed and durable before it has a name, and keeps its pixels."""

import asyncio
import errno
import hashlib
import io
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from daemon.artifacts import exif, formats, jpeg, png, webp
from daemon.artifacts.store import ArtifactStore, HostilePicture, Limits, Missing
from daemon.artifacts.verifier import flatness
from daemon.disk import Incoming
from schema.ids import Sha256

DAY = 86_400.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ArtifactStore]:
    opened = ArtifactStore(tmp_path / "art")
    yield opened
    await opened.close()


def picture(form: str, mode: str = "RGB", size: tuple[int, int] = (48, 32), **options: object) -> bytes:
    image = Image.radial_gradient("L").resize(size)
    if mode == "P":
        image = image.quantize(16)
    elif mode == "RGBA":
        image = Image.merge("RGBA", (image, image.rotate(90), image.rotate(180), image))
    else:
        image = image.convert(mode)
    packed = io.BytesIO()
    image.save(packed, form, **options)
    return packed.getvalue()


def sha(raw: bytes) -> Sha256:
    return Sha256(hashlib.sha256(raw).hexdigest())


async def pieces(raw: bytes, length: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(raw), length):
        yield raw[at : at + length]


async def test_a_picture_without_texts_is_kept_byte_for_byte_under_its_hash(store: ArtifactStore, tmp_path: Path):
    raw = picture("PNG")

    kept = await store.accept(pieces(raw), claim=sha(raw))

    path = store.path(kept.sha256)
    assert path == tmp_path / "art" / kept.sha256[:2] / f"{kept.sha256}.png"
    assert path.read_bytes() == raw
    assert (kept.sha256, kept.bytes, kept.media) == (sha(raw), len(raw), "image/png")
    assert (kept.width, kept.height, kept.seed) == (48, 32, None)
    assert store.has(kept.sha256)


async def test_a_stored_file_cannot_be_written_through_its_links(store: ArtifactStore):
    kept = await store.accept(picture("PNG"))

    assert store.path(kept.sha256).stat().st_mode & 0o777 == 0o444


async def test_texts_are_spliced_and_no_pixel_changes(store: ArtifactStore):
    forms = [("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "L"), ("PNG", "P"), ("JPEG", "RGB"), ("JPEG", "L"),
             ("WEBP", "RGB"), ("WEBP", "RGBA")]  # fmt: skip
    for form, mode in forms:
        for prompt in ("a lighthouse, dusk", "燈台 ☃ in the café\nsecond line"):
            raw = picture(form, mode)
            texts = {"parameters": f"{prompt}\nSteps: 4", "stablenew": '{"prompt":"燈台"}'}

            kept = await store.accept(raw, claim=sha(raw), texts=texts)

            final = store.path(kept.sha256).read_bytes()
            kind = formats.of(final)
            assert kind is not None
            assert kind.texts(final) == texts
            assert kept.sha256 == sha(final)
            assert Image.open(io.BytesIO(final)).tobytes() == Image.open(io.BytesIO(raw)).tobytes()
            assert _coded(final) == _coded(raw)


def _coded(raw: bytes) -> object:
    """The bytes that hold the pixels, as they lie in the file."""
    match formats.of(raw):
        case formats.PNG:
            return png.coded(raw)
        case formats.JPEG:
            return [raw[s.at : s.end] for s in jpeg.segments(raw) if not 0xE0 <= s.marker <= 0xEF]
        case _:
            return [bytes(c.body) for c in webp.chunks(raw) if c.kind in webp.KEPT]


async def test_the_pixel_hash_is_of_pixels_not_of_files(store: ArtifactStore):
    same = [
        await store.accept(picture("PNG", compress_level=1)),
        await store.accept(picture("PNG", compress_level=9), texts={"parameters": "other words"}),
        await store.accept(picture("WEBP", lossless=True)),
    ]
    other = await store.accept(picture("PNG", size=(32, 48)))

    assert len({kept.pixels for kept in same}) == 1
    assert len({kept.sha256 for kept in same}) == 3
    assert other.pixels != same[0].pixels


async def test_the_pixel_hash_is_what_its_description_says(store: ArtifactStore):
    raw = picture("PNG", "RGBA")

    kept = await store.accept(raw)

    seen = hashlib.sha256(b"RGBA:48x32\n" + Image.open(io.BytesIO(raw)).tobytes())
    assert kept.pixels == seen.hexdigest()


async def test_texts_may_depend_on_what_was_seen(store: ArtifactStore):
    flat = io.BytesIO()
    Image.new("RGB", (20, 10), "black").save(flat, "PNG")
    flatness = []

    def texts(seen):
        flatness.append(seen.flat)
        return {"parameters": f"Size: {seen.width}x{seen.height}"}

    kept = await store.accept(flat.getvalue(), texts=texts)
    await store.accept(picture("PNG"), texts=texts)

    assert png.texts(store.path(kept.sha256).read_bytes()) == {"parameters": "Size: 20x10"}
    assert flatness == ["black", ""]


@pytest.mark.parametrize(
    ("colour", "dots", "seen"),
    [
        ("black", 0, "black"),
        ((1, 2, 1), 0, "black"),
        ((128, 128, 128), 0, "of one colour"),
        ("white", 0, "of one colour"),
        ("black", 20, ""),
        ("navy", 400, ""),
    ],
)
def test_a_picture_with_nothing_to_see_is_told_from_one_with_little(colour, dots, seen):
    picture = Image.new("RGB", (512, 512), colour)
    for dot in range(dots):
        picture.putpixel((dot, 7), (255, 255, 255))

    assert flatness(picture) == seen


def test_two_colours_of_one_brightness_are_something_to_see():
    picture = Image.new("RGB", (64, 64), (200, 0, 0))
    picture.paste((0, 102, 0), (0, 0, 32, 64))

    assert flatness(picture) == ""


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_mode_can_be_looked_at(mode):
    assert flatness(Image.new(mode, (16, 16))) in ("black", "of one colour")


async def test_parameters_are_a_text_chunk_where_latin_1_can_hold_them_as_a1111_does(store: ArtifactStore):
    plain = png.splice(picture("PNG"), {"parameters": "café"})
    wide = png.splice(picture("PNG"), {"parameters": "燈台"})

    assert [c.kind for c in png.chunks(plain) if c.kind in png.TEXTS] == [b"tEXt"]
    assert b"parameters\0caf\xe9" in plain
    assert [c.kind for c in png.chunks(wide) if c.kind in png.TEXTS] == [b"iTXt"]
    assert Image.open(io.BytesIO(plain)).info["parameters"] == "café"
    assert Image.open(io.BytesIO(wide)).info["parameters"] == "燈台"


def test_splicing_replaces_earlier_texts_keeps_foreign_ones_and_drops_unknown_chunks():
    from PIL.PngImagePlugin import PngInfo

    told = PngInfo()
    told.add_text("parameters", "old words")
    told.add_text("Author", "somebody", zip=True)
    told.add(b"juNk", b"?" * 10)
    raw = picture("PNG", pnginfo=told, dpi=(300, 300))

    spliced = png.splice(raw, {"parameters": "new words"})

    assert png.texts(spliced) == {"parameters": "new words", "Author": "somebody"}
    kinds = [chunk.kind for chunk in png.chunks(spliced)]
    assert b"juNk" not in kinds
    assert b"pHYs" in kinds
    assert png.splice(spliced, {"parameters": "new words"}) == spliced


def test_turning_and_colour_profile_survive_in_jpeg_and_webp():
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    turned = Image.Exif()
    turned[exif.ORIENTATION] = 6
    for form in ("JPEG", "WEBP"):
        raw = picture(form, icc_profile=profile, exif=turned)
        kind = formats.of(raw)
        assert kind is not None

        spliced = Image.open(io.BytesIO(kind.splice(raw, {"parameters": "words"})))

        assert spliced.getexif()[exif.ORIENTATION] == 6
        assert spliced.info["icc_profile"] == profile


@pytest.mark.parametrize(
    ("form", "mode", "options"),
    [
        ("JPEG", "RGB", {"progressive": True}), ("JPEG", "RGB", {"restart_marker_blocks": 1}),
        ("JPEG", "CMYK", {}), ("JPEG", "RGB", {"comment": b"by somebody", "dpi": (300, 300)}),
        ("PNG", "I;16", {}), ("PNG", "LA", {}), ("PNG", "1", {}), ("PNG", "RGB", {"transparency": (0, 0, 0)}),
        ("WEBP", "RGBA", {"lossless": True}), ("WEBP", "RGB", {"lossless": True}), ("WEBP", "RGBA", {"quality": 50}),
    ],
)  # fmt: skip
def test_every_variant_of_the_formats_keeps_its_pixels(form: str, mode: str, options: dict[str, object]):
    if mode == "I;16":
        packed = io.BytesIO()
        Image.linear_gradient("L").convert("I").convert("I;16").save(packed, form)
        raw = packed.getvalue()
    else:
        raw = picture(form, mode, **options)
    kind = formats.of(raw)
    assert kind is not None

    final = kind.splice(raw[: kind.check(raw)], {"parameters": "words", "stablenew": "{}"})
    twice = kind.splice(final, {"parameters": "other"})

    before, after, last = [Image.open(io.BytesIO(each)) for each in (raw, final, twice)]
    assert before.mode == after.mode == last.mode
    assert before.tobytes() == after.tobytes() == last.tobytes()
    assert kind.texts(twice)["parameters"] == "other"


def test_other_programs_comments_are_read_in_either_byte_order():
    words = "ein Würfel, Steps"
    for code in (
        b"UNICODE\0" + words.encode("utf-16-be"),
        b"UNICODE\0" + words.encode("utf-16-le"),
        b"ASCII\0\0\0" + words.encode(),
        words.encode(),
    ):
        block = exif._tiff({exif.USER_COMMENT: code}, None)
        assert exif.texts_of(block) == {"parameters": words}


def test_a_record_too_large_for_a_jpeg_segment_stays_out_but_the_parameters_stay():
    block = exif.block({"parameters": "words", "stablenew": "x" * 70_000})

    assert exif.texts_of(block) == {"parameters": "words"}
    assert len(block) <= exif.LIMIT


async def test_a_claim_that_does_not_hold_is_refused_and_leaves_nothing(store: ArtifactStore, tmp_path: Path):
    with pytest.raises(HostilePicture, match="not what was announced"):
        await store.accept(picture("PNG"), claim=sha(b"something else"))

    assert _files(tmp_path / "art") == []


async def test_what_trails_a_picture_is_not_kept(store: ArtifactStore):
    for form in ("PNG", "JPEG", "WEBP"):
        raw = picture(form)
        kept = await store.accept(raw + b"PK\3\4 an archive behind the picture", claim=None)
        assert store.path(kept.sha256).read_bytes() == raw


async def test_a_stream_that_breaks_leaves_nothing(store: ArtifactStore, tmp_path: Path):
    async def broken() -> AsyncIterator[bytes]:
        yield picture("PNG")[:100]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.accept(broken())

    assert _files(tmp_path / "art") == []


async def test_the_cap_holds_while_streaming(tmp_path: Path):
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1 << 16
            yield b"\0" * (1 << 16)

    store = ArtifactStore(tmp_path / "art", limits=Limits(bytes=1 << 20))
    with pytest.raises(HostilePicture, match="larger than 1 MB"):
        await store.accept(endless())

    assert taken <= (1 << 20) + (1 << 17)
    assert _files(tmp_path / "art") == []


async def test_many_at_once(store: ArtifactStore):
    raws = [picture("PNG", size=(16 + n, 16)) for n in range(8)]

    kept = await asyncio.gather(*(store.accept(raw) for raw in [*raws, *raws]))

    assert {k.sha256 for k in kept} == {sha(raw) for raw in raws}
    assert all(store.path(sha(raw)).read_bytes() == raw for raw in raws)


async def test_blobs_are_kept_with_an_extension_that_tells_json_apart(store: ArtifactStore):
    config = msgspec.json.encode({"stages": []})

    first, again, other = [await store.put_blob(data) for data in (config, config, b"{not json")]

    assert first == again == sha(config)
    assert store.path(first).suffix == ".json"
    assert store.path(other).suffix == ".bin"
    assert store.path(other).read_bytes() == b"{not json"


async def test_a_blob_that_was_lost_meanwhile_is_kept_again(store: ArtifactStore):
    name = await store.put_blob(b"{}")
    store.path(name).unlink()

    assert await store.put_blob(b"{}") == name
    assert store.path(name).read_bytes() == b"{}"


async def test_a_blob_that_is_put_again_is_not_taken_for_an_orphan(store: ArtifactStore):
    name = await store.put_blob(b"{}")
    os.utime(store.path(name), (1.0, 1.0))

    await store.put_blob(b"{}")

    assert store.path(name).stat().st_mtime > 1.0


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "a" * 63, "A" * 64, "g" * 64, "\0" * 64, "/" * 64])
async def test_only_hashes_are_names(store: ArtifactStore, name: str):
    with pytest.raises(Missing):
        store.path(Sha256(name))


async def test_links_in_the_store_are_not_followed(store: ArtifactStore, tmp_path: Path):
    name = "ab" + "0" * 62
    (tmp_path / "art" / "ab").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "art" / "ab" / f"{name}.png").symlink_to(tmp_path / "secret")

    assert not store.has(Sha256(name))


async def test_it_is_synced_before_it_is_named_and_its_folders_after(store: ArtifactStore, monkeypatch):
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def syncing(descriptor: int) -> None:
        steps.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().suffix or 'folder'}")
        fsync(descriptor)

    def renaming(self: Path, target: Path) -> Path:
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "replace", renaming)

    await store.accept(picture("PNG"))

    assert steps == ["sync .part", "rename", "sync folder", "sync folder"]


async def test_sweeping_deletes_what_was_never_finished_and_puts_aside_what_nobody_knows(tmp_path: Path):
    store = ArtifactStore(tmp_path / "art", clock=lambda: 100 * DAY)
    known, unknown, young = [await store.put_blob(data) for data in (b"known", b"unknown", b"young")]
    left = tmp_path / "art" / ".tmp" / "x.part"
    fresh = tmp_path / "art" / ".tmp" / "y.part"
    left.write_bytes(b"half")
    fresh.write_bytes(b"half")
    for path, age in (
        (store.path(known), 8), (store.path(unknown), 8), (store.path(young), 6), (left, 1.1), (fresh, 0.9),
    ):  # fmt: skip
        os.utime(path, ((100 - age) * DAY,) * 2)

    async def is_known(name: Sha256) -> bool:
        return name == known

    swept = await store.sweep(is_known)

    assert swept == (1, 1)
    assert store.has(known)
    assert store.has(young)
    assert not store.has(unknown)
    assert (tmp_path / "art" / ".orphans" / f"{unknown}.bin").read_bytes() == b"unknown"
    assert not left.exists()
    assert fresh.exists()
    assert await store.sweep(is_known) == (0, 0)


async def test_a_decoder_that_died_while_idle_is_replaced(store: ArtifactStore):
    await store.accept(picture("PNG"))
    (child,) = store._decoders._idle
    child.kill()

    kept = await store.accept(picture("WEBP"))

    assert kept.media == "image/webp"


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


class Fails:
    """Lets the k-th of all file operations of the store fail, and counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, fault: Exception) -> None:
        self.count = 0
        self.number = number
        self.fault = fault
        for owner, name in (
            (os, "fsync"), (os, "fchmod"), (Path, "replace"), (Path, "mkdir"), (Incoming, "write"),
            (Incoming, "replace"), (tempfile, "mkstemp"),
        ):  # fmt: skip
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, really: Callable[..., object]) -> Callable[..., object]:
        def operation(*given: object, **known: object) -> object:
            self.count += 1
            if self.count == self.number:
                raise self.fault
            return really(*given, **known)

        return operation


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
async def test_whichever_file_operation_fails_no_name_ever_holds_half_a_picture(tmp_path: Path, code: int):
    raw = picture("PNG")
    store = ArtifactStore(tmp_path / "art")
    kept = await store.accept(raw, texts={"parameters": "whole"})
    store.path(kept.sha256).unlink()
    number = 0
    while True:
        number += 1
        (tmp_path / "art" / kept.sha256[:2]).rmdir()
        with pytest.MonkeyPatch.context() as patch:
            fails = Fails(patch, number, OSError(code, os.strerror(code)))
            try:
                await store.accept(raw, texts={"parameters": "whole"})
            except OSError as fault:
                assert fault.errno == code
            else:
                assert fails.count < number, "the failure was swallowed"
                break
        found = _files(tmp_path / "art")
        assert all(sha(path.read_bytes()) == path.stem for path in found), number

        assert await store.accept(raw, texts={"parameters": "whole"}) == kept
        assert [path.stem for path in _files(tmp_path / "art")] == [kept.sha256]
        store.path(kept.sha256).unlink()
    assert number > 7
    await store.close()
