"""Where texts lie in files: every carrier, and everything that a hostile or broken file may claim."""

import gzip
import json
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from daemon.artifacts import exif, png
from daemon.artifacts.foreign.reading import read_bytes, read_picture
from daemon.artifacts.verbs import main
from schema.errors import Refused

TEXT = "a mill in fog, 燈\nNegative prompt: rain\nSteps: 20, Sampler: Euler a, Seed: 7, Size: 64x48"
LATIN = "a café\nSteps: 20, Sampler: Euler a, Seed: 7, Size: 64x48"

PLAIN = LATIN.replace("é", "e")


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def picture(mode: str = "RGB", size: tuple[int, int] = (64, 48)) -> Image.Image:
    return Image.effect_noise(size, 60).convert(mode)


def saved(form: str, image: Image.Image | None = None, **options: object) -> bytes:
    out = BytesIO()
    (image or picture()).save(out, form, **options)
    return out.getvalue()


def with_chunk(kind: bytes, body: bytes) -> bytes:
    raw = saved("PNG")
    return raw[:33] + chunk(kind, body) + raw[33:]


def user_comment(raw: bytes) -> bytes:
    """A TIFF block with this UserComment."""
    return exif._tiff({exif.USER_COMMENT: raw}, None)


def exif_tag(tag: int, text: str) -> bytes:
    found = Image.Exif()
    found[tag] = text
    return found.tobytes()


def jpeg_comment(text: str) -> bytes:
    return saved("JPEG", comment=text.encode())


def box(kind: bytes, *bodies: bytes) -> bytes:
    body = b"".join(bodies)
    return struct.pack(">I", len(body) + 8) + kind + body


def mp4(key: bytes, text: str) -> bytes:
    """As ffmpeg writes tags with `-movflags use_metadata_tags`."""
    keys = box(b"keys", struct.pack(">II", 0, 1), box(b"mdta", key))
    value = box(b"data", struct.pack(">II", 1, 0), text.encode())
    listed = box(b"ilst", struct.pack(">I", len(value) + 8) + struct.pack(">I", 1) + value)
    meta = box(b"meta", box(b"hdlr", b"\0" * 25), keys, listed)
    return box(b"ftyp", b"isomiso2") + box(b"mdat", b"\0" * 64) + box(b"moov", box(b"mvhd", b"\0" * 100), meta)


def element(kind: int, body: bytes) -> bytes:
    return kind.to_bytes((kind.bit_length() + 7) // 8, "big") + (len(body) | 1 << 56).to_bytes(8, "big") + body


def webm(name: str, text: str) -> bytes:
    simple = element(0x67C8, element(0x45A3, name.encode()) + element(0x4487, text.encode()))
    tags = element(0x1254C367, element(0x7373, element(0x63C0, b"") + simple))
    return element(0x1A45DFA3, element(0x4282, b"webm")) + element(0x18538067, element(0xEC, b"\0" * 30) + tags)


def hidden(text: str, mark: str) -> bytes:
    """In the lowest bits, column by column, as `stealth_pnginfo` does it."""
    alpha, packed = mark.startswith("stealth_png"), mark.endswith("comp")
    body = gzip.compress(text.encode()) if packed else text.encode()
    raw = mark.encode() + struct.pack(">I", len(body) * 8) + body
    bits = "".join(f"{byte:08b}" for byte in raw)
    image = picture("RGBA", (96, 64))
    pixels = image.load()
    assert pixels is not None
    each = 1 if alpha else 3
    for at in range(0, len(bits), each):
        x, y = divmod(at // each, image.height)
        samples = list(pixels[x, y])
        for n, bit in enumerate(bits[at : at + each]):
            where = 3 if alpha else n
            samples[where] = samples[where] & 254 | int(bit)
        pixels[x, y] = tuple(samples)
    return saved("PNG", image)


GRAPH = json.dumps(
    {"6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a mill in fog, 燈"}},
     "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": 20, "positive": ["6", 0], "negative": ["6", 0]}}}
)  # fmt: skip
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description><xmp:CreatorTool>Draw Things</xmp:CreatorTool>'
    '<exif:UserComment><rdf:Alt><rdf:li xml:lang="x-default">{}</rdf:li></rdf:Alt></exif:UserComment>'
    "</rdf:Description></rdf:RDF></x:xmpmeta>"
)
DRAWN = XMP.format(json.dumps({"c": "a mill in fog, 燈", "uc": "rain", "seed": 7}).replace('"', "&quot;"))

