"""Hostile pictures: each is refused with a sentence, nothing is left behind, and the store goes on working."""

import asyncio
import io
import os
import random
import struct
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from daemon.artifacts import formats, parameters, png
from daemon.artifacts.decoders import Decoders
from daemon.artifacts.png import Malformed
from daemon.artifacts.store import ArtifactStore, HostilePicture, Limits

N = 60_000

IEND = b"\0\0\0\0IEND\xaeB`\x82"


@pytest.fixture(scope="module")
def good() -> bytes:
    return saved("PNG")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ArtifactStore]:
    opened = ArtifactStore(tmp_path / "art")
    yield opened
    await opened.close()


def saved(form: str, size: tuple[int, int] = (32, 24), **options: object) -> bytes:
    packed = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(packed, form, **options)
    return packed.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def made(*parts: bytes) -> bytes:
    return png.MAGIC + b"".join(parts)


def with_chunks(*parts: bytes) -> bytes:
    """A good picture with chunks put behind its header."""
    raw = saved("PNG")
    at = 8 + 25
    return raw[:at] + b"".join(parts) + raw[at:]


def pixels(width: int, height: int, row: bytes) -> bytes:
    packer = zlib.compressobj(9)
    parts = [packer.compress((b"\0" + row) * min(256, height - top)) for top in range(0, height, 256)]
    return b"".join([*parts, packer.flush()])


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def told_of(pid: int, page: str) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/{page}").read_text().splitlines()
    return {line.partition("\t")[0]: line.partition("\t")[2].strip() for line in lines}


def bomb() -> bytes:
    """64 megapixels and one row more, honest, in a few kilobytes."""
    return made(header(8000, 8001, 1, 0), chunk(b"IDAT", pixels(8000, 8001, b"\0" * 1000)), IEND)


def text_bomb(kind: bytes, size: int) -> bytes:
    packed = zlib.compress(b"a" * size, 9)
    head = {b"zTXt": b"Comment\0\0", b"iTXt": b"Comment\0\1\0\0\0"}[kind]
    return with_chunks(chunk(kind, head + packed))


def relabelled(raw: bytes, width: int, height: int) -> bytes:
    return raw[:8] + header(width, height) + raw[8 + 25 :]


def animated(form: str) -> bytes:
    packed = io.BytesIO()
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(packed, form, save_all=True, append_images=frames[1:], duration=100)
    return packed.getvalue()


