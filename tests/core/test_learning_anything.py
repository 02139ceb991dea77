"""Whatever a file of records holds: an answer without a fault, one preset per pack, and the same bytes in any order."""

import json
import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon import learning_verbs
from daemon.learning.reading import read_records
from schema.errors import Refused

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 40), st.sampled_from([0.5, 7.0, 7.5, 1e300, -0.0]),
    st.sampled_from(["", "Euler a", "\u202eDDIM", "7", "true"]),
)  # fmt: skip
LINES = st.fixed_dictionaries(
    {
        "id": st.integers(0, 60).map(str),
        "at": st.integers(0, 400).map(lambda minutes: f"2026-05-{1 + minutes // 60:02}T20:{minutes % 60:02}:00Z"),
        "params": st.dictionaries(st.sampled_from(["steps", "sampler", "lora:glow", "model", "pick:a", ""]), VALUES),
        "stars": st.integers(1, 5),
    },
    optional={
        "session": st.integers(0, 3),
        "pack": st.sampled_from(["p", "q", "", "Blüten 🌸"]),
        "prompt": st.sampled_from(["x", "y"]),
        "seed": st.integers(0, 4),
        "tags": st.lists(st.sampled_from(["burnt", "too noisy", "x"]), max_size=2),
        "backend": st.sampled_from(["", "sketch", "webui"]),
        "better_than": st.integers(0, 60).map(str),
        "whole": st.booleans(),
    },
)


@settings(max_examples=30, deadline=None)
@given(st.lists(LINES, max_size=70, unique_by=lambda line: (line["id"], line["at"])), st.integers(0, 9))
def test_anything_is_answered(lines: list[dict[str, object]], seed: int) -> None:
    """Of two lines on one picture of the very same time the later one counts: there are none of these here."""
    text = "\n".join(map(json.dumps, lines)).encode()
    try:
        records = read_records(text, "f")
    except Refused as refused:
        assert "better than itself" in refused.told()
        return
    told = learning_verbs.tell(records, None, "f")
    assert [preset.pack for preset in told.presets] == sorted({record.pack for record in records})
    assert all(0.0 <= preset.p_better_than_current <= 1.0 for preset in told.presets)
    mixed = list(records)
    random.Random(seed).shuffle(mixed)
    assert msgspec.json.encode(learning_verbs.tell(mixed, None, "f")) == msgspec.json.encode(told)
