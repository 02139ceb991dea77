"""The Library's words and drafts, without a screen: what a text says, what a run becomes with it, what z takes back."""

import pytest

from schema.shelf import Said, Use
from tui.changes import Change, Changes
from tui.link.shelf import Item
from tui.screens.draft import Draft
from tui.screens.librarydrafts import BEGINNINGS, Effect, copied, used
from tui.screens.libraryshelf import troubles_of
from tui.widgets.ink import measure
from tui.widgets.shelfwords import card, numbered

SAYS = tuple(Said(of=of, name=name, value=value) for of, name, value in [
    ("txt2img", "steps", "31"), ("txt2img", "model", "a " * 90), ("", "[b]x[/b]\x1b[2J", "y"),
])  # fmt: skip


@pytest.mark.parametrize("width", [44, 74])
def test_a_card_fits_its_width_and_nothing_steers_the_terminal(width):
    item = Item(name="fine", text="", says=SAYS, path="/config/presets/fine.json")
    effect = Effect((("txt2img.steps", "20", "31"), ("upscale", "none", "a stage of its own")), "a picture, film")
    uses = [Use(noun="packs", name="knights", line=3, words="a knight in __sky__")]
    lines = card(item, width, worded=False, effect=effect, uses=uses, fault="fine.json:3:1: a bracket is not closed.")
    told = "\n".join("".join(piece.text for piece in line) for line in lines)
    assert all(measure(line) <= width for line in lines)
    assert "\x1b" not in told and "Named in" in told
    if width > 60:
        assert "20 → 31" in told and "pack knights:3" in told and "fine.json:3:1" in told


def test_a_pipeline_is_told_stage_by_stage():
    said = [("paint", "txt2img", "on"), ("paint", "steps", "12"), ("upscale", "upscale", "off")]
    says = tuple(Said(of=of, name=name, value=value) for of, name, value in said)
    lines = card(Item(name="own", text="", says=says), 80, worded=False, effect=None, uses=None)
    told = ["".join(piece.text for piece in line) for line in lines]
    assert [line for line in told if line] == [" 1 paint  txt2img", " steps  12", " 2 upscale  off"]


def test_a_text_that_says_nothing_line_by_line_is_shown_as_it_is():
    item = Item(name="oils", text='{"3": {}}\n')
    told = ["".join(piece.text for piece in line) for line in card(item, 40, worded=False, effect=None, uses=None)]
    assert ' {"3": {}}' in told


@pytest.mark.parametrize(
    ("noun", "item", "file", "text"),
    [
        ("presets", Item(name="fine", text="{}", path="/p/fine.json"), "new.json", "{}"),
        ("wildcards", Item(name="sky/high", text="a\n", path="/w/sky/high.txt"), "new.txt", "a\n"),
        ("wildcards", Item(name="light/hard", text="- a\n", path="/w/all.json"), "new.yaml", "- a\n"),
        ("styles", Item(name="ink", text="name,prompt\nink,x\n", path="/s/styles.csv", says=(
            Said(name="added", value="ink"), Said(name="negative", value="blur"))), "new", "ink\nneg: blur\n"),
        ("pipelines", Item(name="standard", text="{}"), "new", "{}"),
    ],
)  # fmt: skip
def test_a_copy_has_its_kinds_ending_and_a_style_its_own_name(noun, item, file, text):
    assert copied(noun, item, "new") == (file, text)


def test_each_kind_has_its_place_in_a_run():
    draft = Draft(prompt="a bay", set=("txt2img.steps=9",))
    assert used(draft, "packs", ("one", "two")).packs == ("two",)
    assert used(draft, "wildcards", ("sky", "sea")).prompt == "a bay, __sky__, __sea__"
    assert used(used(draft, "styles", ("ink",)), "styles", ("ink", "oil")).varied.style == ("ink", "oil")
    assert used(draft, "profiles", ("mira",)).varied.profile == "mira"
    assert used(draft, "presets", ("fine",)) == Draft(prompt="a bay", set=("txt2img.steps=9",), preset="fine")
    oils = used(used(draft, "workflows", ("ink",)), "workflows", ("oils",))
    assert oils.set == ("txt2img.steps=9", "txt2img.workflow=oils"), "a picture is painted by one of them"
    assert used(Draft(picture="a.png"), "workflows", ("oils",)).set == ("img2img.workflow=oils",)
    for noun in BEGINNINGS:
        assert used(draft, noun, ("one",)) != draft


def test_what_is_wrong_is_found_by_the_files_name():
    told = troubles_of([
        "City [bold].txt:1:3: a brace is not closed.", "pack fine.json: holds no preset.",
        "sky/high.yaml:4:1: no value.", "/config/presets/old.json: a link.", "nothing to do with a file",
    ])  # fmt: skip
    assert told["city [bold]"].startswith("City") and "fine" in told and "sky/high" in told and "old" in told
    assert "high" not in told and len(told) == 5


async def test_files_and_commands_are_taken_back_in_the_order_they_were_done():
    changes = Changes()

    async def nothing() -> None: ...

    first = Change("delete the pack knights", nothing, nothing)
    changes.note(first)
    changes.heard("/v1/models/rate", True)
    changes.heard("/v1/undo", True)
    changes.heard("/v1/jobs/cancel", False)
    assert changes.last() is None, "the command, by the daemon"
    changes.taken_back()
    assert changes.last() == first
    changes.taken_back()
    assert (changes.last(), changes.next()) == (None, first)
    changes.done_again()
    assert (changes.last(), changes.next()) == (first, None)
    changes.heard("/v1/images/rate", True)
    changes.heard("/v1/undo?command=c3", True)
    assert changes.last() == first, "the rating is taken back already"
    changes.note(first._replace(told="another"))
    assert changes.next() is None


def test_a_long_line_of_a_text_goes_on_below_its_number():
    told = ["".join(piece.text for piece in line) for line in numbered("a\n" + "b" * 25 + "\n", 13)]
    assert told == [" 1 a", f" 2 {'b' * 10}", f"   {'b' * 10}", f"   {'b' * 5}"]
