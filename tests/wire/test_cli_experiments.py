"""`learn run`, `learn explore` and `learn propose`: what they ask the daemon for, and what they refuse themselves."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `cli_world`

from cli_world import FakeDaemon

from schema.errors import Refused
from tui.cli import learnruns
from tui.cli.learnruns import VERBS
from tui.cli.tree import parse

MIXES = {"images": [], "variables": {"txt2img.steps": [12, 28]}, "why": "Varies steps (12, 28)."}
PROPOSAL = {
    "kind": "learning", "pack": "boats", "variables": {"txt2img.steps": [15, 30]}, "seeds": 2, "images": 4,
    "seconds": 90.0, "worth": 0.1, "why": "Steps is undecided.",
    "command": "stablenew learn run boats --vary txt2img.steps=15,30 --seeds 2",
}  # fmt: skip


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(tmp_path)
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path))
    fake.answers["/v1/learn/mixes"] = 200, MIXES
    yield fake
    fake.close()


def learn(name: str, *words: str) -> int:
    verb = VERBS[name]
    return verb.run(**parse(verb, ("learn", name), list(words)))


def sent(daemon: FakeDaemon, path: str) -> dict[str, object]:
    return next(one.fields for one in daemon.asked if one.path == path and one.method == "POST")


def test_a_learning_run_is_a_run_with_one_axis_and_seeds(
    daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--vary", "txt2img.steps=15,20,..,35", "--seeds", "3", "--node", "attic", "--set", "txt2img.cfg=6")
    assert learn("run", "boats", *words, "--no-wait") == 0
    assert sent(daemon, "/v1/runs") == {
        "packs": ["boats"], "vary": ["txt2img.steps=15,20,..,35"], "count": 3, "experiment": "learning",
        "max_prompts": 1, "node": "attic", "set": ["txt2img.cfg=6"],
    }  # fmt: skip
    assert capsys.readouterr().out == "k3mpw7ab\n"
    daemon.asked.clear()
    assert learn("run", "boats", "--vary", "txt2img.cfg=5,7", "--prompts", "4", "--no-wait") == 0
    assert (sent(daemon, "/v1/runs")["max_prompts"], sent(daemon, "/v1/runs")["count"]) == (4, 2)


def test_an_explore_run_says_how_many_and_what_varies_is_told(
    daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--images", "2", "--vary", "txt2img.steps=12,28", "--window", "22:00-07:00", "--key", "night")
    assert learn("explore", "boats", *words) == 0
    of = {"packs": ["boats"], "window": "22:00-07:00", "vary": ["txt2img.steps=12,28"]}
    assert sent(daemon, "/v1/learn/mixes") == {"run": of, "images": 2}
    assert sent(daemon, "/v1/runs") == {**of, "experiment": "explore", "max_images": 2}
    assert next(one.key for one in daemon.asked if one.path == "/v1/runs") == "night"
    assert "Varies steps (12, 28)." in capsys.readouterr().err


def test_what_to_try_next_comes_with_its_reason_its_cost_and_its_command(
    daemon: FakeDaemon, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answers["/v1/learn/proposals"] = 200, {"items": [PROPOSAL], "total": 1}
    assert learn("propose", "boats") == 0
    assert daemon.asked[-1].query == {"pack": ["boats"]}
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "1. boats: Steps is undecided."
    assert "a learning run of 4 pictures, about 1m 30s on one machine" in out
    assert f"   {PROPOSAL['command']}\n" in out
    daemon.answers["/v1/learn/proposals"] = 200, {"items": [], "total": 0}
    assert learn("propose") == 0
    assert capsys.readouterr().out.startswith("Nothing to propose")


def test_proposing_from_files_needs_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[tuple[str, ...]] = []
    monkeypatch.setattr(learnruns, "become", lambda *words: became.append(words) or 0)
    assert learn("propose", "--records", "r", "--space", "s", "--pack", "p", "--images", "7", "--json") == 0
    assert learn("propose", "p", "--records", "r", "--space", "s") == 0
    assert became == [
        ("learn-propose", "--records", "r", "--space", "s", "--pack", "p", "--images", "7", "--json"),
        ("learn-propose", "--records", "r", "--space", "s", "--pack", "p"),
    ]
    with pytest.raises(Refused) as refused:
        learn("propose", "--records", "r", "--pack", "p")
    assert refused.value.where == "--space"


def test_a_learning_run_names_what_varies() -> None:
    with pytest.raises(Refused) as refused:
        learn("run", "boats")
    assert refused.value.where == "--vary" and "txt2img.steps=15,20,..,35" in refused.value.told()