CARRIERS = {
    "png tEXt in UTF-8": (with_chunk(b"tEXt", b"parameters\0" + TEXT.encode()), "png"),
    "png iTXt": (with_chunk(b"iTXt", b"parameters\0\0\0\0\0" + TEXT.encode()), "png"),
    "png iTXt packed": (with_chunk(b"iTXt", b"parameters\0\1\0\0\0" + zlib.compress(TEXT.encode())), "png"),
    "png zTXt": (with_chunk(b"zTXt", b"parameters\0\0" + zlib.compress(TEXT.encode())), "png"),
    "png eXIf": (with_chunk(b"eXIf", user_comment(b"UNICODE\0" + TEXT.encode("utf-16-be"))), "exif"),
    "png XMP": (with_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + DRAWN.encode()), "png"),
    "jpeg big-endian": (
        saved("JPEG", exif=b"Exif\0\0" + user_comment(b"UNICODE\0" + TEXT.encode("utf-16-be"))),
        "exif",
    ),
    "jpeg little-endian": (
        saved("JPEG", exif=b"Exif\0\0" + user_comment(b"UNICODE\0" + TEXT.encode("utf-16-le"))),
        "exif",
    ),
    "jpeg ASCII code": (saved("JPEG", exif=b"Exif\0\0" + user_comment(b"ASCII\0\0\0" + TEXT.encode())), "exif"),
    "jpeg raw UTF-8": (saved("JPEG", exif=b"Exif\0\0" + user_comment(TEXT.encode())), "exif"),
    "jpeg comment": (jpeg_comment(TEXT), "exif"),
    "jpeg ImageDescription": (saved("JPEG", exif=exif_tag(0x010E, PLAIN)), "exif"),
    "webp": (saved("WEBP", exif=user_comment(b"UNICODE\0" + TEXT.encode("utf-16-be"))), "exif"),
    "jpeg of Fooocus": (saved("JPEG", exif=exif_tag(0x9286, PLAIN)), "exif"),
    "webp of ComfyUI": (saved("WEBP", exif=exif_tag(0x0110, f"prompt:{GRAPH}")), "exif"),
    "webp XMP": (saved("WEBP", xmp=DRAWN.encode()), "xmp"),
    "avif": (saved("AVIF", exif=user_comment(b"UNICODE\0" + TEXT.encode("utf-16-be"))), "exif"),
    "gif": (saved("GIF", comment=TEXT.encode()), "gif"),
    "mp4 of ComfyUI": (mp4(b"prompt", GRAPH), "video"),
    "mp4 comment": (mp4(b"comment", json.dumps({"prompt": GRAPH, "workflow": "{}"})), "video"),
    "webm": (webm("COMMENT", json.dumps({"prompt": json.loads(GRAPH)})), "video"),
    **{
        mark: (hidden(TEXT, mark), "stealth")
        for mark in ("stealth_pnginfo", "stealth_pngcomp", "stealth_rgbinfo", "stealth_rgbcomp")
    },
    "text with a mark": (b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode(), "txt"),
    "text in UTF-16": (TEXT.encode("utf-16"), "txt"),
}


@pytest.mark.parametrize("form", CARRIERS)
def test_every_carrier(form: str):
    raw, carrier = CARRIERS[form]

    found = read_bytes(raw, "picture")

    assert found.carrier == carrier
    assert (found.prompt, found.seed) in (("a mill in fog, 燈", 7), ("a cafe", 7))


def test_latin_1_where_the_specification_wants_it():
    assert read_bytes(with_chunk(b"tEXt", b"parameters\0" + LATIN.encode("latin-1")), "x").prompt == "a café"


def test_novel_ai_hides_its_record_in_the_alpha_channel():
    said = {"prompt": "a mill", "uc": "rain", "seed": 3, "sampler": "k_euler"}
    record = {"Software": "NovelAI", "Comment": json.dumps(said)}

    found = read_bytes(hidden(json.dumps(record), "stealth_pngcomp"), "x")

    assert (found.program, found.carrier, found.prompt, found.seed) == ("novelai", "stealth", "a mill", 3)


def test_a_text_or_a_record_beside_the_picture(tmp_path: Path):
    for stem, ending, text in (("a", ".txt", TEXT), ("b", ".json", json.dumps({"prompt": "a mill", "seed": 5}))):
        (tmp_path / f"{stem}.png").write_bytes(saved("PNG"))
        (tmp_path / stem).with_suffix(ending).write_text(text)

    found = [read_picture(tmp_path / name) for name in ("a.png", "b.png")]

    assert [(one.carrier, one.seed) for one in found] == [("txt", 7), ("txt", 5)]


