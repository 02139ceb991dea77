"""What lies beside a model, in everybody's own format: read by its shape, and left alone where it is something else."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from models_made import A1111, CIVITAI, KOHYA, MANAGER, MATRIX, SWARM, beside, safetensors

from daemon.library.models.bases import base_of, kin
from daemon.library.models.folders import Look
from daemon.library.models.index import SIDECARS
from daemon.library.models.reading import read, told
from daemon.library.models.sidecars import READERS, plain
from daemon.library.models.told import summary


def seen(model):
    return next(one for one in Look(SIDECARS).below(model.parent) if one.path == str(model))


def said(model):
    return read(seen(model), 0.0, None).said


@pytest.fixture
def lora(tmp_path):
    return safetensors(tmp_path / "Lora" / "sea_haze.safetensors")


@pytest.mark.parametrize(
    ("ending", "content", "expected"),
    [
        (".civitai.info", CIVITAI, {"title": "Sea Haze v2", "base": "pony", "triggers": ("sea haze", "misty shore")}),
        (".info", CIVITAI, {"title": "Sea Haze v2", "list": "loras"}),
        (".json", A1111, {"base": "sdxl", "triggers": ("haze", "shore"), "weight": 0.7, "described": True}),
        (".cm-info.json", MATRIX, {"title": "My Haze", "base": "sdxl", "triggers": ("hazy",), "tags": ("sea",)}),
        (".metadata.json", MANAGER, {"base": "illustrious", "triggers": ("hz",), "weight": 0.6, "favourite": True}),
        (".swarm.json", SWARM, {"title": "Sea Haze", "base": "sdxl", "triggers": ("haze",), "tags": ("sea", "soft")}),
        (".swarm.json", {"title": "Haze", "tags": ["sea", "soft"]}, {"title": "Haze", "tags": ("sea", "soft")}),
        (".txt", "haze, misty shore\n", {"triggers": ("haze", "misty shore")}),
        (".description.txt", "Soft haze.", {"described": True}),
    ],
)  # fmt: skip
def test_every_kind_of_sidecar_is_read(lora, ending, content, expected):
    beside(lora, ending, content)

    found = said(lora)

    assert {name: getattr(found, name) for name in expected} == expected


def test_a_sidecar_may_be_named_after_the_whole_file(lora):
    lora.with_name("sea_haze.safetensors.civitai.info").write_text("\ufeff" + json.dumps(CIVITAI))

    assert said(lora).triggers == ("sea haze", "misty shore")


def test_what_a_person_wrote_comes_first_and_tags_come_from_all(lora):
    safetensors(lora, KOHYA)
    for ending, content in ((".civitai.info", CIVITAI), (".json", A1111), (".metadata.json", MANAGER)):
        beside(lora, ending, content)

    found = said(lora)

    assert (found.base, found.triggers, found.weight) == ("sdxl", ("haze", "shore"), 0.7)
    assert found.title == "v1" and found.tags == ("style",)  # the first that has one
    assert found.trained == ("fog", "sea")


def test_the_header_of_a_trainer_is_read(lora):
    safetensors(lora, KOHYA)

    [header] = told(seen(lora))

    assert (header.title, header.base, header.list) == ("sea haze", "sdxl_base_v1-0", "loras")
    assert header.trained == (("fog", 10), ("sea", 9))


@pytest.mark.parametrize(
    ("ending", "content"),
    [
        (".json", {"nodes": [], "links": [], "description": "a workflow"}),
        (".json", {"pack_data": {"name": "p"}, "notes": "x"}),
        (".json", {"_class_name": "UNet2DConditionModel", "notes": "x"}),
        (".json", ["a", "list"]),
        (".info", {"name": "something", "version": 3}),
        (".info", "notes of another program"),
        (".txt", "a lighthouse\nneg: blurry\n\na harbour"),
        (".txt", "# a pack\nlighthouse"),
        (".txt", "word " * 200),
        (".txt", ""),
        (".metadata.json", {"total_size": 3, "weight_map": {}}),
    ],
)
def test_what_lies_there_by_chance_is_left_alone(lora, ending, content):
    beside(lora, ending, content)

    known = read(seen(lora), 0.0, None)

    assert known.trouble == "" and not known.said.triggers and not known.said.described


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"activation text": "a",\n oops}', "line 2, column 2"),
        (b'{"activation text": "\xff"}', "line 1 is no UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' + b"1" * 10_000 + b"}", "broken JSON"),
        (b" " * (5 << 20), "larger than 4 MB"),
    ],
)
def test_a_broken_sidecar_is_told_with_its_place_and_the_model_is_listed(lora, content, words):
    lora.with_suffix(".json").write_bytes(content)

    known = read(seen(lora), 0.0, None)

    assert words in known.trouble and known.trouble.startswith("sea_haze.json: ")
    assert known.name == "sea_haze"


def test_fields_of_another_type_are_as_if_they_were_not_there(lora):
    nan = float("nan")
    odd = {"activation text": ["x"], "preferred weight": "heavy", "notes": None, "description": 7, "sd version": nan}
    beside(lora, ".json", odd)
    beside(lora, ".civitai.info", {"trainedWords": {"a": 1}, "model": [], "files": "none", "modelId": True})

    assert said(lora).triggers == ()


@pytest.mark.parametrize(
    ("text", "base", "family"),
    [
        ("SD 1.5", "sd1", "sd1"), ("sd_v1", "sd1", "sd1"), ("SDXL 1.0", "sdxl", "sdxl"), ("Pony", "pony", "sdxl"),
        ("stable-diffusion-xl-v1-base/lora", "sdxl", "sdxl"), ("sdxl_base_v1-0", "sdxl", "sdxl"),
        ("Flux.1 D", "flux", "flux"), ("SD 2.1 768", "sd2", "sd2"), ("Other", "", ""), ("Aurora", "aurora", "aurora"),
        ("Illustrious", "illustrious", "sdxl"), ("stable-diffusion-v1", "sd1", "sd1"), ("SD 3.5 Large", "sd3", "sd3"),
    ],
)  # fmt: skip
def test_bases_have_one_spelling(text, base, family):
    assert base_of(text) == base and kin(base) == family


def test_html_becomes_text():
    assert plain("<p>Soft haze</p><p>over &amp; under<br/>water</p>") == "Soft haze\nover & under\nwater"


KEYS = st.sampled_from([*CIVITAI, *A1111, *MATRIX, *MANAGER, *SWARM, "hashes", "primary", "strength", "SHA256", "x"])
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)


def check_any(content, text):
    for reader in READERS:
        for written in (json.dumps(content), text):
            try:
                found = reader.read("a.json", written)
            except ValueError:
                continue  # told with its place
            assert found is None or summary((found,)) is not None


@settings(max_examples=60, deadline=None)
@given(ANY, st.text(max_size=200))
def test_any_json_is_read_or_left_alone(content, text):
    check_any(content, text)


@pytest.mark.long
@settings(max_examples=5000, deadline=None)
@given(ANY, st.text(max_size=2000))
def test_much_more_json_is_read_or_left_alone(content, text):
    check_any(content, text)
