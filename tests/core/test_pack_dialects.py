"""Packs are read as they are, in every dialect; what is broken is told with its place and a remedy."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting import tokens
from daemon.prompting.packs import read_list, read_pack
from schema.errors import Refused
from schema.packs import Part

HARBOUR = """# a comment on top

old lighthouse in [[weather]], [[time-of-day]]
(best quality) wide view
<lora:sea_haze:0.65> <lora:film_v2:0.4>
neg: <embedding:neg_hands>
neg: blurry, watermark

# only a comment

{a boat|a buoy} near __sea/birds__
"""


def words(pack):
    return [(prompt.text, prompt.negative) for prompt in pack.prompts]


def test_blocks_of_a_text_pack_are_prompts_and_comments_are_none():
    pack = read_pack("packs/harbour.txt", HARBOUR)
    assert (pack.name, pack.dialect) == ("harbour", "txt")
    assert words(pack) == [
        (
            "old lighthouse in [[weather]], [[time-of-day]] (best quality) wide view"
            " <lora:sea_haze:0.65> <lora:film_v2:0.4>",
            "<embedding:neg_hands> blurry, watermark",
        ),
        ("{a boat|a buoy} near __sea/birds__", ""),
    ]
    assert [prompt.line for prompt in pack.prompts] == [3, 11]
    assert pack.prompts[0].loras == (Part(name="sea_haze", weight=0.65), Part(name="film_v2", weight=0.4))
    assert pack.prompts[0].negative_embeddings == (Part(name="neg_hands"),)


@pytest.mark.parametrize("ends", ["\r\n", "\r", "\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_a_byte_order_mark_change_nothing(ends, mark):
    assert words(read_pack("h.txt", mark + HARBOUR.replace("\n", ends))) == words(read_pack("h.txt", HARBOUR))


def test_only_the_exact_prefix_is_negative():
    assert words(read_pack("h.txt", "Neg: kept\n  neg:gone\nnegative space")) == [("Neg: kept negative space", "gone")]


def test_a_prompt_may_have_settings_of_its_own_in_comments_that_others_skip():
    pack = read_pack("h.txt", "#! txt2img.model=toy_v2\n#! weight=3\n#!/bin/comment\na boat\n\na buoy")
    assert pack.prompts[0].overrides == {"txt2img.model": "toy_v2"}
    assert [prompt.weight for prompt in pack.prompts] == [3.0, 1.0]


def test_a_block_of_negative_lines_alone_is_told_and_left_out():
    pack = read_pack("h.txt", "a boat\n\nneg: blurry")
    assert words(pack) == [("a boat", "")]
    assert pack.warnings == ("h.txt:3: only negative lines; nothing was made of them.",)


def test_each_line_of_a_table_is_a_prompt():
    pack = read_pack("s.tsv", "# heads\nspring\tblurry\n\n  summer  \nautumn\ttext\tpeople\n\tlost\n")
    assert words(pack) == [("spring", "blurry"), ("summer", ""), ("autumn", "text people")]
    assert [prompt.line for prompt in pack.prompts] == [2, 4, 5]
    assert pack.warnings == ("s.tsv:6: no prompt before the tab; the line was left out.",)


SLOTS = {
    "name": "stale name",
    "slots": [
        {
            "index": 0,
            "text": "apple orchard\nmorning light",
            "negative": "people",
            "positive_embeddings": ["fine", ["soft", 0.8], {"name": "warm", "weight": 1.2}],
            "negative_embeddings": ["neg_hands"],
            "loras": [["sea_haze", 0.65]],
        },
        {"index": 1, "text": "", "negative": ""},
        {"index": 2, "text": "pear tree in [[season]]"},
    ],
    "matrix": {
        "enabled": True,
        "mode": "rotate",
        "limit": 4,
        "slots": [{"name": "season", "values": ["spring", "may"]}],
    },
}


@pytest.mark.parametrize("unified", [True, False])
def test_json_packs_keep_everything_they_say(unified):
    preset = {"txt2img": {"steps": 24}, "randomization": {"enabled": True, "seed": 5}}
    written = {"pack_data": SLOTS, "preset_data": preset} if unified else SLOTS
    pack = read_pack("orchard.json", json.dumps(written))
    assert pack.name == "orchard"
    assert words(pack) == [
        (
            "<embedding:fine> (<embedding:soft>:0.8) (<embedding:warm>:1.2) apple orchard morning light"
            " <lora:sea_haze:0.65>",
            "<embedding:neg_hands> people",
        ),
        ("pear tree in [[season]]", ""),
    ]
    assert pack.matrix.enabled and pack.matrix.mode == "rotate" and pack.matrix.limit == 4
    assert pack.matrix.slots[0].values == ("spring", "may")
    assert (json.loads(pack.preset) == preset) if unified else not pack.preset


def test_old_json_packs_name_their_slots():
    slots = [
        {"name": "Positive Prompt", "text": "a boat"},
        {"name": "Negative Prompt", "text": "blurry"},
        {"name": "Positive Prompt", "text": "a buoy"},
    ]
    assert words(read_pack("old.json", json.dumps({"slots": slots}))) == [("a boat", "blurry"), ("a buoy", "")]


def test_a_slot_may_override_settings_and_have_a_weight():
    slot = {"text": "a boat", "weight": 2, "overrides": {"txt2img": {"model": "toy"}, "upscale.factor": 3}}
    prompt = read_pack("o.json", json.dumps({"slots": [slot]})).prompts[0]
    assert (prompt.weight, prompt.overrides) == (2.0, {"txt2img.model": "toy", "upscale.factor": "3"})


def test_what_is_not_understood_is_told():
    slot = {"text": "a boat", "colour": "blue", "template_id": "t1", "template_variables": {"who": "cat"}}
    pack = read_pack("o.json", json.dumps({"slots": [slot], "mood": "calm"}))
    assert pack.prompts[0].variables == {"who": "cat"}
    assert "mood, slots.colour" in pack.warnings[0]
    assert pack.prompts[0].template == "t1" and len(pack.warnings) == 1


def test_a_list_file_names_packs():
    assert read_list("l.json", '{"evening": ["harbour.txt", "seasons.tsv"]}') == {
        "evening": ("harbour.txt", "seasons.tsv")
    }
    assert read_list("l.json", json.dumps(SLOTS)) is None
    assert read_list("l.txt", "{}") is None


def test_control_characters_never_reach_a_terminal():
    pack = read_pack("h.txt", "a \x1b[31mred\x9b boat\x00\nneg: dark\x07")
    assert words(pack) == [("a [31mred boat", "dark")]
    assert "control characters were left out" in pack.warnings[0]


BROKEN = [
    ("p.json", '{"slots": [\n  {"text": "a",}\n]}', "p.json:2: broken JSON"),
    ("p.json", '{"slots": 3}', "'slots' is no list"),
    ("p.json", '["a"]', "is no JSON object"),
    ("p.json", '{"slotz": []}', "there are no 'slots'"),
    ("p.json", '{"slots": ["a"]}', "slot 1 is no JSON object"),
    ("p.json", '{"slots": [{"text": 5}]}', "p.json slot 1: 'text' is no text"),
    ("p.json", '{"slots": [{"text": "a", "loras": [["x", "y"]]}]}', "the weight of 'x' in 'loras' is no number"),
    ("p.json", '{"slots": [{"text": "a", "loras": [[]]}]}', "has no name"),
    ("p.json", '{"slots": [{"text": "a", "weight": 0}]}', "is no number above 0"),
    ("p.json", '{"slots": [], "slots": []}', "stands twice"),
    ("p.json", '{"slots": [{"text": NaN}]}', "NaN is no number"),
    ("p.json", "[" * 100_000, "nested more than"),
    ("p.json", '{"a": ' * 60 + "1" + "}" * 60, "nested more than"),
    ("p.json", '{"slots": []}', "holds no prompt"),
    ("p.txt", "", "p.txt: holds no prompt"),
    ("p.txt", "# only\n# comments\n", "holds no prompt"),
    ("p.tsv", "\n\n", "holds no prompt"),
    ("p.txt", "a boat\n#! weight=many\n", "p.txt:2: weight 'many'"),
    ("p.txt", "a boat\n#! matrix = maybe\n", "p.txt:2: 'maybe' is no way"),
    ("p.txt", "a boat\n#! limit = ²\n", "p.txt:2: limit is a whole number"),
    ("p.txt", "fine\n\n" + "long " * 5000, "p.txt:3: a prompt is longer than 20000 characters"),
    ("p.txt", "x" * 1_000_001, "p.txt: is larger than 1 MB"),
    ("n" * 300 + ".txt", "a boat", "the name is longer than 200 bytes"),
    ("a\x1bb.txt", "a boat", "control characters"),
]


@pytest.mark.parametrize(("file", "text", "told"), BROKEN, ids=[told for _, _, told in BROKEN])
def test_a_broken_pack_is_one_sentence_with_its_place_and_a_remedy(file, text, told):
    with pytest.raises(Refused) as refused:
        read_pack(file, text)
    assert told in refused.value.told()
    assert refused.value.where and refused.value.remedy
    assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in refused.value.told())


@settings(deadline=None)
@given(st.text(max_size=400), st.sampled_from([".txt", ".tsv", ".json"]))
def test_any_text_is_a_pack_or_is_refused(text, ending):
    try:
        pack = read_pack(f"any{ending}", text)
    except Refused:
        return
    assert pack.prompts and all(prompt.text.strip() for prompt in pack.prompts)
    assert [prompt.number for prompt in pack.prompts] == list(range(1, len(pack.prompts) + 1))


@pytest.mark.parametrize("piece", ["{a|", "{", "[[", "__a", "<lora:", "<lora:a:", "(<embedding:a>", "<a", "${", "|}"])
def test_no_text_makes_the_search_for_slots_slow(piece):
    text = piece * (18_000 // len(piece))
    pack = read_pack("h.txt", "\n\n".join([text] * 20))
    begun = time.perf_counter()
    for prompt in pack.prompts:
        tokens.slots(prompt.text)
    assert time.perf_counter() - begun < 2.0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*SLOTS, "text", "loras", "x"]), inner),
    max_leaves=12,
)


@settings(deadline=None)
@given(json_values)
def test_any_json_is_a_pack_or_is_refused(value):
    try:
        read_pack("any.json", json.dumps(value))
    except Refused as refused:
        assert refused.remedy


simple = st.text(alphabet="abc xyz,[]<>:", min_size=1, max_size=30).filter(lambda text: text.strip())


@settings(deadline=None)
@given(st.lists(st.tuples(simple, simple), min_size=1, max_size=8))
def test_what_was_written_as_text_is_read_back(prompts):
    text = "\n\n".join(f"{positive}\nneg: {negative}" for positive, negative in prompts)
    expected = [(positive.strip(), negative.strip()) for positive, negative in prompts]
    assert words(read_pack("h.txt", text)) == expected
    table = "\n".join(f"{positive}\t{negative}" for positive, negative in prompts)
    assert words(read_pack("h.tsv", table)) == expected


def test_old_packs_that_name_what_should_not_be_there_first():
    slots = [{"name": f"{sort} Prompt", "text": f"{sort} {n}"} for n in (1, 2) for sort in ("Negative", "Positive")]
    prompts = read_pack("old.json", json.dumps({"slots": slots})).prompts
    assert [(one.number, one.text, one.negative) for one in prompts] == [
        (1, "Positive 1", "Negative 1"), (2, "Positive 2", "Negative 2"),
    ]  # fmt: skip


def test_a_matrix_as_hands_write_it():
    matrix = {
        "enabled": True,
        "limit": "2",
        "slots": [{"name": "sky", "values": "red | blue"}, {"name": "", "values": []}],
    }
    found = read_pack("m.json", json.dumps({"slots": [{"text": "a"}], "matrix": matrix})).matrix
    assert (found.limit, [(slot.name, slot.values) for slot in found.slots]) == (2, [("sky", ("red", "blue"))])
    for limit, enabled in ((0, "false"), ("0", 0), (-1, None)):
        found = read_pack(
            "m.json", json.dumps({"slots": [{"text": "a"}], "matrix": {"limit": limit, "enabled": enabled}})
        ).matrix
        assert (found.limit, found.enabled) == (None, False)
    with pytest.raises(Refused, match="matrix slot 1 has no 'name'"):
        read_pack("m.json", json.dumps({"slots": [], "matrix": {"enabled": True, "slots": [{"values": ["x"]}]}}))
