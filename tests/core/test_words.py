"""Stages that make words: what each is given, what comes of it, and who may write over it until pictures are begun."""

import pytest

from daemon.core.decide import decide
from daemon.core.look import look
from daemon.core.state import canonical, revive
from daemon.core.wording import words_now
from schema import events as e
from schema.commands import EditJobs, EndedJob, HoldJobs, ReleaseJobs, RerunJobs, RetryJobs, SkipStage, Undo
from schema.errors import Refused
from schema.observations import StageBroke, StageReturned
from schema.plans import JobSpec, Measures, StageStep, Written

WRITE = StageStep(id="write", kind="generatePrompt")
ENRICH = StageStep(id="enrich", kind="llmEnhance")
MATCH = StageStep(id="match", kind="selectLoras")
HAND = StageStep(id="hand", kind="dispatch")
LOOK = StageStep(id="hand", kind="dispatch", review=True)
PAINT = StageStep(id="paint", kind="txt2img", model="sdxl", steps=20, megapixels=1.0, vram_gb=6.0)
ENLARGE = StageStep(id="enlarge", kind="upscale", steps=10, megapixels=4.0, vram_gb=4.0)
ALL = (ENRICH, MATCH, HAND, PAINT, ENLARGE)
KINDS = ("txt2img", "upscale", "generatePrompt", "llmEnhance", "selectLoras")


@pytest.fixture
def words(case):
    case.node(kinds=KINDS, backends=("sketch", "llm", "words"))

    def submit(*stages, prompt="a boat", **spec):
        job = JobSpec(name="j", prompt=prompt, negative="fog", **spec)
        case.wish(case.submit("run", (job,), stages=stages or ALL))
        case.settle()
        return "run.1"

    return submit


def said(case, job, prompt, negative="fog", **more):
    """The open attempt comes back with words, and what follows is settled."""
    attempt = case.attempt(job)
    reported = {"prompt": prompt, "negative": negative, **more}
    news = StageReturned(attempt=attempt, backend="llm", reported=reported, measures=Measures(executed_s=1.0))
    return [*case.news(news), *case.settle()]


def brief(case, job):
    return case.state.attempts[case.state.jobs[job].phase.token]


def written(case, job):
    return brief(case, job).job_spec.prompt, brief(case, job).job_spec.negative


def test_each_stage_gets_what_the_one_before_it_made(case, words):
    job = words(WRITE, *ALL)
    assert written(case, job) == ("a boat", "fog")
    said(case, job, "a red boat")
    said(case, job, "a red boat at dawn", "fog, rain")
    assert written(case, job) == ("a red boat at dawn", "fog, rain") and brief(case, job).step == MATCH
    said(case, job, "a red boat at dawn <lora:sea:0.8>", "fog, rain", loras="sea:0.8")
    assert brief(case, job).step == PAINT and written(case, job)[0].endswith("<lora:sea:0.8>")
    assert brief(case, job).job_spec.needs == ("loras:sea",)
    assert case.state.jobs[job].spec.prompt == "a boat", "what it was planned with stays"
    case.finish(job)
    assert case.state.jobs == {}


def test_a_lora_that_was_chosen_is_asked_for_by_the_stages_that_sample(case, words):
    job = words(MATCH, PAINT, ENLARGE)
    said(case, job, "a boat <lora:sea:0.8>")
    case.news(StageBroke(attempt=case.attempt(job), trouble="backend", reason="no"))
    shelf = case.state.index.places[job].shelf
    assert shelf.needs == ("loras:sea",) and case.state.index.places[job].behind[0].needs == ("loras:sea",)


def test_dispatch_is_passed_by_the_daemon_itself(case, words):
    job = words(ENRICH, StageStep(id="hand", kind="dispatch"), PAINT.__class__(
        id="paint", kind="txt2img", model="sdxl", steps=20, backend="sketch"))  # fmt: skip
    happened = said(case, job, "a red boat")
    dispatched = next(event for event in happened if isinstance(event, e.JobDispatched))
    assert (dispatched.stage, dispatched.backend) == ("hand", "sketch")
    assert case.phase(job) == "running" and [done.stage for done in case.state.jobs[job].done] == ["enrich", "hand"]
    assert case.state.index.places[job].behind == ()


def test_review_holds_the_job_until_it_is_released(case, words):
    job = words(ENRICH, LOOK, PAINT)
    happened = said(case, job, "a red boat")
    assert [type(event).__name__ for event in happened][1:] == ["JobDispatched", "JobHeld"]
    assert case.phase(job) == "held" and words_now(case.state.jobs[job]).prompt == "a red boat"
    assert case.settle() == []
    case.wish(ReleaseJobs(jobs=(job,)))
    case.settle()
    assert case.phase(job) == "running" and written(case, job) == ("a red boat", "fog")


