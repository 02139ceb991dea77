"""Records that come in: StableNew's in each of its shapes, our own, presets that are proposed; all of it or nothing."""

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from daemon.records.checked import check_records
from daemon.records.flat import lines, verdicts
from daemon.records.incoming import Incoming, read_incoming
from daemon.records.suggested import read_presets
from daemon.records.verbs import main
from schema.errors import Refused
from schema.records import LOOSE, Record

RATED: dict[str, object] = {
    "run_id": "5f0c", "timestamp": "2026-03-04T20:15:00", "randomizer_mode": "learning_experiment",
    "base_config": {"prompt": "a lighthouse", "stage": "txt2img", "cfg scale": 7.5},
    "variant_configs": [{"cfg scale": 7.5}], "primary_sampler": "", "primary_steps": 0, "primary_cfg_scale": 0.0,
    "metadata": {
        "experiment_name": "lighthouse cfg", "variable_under_test": "CFG Scale", "variant_value": 7.5,
        "image_path": "C:\\output\\a.png", "user_rating": 3, "user_rating_raw": 4, "rating_schema_version": 2,
        "record_kind": "learning_experiment_rating", "subscores": {"anatomy": 2},
    },
}  # fmt: skip
"""As the learning tab writes a rating of one picture."""

REVIEW: dict[str, object] = {
    "run_id": "77aa", "timestamp": "2026-03-04T20:16:00+00:00", "randomizer_mode": "review_feedback",
    "base_config": {"stage": "adetailer", "model": "toy.safetensors", "prompt": "a fox"},
    "variant_configs": [{"prompt": "a fox, sharp", "model": "toy.safetensors"}],
    "primary_model": "toy.safetensors", "primary_sampler": "DPM++ 2M", "primary_scheduler": "Karras",
    "primary_steps": 28, "primary_cfg_scale": 6.5,
    "metadata": {
        "source": "review_tab", "record_kind": "review_tab_feedback", "image_path": "/home/me/out/b.png",
        "user_rating": 5, "stage": "txt2img", "prompt_after": "a fox, sharp", "prompt_pack": "packs/foxes.txt",
        "reason_tags": ["too_noisy"],
    },
}  # fmt: skip

RUN: dict[str, object] = {
    "run_id": "99bb", "timestamp": "2026-03-04T20:17:00", "randomizer_mode": "", "randomizer_plan_size": 1,
    "base_config": {
        "txt2img": {"model": "toy", "sampler_name": "Euler a", "steps": 30, "cfg_scale": 7.0, "seed": 42, "width": 768,
                    "height": 512, "loras": [{"name": "sub\\Haze.safetensors", "weight": 0.6}]},
        "upscale": {"upscaler": "4x-sharp", "upscale_factor": 2.0},
    },
    "variant_configs": [], "metadata": {"prompt_source": {"prompt_pack_id": "knights"}, "rating": "up"},
}  # fmt: skip
"""A run of the pipeline; with a rating, as an older version put it in."""

ITEM: dict[str, object] = {
    "item_id": "it1", "artifact_path": "output/c.png", "stage": "txt2img", "model": "toy", "sampler": "Euler a",
    "scheduler": "Karras", "steps": 20, "cfg_scale": 7.0, "seed": 5, "positive_prompt": "a hill", "width": 512,
    "height": 512, "extra_fields": {"clip_skip": 2}, "rating": 2, "rated_at": "2026-03-05T08:00:00Z",
}  # fmt: skip


def jsonl(*values: object) -> bytes:
    return "".join(json.dumps(value) + "\n" for value in values).encode()


def one(value: object) -> Record:
    (found,) = read_incoming("learning_records.jsonl", jsonl(value)).records
    return found


def test_a_rating_of_an_experiment_comes_with_what_it_varied() -> None:
    found = one(RATED)
    assert (found.stars, found.prompt, found.pack, found.params) == (4, "a lighthouse", LOOSE, {"txt2img.cfg": 7.5})
    assert (found.at, found.backend, found.session) == ("2026-03-04T20:15:00.000Z", "webui", "")
    assert found.seed < 0 and found.run.startswith("stablenew-")


def test_a_review_comes_with_the_settings_of_its_run() -> None:
    found = one(REVIEW)
    assert found.params == {
        "txt2img.model": "toy.safetensors", "txt2img.sampler": "DPM++ 2M", "txt2img.scheduler": "Karras",
        "txt2img.steps": 28, "txt2img.cfg": 6.5,
    }  # fmt: skip
    assert (found.stars, found.pack, found.prompt, found.tags) == (5, "foxes", "a fox, sharp", ("too noisy",))