@pytest.mark.parametrize(
    ("record", "program"),
    [
        ({"prompt": "a mill", "negative_prompt": "rain", "seed": 7, "steps": 20, "sampler_name": "Euler a",
          "override_settings": {"sd_model_checkpoint": "toy.safetensors [ab12]"}, "alwayson_scripts": {"ADetailer":
          {"args": [True, False, {"ad_model": "face_yolov8n.pt", "ad_denoising_strength": 0.3}]}}}, "a1111"),
        ([{"prompt": "a mill", "negative": "rain", "seed": 7, "config": {"txt2img": {"steps": 20}},
           "plan_hash": "x"}], "stablenew"),
        ({"metadata": {"sui_image_params": {"prompt": "a mill", "seed": 7, "steps": 20}}}, "swarmui"),
        ({"numOutputsTotal": 1, "seed": 7, "reqBody": {"prompt": "a mill", "seed": 7, "num_inference_steps": 20}},
         "easydiffusion"),
        ({"stage": "txt2img", "final_prompt": "a mill", "actual_seed": 7, "config": {"steps": 20}}, "stablenew-legacy"),
        ({"prompt": "a mill", "uc": "rain", "seed": 7, "steps": 20, "sampler": "k_euler"}, "novelai"),
        ({"infotext": "a mill\nSteps: 20, Seed: 7, Size: 8x8"}, "a1111"),
        ({"run_id": "r", "packs": [], "config": {"txt2img": {"prompt": "a mill", "steps": 20, "seed": 7}}},
         "stablenew-legacy"),
    ],
)  # fmt: skip
def test_prompt_files(record: object, program: str):
    found = read_bytes(json.dumps(record).encode(), "prompt.json")

    assert (found.program, found.carrier) == (program, "json")
    assert (found.prompt, found.seed, found.fields.get("txt2img.steps")) == ("a mill", 7, 20)


# What is broken or hostile ----------------------------------------------------------------------

LYING = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\2\0\0\0") + b"\x7f\xff\xff\xfftEXtparameters\0"
BOMB = with_chunk(b"zTXt", b"parameters\0\0" + zlib.compress(b"a" * (40 << 20), 9))
DEEP = b'{"prompt": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (LYING, "the picture ends early: its tEXt chunk at byte 33 claims 2147483647 bytes. Take another copy of it."),
        (BOMB, "the picture holds a text that unpacks to more than 16 MB. Take another copy of it."),
        (with_chunk(b"zTXt", b"parameters\0\0garbage")[:-1], "the picture has a zTXt chunk that cannot be decompressed."
         " Take another copy of it."),
        (saved("JPEG")[:60], "the picture ends early"),
        (saved("WEBP")[:40], "the picture ends early: its header claims"),
        (saved("GIF")[:20], "the picture ends early"),
        (box(b"ftyp", b"isomiso2") + struct.pack(">I", 1 << 31) + b"moov", "the picture ends early: a box at byte 16"),
        (element(0x1A45DFA3, b"") + element(0x18538067, b"\0" * 9)[:-4], "the picture ends early: an element"),
        (b"", "this file is empty. Name another."),
        (b"\0\1\2\3" * 40, "this is neither a picture nor a prompt file that is known here."),
        (b'{"prompt": "a mill",}', "the text is no JSON (line 1, column 21"),
        (DEEP, "the text is nested too deeply. Save it as JSON, or name another file."),
        (b'{"odd": NaN, "things": []}', "this JSON is no prompt file that is known here; its keys are odd, things."),
        (b"[]", "this JSON is no prompt file that is known here; its keys are none."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence_with_the_file(content: bytes, sentence: str):
    with pytest.raises(Refused) as refused:
        read_bytes(content, "a/file")

    assert refused.value.told().startswith(f"a/file: {sentence}")


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.json", b"5"), ("a.json", b'"words"'), ("a.json", b"half of"), ("a.png", b"<html>Too many requests</html>")],
)
def test_files_that_are_not_what_their_names_say(name: str, content: bytes):
    with pytest.raises(Refused, match=r"this JSON is no|the text is no JSON .line 1|this is no picture"):
        read_bytes(content, name)


def test_a_logged_command_line_of_invoke_ais_first_years():
    found = read_bytes(b'dream> "a mill [rain]" -s 20 -S 7 -W512 -H640 -C7.5 -A k_lms\n', "dream_log.txt")

    assert (found.program, found.prompt, found.negative, found.seed) == ("invokeai", "a mill", "rain", 7)


def test_a_wrong_checksum_matters_where_the_text_is_and_nowhere_else():
    raw = bytearray(with_chunk(b"tEXt", b"parameters\0" + LATIN.encode("latin-1")))
    data = raw.index(b"IDAT")
    raw[data + 8] ^= 1
    assert read_bytes(bytes(raw), "x").seed == 7

    raw[raw.index(b"parameters") + 12] ^= 1
    with pytest.raises(Refused, match="wrong checksum in its tEXt chunk"):
        read_bytes(bytes(raw), "x")


