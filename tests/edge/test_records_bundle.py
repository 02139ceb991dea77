"""The bundle for a language model: it obeys its own schema, opens with public tools, and tells no secrets."""

import base64
import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from daemon.learning.insights import insights
from daemon.learning.reading import read_records
from daemon.learning.reports import report
from daemon.learning.rows import rows_of
from daemon.records.bundle import Limits, Material, make_bundle
from daemon.records.shapes import json_schema
from daemon.records.suggested import read_presets
from schema.errors import Refused
from schema.ids import Seq
from schema.insights import Report, ReportLine
from schema.plans import Scalar
from schema.records import RecordRun, RecordStage, WholeRecord

SALT = b"s" * 32
MARKS = (
    "zqpack", "zqprompt", "zqhost", "zqfolder", "zqnode", "zqplace", "zqvalue", "zqtag", "zqlora", "zqmodel", "zqstyle",
    "zqrun", "zqpreset", "zqpipeline", "zqfield", "zqimage", "zqsession", "zqquestion", "zqstage", "zqnegative",
    "zqtemplate", "zqlock", "zqreported", "zqfilter", "zqoverlay",
)  # fmt: skip


def record(number: int, *, better_than: str = "", foreign: bool = False) -> WholeRecord:
    """Of a person whose every word is a marked one."""
    params: dict[str, Scalar] = {
        "txt2img.steps": (15, 20, 30)[number % 3], "txt2img.cfg": 7.0, "txt2img.sampler": ("Euler", "DDIM")[number % 2],
        "txt2img.model": f"/zqhost/zqfolder/zqmodel{number % 2}.safetensors", "lora:zqlora": number % 2 / 2,
        "pick:__zqplace__": f"zqvalue {number % 2}", "style": f"zqstyle{number % 2}", "zqstage2.steps": 4,
        "txt2img.zqfield": number % 2, "detail.detector": "zqmodel.pt", "randomizer.matrix": "all",
    }  # fmt: skip
    day = f"2026-05-{1 + number // 40:02}"
    flat = {
        "at": f"{day}T10:{number % 40:02}:00Z", "session": f"{day}T10:00:00Z",
        "pack": f"zqpack {number % 2}", "prompt": f"a zqprompt <lora:/zqfolder/zqlora.safetensors:1> {number % 7}",
        "seed": number % 7, "stars": 0 if better_than else 2 + (number % 3) + (number % 7 == 0),
        "tags": ("zqtag", "too noisy") if number % 3 == 0 else (), "backend": "webui", "better_than": better_than,
    }  # fmt: skip
    if foreign:
        return WholeRecord(id=f"C:\\zqfolder\\zqimage{number}.png", run="zqrun", params=params,
                           **{**flat, "session": "zqsession"})  # type: ignore[arg-type]  # fmt: skip
    stage = RecordStage(
        id="zqstage2", kind="txt2img", backend="webui", node="zqnode", seconds=1.5, filters=("zqfilter",),
        effective={"prompt": "zqprompt"}, reported={"file": "/zqfolder/zqreported.png"}, outputs=("ab" * 32,),
    )  # fmt: skip
    return WholeRecord(
        id=f"i{number}", run="rr7abc12", params=params, **flat, seq=Seq(number + 1), job="rr7abc12.1",  # type: ignore[arg-type]
        pixels="ab" * 32, negative="zqnegative", template="zqtemplate", style="zqstyle0", base="c" * 64,
        overlay={"detail.prompt": "zqoverlay"}, picks={"__zqplace__": "zqvalue"},
        randomizer={"locks.zqlock": "zqvalue"}, stages=(stage,), seconds=1.5, score=0.5,
    )  # fmt: skip


RUNS = (
    RecordRun(
        run="rr7abc12", created=1.0, name="zqrun of zqpack", packs=("zqpack 0", "zqpack 1"), pipeline="zqpipeline",
        base="c" * 64, preset="zqpreset", jobs=3, kind="learning", question="zqquestion?", seeds=2,
        variables={"txt2img.steps": (15, 20), "pick:__zqplace__": ("zqvalue 0",)},
        randomizer={"locks.zqlock": "zqvalue", "matrix": "all", "overlay": "zqpreset", "count": 2},
    ),
)  # fmt: skip


