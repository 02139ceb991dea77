"""Moving jobs within their lane."""

from itertools import pairwise

import pytest

from schema import events as e
from schema.commands import CancelJobs, MoveJobs, Undo
from schema.errors import Refused


@pytest.mark.parametrize(
    ("moved", "to", "anchor", "order"),
    [
        ((3,), "top", None, [3, 1, 2, 4, 5]),
        ((1, 3), "bottom", None, [2, 4, 5, 1, 3]),
        ((4, 2), "top", None, [4, 2, 1, 3, 5]),
        ((5,), "before", 2, [1, 5, 2, 3, 4]),
        ((1, 5), "after", 3, [2, 3, 1, 5, 4]),
        ((2, 3), "before", 3, [1, 2, 3, 4, 5]),
        ((1,), "after", 5, [2, 3, 4, 5, 1]),
    ],
)
def test_jobs_are_moved_and_keep_their_own_order(case, moved, to, anchor, order):
    jobs = case.run(jobs=5)

    case.wish(MoveJobs(jobs=tuple(jobs[n - 1] for n in moved), to=to, anchor=anchor and jobs[anchor - 1]))

    assert case.order() == [jobs[n - 1] for n in order]


def test_a_job_that_stands_there_already_is_not_moved(case):
    jobs = case.run(jobs=3)

    assert case.wish(MoveJobs(jobs=(jobs[1],), to="after", anchor=jobs[0])) == []
    assert case.wish(MoveJobs(jobs=("gone.1",), to="top")) == []


@pytest.mark.parametrize(("to", "at", "side"), [("top", 0, -1), ("bottom", -1, 1)])
def test_the_end_of_the_lane_is_before_or_behind_all_that_nobody_moved(case, to, at, side):
    """Jobs that nobody moved may run in another order than that of their ranks."""
    jobs = case.run(jobs=3)
    job = case.state.jobs[jobs[at]]

    case.wish(MoveJobs(jobs=(job.id,), to=to))

    assert (job.moved, case.order()) == (side, jobs)
    assert case.wish(MoveJobs(jobs=(job.id,), to=to)) == []


def test_a_job_that_is_back_where_it_came_from_was_never_moved(case):
    jobs = case.run(jobs=3)
    last = case.state.jobs[jobs[2]]
    home = last.rank
    case.wish(MoveJobs(jobs=(last.id,), to="top"))
    case.wish(MoveJobs(jobs=(last.id,), to="after", anchor=jobs[0]))
    assert (last.moved, last.home) == (-1, home)

    for number in (3, 2):
        case.wish(Undo(done=f"c{number}", events=case.events_of(number)))

    assert (last.moved, last.home, last.rank) == (0, None, home)


def test_who_only_made_room_was_not_moved(case):
    jobs = case.run(jobs=4)
    for turn in range(30):
        case.wish(MoveJobs(jobs=(jobs[2 + turn % 2],), to="after", anchor=jobs[0]))

    assert any(one.event.aside for one in case.log if isinstance(one.event, e.JobMoved))
    assert [case.state.jobs[name].moved for name in jobs] == [0, 0, -1, -1]


def test_a_moved_job_that_is_retried_or_brought_back_is_still_moved(case):
    jobs = case.run(jobs=3)
    case.wish(MoveJobs(jobs=(jobs[2],), to="top"))
    home = case.state.jobs[jobs[2]].home
    case.wish(CancelJobs(jobs=(jobs[2],)))

    case.wish(Undo(done="c3", events=case.events_of(3), ended=(case.ended_job(jobs[2]),)))

    assert (case.state.jobs[jobs[2]].moved, case.state.jobs[jobs[2]].home) == (-1, home)


def test_neighbours_are_moved_apart_when_there_is_no_room_between_them(case):
    jobs = case.run(jobs=6)
    expected = list(jobs)

    for turn in range(60):
        last = expected[-1]
        case.wish(MoveJobs(jobs=(last,), to="after", anchor=expected[0]))
        expected = [expected[0], last, *expected[1:-1]]
        assert case.order() == expected, turn

    ranks = sorted(job.rank for job in case.state.jobs.values())
    assert all(after - before >= 1e-4 for before, after in pairwise(ranks))


def test_only_those_near_the_place_are_moved_apart(case):
    jobs = case.run(jobs=200)
    case.given(e.JobMoved(job=jobs[100], was=0.0, now=case.state.jobs[jobs[99]].rank + 1e-4))

    events = case.wish(MoveJobs(jobs=(jobs[199],), to="before", anchor=jobs[100]))

    assert 1 < len(events) < 12
    assert case.order()[99:102] == [jobs[99], jobs[199], jobs[100]]


def test_each_lane_has_its_own_order(case):
    batch = case.run("slow", jobs=2)
    live = case.run("quick", jobs=2, lane="interactive")

    case.wish(MoveJobs(jobs=(batch[1], live[1]), to="top"))

    ranks = {name: job.rank for name, job in case.state.jobs.items()}
    assert ranks[batch[1]] < ranks[batch[0]] < ranks[live[1]] < ranks[live[0]]


def test_what_cannot_be_moved_there_is_refused(case):
    (batch,) = case.run("slow")
    (live,) = case.run("quick", lane="interactive")

    with pytest.raises(Refused, match="lane"):
        case.wish(MoveJobs(jobs=(batch,), to="before", anchor=live))
    with pytest.raises(Refused, match="has ended"):
        case.wish(MoveJobs(jobs=(batch,), to="before", anchor="gone.1"))
    with pytest.raises(Refused, match="needs another job"):
        case.wish(MoveJobs(jobs=(batch,), to="after"))
