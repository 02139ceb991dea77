"""What is offered where the cursor is, of the library and of the nodes."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `library_world`

from library_world import put

from daemon.library.completing import Completer
from daemon.library.shelf import FolderShelf
from schema.errors import Refused
from schema.places import places


class Clock:
    now = 5.0

    def __call__(self):
        return self.now


@pytest.fixture
def home(tmp_path):
    return places({"STABLENEW_HOME": str(tmp_path)})


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def completer(home, clock):
    def parts(kind):
        return [("sea_haze", "box"), ("film", "box, hall")] if kind == "lora" else [("fine_detail", "box")]

    return Completer(FolderShelf(home), parts, clock)


def offered(completer, text, **more):
    """`|` is the cursor."""
    at = text.index("|")
    return [one.text for one in completer.complete(text.replace("|", ""), at, **more).items]


def test_wildcards_are_offered_with_their_first_values(home, completer):
    put(home, "wildcards/sky/low.txt", "mist\nfog\nhaze\nsmoke\n")
    put(home, "wildcards/risky.txt", "x")
    found = completer.complete("under a __sk and more", 12)
    assert [one.text for one in found.items] == ["sky/low__", "risky__"] and found.total == 2
    first = found.items[0]
    assert (first.start, first.end, first.kind, first.note) == (10, 12, "wildcard", "4 values: mist, fog, haze")


def test_the_limit_cuts_and_the_total_counts(home, completer):
    put(home, "wildcards/all.yaml", "\n".join(f"zq{number}: [a]" for number in range(100)))
    found = completer.complete("__z", 3, limit=7)
    assert len(found.items) == 7 and found.total == 100


def test_a_broken_file_is_offered_for_what_it_is_and_spoils_nothing(home, completer):
    put(home, "wildcards/good.txt", "x")
    put(home, "wildcards/gone.yaml", "a: [")
    (home.config / "wildcards/godot.txt").write_bytes(b"caf\xe9")
    found = {one.text: one.note for one in completer.complete("__go", 4).items}
    assert found["good__"] == "1 value: x" and found["godot__"] == "no values"


def test_new_files_are_offered_a_second_later(home, completer, clock):
    put(home, "wildcards/one.txt", "x")
    assert offered(completer, "__on|") == ["one__"]
    put(home, "wildcards/only.txt", "x")
    clock.now += 1.5
    assert offered(completer, "__on|") == ["one__", "only__"]


def test_loras_embeddings_styles_and_slots_have_their_own_names(home, completer):
    put(home, "packs/p.txt", "in [[weather]] at [[time-of-day]]")
    assert offered(completer, "<lora:se|") == ["sea_haze:1>"] and offered(completer, "<lora:fi|:0.4>") == ["film"]
    assert offered(completer, "<embedding:|") == ["fine_detail>"]
    assert offered(completer, "[[w|") == ["weather]]"] and offered(completer, "[[vant|") == ["stablenew/vantages]]"]
    assert offered(completer, "waterc|", kind="style") == ["watercolour"]
    assert offered(completer, "a plain word|") == []


def test_too_long_a_text_is_refused(completer):
    with pytest.raises(Refused, match="longer than"):
        completer.complete("x" * 20_001, 3)
