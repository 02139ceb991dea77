"""Nothing acknowledged is lost and nothing is doubled, whatever is killed whenever."""

import hashlib
import json
import random
import time
from collections import Counter

import pytest

pytestmark = pytest.mark.story

TINY = ("--set", "txt2img.width=64", "--set", "txt2img.height=64", "--set", "txt2img.steps=4")


def check_the_books(home, jobs: int) -> None:
    """Every job finished exactly once, the chain holds, replay agrees, every artifact is there whole."""
    verified = home.json("log", "verify")
    assert verified["ok"], verified
    replayed = home.json("log", "replay", "--check")
    assert replayed["live"] == replayed["snapshot"] == replayed["replay"]
    events = home.events()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    finished = Counter(event["job"] for event in events if event["type"] == "JobFinished")
    assert len(finished) == jobs
    assert set(finished.values()) == {1}
    stages = Counter((event["job"], event["stage"]) for event in events if event["type"] == "StageFinished")
    assert set(stages.values()) == {1}
    assert len(stages) == 3 * jobs
    for event in events:
        if event["type"] == "ArtifactStored":
            sha256 = event["file"]["sha256"]
            stored = home.root / "home/data/art" / sha256[:2] / f"{sha256}.png"
            assert hashlib.sha256(stored.read_bytes()).hexdigest() == sha256


def run_and_kill(home, jobs: int, daemon_kills: int, agent_kills: int, seed: int) -> None:
    chance = random.Random(seed)
    home.env["STABLENEW_SKETCH__STEP_SECONDS"] = "0.002"
    submitted = home.json("run", "--prompt", "boats", "--count", str(jobs), "--no-wait", "--key", "night", *TINY)
    kills = ["daemon"] * daemon_kills + ["agent"] * agent_kills
    chance.shuffle(kills)
    for kill in kills:
        time.sleep(chance.uniform(0.1, 1.5))  # the moment is the point: any moment
        home.kill(home.daemon_pid() if kill == "daemon" else home.agent_pid())
        if kill == "daemon":
            assert home.run("daemon", "start").returncode == 0
    again = home.json("run", "--prompt", "boats", "--count", str(jobs), "--no-wait", "--key", "night", *TINY)
    assert again["run"] == submitted["run"]
    done = home.json("job", "wait", submitted["run"], timeout=1200)
    assert (done["finished"], done["failed"]) == (jobs, 0)
    folder = home.root / "home/results"
    manifests = home.until(lambda: list(folder.glob("**/manifest.json")), "a manifest")
    assert len(json.loads(manifests[0].read_text())["jobs"]) == jobs
    check_the_books(home, jobs)


@pytest.mark.slow
def test_a_short_run_survives_kills_of_daemon_and_agent(home):
    run_and_kill(home, jobs=16, daemon_kills=3, agent_kills=2, seed=1)


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_two_hundred_jobs_survive_thirty_kills(home):
    run_and_kill(home, jobs=200, daemon_kills=20, agent_kills=10, seed=20)
