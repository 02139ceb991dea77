"""The verbs of `learn` on answers as the routes give them: words first, numbers where they were asked for."""

import json
from typing import Any

import pytest

from schema.errors import Refused
from tui.cli import ask, learn, lessons, status
from tui.link.doc import Doc

EVIDENCE = {
    "better_n": 24, "worse_n": 31, "same_seed": 12, "stars": 0.61, "low": 0.22, "high": 0.99, "matters": 0.99,
    "ratings": 60, "only": {"txt2img.sampler": "euler"}, "experiment": "",
}  # fmt: skip
CLAIM = {
    "key": "c1a1m0001", "pack": "bays", "param": "txt2img.steps", "better": [30, 35], "worse": [15, 20],
    "confidence": 0.973, "strength": "clearly", "text": "For this pack, 30 to 35 steps clearly score higher",
    "evidence": EVIDENCE,
}  # fmt: skip
LEVELS = [
    {"values": [15], "label": "15", "n": 31, "mean": 2.7, "low": 2.4, "high": 3.0, "best": 0.02},
    {"values": [30], "label": "30", "n": 24, "mean": 3.3, "low": 3.0, "high": 3.6, "best": 0.98},
]
PRESET = {
    "pack": "bays", "params": {"txt2img.steps": 30}, "current": {"txt2img.steps": 15}, "p_better_than_current": 0.97,
    "changes": [{"param": "txt2img.steps", "was": 15, "now": 30, "stars": 0.6, "better": 0.97}], "stars": 0.6,
    "offered": True, "cautious": {"txt2img.steps": 30}, "p_cautious": 0.97, "text": "Change steps from 15 to 30.",
}  # fmt: skip
GONE = {"key": "g0ne", "pack": "bays", "text": "I told you \x1b[31mCFG 9", "shown": 4, "confidence": 0.4}
PACK = {
    "pack": "bays", "backend": "sketch", "ratings": 60, "duels": 1, "enough": True, "text": "1 thing.", "mean": 3.0,
    "claims": [CLAIM], "withdrawn": [GONE], "preset": PRESET, "unproven": ["txt2img.cfg"],
    "knobs": [{"param": "txt2img.steps", "ordered": True, "matters": 0.99, "levels": LEVELS}],
    "advice": [{"pack": "bays", "tag": "too noisy", "n": 4, "text": "A few more steps.", "learned": False}],
}  # fmt: skip
INSIGHTS = {"seq": 70, "algorithm": 1, "packs": [PACK]}
LINE = {
    "kind": "style", "name": "oil", "value": "", "packs": ["bays"], "n": 12, "stars": 0.4, "low": 0.1, "high": 0.7,
    "verdict": "does well", "factor": None,
}  # fmt: skip
LEARN = {
    "seq": 70, "mode": "passive", "ratings": 60, "inbox": 3, "asked": 2, "news": 1, "shown": [], "suggestions": [],
    "adopted": {"bays": {"settings": {"txt2img.steps": 30}, "weights": {"sky": {"dusk": 1.5}}, "randomizer": {}}},
    "imported": {"old.jsonl": 12},
}  # fmt: skip


class Daemon:
    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.changed = 9
        self.answers: dict[str, Any] = {
            "/v1/status": {"version": "1", "state": "ready", "queue": {}},
            "/v1/learn": LEARN,
            "/v1/learn/insights": INSIGHTS,
            "/v1/learn/report": {"seq": 70, "lines": [LINE], "unproven": [{**LINE, "name": "ink"}]},
            "/v1/learn/track": {"text": "Of 40 claims at 95 %, 38 still stand.", "tends": 2, "tends_standing": 1},
            "/v1/learn/suggestions": {"items": []},
            "/v1/learn/runs": {"items": []},
            "/v1/learn/inbox": {"items": [{"id": "p1", "run": "r1", "created": "", "path": "/a/cd.png"}], "total": 3},
            "/v1/learn/favourites": {"items": [{"list": "samplers", "name": "Euler a", "uses": 4, "stars": 4.5}],
                                     "runs": 9, "by": "rating"},
        }  # fmt: skip

    def get(self, path: str, query: object = None) -> Doc:
        self.asked.append((path, query))
        return Doc(self.answers[path])

    def post(self, path: str, body: object, key: str | None = None) -> Doc:
        self.asked.append((path, body))
        return Doc({"seq": self.changed, "changed": 0})

    def told(self, path: str) -> list[Any]:
        return [body for asked, body in self.asked if asked == path]


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    fake = Daemon()
    monkeypatch.setattr(ask, "daemon", lambda as_of=None: fake)
    return fake


def insights(**flags: Any) -> int:
    usual = {
        "pack": None,
        "as_of": None,
        "why": False,
        "numbers": False,
        "algorithm": None,
        "diff": False,
        "records": None,
    }
    return learn.insights(**{**usual, "as_json": False, **flags})