CORPUS: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "begins with nothing"),
    "words": (lambda: b"just words", "neither PNG, JPEG nor WebP"),
    "html": (lambda: b"<html><script>alert(1)</script>", "neither PNG, JPEG nor WebP"),
    "svg": (lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "neither PNG, JPEG nor WebP"),
    "gif": (lambda: saved("GIF"), "neither PNG, JPEG nor WebP"),
    "bmp": (lambda: saved("BMP"), "neither PNG, JPEG nor WebP"),
    "tiff": (lambda: saved("TIFF"), "neither PNG, JPEG nor WebP"),
    "ico": (lambda: saved("ICO"), "neither PNG, JPEG nor WebP"),
    "program": (lambda: b"\x7fELF" + b"\0" * 100, "neither PNG, JPEG nor WebP"),
    "postscript": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n(x) run", "neither PNG, JPEG nor WebP"),
    "gif with a png behind it": (lambda: saved("GIF") + saved("PNG"), "neither PNG, JPEG nor WebP"),
    "archive with a png behind it": (lambda: b"PK\3\4" + saved("PNG"), "neither PNG, JPEG nor WebP"),
    "png signature alone": (lambda: png.MAGIC, "ends early, at byte 8"),
    "png cut in its header": (lambda: saved("PNG")[:20], "ends early"),
    "png cut in its data": (lambda: saved("PNG")[:-30], "ends early"),
    "png without an end": (lambda: saved("PNG")[:-12], "ends early"),
    "png without data": (lambda: made(header(8, 8), IEND), "no image data"),
    "png without a header": (lambda: made(chunk(b"IDAT", b""), IEND), "where the specification forbids it"),
    "png with two headers": (lambda: with_chunks(header(8, 8)), "where the specification forbids it"),
    "png with a short header": (lambda: made(chunk(b"IHDR", b"\0" * 5), IEND), "header of 5 bytes"),
    "png whose chunk claims 4 GB": (
        lambda: made(header(8, 8), b"\xff\xff\xff\xffIDAT1234"), "claims 4294967295 bytes",
    ),
    "png with a wrong checksum": (lambda: saved("PNG")[:-5] + b"\0" + saved("PNG")[-4:], "wrong checksum"),
    "png with a flipped bit in its data": (
        lambda: bytes(b ^ (8 if n == 100 else 0) for n, b in enumerate(saved("PNG"))), "wrong checksum",
    ),
    "png with an unknown critical chunk": (lambda: with_chunks(chunk(b"EVIL", b"x")), "critical chunk EVIL"),
    "png with a chunk named in control bytes": (lambda: with_chunks(chunk(b"\x1b[2J", b"x")), "1b5b324a"),
    "png of no width": (lambda: relabelled(saved("PNG"), 0, 24), "claims to be 0x24"),
    "png of 2 billion pixels a side": (lambda: relabelled(saved("PNG"), 2**31 - 1, 2**31 - 1), "the limit is 64"),
    "png a little above 64 megapixels": (bomb, "claims to be 8000x8001"),
    "png of 30000 by 30000 in one bit": (
        lambda: made(header(30000, 30000, 1, 0), chunk(b"IDAT", pixels(30000, 64, b"\0" * 3750)), IEND),
        "claims to be 30000x30000",
    ),
    "png that says it is larger than its data": (lambda: relabelled(saved("PNG"), 3200, 2400), "cannot be decoded"),
    "png that says it is wider than its data": (lambda: relabelled(saved("PNG"), 33, 24), "cannot be decoded"),
    "png whose data is no deflate": (lambda: made(header(8, 8), chunk(b"IDAT", b"x" * 99), IEND), "decoded"),
    "png whose data is empty": (lambda: made(header(8, 8), chunk(b"IDAT", b""), IEND), "decoded"),
    "png of an impossible colour type": (
        lambda: made(header(8, 8, 8, 5), chunk(b"IDAT", pixels(8, 8, b"\0" * 24)), IEND), "decoded",
    ),
    "png of an impossible depth": (
        lambda: made(header(8, 8, 77, 2), chunk(b"IDAT", pixels(8, 8, b"\0" * 24)), IEND), "decoded",
    ),
    "png with 30 MB of text": (
        lambda: with_chunks(chunk(b"tEXt", b"Comment\0" + b"a" * (30 << 20))), "more than 256 kB of text",
    ),
    "png with 300 small texts": (
        lambda: with_chunks(*(chunk(b"tEXt", b"k%d\0" % n + b"a" * 1000) for n in range(300))), "256 kB of text",
    ),
    "png with 200 MB in a compressed text": (lambda: text_bomb(b"zTXt", 200 << 20), "256 kB of text"),
    "png with 200 MB in an international text": (lambda: text_bomb(b"iTXt", 200 << 20), "256 kB of text"),
    "png with 70 international texts of 1 MB": (
        lambda: with_chunks(*[chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(b"a" * (1 << 20)))] * 70), "256 kB",
    ),
    "png with a text that is no deflate": (
        lambda: with_chunks(chunk(b"zTXt", b"Comment\0\0garbage")), "cannot be decompressed",
    ),
    "png that moves": (lambda: animated("PNG"), "animation"),
    "webp that moves": (lambda: animated("WEBP"), "animation"),
    "jpeg signature alone": (lambda: b"\xff\xd8\xff", "ends early|no marker"),
    "jpeg cut in its scan": (lambda: saved("JPEG")[:-40], "ends early"),
    "jpeg cut in its head": (lambda: saved("JPEG")[:100], "ends early"),
    "jpeg without a frame": (lambda: b"\xff\xd8\xff\xd9", "no frame header"),
    "jpeg with words behind a marker": (lambda: b"\xff\xd8\xff\xe0\0\x04abwords", "no marker at byte"),
    "jpeg whose segment claims nothing": (lambda: b"\xff\xd8\xff\xe0\0\0" + b"a" * 50, "ends early"),
    "jpeg of 65535 by 65535": (
        lambda: saved("JPEG").replace(b"\x00\x11\x08\x00\x18\x00\x20", b"\x00\x11\x08\xff\xff\xff\xff"), "65535x65535",
    ),
    "jpeg with 5 MB of comments": (
        lambda: b"\xff\xd8" + (b"\xff\xfe\xff\xff" + b"a" * 65533) * 80 + saved("JPEG")[2:], "256 kB of text",
    ),
    "webp head alone": (lambda: b"RIFF\x04\0\0\0WEBP", "no image data"),
    "webp cut short": (lambda: saved("WEBP")[:-20], "ends early"),
    "webp whose chunk claims 4 GB": (
        lambda: b"RIFF\x18\0\0\0WEBPVP8 \xff\xff\xff\xff" + b"a" * 12, "claims 4294967295 bytes",
    ),
    "webp of garbage": (
        lambda: b"RIFF" + struct.pack("<I", 112) + b"WEBPVP8 " + struct.pack("<I", 100) + b"\x07" * 100,
        "megapixels|decoded",
    ),
    "webp with 1 MB of xmp": (
        lambda: (
            lambda body: b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
        )(saved("WEBP")[12:] + b"XMP " + struct.pack("<I", 1 << 20) + b"a" * (1 << 20)),
        "256 kB of text",
    ),
}  # fmt: skip