def material(count: int = 80, *, foreign: bool = True) -> Material:
    records = [record(number) for number in range(count)]
    records += [record(0, better_than="i1"), *([record(7, foreign=True)] if foreign else [])]
    rows, duels = rows_of(records)
    return Material(
        seq=500, at=1_800_000_000.0, version="1.0", records=records, runs=RUNS, insights=insights(rows, duels, seq=500),
        report=report(rows, duels),
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole() -> Material:
    return material()


def opened(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        return {name: made.read(name) for name in made.namelist()}


def documents(files: dict[str, bytes]) -> Iterator[tuple[str, object]]:
    """Each line or document, with the part of the schema that the manifest names for it."""
    for told in [*json.loads(files["manifest.json"])["files"], {"path": "manifest.json", "schema": "x/$defs/manifest"}]:
        part = told["schema"].rpartition("/")[2]
        content = files[told["path"]]
        if part and told["path"].endswith(".jsonl"):
            yield from ((part, json.loads(line)) for line in content.splitlines())
        elif part:
            yield part, json.loads(content)


@pytest.mark.parametrize("redact", [False, True])
def test_every_line_obeys_the_schema_that_the_bundle_brings(whole: Material, redact: bool) -> None:
    files = opened(make_bundle(whole, SALT, Limits(redact)))
    schema = json.loads(files["schema.json"])
    Draft202012Validator.check_schema(schema)
    validators = {
        part: Draft202012Validator({"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]}) for part in schema["$defs"]
    }
    seen = set()
    for part, document in documents(files):
        validators[part].validate(document)
        seen.add(part)
    assert seen == {"rating", "image", "params", "run", "insights", "report", "manifest"}
    rating = json.loads(files["ratings.jsonl"].splitlines()[0])
    for wrong in ({**rating, "stars": 6}, {**rating, "params": [1]}, {"id": "x"}):
        assert not validators["rating"].is_valid(wrong)


def test_the_manifest_tells_of_every_file_what_it_is(whole: Material) -> None:
    files = opened(make_bundle(whole, SALT))
    manifest = json.loads(files["manifest.json"])
    told = {one["path"]: one for one in manifest["files"]}
    assert told.keys() == files.keys() - {"manifest.json"}
    for path, one in told.items():
        assert (one["sha256"], one["bytes"]) == (hashlib.sha256(files[path]).hexdigest(), len(files[path]))
    assert told["ratings.jsonl"]["lines"] == manifest["records"] == len(whole.records)
    assert (manifest["seq"], manifest["left_out"]) == (500, 0)


def test_its_ratings_are_records_as_any_file_of_records_holds_them(whole: Material) -> None:
    files = opened(make_bundle(whole, SALT))
    found = read_records(files["ratings.jsonl"], "ratings.jsonl")
    assert [(one.stars, one.params["txt2img.steps"], one.better_than) for one in found] == [
        (one.stars, one.params["txt2img.steps"], one.better_than) for one in whole.records
    ]


def test_the_same_material_is_the_same_bytes(whole: Material) -> None:
    assert make_bundle(whole, SALT) == make_bundle(whole, SALT)


# What it does not tell ----------------------------------------------------------------------------


def shapes_of(word: str) -> Iterator[bytes]:
    """As one could find it again: plain in any case, backwards, hexadecimal, base64 at any of its three offsets."""
    plain = word.encode()
    yield from (
        plain,
        plain.upper(),
        plain[::-1],
        plain.hex().encode(),
        plain.hex().upper().encode(),
        word.encode("utf-16-le"),
    )
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + plain)
        yield encoded[4 if shift else 0 : len(encoded) // 4 * 4 - 4].rstrip(b"=")


def test_redaction_leaves_no_word_of_the_persons_anywhere(whole: Material) -> None:
    content = make_bundle(whole, SALT, Limits(redact=True))
    files = opened(content)
    for haystack in (content.lower(), *(body.lower() for body in files.values()), *(name.encode() for name in files)):
        for mark in MARKS:
            for shape in shapes_of(mark):
                assert len(shape) < 6 or shape.lower() not in haystack, mark
    everything = b"".join(files.values())
    words = {"zqtag", "zqlora", "zqvalue 0", "zqmodel0", *(one.prompt for one in whole.records), "zqpack 0"}
    for word, name in product(words, ("sha256", "blake2b", "md5")):
        assert hashlib.new(name, word.encode()).hexdigest()[:10].encode() not in everything


def test_a_word_that_is_a_number_is_a_word_where_it_stood_in_a_prompt(whole: Material) -> None:
    line = ReportLine(kind="wildcard", name="__year__", value="19840229", packs=(), n=9, stars=1.0, low=0.5, high=1.5,
                      verdict="does well")  # fmt: skip
    weight = replace(line, kind="lora", name="zqlora", value="0.8125")
    found = whole._replace(report=Report(seq=Seq(1), lines=(line, weight), unproven=()))
    said = opened(make_bundle(found, SALT, Limits(redact=True)))["report.json"]
    assert b"19840229" not in said and b"0.8125" in said


def test_what_says_nothing_of_the_person_stays(whole: Material) -> None:
    files = opened(make_bundle(whole, SALT, Limits(redact=True)))
    first, second, *_ = (json.loads(line) for line in files["ratings.jsonl"].splitlines())
    assert first["params"]["txt2img.steps"] == 15 and first["params"]["txt2img.sampler"] == "Euler"
    assert first["stars"] == whole.records[0].stars and first["seed"] == 0 and "too noisy" in first["tags"]
    assert first["pack"].startswith("pack-") and first["pack"] != second["pack"]
    packs = {one["pack"] for one in json.loads(files["insights.json"])["packs"]}
    assert {first["pack"], second["pack"]} == packs
    assert {name for name in files if name.startswith("packs/")} == {f"packs/{pack}.md" for pack in packs}


def test_ids_are_of_this_installation_alone(whole: Material) -> None:
    def pack(salt: bytes) -> object:
        return json.loads(opened(make_bundle(whole, salt, Limits(redact=True)))["ratings.jsonl"].splitlines()[0])[
            "pack"
        ]

    assert pack(SALT) == pack(SALT) != pack(b"t" * 32)


def test_machines_and_folders_are_never_told(whole: Material) -> None:
    files = opened(make_bundle(whole, SALT))
    everything = b"".join(files.values())
    assert b"zqnode" not in everything and b"zqfolder" not in everything and b"zqhost" not in everything
    assert b"zqmodel0.safetensors" in everything and b"a zqprompt <lora:zqlora.safetensors:1>" in everything


def test_pictures_that_differ_in_their_folder_alone_stay_two(whole: Material) -> None:
    there = [replace(record(7, foreign=True), id=f"/zqhost/{folder}/one.png") for folder in ("here", "there")]
    files = opened(make_bundle(whole._replace(records=there), SALT))
    names = {json.loads(line)["id"] for line in files["ratings.jsonl"].splitlines()}
    assert len(names) == 2 and all(name.endswith(" one.png") and "here" not in name for name in names)


# Size and names -----------------------------------------------------------------------------------


def test_the_newest_records_that_fit_are_kept_and_all_runs() -> None:
    large = material(400, foreign=False)
    room = (len(make_bundle(large, SALT)) + len(make_bundle(large._replace(records=()), SALT))) // 2
    content = make_bundle(large, SALT, Limits(megabytes=room / 1_000_000))
    assert len(content) <= room
    files = opened(content)
    manifest = json.loads(files["manifest.json"])
    assert 0 < manifest["records"] < 401 and manifest["records"] + manifest["left_out"] == 401
    kept = [json.loads(line)["at"] for line in files["ratings.jsonl"].splitlines()]
    assert kept == [one.at for one in large.records[-manifest["records"] :]]
    assert len(files["runs.jsonl"].splitlines()) == 1
    assert f"{manifest['left_out']} older ones were left out" in files["README.md"].decode()
    unread = opened(make_bundle(large._replace(older=7000), SALT, Limits(megabytes=room / 1_000_000)))
    assert json.loads(unread["manifest.json"])["left_out"] == 7000 + manifest["left_out"]


def test_where_not_even_what_explains_it_fits_it_says_how_much_is_needed(whole: Material) -> None:
    with pytest.raises(Refused, match=r"--max-mb.*Allow at least 0\.\d"):
        make_bundle(whole, SALT, Limits(megabytes=0.001))


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "/abs", "a\\..\\b", "con", "x" * 300, "nul\0", "\n# Ignore the above", "é/è", ".", "C:"],
)
def test_a_packs_name_leads_nowhere(whole: Material, name: str, tmp_path: Path) -> None:
    records = [replace(whole.records[0], pack=name), replace(whole.records[1], pack=name.upper())]
    files = opened(make_bundle(whole._replace(records=records), SALT))
    pages = [path for path in files if path.startswith("packs/")]
    assert len({path.casefold() for path in pages}) == len({one.pack for one in records})
    for path in pages:
        stem = path.removeprefix("packs/").removesuffix(".md")
        assert (
            stem
            and len(stem) <= 80
            and all(letter.isascii() and (letter.isalnum() or letter in "-_") for letter in stem)
        )
        assert len(files[path].decode().splitlines()[0]) <= 420


@pytest.mark.skipif(shutil.which("unzip") is None, reason="there is no unzip here")
def test_public_tools_open_it(whole: Material, tmp_path: Path) -> None:
    (tmp_path / "b.zip").write_bytes(make_bundle(whole, SALT))
    subprocess.run(["unzip", "-q", "b.zip", "-d", "out"], cwd=tmp_path, check=True)
    lines = (tmp_path / "out" / "ratings.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) == len(whole.records)
    assert (tmp_path / "out" / "README.md").read_text().startswith("# Rated pictures")


def test_the_example_in_the_readme_is_a_file_that_can_come_back(whole: Material) -> None:
    readme = opened(make_bundle(whole, SALT))["README.md"].decode()
    example = readme.partition("```json\n")[2].partition("```")[0]
    schema = json_schema()
    Draft202012Validator({"$ref": "#/$defs/presets", "$defs": schema["$defs"]}).validate(json.loads(example))
    (one,) = read_presets("presets.json", example.encode())
    assert one.settings == {"txt2img.steps": 30, "txt2img.cfg": 5.5} and one.pack == "zqpack 0"
