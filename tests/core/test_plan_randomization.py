"""The `randomization` block of StableNew's presets, and the matrix of its packs, as plans take them."""

import pytest

from daemon.prompting.randomization import read_block
from schema.errors import Refused

FULL = {
    "enabled": True,
    "seed": 11,
    "max_variants": 6,
    "prompt_sr": {
        "enabled": True, "mode": "round_robin", "rules": [{"search": "boat", "replacements": ["ship", "raft"]}],
    },
    "wildcards": {"enabled": True, "mode": "random", "tokens": [{"token": "__sky__", "values": ["dawn", "dusk"]}]},
    "matrix": {
        "enabled": True, "mode": "fanout", "limit": 4, "slots": [{"name": "hour", "values": ["noon", 12]}],
        "base_prompt": "at [[hour]]", "prompt_mode": "append",
    },
}  # fmt: skip


def test_a_block_is_read_whole():
    block = read_block(FULL, "p.json")
    assert block is not None
    assert (block.seed, block.most, block.mode) == (11, 4, "all")
    assert block.search == (("boat", ("ship", "raft")),) and block.rules == "@"
    assert block.wildcards == {"sky": ("dawn", "dusk")} and block.drawn == "~"
    assert block.slots == {"hour": ("noon", "12")}
    assert block.around("a boat") == "a boat, at [[hour]]"


def test_raw_texts_are_read_where_there_are_no_lists():
    block = read_block(
        {
            "enabled": True,
            "prompt_sr": {"enabled": True, "mode": "fanout", "raw_text": "# note\nfog => mist | haze|"},
            "wildcards": {"enabled": True, "mode": "sequential", "raw_text": "__sky__: dawn | dusk\n"},
            "matrix": {
                "enabled": True,
                "mode": "nonsense",
                "raw_text": "# Base: a [[kind]] boat\nkind: red | blue\n[[x]]: 1",
            },
        },
        "p.json",
    )
    assert block is not None
    assert block.search == (("fog", ("mist", "haze")),)
    assert block.wildcards == {"sky": ("dawn", "dusk")} and block.mode == "sequential" and block.drawn == ""
    assert block.slots == {"kind": ("red", "blue"), "x": ("1",)}
    assert block.around("whatever") == "a [[kind]] boat"


def test_what_is_switched_off_says_nothing():
    assert read_block({**FULL, "enabled": False}, "p") is None
    off = {"enabled": True, "matrix": {**FULL["matrix"], "enabled": False}, "wildcards": {"enabled": False}}
    block = read_block(off, "p")
    assert block is not None and not block.slots and not block.base and block.mode is None


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"matrix": []}, "'matrix' is no object"),
        ({"matrix": {"enabled": True, "slots": {}}}, "'matrix.slots' is no list"),
        ({"matrix": {"enabled": True, "slots": [{}]}}, "matrix slot 1 has no 'name'"),
        ({"matrix": {"enabled": True, "prompt_mode": "apend"}}, "Did you mean 'append'?"),
        ({"wildcards": {"enabled": True, "tokens": ["x"]}}, "wildcard 1 has no 'token'"),
        ({"wildcards": {"enabled": True, "raw_text": "sky"}}, "'sky' has no ':'"),
        ({"prompt_sr": {"enabled": True, "rules": [{"find": "a"}]}}, "rule 1 has no 'search'"),
        ({"prompt_sr": {"enabled": True, "raw_text": "=> b"}}, "is no rule"),
    ],
)
def test_a_broken_block_names_its_part(part, told):
    with pytest.raises(Refused) as refused:
        read_block({"enabled": True, **part}, "p.json")
    assert told in refused.value.told()