def test_a_run_comes_with_all_its_stages_by_the_names_they_have_here() -> None:
    found = one(RUN)
    assert found.params == {
        "txt2img.model": "toy", "txt2img.sampler": "Euler a", "txt2img.steps": 30, "txt2img.cfg": 7.0,
        "txt2img.width": 768, "txt2img.height": 512, "upscale.upscaler": "4x-sharp", "upscale.factor": 2.0,
        "lora:haze": 0.6,
    }  # fmt: skip
    assert (found.stars, found.pack, found.seed) == (4, "knights", 42)


def test_pictures_of_a_comparison_are_read_from_one_document() -> None:
    text = json.dumps([ITEM, {**ITEM, "item_id": "it2", "artifact_path": "d.png", "rating": 0}], indent=2).encode()
    found = read_incoming("items.json", text)
    assert [(each.stars, each.seed, each.params["txt2img.clip_skip"], each.prompt) for each in found.records] == [
        (2, 5, 2, "a hill")
    ]
    assert found.passed == ("1: not rated",)


def test_a_review_beside_a_picture_is_read() -> None:
    metadata = REVIEW["metadata"]
    assert isinstance(metadata, dict)
    review = {
        "stablenew_review": {**metadata, "review_timestamp": "2026-04-01T03:54:37", "steps": 20, "cfg_scale": 7.0}
    }
    found = one(review)
    assert (found.stars, found.params["txt2img.steps"], found.at) == (5, 20, "2026-04-01T03:54:37.000Z")


def test_a_programs_own_guess_is_no_rating() -> None:
    guess = {**RATED, "metadata": {"user_rating": 3.2, "user_rating_source": "soft_decision_score", "image_path": "x"}}
    assert read_incoming("r.jsonl", jsonl(RATED, guess)) == Incoming(
        read_incoming("r.jsonl", jsonl(RATED)).records, ("1: StableNew's own guess, not a rating",)
    )


def test_a_picture_that_was_rated_again_counts_once_as_it_was_rated_last() -> None:
    metadata = RATED["metadata"]
    assert isinstance(metadata, dict)
    again = {
        **RATED,
        "run_id": "other",
        "timestamp": "2026-03-06T09:00:00",
        "metadata": {**metadata, "user_rating_raw": 1},
    }
    assert [each.stars for each in read_incoming("r.jsonl", jsonl(again, RATED)).records] == [1]


def test_no_path_of_theirs_comes_in() -> None:
    text = lines(read_incoming("r.jsonl", jsonl(RATED, REVIEW, RUN)).records, whole=True)
    assert b"output" not in text and b"/home" not in text and b"\\\\" not in text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (jsonl(RATED) + b'{"run_id": "x", "base_config": {', "r.jsonl:2:33: this is no JSON"),
        (jsonl(RATED) + b'\n{"base_config": {}, "rating": NaN}\n', "r.jsonl:3:31: NaN is no number"),
        (jsonl(RATED) + b"\xff\xfe\n", "r.jsonl:2:1: this is no UTF-8 text"),
        (jsonl(RATED) + b"[" * 100_000 + b"\n", "r.jsonl:2:1: this is nested too deeply"),
        (jsonl(RATED, {**RUN, "metadata": {"rating": 9}}), "r.jsonl:2:1: rating is 9: ratings go from 1 to 5"),
        (jsonl({**RUN, "timestamp": ""}), "r.jsonl:1:1: it does not say when it was rated"),
        (jsonl({**RUN, "timestamp": "tomorrow"}), "r.jsonl:1:1: Invalid isoformat string"),
        (jsonl({"image_id": "a", "rating": 4}), "r.jsonl: holds no records"),
        (jsonl({"id": "a", "params": {}, "stars": 7, "at": "2026-05-01"}), r"r.jsonl:1:\d+: stars is 7"),
    ],
)
def test_what_is_broken_is_told_with_its_place_and_nothing_is_taken(text: bytes, told: str) -> None:
    with pytest.raises(Refused, match=told):
        read_incoming("r.jsonl", text)


@pytest.mark.parametrize(
    "wrong", [[], 5, "x", None, {"a": [{}]}, True, [[["x", 1]]], {"txt2img": {"loras": [[1], {}, 5]}}]
)
@pytest.mark.parametrize("key", ["base_config", "variant_configs", "metadata", "primary_steps", "seed"])
def test_fields_of_another_kind_are_passed_over(key: str, wrong: object) -> None:
    try:
        found = read_incoming("r.jsonl", jsonl({**RUN, "rating": 4, key: wrong}))
    except Refused:
        return
    assert all(each.stars == 4 for each in found.records)


def ours(name: str, stars: int, better_than: str = "", **params: int) -> Record:
    return Record(id=name, at="2026-05-01T10:00:00Z", session="s", pack="p", prompt="x", seed=1, run="r",
                  params={**params}, stars=stars, better_than=better_than)  # fmt: skip


