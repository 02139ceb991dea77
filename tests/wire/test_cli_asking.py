"""`learn ask` on answers as the routes give them."""

from typing import Any

import pytest

from schema.errors import Exit, Refused
from tui.cli import ask, follow, learnask
from tui.link.doc import Doc

QUESTION = {"run": {"prompt": "warmer", "literal": True}, "told": "You tune.\ntxt2img.cfg = 7.0; number"}
SUGGESTED = {
    "suggestion": {"id": "s1", "pack": "bays", "settings": {}, "why": "so\x1b[31mfter", "source": "toy"},
    "changes": [{"param": "txt2img.cfg", "was": "7.0", "now": "5.5"}],
}  # fmt: skip


class Daemon:
    def __init__(self) -> None:
        self.asked: list[tuple[str, Any, str | None]] = []
        self.refused: Refused | None = None

    def post(self, path: str, body: Any, key: str | None = None, patience: float = 0.0) -> Doc:
        self.asked.append((path, body, key))
        if path == "/v1/learn/answer" and self.refused is not None:
            raise self.refused
        kept = {"command": "c", "seq": 9, "run": "r1", "items": [SUGGESTED]}
        return Doc({"/v1/learn/question": QUESTION, "/v1/runs": {"run": "r1"}, "/v1/learn/answer": kept}[path])


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    fake = Daemon()
    monkeypatch.setattr(ask, "daemon", lambda as_of=None: fake)
    monkeypatch.setattr(ask, "started", lambda: fake)
    monkeypatch.setattr(follow, "follow", lambda runs: Doc({"jobs": 1, "finished": 1}))
    return fake


def asked(**flags: Any) -> int:
    usual = {"pack": "bays", "wish": "warmer", "model": None, "node": None, "show": False, "of": None, "wait": None}
    return learnask.ask_model(**{**usual, "key": None, "as_json": False, **flags})


def test_the_question_is_run_and_its_answer_shown_as_a_difference(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(key="k", model="qwen") == Exit.DONE
    assert daemon.asked == [
        ("/v1/learn/question", {"pack": "bays", "wish": "warmer", "model": "qwen"}, None),
        ("/v1/runs", QUESTION["run"], "k-run"),
        ("/v1/learn/answer", {"run": "r1", "pack": "bays"}, "k-answer"),
    ]
    told = capsys.readouterr()
    assert told.out.splitlines()[:2] == ["s1  bays of toy", "    txt2img.cfg: 7.0 -> 5.5"]
    assert "learn apply s1" in told.err and "\x1b" not in told.out


def test_nothing_is_asked_when_the_question_is_only_shown(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(show=True) == Exit.DONE
    assert capsys.readouterr().out.splitlines() == str(QUESTION["told"]).splitlines()
    assert [path for path, _, _ in daemon.asked] == ["/v1/learn/question"]


def test_who_does_not_wait_takes_the_answer_up_later(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert asked(wait=False) == Exit.DONE
    told = capsys.readouterr()
    assert told.out == "r1\n" and "learn ask bays --run r1" in told.err
    assert asked(wish=None, of="r1") == Exit.DONE and daemon.asked[-1][1] == {"run": "r1", "pack": "bays"}
    with pytest.raises(Refused, match="what do you want"):
        asked(wish=None)


def test_an_answer_that_is_no_use_ends_as_its_run_did(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.refused = Refused("the model refused")
    with pytest.raises(Refused):
        asked()
    monkeypatch.setattr(follow, "follow", lambda runs: Doc({"jobs": 1, "failed": 1}))
    assert asked() == Exit.JOB_FAILED
    assert "the model refused" in capsys.readouterr().err