def test_a_huge_picture_is_not_decoded_for_what_it_may_hide():
    head = struct.pack(">II", 60_000, 60_000) + b"\x08\6\0\0\0"
    raw = png.MAGIC + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")

    assert read_bytes(raw, "x").program == "none"


def test_numbers_that_nobody_means():
    said = {"prompt": "a mill", "seed": 10**60, "steps": 1e400, "cfg_scale": "1" * 5000, "width": True}
    found = read_bytes(json.dumps(said).encode(), "x.json")

    assert (found.prompt, found.seed, found.fields) == ("a mill", None, {})


def test_several_files_with_a_broken_one_among_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for name, raw in (("a.png", CARRIERS["png iTXt"][0]), ("b.png", LYING), ("c.gif", CARRIERS["gif"][0])):
        (tmp_path / name).write_bytes(raw)

    code = main(["image-params", "--jsonl", *(str(tmp_path / name) for name in ("a.png", "b.png", "c.gif"))])

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 2
    assert [line.get("seed") for line in lines] == [7, None, 7]
    assert "ends early" in lines[1]["error"]
    assert lines[0]["run"]["prompt"] == "a mill in fog, 燈"


def test_nothing_of_a_picture_reaches_the_terminal_as_a_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    said = json.dumps({"sui_image_params": {"prompt": "a\x1b]52;c;aGk=\x07mill\u202e", "seed": 1, "od\x1bd": "x"}})
    (tmp_path / "a.png").write_bytes(with_chunk(b"iTXt", b"parameters\0\0\0\0\0" + said.encode()))

    assert main(["image-params", str(tmp_path / "a.png")]) == 0
    streams = capsys.readouterr()
    assert not any(ord(letter) < 32 and letter != "\n" for letter in streams.out + streams.err)
    assert "\u202e" not in streams.out


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(CARRIERS)), st.data())
def test_damage_is_a_refusal_or_is_not_noticed(form: str, data: st.DataObject):
    raw = bytearray(CARRIERS[form][0])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(0, len(raw))) :]

    try:
        read_bytes(bytes(raw), "x")
    except Refused as refused:
        assert refused.told().startswith("x: ")


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["KSampler", "1"]),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["prompt", "nodes", "links", "inputs", "class_type", "sui_image_params", "loras", "seed", "image", "model",
             "uc", "c", "v4_prompt", "caption", "type", "id", "widgets_values", "definitions", "subgraphs", "config",
             "stage_manifest", "alwayson_scripts", "positive", "1", "2", "steps", "size", "base_model", "metadata"]
        )
        | st.text(max_size=4),
        inner,
        max_size=6,
    ),
    max_leaves=30,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(JSONS, st.sampled_from(["parameters", "prompt", "workflow", "Comment", "invokeai_metadata", "sd-metadata"]))
def test_no_record_however_odd_makes_a_reader_fall(value: object, key: str):
    from daemon.artifacts.foreign.reading import drafted
    from daemon.artifacts.foreign.requests import understood

    draft = drafted({key: json.dumps(value)})

    if draft is not None:
        understood(draft.told("x", "png", "image/png"))


@pytest.mark.long
@settings(max_examples=3000, deadline=None)
@given(st.sampled_from(sorted(CARRIERS)), st.data())
def test_damage_many_times(form: str, data: st.DataObject):
    test_damage_is_a_refusal_or_is_not_noticed.hypothesis.inner_test(form, data)


@pytest.mark.story
def test_a_bomb_costs_no_memory(tmp_path: Path):
    """In a process of 512 MB: 4 GB of text packed into 4 MB."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b"\0" * (64 << 20)) for _ in range(16)) + packer.flush()
    (tmp_path / "bomb.png").write_bytes(with_chunk(b"zTXt", b"parameters\0\0" + packed))
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (512 << 20,) * 2);"
    command = f"{limited} from daemon.artifacts.verbs import main; sys.exit(main(['image-params', sys.argv[1]]))"

    done = subprocess.run(
        [sys.executable, "-c", command, str(tmp_path / "bomb.png")], capture_output=True, text=True
    )  # fmt: skip

    assert (done.returncode, "unpacks to more than 16 MB" in done.stderr) == (2, True)


def test_pillow_writes_what_is_read(tmp_path: Path):
    """Through a file, as programs do it."""
    told = PngInfo()
    told.add_itxt("parameters", TEXT)
    picture().save(tmp_path / "a.png", pnginfo=told)

    assert read_picture(tmp_path / "a.png").seed == 7