def test_our_own_form_comes_back_as_it_went_out() -> None:
    there = (ours("a", 4, steps=1), ours("b", 0, steps=2), ours("a", 0, "b", steps=1))
    found = read_incoming("x.jsonl", lines(there))
    assert [(each.id, each.stars, each.better_than, each.params) for each in found.records] == [
        (each.id, each.stars, each.better_than, each.params) for each in there
    ]
    alone = replace(ours("c", 0), tags=("t",))
    assert verdicts([*there, alone]) == list(there)


# Presets ------------------------------------------------------------------------------------------


def test_the_same_proposal_twice_is_one_suggestion() -> None:
    text = json.dumps({"source": "toy", "presets": [{"pack": "p", "settings": {"a.b": 1, "a.c": "x"}, "why": "so"}]})
    other = json.dumps({"presets": [{"settings": {"a.c": "x", "a.b": 1}, "pack": "p", "why": "otherwise"}]})
    (first,), (second,) = read_presets("p.json", text.encode()), read_presets("p.json", other.encode())
    assert first.id == second.id and (first.source, first.why) == ("toy", "so")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"presets": [', "p.json:1:14: this is no JSON"),
        ('{"presets": []}', "length >= 1"),
        ('{"presets": [{"pack": "p", "settings": {}}]}', r"\$.presets\[0\].settings"),
        ('{"presets": [{"pack": "p", "settings": {"a.b": [1]}}]}', r"\$.presets\[0\].settings"),
        ('{"presets": [{"pack": 5, "settings": {"a.b": 1}}]}', r"\$.presets\[0\].pack"),
        ('{"presets": [{"pack": "p", "settings": {"a.b": Infinity}}]}', "Infinity is no number"),
        ("[" * 50_000, "p.json:1:1: this is nested too deeply"),
        (" " * 2_000_000, "are read at most"),
    ],
)
def test_a_proposal_that_is_none_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        read_presets("p.json", text.encode())


# The verb -----------------------------------------------------------------------------------------


def test_of_a_folder_all_verdicts_are_read_and_what_is_broken_is_named(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "learning").mkdir()
    (tmp_path / "learning" / "learning_records.jsonl").write_bytes(jsonl(RATED, REVIEW))
    (tmp_path / "learning" / "items.json").write_text(json.dumps([ITEM]))
    (tmp_path / "learning" / "torn_records.jsonl").write_text('{"run_id": ')
    (tmp_path / "other.jsonl").write_text('{"hello": 1}\n')
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "link.jsonl").symlink_to("/etc/passwd")
    assert main(["learn-read", "--", str(tmp_path)]) == 0
    found = json.loads(capsysbinary.readouterr().out)
    assert [(Path(each["path"]).name, len(each["records"])) for each in found["files"]] == [
        ("items.json", 1), ("learning_records.jsonl", 2),
    ]  # fmt: skip
    (broken,) = found["broken"]
    assert "torn_records.jsonl:1:" in broken


def test_a_file_that_is_named_must_be_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, torn = tmp_path / "whole.jsonl", tmp_path / "torn.jsonl"
    whole.write_bytes(jsonl(RATED))
    torn.write_bytes(jsonl(RATED) + b"{")
    assert main(["learn-read", "--", str(whole), str(torn)]) == 2
    said = capsys.readouterr()
    assert said.out == "" and "torn.jsonl:2:2: this is no JSON" in said.err


def test_a_zip_is_not_looked_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04../../etc/passwd")
    assert main(["learn-read", "--", str(tmp_path / "b.zip")]) == 2
    assert "this is a zip. Unpack it" in capsys.readouterr().err


# What a client sends ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stars", 6), ("stars", -1), ("at", "yesterday"), ("at", ""), ("id", ""), ("id", "x" * 500), ("pack", ""),
        ("pack", "a\tsketch"), ("prompt", "x" * 200_000), ("seed", 2**70), ("tags", ("x",) * 300),
        ("params", {"a": float("inf")}), ("params", {"a": 10**30}), ("params", {"a": 10**400}),
        ("params", {"a": float("nan")}), ("params", {"x" * 500: 1}), ("better_than", "a"),
    ],
)  # fmt: skip
def test_what_would_stand_in_the_log_for_ever_is_looked_at_first(field: str, value: object) -> None:
    good = ours("a", 4, steps=1)
    check_records("mine", [good])
    with pytest.raises(Refused, match=r"record 2, \w+"):
        check_records("mine", [good, replace(good, **{field: value})])
    with pytest.raises(Refused, match="source"):
        check_records(" ", [good])
