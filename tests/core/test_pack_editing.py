"""A pack that is changed stays what it was: dialect, comments, order, line ends; only what was meant changes."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting.editing.change import Change, edited
from daemon.prompting.packs import read_pack
from schema.errors import Refused

TXT = """# evening light
#! weight=3
old lighthouse above the harbour,
wide view  # not a comment
<lora:sea_haze:0.65>
neg: blurry,
neg: watermark

# alone

a quiet mill
neg: people


last one"""

TSV = "positive\tnegative\n# hills\n#! txt2img.steps=30\nlone oak\tblurry\n\ngreen hill\nstone wall\tpeople\n"

JSON = """{
  "pack_data": {
    "name": "orchard",
    "slots": [
      {
        "index": 0,
        "text": "apple orchard,  dew",
        "negative": "people",
        "positive_embeddings": [["fine", 0.8]],
        "loras": [["haze", 0.4]]
      },
      {"index": 1, "text": "", "negative": "left behind by an editor"},
      {"text": "wicker basket"}
    ],
    "matrix": {"enabled": false}
  },
  "preset_data": {"txt2img": {"steps": 24}}
}
"""


def prompts(file, text):
    return [(one.text, one.negative, one.weight, one.overrides, one.backend) for one in read_pack(file, text).prompts]


def test_only_the_line_that_says_something_else_changes():
    made = edited(
        "p.txt", TXT, Change(1, text="old lighthouse above the harbour, tall view # not a comment <lora:sea_haze:0.65>")
    )
    assert made == TXT.replace("wide view  # not a comment", "tall view # not a comment")


def test_a_negative_comes_goes_and_changes_by_its_own_lines():
    assert edited("p.txt", TXT, Change(1, negative="blurry, text")) == TXT.replace("neg: watermark", "neg: text")
    assert edited("p.txt", TXT, Change(2, negative="")) == TXT.replace("neg: people\n", "")
    assert edited("p.txt", TXT, Change(3, negative="fog")).endswith("last one\nneg: fog")


def test_comments_of_a_prompt_say_its_settings():
    made = edited("p.txt", TXT, Change(1, weight=2.5, overrides={"txt2img.steps": "9"}))
    assert made.startswith("# evening light\n#! weight=2.5\n#! txt2img.steps=9\nold lighthouse")
    assert edited("p.txt", made, Change(1, weight=1.0, overrides={"txt2img.steps": None})) == TXT.replace(
        "#! weight=3\n", ""
    )
    assert "#! backend=comfyui\na quiet mill" in edited("p.txt", TXT, Change(2, backend="comfyui"))


def test_blocks_move_and_the_gaps_between_them_stay():
    made = edited("p.txt", TXT, Change(3, to=1))
    assert [one[0][:5] for one in prompts("p.txt", made)] == ["last ", "old l", "a qui"]
    assert "\n# alone\n" in made and "\n\n\n" in made


def test_a_prompt_is_added_behind_the_last_and_taken_out():
    made = edited("p.txt", TXT, Change(4, text="a new one", negative="old"))
    assert made == TXT + "\n\na new one\nneg: old\n"
    assert edited("p.txt", TXT, Change(2, remove=True)) == TXT.replace("a quiet mill\nneg: people\n\n\n", "")


def test_line_ends_and_the_byte_order_mark_stay():
    crlf = "\ufeff" + TXT.replace("\n", "\r\n")
    made = edited("p.txt", crlf, Change(1, negative="fog", weight=2))
    assert made[0] == "\ufeff" and "\n" not in made.replace("\r\n", "")


def test_a_table_keeps_its_heading_comments_and_order():
    assert edited("t.tsv", TSV, Change(2, text="blue hill", negative="fog")) == TSV.replace(
        "green hill\n", "blue hill\tfog\n"
    )
    assert (
        edited("t.tsv", TSV, Change(1, remove=True))
        == "positive\tnegative\n# hills\n\ngreen hill\nstone wall\tpeople\n"
    )
    moved = edited("t.tsv", TSV, Change(1, to=3))
    assert moved.splitlines()[-2:] == ["#! txt2img.steps=30", "lone oak\tblurry"] and "# hills\n\ngreen" in moved
    assert prompts("t.tsv", edited("t.tsv", TSV, Change(3, weight=4, to=1)))[0][:3] == ("stone wall", "people", 4.0)


def test_a_slot_of_json_changes_within_its_value():
    assert edited("o.json", JSON, Change(1, negative="crowd")) == JSON.replace('"people"', '"crowd"')
    kept = edited("o.json", JSON, Change(1, text="(<embedding:fine:0.8>) no"))
    assert json.loads(kept)["pack_data"]["slots"][0]["loras"] == []
    whole = read_pack("o.json", JSON).prompts[0].text.replace("dew", "frost")
    assert json.loads(edited("o.json", JSON, Change(1, text=whole)))["pack_data"]["slots"][0]["loras"] == [
        ["haze", 0.4]
    ]


def test_slots_are_given_fields_moved_added_and_taken_out():
    made = edited("o.json", JSON, Change(2, negative="plastic", weight=2, overrides={"txt2img.steps": "9"}))
    assert prompts("o.json", made)[1] == ("wicker basket", "plastic", 2.0, {"txt2img.steps": "9"}, None)
    assert made.startswith(JSON[: JSON.index('{"text": "wicker')])
    moved = edited("o.json", JSON, Change(2, to=1))
    assert [one[0][:6] for one in prompts("o.json", moved)] == ["wicker", "(<embe"]
    assert json.loads(moved)["pack_data"]["slots"][1]["text"] == ""
    assert prompts("o.json", edited("o.json", JSON, Change(3, text="a ladder")))[2][0] == "a ladder"
    assert len(json.loads(edited("o.json", JSON, Change(2, remove=True)))["pack_data"]["slots"]) == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (Change(9, text="x"), "there is no prompt 9"),
        (Change(1, text=" "), "a prompt without words"),
        (Change(3, text="# like a comment"), "cannot say that"),
        (Change(3, text="neg: like a negative"), "cannot say that"),
        (Change(1, to=7), "there is no place 7"),
        (Change(4, text=""), "needs words"),
    ],
)
def test_what_cannot_be_said_is_refused(change, told):
    with pytest.raises(Refused, match=told):
        edited("p.txt", TXT, change)


WORDS = st.sampled_from(
    ["an old oak", "red boat, calm sea", "# no", "neg: no", "[[weather]] {a|b}", "x" * 30, "é 雪", ""]
)
CHANGES = st.builds(
    Change,
    st.integers(1, 4),
    text=st.none() | WORDS,
    negative=st.none() | WORDS,
    weight=st.none() | st.sampled_from([1.0, 2.0, 0.5]),
    backend=st.none() | st.sampled_from(["", "comfyui"]),
    overrides=st.dictionaries(
        st.sampled_from(["txt2img.steps", "detail.denoise"]), st.none() | st.just("7"), max_size=2
    ),
    remove=st.booleans(),
    to=st.none() | st.integers(1, 3),
)


@given(
    st.sampled_from([("p.txt", TXT), ("t.tsv", TSV), ("o.json", JSON)]), st.lists(CHANGES, max_size=6), st.booleans()
)
@settings(max_examples=100, deadline=None)
def test_whatever_is_changed_every_comment_stays_and_nothing_else_moves(pack, changes, crlf):
    """That the prompts are what was meant is checked by the editing itself, before its text is given out."""
    file, text = pack
    text = text.replace("\n", "\r\n") if crlf else text
    for change in changes:
        try:
            text = edited(file, text, change._replace(remove=False))
        except Refused:
            continue
    for comment in ("# evening light", "# alone") if file == "p.txt" else ("# hills",) if file == "t.tsv" else ():
        assert comment in text
    if file == "o.json":
        assert json.loads(text)["preset_data"] == {"txt2img": {"steps": 24}}
    assert not crlf or "\n" not in text.replace("\r\n", "")