def test_insights_are_words_and_whoever_read_them_was_told(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    insights()
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "bays (sketches): 60 ratings, 1 duel"
    assert "  • For this pack, 30 to 35 steps clearly score higher" in out.splitlines()
    assert "✗ I told you" in out and "\x1b" not in out
    assert "a hint, not learned" in out and "evidence yet on CFG." in out
    assert "97" not in out  # numbers are one key away
    (sent,) = daemon.told("/v1/learn/told")
    assert [one["key"] for one in sent["claims"]] == ["c1a1m0001"]
    assert (sent["claims"][0]["ratings"], sent["upto"], sent["withdrawn"]) == (60, 70, [GONE])


def test_with_numbers_there_are_intervals_and_names(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    insights(numbers=True)
    out = capsys.readouterr().out
    assert "24 against 31 ratings, 12 pairs on the same seed; +0.61 stars, from 0.22 to 0.99" in out
    assert "only seen with sampler euler" in out and "called c1a1m0001" in out and "97 % sure" in out
    low, high = (line for line in out.splitlines() if "best" in line)
    assert low.index("●") < high.index("●") and "├" in low and "┤" in high
    insights(why=True)
    assert "24 against 31" in capsys.readouterr().out


def test_what_was_said_then_is_not_told_as_news(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    insights(as_of="2d")
    insights(algorithm=0)
    insights(as_json=True)
    assert daemon.told("/v1/learn/told") == []
    assert daemon.asked[0] == ("/v1/learn/insights", {"pack": None, "as_of": "2d", "algorithm": None})
    shown = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (shown["seq"], shown["claims"], shown["presets"]) == (70, [CLAIM], [PRESET])


def test_a_difference_is_of_one_seq(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    insights(algorithm=0, diff=True)
    assert daemon.asked[1][1] == {"pack": None, "as_of": 70, "algorithm": None}
    assert "no difference" in capsys.readouterr().out
    with pytest.raises(Refused, match="which algorithm"):
        insights(diff=True)
    with pytest.raises(Refused, match="no history"):
        insights(records="f.jsonl", as_of="1d")


def test_a_preset_is_told_with_what_it_changes(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.answers["/v1/learn"] = {**LEARN, "adopted": {}}
    learn.recommend("bays", False, False)
    out = capsys.readouterr().out
    assert "steps    15         30" in out and "learn apply bays" in out and "SURE" not in out
    learn.recommend("bays", True, False)
    assert "97 % better than last time, +0.60 stars" in capsys.readouterr().out
    daemon.answers["/v1/learn"] = LEARN
    learn.recommend("bays", False, False)
    assert "take all of this over already" in capsys.readouterr().out
    daemon.answers["/v1/learn/insights"] = {"packs": []}
    with pytest.raises(Refused, match="no picture of reefs was rated"):
        learn.recommend("reefs", False, False)


@pytest.mark.parametrize(
    ("flags", "body"),
    [
        ({}, {"pack": "bays", "take": ["preset"]}),
        ({"cautious": True}, {"pack": "bays", "take": ["cautious"]}),
        ({"weights": True, "randomizer": True}, {"pack": "bays", "take": ["weights", "randomizer"]}),
        ({"nothing": True}, {"pack": "bays", "take": ["nothing"]}),
        ({"name": "s1"}, {"suggestion": "s1"}),
        ({"name": None}, {"pack": "bays", "take": ["preset"]}),
    ],
)
def test_apply_says_what_is_taken_over(
    daemon: Daemon, flags: dict[str, Any], body: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answers["/v1/learn"] = {**LEARN, "suggestions": [{"id": "s1", "pack": "bays"}]}
    usual = {"name": "bays", "cautious": False, "weights": False, "randomizer": False, "nothing": False, "key": None}
    assert lessons.apply(**{**usual, **flags}, as_json=False) == 0
    assert daemon.told("/v1/learn/adopt") == [body]
    assert "Plans of bays take over: steps 30; weights of sky." in capsys.readouterr().out
    daemon.changed = 0
    lessons.apply(**{**usual, **flags}, as_json=False)
    assert "Nothing to change" in capsys.readouterr().err


def test_apply_without_a_name_wants_exactly_one_offer(daemon: Daemon) -> None:
    daemon.answers["/v1/learn/insights"] = {"packs": [PACK, {**PACK, "pack": "reefs"}]}
    with pytest.raises(Refused, match="bays, reefs"):
        lessons.apply(None, False, False, False, False, None, False)
    daemon.answers["/v1/learn/insights"] = {"packs": []}
    with pytest.raises(Refused, match="no preset is sure enough"):
        lessons.apply(None, False, False, False, False, None, False)
    with pytest.raises(Refused, match="lets all of it go"):
        lessons.apply("bays", True, False, False, True, None, False)


def test_mode_is_shown_or_set(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    lessons.mode(None, None, False)
    assert "passive: " in (out := capsys.readouterr().out) and "3 pictures waiting" in out
    lessons.mode("active", "k", False)
    assert daemon.told("/v1/learn/mode") == [{"mode": "active"}]
    with pytest.raises(Refused, match="none of off, passive, active"):
        lessons.mode("loud", None, False)


def test_lists_reports_and_the_record(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    learn.report(False, False)
    learn.track(False)
    learn.inbox(None, None, 50, 0, False)
    learn.favourites(None, "rating", False)
    lessons.list_(False)
    out = capsys.readouterr().out
    for words in ("oil   does well", "Not enough evidence yet: style ink.", "38 still stand", "/a/cd.png", "Euler a",
                  "Taken over for bays: steps 30", "Records from old.jsonl: 12"):  # fmt: skip
        assert words in out, words


def test_the_status_tells_what_waits_for_a_person(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    status.status(False)
    out = capsys.readouterr().out
    assert "3 pictures wait for a verdict, 2 of them asked for: `stablenew learn inbox`" in out
    assert "1 insight is new: `stablenew learn insights`" in out