async def test_every_hostile_picture_is_refused_with_a_sentence_and_leaves_nothing(
    store: ArtifactStore, tmp_path: Path, good: bytes
):
    assert len(CORPUS) >= 50
    for name, (make, sentence) in CORPUS.items():
        with pytest.raises(HostilePicture, match=sentence) as refused:
            await store.accept(make())
        told = refused.value.sentence
        assert told.isprintable(), name
        assert len(told) < 300, name
    assert files_below(tmp_path / "art") == []

    assert (await store.accept(good)).width == 32


NAMES = (
    ["../../etc/cron.d/x", "/etc/passwd", "a\0b.png", "\u202egnp.exe", "CON", "x" * 300, "..", ".", "~/.ssh/id",
     "\x1b]0;title\x07.png", "a/../../b", "C:\\windows\\x", "nul.png", "-rf", "$(reboot)", "%2e%2e%2f"]
)  # fmt: skip


async def test_what_an_agent_says_of_a_picture_never_becomes_a_path(store: ArtifactStore, tmp_path: Path, good: bytes):
    for name in NAMES:
        await store.accept(good, texts={"parameters": name, "stablenew": name})

    files = files_below(tmp_path)
    assert {path.parent.parent for path in files} == {tmp_path / "art"}
    assert {len(path.stem) for path in files} == {64}
    assert len(files) == len(NAMES)


async def test_a_bomb_costs_the_daemon_little_memory_and_its_decoder_less_than_a_gigabyte(tmp_path: Path):
    largest = made(header(8000, 8000, 8, 6), chunk(b"IDAT", pixels(8000, 8000, b"\0" * 32000)), IEND)
    store = ArtifactStore(tmp_path / "art", limits=Limits(decode_s=120.0))  # however busy the machine is

    kept = await store.accept(largest)
    (child,) = store._decoders._idle
    peak = int(told_of(child.pid, "status")["VmHWM:"].split()[0])
    await store.close()

    assert (kept.width, kept.height) == (8000, 8000)
    assert peak < 1 << 20, "kB"


async def test_a_picture_that_hangs_its_decoder_is_refused_in_time_and_the_next_one_is_taken(
    tmp_path: Path, good: bytes, monkeypatch: pytest.MonkeyPatch
):
    store = ArtifactStore(tmp_path / "art", limits=Limits(decode_s=0.3, decoders=1))
    await store.warm()
    (child,) = store._decoders._idle
    os.kill(child.pid, 19)

    with pytest.raises(HostilePicture, match=r"took longer than 0\.3 seconds"):
        await store.accept(good)

    assert child.returncode == -9
    monkeypatch.setattr(store._decoders, "_timeout", 10.0)
    assert (await store.accept(good)).width == 32
    await store.close()


async def test_a_picture_that_kills_its_decoder_twice_is_refused(
    tmp_path: Path, good: bytes, monkeypatch: pytest.MonkeyPatch
):
    decoders = Decoders(1)
    (tmp_path / "picture").write_bytes(good)
    killed = []

    from daemon.artifacts import children as module

    asked = module._answer

    async def dying(child: asyncio.subprocess.Process, line: bytes) -> object:
        if line:
            child.kill()
            killed.append(child)
        return await asked(child, line)

    monkeypatch.setattr(module, "_answer", dying)

    verdict = await decoders.verdict(tmp_path / "picture")

    assert verdict.fault == "made its decoder crash"
    assert len(killed) == 2
    await decoders.close()


