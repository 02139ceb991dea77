"""Submitting runs, pausing them, and their films."""

import pytest

from schema import events as e
from schema.commands import CancelJobs, PauseRun, ResumeRun
from schema.errors import Refused
from schema.observations import FilmBroke, FilmMade
from schema.plans import FilmSpec, JobSpec, Picture

FILM = Picture(sha256="f" * 64, pixels="", media="video/mp4", bytes=9, width=8, height=8)


def made(run: str, token: int) -> FilmMade:
    return FilmMade(run=run, token=token, image="film", film=FILM, frames=2, seconds=0.25, fps=8.0, codec="h264")


def test_a_run_is_submitted_whole_and_in_order(case):
    specs = (JobSpec(name="one"), JobSpec(name="two"))

    events = case.wish(case.submit("k3v", specs))

    assert [type(event).__name__ for event in events] == ["RunSubmitted", "JobSubmitted", "JobSubmitted"]
    assert [event.job for event in events[1:]] == ["k3v.1", "k3v.2"]
    assert case.order() == ["k3v.1", "k3v.2"]


def test_a_run_that_is_to_be_held_waits_until_released(case):
    case.node()

    job, _ = case.run("k3v", jobs=2, hold=True)

    assert case.phase(job) == "held"
    assert case.settle() == []


@pytest.mark.parametrize("what", ["twice", "empty", "short", "no stages"])
def test_a_run_that_makes_no_sense_is_refused(case, what):
    case.run("k3v")
    specs = (JobSpec(name="one"),)
    command = {
        "twice": lambda: case.submit("k3v", specs),
        "empty": lambda: case.submit("new", ()),
        "short": lambda: type(case.submit("new", specs))(
            run="new", spec=case.submit("new", specs).spec, jobs=specs + specs
        ),
        "no stages": lambda: case.submit("new", specs, stages=()),
    }[what]()

    with pytest.raises(Refused):
        case.wish(command)


def test_a_paused_run_starts_nothing_and_others_go_on(case):
    case.run("one")
    case.run("two")
    case.wish(PauseRun(run="one"))
    case.node()

    (assigned,) = case.settle()

    assert assigned.job == "two.1"
    assert case.wish(PauseRun(run="one")) == []


def test_a_resumed_run_goes_on(case):
    case.run("one")
    case.wish(PauseRun(run="one"))
    case.node()
    assert case.settle() == []

    case.wish(ResumeRun(run="one"))

    assert [event.job for event in case.settle()] == ["one.1"]
    assert case.wish(ResumeRun(run="one")) == []


def test_pausing_an_unknown_run_is_refused(case):
    with pytest.raises(Refused, match="No unfinished run nope"):
        case.wish(PauseRun(run="nope"))


def test_a_run_finishes_with_its_last_job_and_leaves_the_live_state(case):
    case.run("k3v", jobs=2)
    case.node()
    case.wish(CancelJobs(jobs=("k3v.2",)))

    happened = case.finish("k3v.1")

    assert happened[-1] == e.RunFinished(run="k3v", finished=1, cancelled=1)
    assert case.state.runs == {} and case.state.jobs == {}


def test_the_film_comes_after_the_last_job_and_before_the_end_of_the_run(case):
    case.run("k3v", film=FilmSpec())
    case.node()

    happened = case.finish("k3v.1")

    assert happened[-1] == e.FilmStarted(run="k3v")
    token = case.state.runs["k3v"].film
    assert token == case.state.seq
    (finished,) = case.news(made("k3v", token))
    assert isinstance(finished, e.FilmFinished)
    assert case.settle() == [e.RunFinished(run="k3v", finished=1)]


def test_a_film_that_cannot_be_made_does_not_keep_the_run_open(case):
    case.run("k3v", film=FilmSpec())
    case.node()
    case.finish("k3v.1")

    case.news(FilmBroke(run="k3v", token=case.state.runs["k3v"].film, reason="no ffmpeg"))

    assert case.settle() == [e.RunFinished(run="k3v", finished=1)]


def test_a_film_with_an_old_token_is_ignored(case):
    case.run("k3v", film=FilmSpec())
    case.node()
    case.finish("k3v.1")

    assert case.news(made("k3v", 1)) == []
    assert case.news(FilmBroke(run="k3v", token=1, reason="late")) == []
    assert case.news(made("gone", 1)) == []


def test_a_run_without_pictures_gets_no_film(case):
    case.run("k3v", film=FilmSpec())
    case.wish(CancelJobs(jobs=("k3v.1",)))

    assert case.settle() == [e.RunFinished(run="k3v", cancelled=1)]
