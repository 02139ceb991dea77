"""The diffusers process can crash, hang, freeze, speak nonsense or be killed: each ends one stage, and only one."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `diffusers_notes`

from diffusers_notes import Notes, painted, until, work

from agent.backends import BackendTrouble, Cancelled
from agent.backends.diffusers import Diffusers
from agent.backends.diffusers.process import ruin_in
from agent.backends.diffusers.watch import Patience
from schema.stages import Resize, Txt2Img

pytestmark = pytest.mark.servers

CHILD = (sys.executable, "-P", str(Path(__file__).parent / "diffusers_child.py"))
STAGE = Txt2Img(id="t")


@pytest.fixture
def make(tmp_path):
    """Backends whose process only pretends; all are closed at the end."""
    made: list[Diffusers] = []

    def make_one(*words: str, **patience: float) -> Diffusers:
        made.append(
            Diffusers(
                tmp_path, tmp_path, time.monotonic, argv=(*CHILD, *words), patience=Patience(**patience), libraries=()
            )
        )
        return made[-1]

    yield make_one
    for backend in made:
        backend.close()


@pytest.fixture
def backend(make) -> Iterator[Diffusers]:
    return make(step=20, silence=20, cancel=1.0)


def pid_of(backend: Diffusers) -> int:
    until(lambda: backend.card().state == "ready", "the process never said hello")
    assert backend._child is not None
    return backend._child.pid


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_steps_previews_and_the_picture_come_through(backend):
    notes = Notes(previews=True)
    made = backend.run(work(STAGE, prompt="steps 4", seed=11), notes)
    assert [drawn.seed for drawn in made.pictures] == [11]
    assert made.pictures[0].content.startswith(b"\x89PNG")
    assert [step for step in notes.steps if step[2] == "sampling"] == [(n, 4, "sampling") for n in (1, 2, 3, 4)]
    assert notes.shown == [b"jpeg"] * 4
    assert (made.effective["sampler"], made.effective["width"]) == ("Euler", 512), (
        "what was used goes over what was asked"
    )
    assert made.loaded_s >= 0.5


def test_a_card_and_a_memory_know_what_the_process_said(backend):
    pid_of(backend)
    card, (gpu,) = backend.card(), backend.gpus()
    assert (gpu.name, gpu.vram_gb) == ("Pretended", 8.0)
    assert card.release == "diffusers 0, torch 2"
    assert "spandrel needs torchvision" in card.note
    assert backend.memory() == (8.0, 0.0, ())
    backend.run(work(STAGE, prompt="steps 1"), Notes())
    assert backend.memory() == (8.0, 2.0, ("toy",))


@pytest.mark.parametrize(
    ("prompt", "trouble", "says"),
    [
        ("die SIGKILL", "lost", "SIGKILL"),
        ("die SIGTERM", "lost", "SIGTERM"),
        ("die SIGSEGV", "backend", "SIGSEGV"),
        ("exit", "backend", "the card fell off the bus"),
        ("nonsense", "lost", "SIGKILL"),
        ("full", "out-of-memory", "the GPU's memory is full"),
        ("bug", "backend", "ZeroDivisionError"),
    ],
)  # fmt: skip
def test_each_end_is_one_trouble_and_the_next_stage_goes_well(backend, prompt, trouble, says):
    with pytest.raises(BackendTrouble) as told:
        backend.run(work(STAGE, prompt=prompt), Notes())
    assert told.value.trouble == trouble
    assert says in told.value.sentence
    assert backend.run(work(STAGE, prompt="steps 2"), Notes()).pictures


def test_a_bug_of_one_stage_keeps_the_process_and_its_models(backend):
    before = pid_of(backend)
    with pytest.raises(BackendTrouble):
        backend.run(work(STAGE, prompt="bug"), Notes())
    assert backend.run(work(STAGE, prompt="steps 1"), Notes()).reported["pid"] == before


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("ruin named", "AcceleratorError"),
        ("ruin CUDA error: device-side assert triggered", "device-side assert"),
        ("ruin cuDNN error: CUDNN_STATUS_INTERNAL_ERROR", "CUDNN_STATUS"),
        ("ruin CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling cublasGemmEx", "CUBLAS"),
        ("hidden-ruin", "illegal memory access"),
    ],
)
def test_a_gpu_that_answers_nothing_more_costs_one_stage(backend, prompt, says):
    """given a fault after which the GPU serves this process no more; then the next stage has another process."""
    before = pid_of(backend)
    with pytest.raises(BackendTrouble, match=says) as told:
        backend.run(work(STAGE, prompt=prompt), Notes())
    assert told.value.trouble == "backend" and gone(before)
    assert backend.run(work(STAGE, prompt="steps 1"), Notes()).pictures


def test_memory_that_cannot_be_had_back_costs_the_process(backend):
    before = pid_of(backend)
    with pytest.raises(BackendTrouble, match="memory is full") as told:
        backend.run(work(STAGE, prompt="full for good"), Notes())
    assert told.value.trouble == "out-of-memory" and gone(before)
    assert backend.run(work(STAGE, prompt="steps 1"), Notes()).pictures


@pytest.mark.parametrize("words", ["CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "a tensor of 3 sides"])
def test_other_faults_of_torch_keep_the_process(words):
    assert ruin_in(RuntimeError(words)) is None


def test_killed_from_outside_while_it_works(backend):
    """given a stage that samples; when somebody kills the process; then the stage is lost, and the next one is not."""
    pid = pid_of(backend)
    notes = Notes(until=lambda step, steps, doing: step == 3 and os.kill(pid, signal.SIGKILL) is not None)
    with pytest.raises(BackendTrouble) as told:
        backend.run(work(STAGE, prompt="work"), notes)
    assert told.value.trouble == "lost"
    made = backend.run(work(STAGE, prompt="steps 1"), Notes())
    assert made.reported["pid"] != pid


def test_killed_by_the_system_for_memory(backend, monkeypatch):
    """The kernel counts whom it kills; a kill while the count went up was its."""
    pid = pid_of(backend)
    counts = iter(range(1000, 2000))
    monkeypatch.setattr("agent.backends.diffusers.child._memory_kills", lambda: next(counts))
    with pytest.raises(BackendTrouble) as told:
        backend.run(work(STAGE, prompt="die SIGKILL"), Notes())
    assert (told.value.trouble, gone(pid)) == ("out-of-memory", True)


def test_no_step_for_too_long_is_a_hang(make):
    backend = make(step=0.8, silence=20)
    with pytest.raises(BackendTrouble, match="no step for 1 s during loading model toy") as told:
        backend.run(work(STAGE, prompt="load"), Notes())
    assert told.value.trouble == "backend"
    assert backend.run(work(STAGE, prompt="steps 1"), Notes()).pictures


def test_a_frozen_process_is_found_by_its_silence(make):
    backend = make(step=60, silence=1.2)
    with pytest.raises(BackendTrouble, match="no sign of life"):
        backend.run(work(STAGE, prompt="freeze"), Notes())
    assert backend.run(work(STAGE, prompt="steps 1"), Notes()).pictures


def test_a_long_load_is_told_once_a_second(make):
    backend = make(step=3.4, silence=20)
    notes = Notes()
    with pytest.raises(BackendTrouble):
        backend.run(work(STAGE, prompt="load"), notes)
    assert len([step for step in notes.steps if step[2] == "loading model toy"]) >= 3


def test_a_cancel_is_honoured_within_a_step_and_keeps_the_process(backend):
    pid = pid_of(backend)
    notes = Notes(until=lambda step, steps, doing: step == 5)
    with pytest.raises(Cancelled):
        backend.run(work(STAGE, prompt="work"), notes)
    assert notes.wished and time.monotonic() - notes.wished < 0.6
    assert backend.run(work(STAGE, prompt="steps 1"), Notes()).reported["pid"] == pid


def test_what_cannot_be_stopped_is_killed_when_it_is_cancelled(backend):
    pid = pid_of(backend)
    notes = Notes(until=lambda step, steps, doing: doing.startswith("loading model toy"))
    with pytest.raises(Cancelled):
        backend.run(work(STAGE, prompt="load"), notes)
    assert gone(pid)
    assert backend.run(work(STAGE, prompt="steps 1"), Notes()).pictures


def test_what_libraries_print_does_not_disturb(backend):
    assert backend.run(work(STAGE, prompt="babble"), Notes()).pictures


def test_free_ends_the_process_and_the_next_stage_starts_another(backend):
    pid = pid_of(backend)
    backend.run(work(STAGE, prompt="steps 1"), Notes())
    backend.free()
    assert gone(pid)
    assert backend.memory() == (8.0, 0.0, ())
    assert backend.card().state == "ready", "it takes work: what it needs is started then"
    assert backend.run(work(STAGE, prompt="steps 1"), Notes()).reported["pid"] != pid


def test_it_starts_while_the_card_says_so(make):
    backend = make("--late", "0.5")
    assert backend.card().state == "starting"
    notes = Notes()
    assert backend.run(work(STAGE, prompt="steps 1"), notes).pictures
    assert "starting diffusers" in notes.doings()


def test_a_process_that_cannot_start_says_why(make):
    backend = make("--refuse")
    until(lambda: backend.card().state == "disconnected", "it should have given up")
    assert "libcuda is of the wrong size" in backend.card().trouble
    with pytest.raises(BackendTrouble, match="libcuda"):
        backend.run(work(STAGE), Notes())


def test_one_that_never_says_hello_is_given_up(make):
    backend = make("--late", "60", start=0.5)
    with pytest.raises(BackendTrouble, match="did not start within"):
        backend.run(work(STAGE), Notes())


def test_without_the_libraries_the_card_names_the_remedy(tmp_path):
    backend = Diffusers(tmp_path, tmp_path, time.monotonic, libraries=("no_such_library",))
    card = backend.card()
    assert card.state == "disconnected"
    assert card.trouble == "no_such_library is not installed: pip install 'stablenew[diffusers]'"
    with pytest.raises(BackendTrouble, match="not installed"):
        backend.run(work(STAGE), Notes())
    backend.close()


def test_without_a_folder_the_card_says_so(tmp_path):
    nobody = Diffusers(None, tmp_path, time.monotonic, libraries=())
    missing = Diffusers(tmp_path / "models", tmp_path, time.monotonic, libraries=())
    assert "names no folder" in nobody.card().trouble or "no folder of models" in nobody.card().trouble
    assert "is no folder" in missing.card().trouble
    assert (nobody.card().state, missing.card().state) == ("disconnected", "disconnected")


def test_finishing_stages_need_no_process(tmp_path):
    backend = Diffusers(None, tmp_path, time.monotonic, libraries=("no_such_library",))
    made = backend.run(work(Resize(id="r", width=32, height=32, format="png"), painted(tmp_path / "a.png")), Notes())
    assert made.pictures


def test_it_outlives_the_thread_that_asked_for_it(backend):
    """Whoever happens to need it first starts it: a thread of a moment."""
    backend.free()
    starter = threading.Thread(target=backend._running)
    starter.start(), starter.join()
    pid = pid_of(backend)
    assert backend.run(work(STAGE, prompt="steps 3"), Notes()).reported["pid"] == pid


AGENT = """
import sys, time
from pathlib import Path
sys.path.insert(0, {wire!r})
from diffusers_notes import Notes, until, work
from agent.backends.diffusers import Diffusers
from schema.stages import Txt2Img
backend = Diffusers(Path({models!r}), Path({models!r}), time.monotonic, argv={argv!r}, libraries=())
until(lambda: backend.card().state == "ready", "no hello")
print(backend._child.pid, flush=True)
backend.run(work(Txt2Img(id="t"), prompt="freeze"), Notes())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_frozen_process_dies_with_a_killed_agent(tmp_path):
    """given one that cannot even see its input end; when the agent is killed; then both are gone."""
    text = AGENT.format(wire=str(Path(__file__).parent), models=str(tmp_path), argv=CHILD)
    with subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True) as agent:
        assert agent.stdout
        pid = int(agent.stdout.readline())
        until(lambda: state_of(pid) == "T", "it should have frozen")
        agent.kill()
    until(lambda: state_of(pid) in "ZX", "it lives on")


def state_of(pid: int) -> str:
    """As `/proc` names it: T stopped, Z ended. X: nothing is left."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def test_nothing_is_started_while_the_agent_stops(make):
    """given a stage that runs when the agent stops; then its process ends, and no other begins."""
    backend = make()
    pid = pid_of(backend)
    notes = Notes(until=lambda step, steps, doing: step == 3 and backend.close() is not None)
    with pytest.raises(BackendTrouble):
        backend.run(work(STAGE, prompt="work"), notes)
    assert gone(pid) and not backend._child.alive
    with pytest.raises(BackendTrouble, match="stopping") as told:
        backend.run(work(STAGE), Notes())
    assert told.value.trouble == "lost"


def test_a_program_that_is_not_there_is_told(tmp_path):
    with pytest.raises(BackendTrouble, match="no process can be started: no such file"):
        Diffusers(tmp_path, tmp_path, time.monotonic, argv=("/nowhere/python",), libraries=())


def test_the_process_dies_with_the_agent(backend):
    """Its standard input ends when the agent does, however that ends."""
    pid = pid_of(backend)
    assert backend._child is not None
    backend._child._stdin.close()
    until(lambda: not backend._child.alive, "it lived on")
    assert pid
