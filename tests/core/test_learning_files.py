"""Files of records as people write them: what is taken, what is filled in, what is said of the rest."""

import json
from typing import Any

import pytest

from daemon.learning.reading import read_records
from schema.errors import Refused
from schema.records import LOOSE, Record

LINE: dict[str, Any] = {
    "id": "im1", "at": "2026-05-01T20:15:00Z", "session": "s1", "pack": "poppies", "prompt": "a field of poppies",
    "seed": 7, "run": "r1", "params": {"steps": 30, "sampler": "Euler a"}, "stars": 4, "tags": ["nailed it"],
}  # fmt: skip

STARS = json.dumps(LINE).index('"stars"') + 1


def read(*lines: object) -> tuple[Record, ...]:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    return read_records(text.encode(), "file.jsonl")


def without(*fields: str) -> dict[str, Any]:
    return {name: value for name, value in LINE.items() if name not in fields}


def test_a_line_is_a_record() -> None:
    assert read(LINE) == (
        Record(
            id="im1", at="2026-05-01T20:15:00Z", session="s1", pack="poppies", prompt="a field of poppies", seed=7,
            run="r1", params={"steps": 30, "sampler": "Euler a"}, stars=4, tags=("nailed it",),
        ),
    )  # fmt: skip


def test_what_may_be_left_out_is_filled_in() -> None:
    (one, other) = read(
        without("session", "prompt", "seed", "run", "tags", "pack"), {**without("seed"), "id": "im2", "mood": "fine"}
    )
    assert (one.session, one.prompt, one.run, one.tags, one.pack) == ("", "", "", (), LOOSE)
    assert one.seed != other.seed, "nobody knows that their luck was the same"


def test_sittings_and_names_may_be_numbers_and_times_of_any_zone() -> None:
    (one,) = read({**LINE, "id": 12, "session": 3, "run": 5, "at": "2026-05-01T22:15:00+02:00", "stars": 4.0})
    assert (one.id, one.session, one.run, one.at, one.stars) == ("12", "3", "5", "2026-05-01T20:15:00+00:00", 4)
    assert read({**LINE, "at": 1777666500})[0].at == "2026-05-01T20:15:00+00:00"
    assert read({**LINE, "at": "2026-05-01"})[0].at == "2026-05-01T00:00:00+00:00"


def test_settings_inside_settings_have_names_with_dots() -> None:
    (one,) = read({**LINE, "params": {"hires": {"scale": 1.5, "on": True}, "vae": None}})
    assert one.params == {"hires.scale": 1.5, "hires.on": True, "vae": None}


def test_marks_ends_of_lines_and_letters_of_other_programs() -> None:
    text = b"\xef\xbb\xbf" + json.dumps(LINE).encode() + b"\r\n\r\n  \n"
    text += json.dumps({**LINE, "id": "im2", "pack": "Blüten 🌸"}, ensure_ascii=False).encode()
    assert [one.pack for one in read_records(text, "f")] == ["poppies", "Blüten 🌸"]
    assert read_records(b"", "f") == ()


def test_no_stars_take_back_what_was_given() -> None:
    assert [one.stars for one in read(LINE, {**LINE, "stars": 0, "at": "2026-05-02T00:00:00Z"})] == [4, 0]
    assert read(LINE, {**LINE, "id": "im2", "better_than": "im1", "stars": 0})[1].better_than == "im1"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "im1", "stars": 4', "file.jsonl:2:25: this is no JSON"),
        ({**LINE, "stars": 9}, f"file.jsonl:2:{STARS}: stars is 9. Ratings are whole numbers from 1 to 5."),
        ({**LINE, "stars": 0}, f"file.jsonl:2:{STARS}: stars is 0."),
        ({**LINE, "stars": 3.5}, "stars is 3.5. Ratings are whole numbers"),
        ({**LINE, "stars": "4"}, "stars is the words '4'. Give a whole number from 1 to 5."),
        ({**LINE, "stars": True}, "stars is true."),
        ({**LINE, "stars": None}, "stars is missing."),
        ({**LINE, "stars": 10**400}, "stars is a huge number."),
        ({**LINE, "stars": float("nan")}, f"file.jsonl:2:{STARS + 9}: NaN is no number that JSON knows."),
        (without("id"), "file.jsonl:2:1: id is missing."),
        (without("params"), "params is missing."),
        (without("at"), "at is missing. Tell when it was rated as 2026-05-01T20:15:00Z."),
        ({**LINE, "at": "yesterday"}, "file.jsonl:2:15: at is 'yesterday'."),
        ({**LINE, "at": 1e300}, "at is 1e+300."),
        ({**LINE, "params": []}, "params is a list."),
        ({**LINE, "params": {"loras": ["glow"]}}, "loras in params is a list. Give each of its entries a name"),
        (json.dumps(LINE).replace("30", "1e999"), "a number is too large."),
        (json.dumps(LINE).replace("30", "9" * 5000), "has too many digits."),
        ({**LINE, "seed": 1.5}, "seed is 1.5. Seeds are whole numbers."),
        ({**LINE, "tags": "burnt"}, "tags is the words 'burnt'. Give a list of words"),
        ({**LINE, "pack": 5}, "pack is the number 5."),
        ({**LINE, "id": ""}, "id is empty."),
        ({**LINE, "better_than": "im1"}, "better than itself."),
        ("[1, 2]", "this is a list, and a record is an object."),
        ("null", "this is null"),
        ("[" * 50_000, "this is nested too deeply."),
        ('{"id": "\\ud800", "params": {}}', "there is half a letter."),
    ],
)  # fmt: skip
def test_a_wrong_line_is_one_sentence_with_its_place(line: object, said: str) -> None:
    with pytest.raises(Refused) as refused:
        read({**LINE, "id": "im0"}, line)
    told = refused.value.told()
    assert told.startswith("file.jsonl:2:") and said in told and "\n" not in told, told


def test_text_of_another_coding_is_told_as_such() -> None:
    with pytest.raises(Refused, match="f:1:1: the file is written in UTF-16"):
        read_records(json.dumps(LINE).encode("utf-16"), "f")
    with pytest.raises(Refused, match="f:1:59: this is no UTF-8 text"):
        read_records(json.dumps({**LINE, "session": "Grüße"}, ensure_ascii=False).encode("latin-1"), "f")