def test_what_a_person_writes_over_them_is_what_pictures_are_made_of(case, words):
    job = words(ENRICH, LOOK, PAINT, ENLARGE)
    said(case, job, "a red boat")
    spec = case.state.jobs[job].spec
    over = Written(after="enrich", prompt="a blue boat <lora:ink:1>", negative="")
    (edited,) = case.wish(EditJobs(specs={job: JobSpec(name="j", prompt="a boat", negative="fog", written=over)}))
    assert edited.was == spec and words_now(case.state.jobs[job]) == ("a blue boat <lora:ink:1>", "")
    case.wish(ReleaseJobs(jobs=(job,)))
    case.settle()
    assert written(case, job) == ("a blue boat <lora:ink:1>", "")
    assert brief(case, job).job_spec.needs == ("loras:ink",)


def test_an_edit_can_be_taken_back(case, words):
    job = words(ENRICH, LOOK, PAINT)
    said(case, job, "a red boat")
    over = Written(after="enrich", prompt="a blue boat")
    case.wish(EditJobs(specs={job: JobSpec(name="j", prompt="a boat", negative="fog", written=over)}))
    done = case.log[-1]
    case.wish(Undo(done=done.command, events=(done,)))
    assert words_now(case.state.jobs[job]).prompt == "a red boat"


def test_an_edit_of_words_that_were_written_anew_meanwhile_is_refused(case, words):
    job = words(ENRICH, MATCH, LOOK, PAINT)
    said(case, job, "a red boat")
    case.wish(HoldJobs(jobs=(job,)))
    said(case, job, "a red boat <lora:sea:1>")
    for spec in (
        JobSpec(name="j", prompt="another", negative="fog"),  # as if nothing had been made yet
        JobSpec(name="j", prompt="a boat", negative="fog", written=Written(after="enrich", prompt="x")),
    ):
        with pytest.raises(Refused, match="written anew meanwhile"):
            decide(case.state, EditJobs(specs={job: spec}), case.rules)
    assert case.wish(EditJobs(specs={job: JobSpec(name="j", prompt="a boat", negative="fog", seed=5)}))


def test_an_edit_before_them_is_what_they_begin_from(case, words):
    case.wish(HoldJobs(jobs=()))
    case.state.paused = True
    job = words()
    case.wish(EditJobs(specs={job: JobSpec(name="j", prompt="a ship", negative="fog")}))
    case.state.paused = False
    case.settle()
    assert written(case, job) == ("a ship", "fog")


def test_nothing_is_edited_once_a_picture_is_begun(case, words):
    job = words(ENRICH, PAINT, ENLARGE)
    said(case, job, "a red boat")
    with pytest.raises(Refused, match="already started"):
        decide(case.state, EditJobs(specs={job: JobSpec(name="j", prompt="x")}), case.rules)


def test_a_rerun_of_the_words_forgets_what_was_written_over_them(case, words):
    job = words(ENRICH, LOOK, PAINT)
    said(case, job, "a red boat")
    over = Written(after="enrich", prompt="a blue boat")
    case.wish(EditJobs(specs={job: JobSpec(name="j", prompt="a boat", negative="fog", written=over)}))
    case.wish(RerunJobs(jobs=(job,), stage="enrich"))
    case.settle()
    assert written(case, job) == ("a boat", "fog")
    said(case, job, "a green boat")
    assert case.phase(job) == "held" and words_now(case.state.jobs[job]).prompt == "a green boat"


def test_a_stage_run_again_alone_gets_what_it_got_before_and_the_words_are_looked_at_again(case, words):
    job = words(WRITE, ENRICH, LOOK, PAINT)
    said(case, job, "a red boat")
    said(case, job, "a red boat at dawn")
    assert case.phase(job) == "held"
    case.wish(RerunJobs(jobs=(job,), stage="write", only=True))
    case.settle()
    assert brief(case, job).step == WRITE and written(case, job) == ("a boat", "fog")
    said(case, job, "a green boat")
    assert case.phase(job) == "held" and words_now(case.state.jobs[job]).prompt == "a red boat at dawn"
    case.wish(RerunJobs(jobs=(job,), stage="enrich", only=True))
    case.settle()
    assert written(case, job) == ("a green boat", "fog")


def test_a_rerun_of_the_pictures_keeps_the_words(case, words):
    job = words(ENRICH, HAND, PAINT)
    said(case, job, "a red boat")
    case.finish(job)
    finished = [envelope.event for envelope in case.log if isinstance(envelope.event, e.StageFinished)]
    done = (
        e.StageDone(stage="enrich", token=finished[0].token, node="mill", prompt="a red boat", negative="fog"),
        e.StageDone(stage="hand", token=7, node=""),
        e.StageDone(stage="paint", token=finished[1].token, node="mill", files=("a" * 64,)),
    )
    spec = next(one.event.spec for one in case.log if isinstance(one.event, e.JobSubmitted))
    runs = next(one.event.spec for one in case.log if isinstance(one.event, e.RunSubmitted))
    ended = EndedJob(job=job, run="run", spec=spec, phase="finished", done=done)
    case.wish(RerunJobs(jobs=(job,), stage="paint", ended=(ended,), runs=(case_run(runs),)))
    case.settle()
    assert written(case, job) == ("a red boat", "fog") and brief(case, job).step == PAINT


