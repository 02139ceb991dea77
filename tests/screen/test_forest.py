"""Runs with their jobs folded below them: every place of the list is the line a person would count to."""

from hypothesis import given, settings
from hypothesis import strategies as st
from screen_runs import run_row
from screen_things import make_row

from schema.ids import RunId
from tui.widgets.forest import Forest, More
from tui.widgets.pages import PAGE


def forest_of(many, unfolded):
    """`many` runs, and of some of them so many lines below."""
    template = run_row([make_row(20)])
    runs = [change(template, id=RunId(f"run{n:05d}")) for n in range(many)]
    forest = Forest()
    for page in range(-(-many // PAGE) or 1):
        forest.take(page, runs[page * PAGE : (page + 1) * PAGE], many, 0)
    plainly = []
    for n, run in enumerate(runs):
        plainly.append(run.id)
        if (below := unfolded.get(n)) is not None:
            jobs = [change(make_row(20), id=f"{run.id}.{k}", run=run.id) for k in range(below)]
            forest.unfold(run.id, jobs, below + 5 * (n % 2))
            plainly += [job.id for job in jobs] + ([f"{run.id} and more"] if n % 2 else [])
    return forest, plainly


def change(struct, **fields):
    import msgspec

    return msgspec.structs.replace(struct, **fields)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 450), st.dictionaries(st.integers(0, 449), st.integers(0, 7), max_size=4))
def test_every_place_is_the_line_that_stands_there(many, unfolded):
    forest, plainly = forest_of(many, {n: below for n, below in unfolded.items() if n < many})
    assert forest.total == len(plainly)
    for index, name in enumerate(plainly):
        line = forest.get(index)
        assert line is not None and line.id == name
        assert forest.find(name) == index
        number = forest.run_at(index)
        assert forest.place_of(number) <= index
        assert plainly[forest.place_of(number)] == forest.runs.get(number).id == name.partition(".")[0].split()[0]
    assert forest.get(len(plainly)) is None


def test_a_run_that_is_folded_again_leaves_nothing_behind():
    forest, plainly = forest_of(3, {1: 2})
    assert isinstance(forest.get(4), More)
    assert forest.names(range(6)) == ["run00000", "run00001", "run00001.0", "run00001.1", "run00002"]
    forest.fold(RunId("run00001"))
    assert [forest.get(n).id for n in range(forest.total)] == ["run00000", "run00001", "run00002"]
    assert len(plainly) == 6


def test_jobs_are_asked_for_of_runs_that_have_a_line_in_view():
    forest, plainly = forest_of(6, {1: 2, 3: 2})
    seen = {"run00000": (), "run00001": ("run00001",), "run00001.0": ("run00001",), "run00003.1": ("run00003",)}
    for name, runs in seen.items():
        at = plainly.index(name)
        assert tuple(forest.runs_between(at, at)) == runs, name
    assert list(forest.runs_between(0, len(plainly))) == ["run00001", "run00003"]


def test_of_a_million_runs_only_what_is_near_is_asked_for():
    forest = Forest()
    assert forest.wanted(0, 60) == [0]
    template = run_row([make_row(20)])
    forest.take(0, [change(template, id=RunId(f"run{n:05d}")) for n in range(PAGE)], 1_000_000, 0)
    forest.unfold(RunId("run00003"), [change(make_row(20), id=f"run00003.{k}") for k in range(150)], 150)
    assert forest.total == 1_000_150
    assert forest.wanted(0, 300) == []
    assert forest.wanted(300, 400) == [1]
    assert list(forest.pages_of_runs(1)) == [0, 1]
