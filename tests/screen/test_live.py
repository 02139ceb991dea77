"""The fold of frames: what the screen knows, and what it has to draw again."""

from schema.ids import JobId, StageId, Token
from schema.scenes import Counts, Delta, QueueScene, RunningJob, Scene, Step, Welcome
from tui.live import Change, Live, heard, silent


def running(number, step=0):
    return RunningJob(
        job=JobId(f"r.{number}"),
        name="n",
        stage=StageId("s"),
        stage_number=1,
        stages=2,
        token=Token(number),
        step=step,
        steps=10,
    )


def welcomed(*jobs):
    return heard(Live(), Welcome(protocol=1, version="1", scene=Scene(head=5, queue=QueueScene(), running=jobs)))


def test_a_welcome_is_everything():
    live, change = welcomed(running(1))
    assert live.linked and change.everything
    assert set(live.running) == {"r.1"}


def test_a_delta_changes_what_it_names_and_keeps_the_rest():
    live, _ = welcomed(running(1))
    queue = QueueScene(counts=Counts(queued=4))
    now, change = heard(live, Delta(head=6, queue=queue, jobs=(JobId("r.9"),)))
    assert (now.scene.head, now.scene.queue, now.running) == (6, queue, live.running)
    assert change == Change(jobs=frozenset({"r.9"}), scene=True)


def test_a_job_that_begins_or_ends_is_a_row_to_read_again():
    live, _ = welcomed(running(1))
    _, change = heard(live, Delta(head=6, running=(running(2),)))
    assert change.jobs == {"r.1", "r.2"}


def test_a_step_moves_the_progress_of_its_token_only():
    live, _ = welcomed(running(1), running(2))
    now, change = heard(live, Step(progress=((2, 7, 10, 3.0), (99, 1, 10, None))))
    assert (now.running[JobId("r.2")].step, now.running[JobId("r.2")].eta_s) == (7, 3.0)
    assert now.running[JobId("r.1")] == live.running[JobId("r.1")]
    assert change == Change(steps=frozenset({JobId("r.2")}))


def test_silence_keeps_what_was_known():
    live, _ = welcomed(running(1))
    now = silent(live, "gone")
    assert (now.linked, now.silence, now.scene) == (False, "gone", live.scene)
