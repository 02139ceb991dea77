"""What was learned as lines and plots: none is cut, none steers the terminal, words come first."""

import msgspec
import pytest
from rich.cells import cell_len
from screen_learn import GONE, KNIGHTS, PROPOSALS, REPORT, ROWS, SAMPLER, STEPS, TRACK, knob, result

from schema.lessons import Adopted
from schema.requests_learning import LearnStatus
from tui.widgets import effects, lessontabs
from tui.widgets import lessonwords as words
from tui.widgets.reportwords import report

PLOTTED = (
    STEPS,
    SAMPLER,
    knob("a.b", ("only", 0, 3.0, 0.0)),
    knob("漢字.x", ("漢字", 3, 2.0, 1.0), ("b", 4, 4.0, 0.1)),
)
HOSTILE = "[red]\x1b[2J\nrm‮x 漢字漢字漢字"


def text(lines):
    return ["".join(piece.text for piece in line) for line in lines]


def hostile(value):
    """The struct with all its words replaced."""
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.replace(value, **{
            name: hostile(getattr(value, name)) for name in value.__struct_fields__
            if name not in ("strength", "verdict", "kind", "state", "backend")
        })  # fmt: skip
    if isinstance(value, tuple):
        return tuple(map(hostile, value))
    if isinstance(value, dict):
        return {f"{HOSTILE}{name}": hostile(one) for name, one in value.items()}
    return HOSTILE if isinstance(value, str) else value


def everything(pack, width):
    """All that can be told of a pack, an experiment and the report, with numbers."""
    row = result(ROWS[0].run)
    return [
        *words.insight(pack, width, numbers=True), *words.remarks(pack, width, numbers=True),
        *words.clear(pack, width),
        *words.preset(pack.preset, width, numbers=True, adopted=Adopted(settings={"txt2img.steps": 30})),
        *words.adoption(Adopted(settings={"a.b": 1}, weights={"sky": {"dawn": 2.0}}), width),
        *words.withdrawn([GONE], width), *words.proposals(PROPOSALS, width, numbers=True),
        *words.result(row.row, row, width, numbers=True), *report(REPORT, TRACK, [pack], width, numbers=True),
    ]  # fmt: skip


@pytest.mark.parametrize("width", [28, 40, 78, 116])
def test_sentences_are_broken_and_never_cut(width):
    told = text(everything(KNIGHTS, width))
    joined = " ".join(" ".join(told).split())
    for claim in KNIGHTS.claims:
        assert claim.text in joined
    assert GONE.text in joined
    sentences = text([*words.insight(KNIGHTS, width, numbers=True), *words.withdrawn([GONE], width)])
    assert max(map(cell_len, sentences)) <= width


def test_what_is_clearly_better_is_offered_by_itself_where_the_whole_preset_is_not_sure():
    assert text(words.clear(KNIGHTS, 60)) == []
    unsure = msgspec.structs.replace(KNIGHTS, preset=msgspec.structs.replace(KNIGHTS.preset, offered=False))
    told = " ".join(text(words.clear(unsure, 60)))
    assert "Clearly better in itself" in told and "a takes it over" in told
    doubtful = tuple(msgspec.structs.replace(claim, strength="tends to") for claim in KNIGHTS.claims)
    assert text(words.clear(msgspec.structs.replace(unsure, claims=doubtful), 60)) == []


def test_nothing_that_people_or_machines_wrote_steers_the_terminal():
    lines = text(everything(hostile(KNIGHTS), 60))
    lines += text(effects.plot(hostile(STEPS), 60, 12))
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "‮‬" for line in lines for c in line)


def test_a_pack_is_told_in_its_surest_sentence_without_figures():
    assert words.in_a_sentence(KNIGHTS) == "30 to 35 steps clearly score higher than 15 to 20. And 1 more."
    assert words.in_a_sentence(msgspec.structs.replace(KNIGHTS, claims=())) == KNIGHTS.text


def test_chances_are_told_in_a_hundred_and_none_is_certain():
    assert [words.surely(chance) for chance in (0.0, 0.5, 0.974, 1.0)] == [
        "1 in 100", "50 in 100", "97 in 100", "99 in 100"]  # fmt: skip


@pytest.mark.parametrize(("width", "height"), [(30, 8), (42, 14), (78, 9), (116, 30)])
@pytest.mark.parametrize("one", PLOTTED)
def test_a_plot_fits_and_its_points_stand_in_the_order_of_their_means(one, width, height):
    lines = text(effects.plot(one, width, height))
    assert len(lines) <= height
    points = [line.index("●") for line in lines if "●" in line]
    means = [level.mean for level in effects.shown(one, height)]
    if points:
        assert len(points) == len(means)
        assert [points[i] <= points[i + 1] for i in range(len(points) - 1)] == [
            means[i] <= means[i + 1] + 0.05 for i in range(len(means) - 1)]  # fmt: skip


@pytest.mark.parametrize(("width", "counts", "bars"), [(60, True, True), (33, False, True), (20, True, False)])
def test_a_plot_of_a_narrow_pane_gives_up_its_counts_before_its_bars(width, counts, bars):
    lines = text(effects.plot(STEPS, width, 14))
    assert any("●" in line for line in lines) is bars
    assert all(f" {level.n} " in line for level, line in zip(STEPS.levels, filter(None, lines), strict=False)) is counts


def test_a_plot_says_what_is_used_now_and_what_would_be_better():
    lines = text(effects.plot(STEPS, 60, 14, now=20, advised={"txt2img.steps": 30}))
    assert [line.strip().split()[0] for line in lines if line.rstrip().endswith("now")] == ["20"]
    assert [line.strip().split()[0] for line in lines if line.rstrip().endswith("better")] == ["30"]
    same = text(effects.plot(STEPS, 60, 14, now=30, advised={"txt2img.steps": 30}))
    assert not any(line.rstrip().endswith("better") for line in same)


def test_levels_that_do_not_fit_are_those_with_fewest_ratings():
    many = knob("txt2img.cfg", *((float(n), 40 - n, 3.0, 0.3) for n in range(1, 9)))
    assert [level.values[0] for level in effects.shown(many, 3)] == [1.0, 2.0, 3.0]


def test_the_first_rating_is_one():
    status = LearnStatus(seq=1, mode="passive", algorithm=1, ratings=1, inbox=1, asked=0, packs=(), runs=0)
    assert text([lessontabs.told(status, wide=True, as_of="")]) == [
        "learning: passive · 1 rating · r 1 waits for a rating"
    ]
