"""What the flags of variation become in the request that is sent; files named on the command line travel as text."""

from pathlib import Path

import pytest

from schema.errors import Refused
from tui.cli.run import edits_of, request_of


def test_every_flag_has_its_field() -> None:
    asked = {
        "prompt": "a boat", "matrix": "random", "variants": 3, "limit": 9, "locks": ("sky=dawn",), "reroll": ("sky=2",),
        "search": ("fog => mist",), "vary": ("seed=1,2",), "style": ("ink", "soft"), "literal": True, "template": "w",
    }  # fmt: skip
    assert request_of(asked) == {
        "prompt": "a boat", "matrix": "random", "variants": 3, "limit": 9, "lock": ("sky=dawn",), "reroll": ("sky=2",),
        "search": ("fog => mist",), "vary": ("seed=1,2",), "style": ("ink", "soft"), "literal": True, "template": "w",
    }  # fmt: skip
    assert request_of({"prompt": "a boat", "style": (), "vary": (), "literal": False, "edit": ()}) == {
        "prompt": "a boat"
    }


@pytest.mark.parametrize("flag", ["overlay", "profile", "template"])
def test_a_file_is_read_here_and_sent(tmp_path: Path, flag: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("grades: [warm]")
    assert request_of({flag: str(file)}) == {flag: {"name": str(file), "text": "grades: [warm]"}}
    assert request_of({flag: "mine"}) == {flag: "mine"}
    with pytest.raises(Refused, match="there is no such file"):
        request_of({flag: str(tmp_path / "other.yaml")})


def test_edits_of_one_variant_are_sent_together() -> None:
    words = ("h-01-v2=a = b", "h-01-v2:negative=fog", "h-02-v1-s4=", "h-03-v1:prompt=c")
    assert edits_of(words) == [
        {"name": "h-01-v2", "prompt": "a = b", "negative": "fog"},
        {"name": "h-02-v1-s4", "prompt": ""},
        {"name": "h-03-v1", "prompt": "c"},
    ]
    for wrong in ("h-01-v2", "=a", "h-01-v2:seed=4"):
        with pytest.raises(Refused, match="is not NAME=TEXT"):
            edits_of([wrong])