async def test_a_decoder_cannot_write_files_or_take_more_than_a_gigabyte(tmp_path: Path):
    decoders = Decoders(1)
    await decoders.warm()
    (child,) = decoders._idle
    limits = Path.read_text(Path(f"/proc/{child.pid}/limits"))
    await decoders.close()

    found = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()[1:]}
    assert found["Max address space"] == str(1 << 30)
    assert found["Max file size"] == "0"
    assert found["Max core file size"] == "0"


FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FUZZ
@given(st.sampled_from(["PNG", "JPEG", "WEBP"]), st.data())
def test_readers_of_structure_and_texts_fail_only_in_words(form: str, data: st.DataObject):
    raw = bytearray(CARRIERS[form])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert"])):
            case "flip":
                raw[at] ^= data.draw(st.integers(1, 255))
            case "cut":
                del raw[at : at + data.draw(st.integers(1, 40))]
            case _:
                raw[at:at] = data.draw(st.binary(max_size=40))
        if not raw:
            return
    _exercise(bytes(raw))


@FUZZ
@given(st.lists(st.tuples(st.sampled_from([b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"abCd"]), st.binary(max_size=60))))
def test_any_chunks_behind_a_header_are_read_or_refused(parts: list[tuple[bytes, bytes]]):
    _exercise(with_chunks(*(chunk(kind, body) for kind, body in parts)))


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_a_text_bomb_is_not_unpacked(kind: bytes):
    raw = text_bomb(kind, 200 << 20)
    tracemalloc.start()

    with pytest.raises(Malformed):
        png.check(raw)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize(
    "text", [" " * N, "a: [" * N, 'a: "' * N, "a: {" * N, "a," * N, " | a: b" * N, "Steps: 1\n" * N, ":" * N, "[" * N]
)
def test_no_text_takes_long_to_read(text: str):
    began = time.process_time()

    parameters.read(f"a mill\nSteps: 1, Seed: 1, Size: 8x8, {text}")
    parameters.read(text)

    assert time.process_time() - began < 2.0


@pytest.mark.long
async def test_thousands_of_damaged_pictures_through_the_whole_store(store: ArtifactStore, tmp_path: Path):
    drawn = random.Random(20261120)
    taken = 0
    for number in range(4000):
        raw = bytearray(CARRIERS[drawn.choice(("PNG", "JPEG", "WEBP"))])
        for _ in range(drawn.randint(1, 5)):
            at = drawn.randrange(len(raw))
            raw[at : at + drawn.choice((0, 1, 1, 4))] = drawn.randbytes(drawn.choice((0, 1, 1, 4)))
        try:
            kept = await store.accept(mended(bytes(raw)), texts={"parameters": "new"})
        except HostilePicture as refused:
            assert refused.sentence.isprintable(), number
        else:
            taken += 1
            again = await store.accept(store.path(kept.sha256).read_bytes(), claim=kept.sha256)
            assert again == kept, number

    assert 0 < taken < 4000
    assert all(len(path.stem) == 64 for path in files_below(tmp_path))


def mended(raw: bytes) -> bytes:
    """With the checksums of its chunks set right, so that damage gets past them into the decoder."""
    if not raw.startswith(png.MAGIC):
        return raw
    parts, at = [png.MAGIC], 8
    while at + 12 <= len(raw):
        (length,) = struct.unpack_from(">I", raw, at)
        if at + 12 + length > len(raw):
            break
        parts.append(chunk(raw[at + 4 : at + 8], raw[at + 8 : at + 8 + length]))
        at += 12 + length
    return b"".join(parts) + raw[at:]


def _exercise(raw: bytes) -> None:
    kind = formats.of(raw)
    if kind is None:
        return
    try:
        whole = raw[: kind.check(raw)]
        found = kind.texts(whole)
        again = kind.splice(whole, {"parameters": "new"})
    except Malformed as fault:
        assert str(fault).isprintable()
        return
    assert kind.check(again) == len(again)
    assert kind.texts(again)["parameters"] == "new"
    for text in found.values():
        parameters.read(text)


CARRIERS = {
    form: (lambda raw, kind: kind.splice(raw, {"parameters": "a mill\nSteps: 1", "stablenew": "{}"}))(
        saved(form), formats.of(saved(form))
    )
    for form in ("PNG", "JPEG", "WEBP")
}