def case_run(spec):
    from schema.commands import EndedRun

    return EndedRun(run="run", spec=spec, finished=1, failed=0, cancelled=0, paused=False)


def give_up(case, job):
    """Its stage fails until somebody is asked."""
    while case.phase(job) == "running":
        case.news(StageBroke(attempt=case.attempt(job), trouble="backend", reason="no"))
        case.now += 1000
        case.settle()
    assert case.phase(job) == "attention"


def test_pictures_can_be_run_again_although_all_words_were_skipped(case, words):
    job = words(ENRICH, PAINT)
    give_up(case, job)
    case.wish(SkipStage(job=job))
    case.settle()
    assert written(case, job) == ("a boat", "fog") and brief(case, job).step == PAINT
    give_up(case, job)
    case.wish(RerunJobs(jobs=(job,), stage="paint"))
    case.settle()
    assert brief(case, job).step == ENRICH, "what was skipped is tried again"


def test_a_retry_does_not_ask_for_the_review_again(case, words):
    job = words(ENRICH, LOOK, PAINT)
    said(case, job, "a red boat")
    case.wish(ReleaseJobs(jobs=(job,)))
    case.settle()
    give_up(case, job)
    case.wish(RetryJobs(jobs=(job,)))
    case.settle()
    assert case.phase(job) == "running" and written(case, job)[0] == "a red boat"


HOSTILE = [
    ({}, "came back without a prompt"),
    ({"prompt": "  "}, "came back without a prompt"),
    ({"prompt": 7}, "came back without a prompt"),
    ({"prompt": "x" * 20_001}, "has 20001 characters"),
    ({"prompt": "a \x1b[31mboat"}, "control characters"),
    ({"prompt": "a", "negative": "\x00"}, "its negative prompt holds control characters"),
    ({"prompt": "a boat <lora:nobody_has_it:1>"}, "the LoRA 'nobody_has_it'"),
]


@pytest.mark.parametrize(("reported", "told"), HOSTILE, ids=[told for _, told in HOSTILE])
def test_words_that_no_picture_can_be_made_of_count_as_a_failure(case, words, reported, told):
    job = words(ENRICH, PAINT)
    news = StageReturned(attempt=case.attempt(job), backend="llm", reported=reported)
    (failed,) = case.news(news)
    assert isinstance(failed, e.StageFailed) and told in failed.reason and failed.trouble == "backend"


def test_a_picture_stage_must_still_bring_a_picture(case, words):
    job = words(PAINT)
    (failed,) = case.news(StageReturned(attempt=case.attempt(job), backend="sketch", reported={"prompt": "a"}))
    assert "without a picture" in failed.reason


def test_a_run_for_one_node_and_backend_takes_its_words_from_wherever_they_are(case):
    case.node("mill", kinds=("txt2img",), backends=("webui",))
    case.node("desk", kinds=("llmEnhance",), backends=("llm",))
    job = case.submit("run", (JobSpec(name="j", prompt="a"),), stages=(ENRICH, PAINT), node="mill", backend="webui",
                      whole=True)  # fmt: skip
    case.wish(job)
    case.settle()
    assert case.attempt("run.1").node == "desk" and case.state.runs["run"].node is None
    said(case, "run.1", "b")
    assert case.attempt("run.1").node == "mill" and case.state.runs["run"].node == "mill"
    assert case.state.runs["run"].moves == 0, "no picture was moved"


def test_the_pipelines_dispatch_says_who_makes_pictures_unless_somebody_else_was_named(case):
    case.node("mill", kinds=("txt2img",), backends=("webui",))
    case.node("forge", kinds=("txt2img",), backends=("comfyui",))
    paint = StageStep(id="paint", kind="txt2img", backend="comfyui")
    for name, spec, run, node in (
        ("a", {}, {}, "forge"), ("b", {"backend": "webui"}, {}, "mill"), ("c", {}, {"backend": "webui"}, "mill"),
    ):  # fmt: skip
        case.wish(case.submit(name, (JobSpec(name="j", **spec),), stages=(HAND, paint), **run))
        case.settle()
        assert case.attempt(f"{name}.1").node == node
        case.finish(f"{name}.1")


def test_words_alone_are_a_run_too(case, words):
    job = words(ENRICH, MATCH)
    said(case, job, "b")
    said(case, job, "c")
    assert case.state.jobs == {} and case.state.runs == {}


def test_the_state_is_the_same_after_a_snapshot(case, words):
    job = words(ENRICH, LOOK, PAINT)
    said(case, job, "a red boat")
    again = revive(canonical(case.state))
    assert canonical(again) == canonical(case.state) and words_now(again.jobs[job]).prompt == "a red boat"
    assert look(again, case.vitals, case.now).queue.counts.held == 1
