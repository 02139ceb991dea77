"""A person at a real terminal with a real daemon: submit, watch, pause, cancel, undo, look at a picture, rate it."""

import json
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `terminals`

from terminals import Terminal

pytestmark = [
    pytest.mark.story,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux, the terminal of these stories, is not installed"),
]


@pytest.fixture(
    params=[pytest.param((120, 36), id="120x36"), pytest.param((80, 24), id="80x24", marks=pytest.mark.slow)]
)
def terminal(home, request):
    home.env["STABLENEW_SKETCH__STEP_SECONDS"] = "0.02"
    (home.root / "home/config").mkdir(parents=True)
    (home.root / "home/config/config.toml").write_text('[run]\npipeline = "short"\n')
    (home.root / "home/config/pipelines").mkdir()
    short = [{"type": "txt2img", "width": 96, "height": 64, "steps": 30}, {"type": "upscale", "factor": 2}]
    (home.root / "home/config/pipelines/short.json").write_text(json.dumps(short))
    pane = Terminal(home, *request.param)
    yield pane
    pane.close()


def of_type(home, kind: str) -> list[dict]:
    return [event for event in home.events() if event["type"] == kind]


def test_the_main_job_by_keys_alone(home, terminal):
    terminal.sees("makes the first picture")
    terminal.keys("Escape")
    terminal.sees(r"Queue.*Gallery.*\? help")

    terminal.keys("n")
    terminal.sees(r"\[Generate\]")
    terminal.write("a lighthouse in the evening")
    terminal.keys("Escape")
    terminal.sees("x stop")
    before = 6 if "preset none" in terminal.tmux("capture-pane", "-p") else 4  # a low terminal folds the head
    terminal.keys(*["l"] * before, *["+"] * 7)
    terminal.sees("8 jobs")
    terminal.keys("C-j")
    terminal.sees(r"8 jobs queued")
    terminal.keys("F2")
    terminal.sees(r"running.*queued|▶.*○")

    terminal.keys("p")
    home.until(lambda: of_type(home, "QueuePaused"), "the queue is paused")
    terminal.sees("paused")
    terminal.keys("p")
    home.until(lambda: of_type(home, "QueueResumed"), "the queue goes on")

    terminal.keys("G", "x")
    [cancelled] = home.until(lambda: of_type(home, "JobCancelled"), "a job is cancelled")
    terminal.keys("z")
    [reopened] = home.until(lambda: of_type(home, "JobReopened"), "it waits again")
    assert reopened["job"] == cancelled["job"]

    home.until(lambda: of_type(home, "RunFinished"), "the run is finished")
    assert len(of_type(home, "JobFinished")) == 8

    terminal.keys("g", "i")
    terminal.sees(r"☆☆☆☆☆|·····")
    terminal.sees("▀")  # half cells: a picture in the terminal
    terminal.keys("4")
    [rated] = home.until(lambda: of_type(home, "ImageRated"), "the rating is in the log")
    assert rated["stars"] == 4
    terminal.sees("★★★★")
    terminal.keys("t")
    terminal.sees("[Tt]ag")
    terminal.write("keep")
    terminal.keys("Enter")
    [tagged] = home.until(lambda: of_type(home, "ImageTagged"), "the tag is in the log")
    assert tagged["added"] == ["keep"]

    terminal.keys("q")
    terminal.sees("daemon keeps")
    terminal.keys("y")
    terminal.sees("ended with 0")
    assert home.json("log", "verify")["ok"]
