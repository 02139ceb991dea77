"""The verbs that tell of looks and of sheets, on answers as the routes give them."""

import json
from pathlib import Path

import pytest

from schema.errors import Refused
from tui.cli import ask, feedback, sheet
from tui.link.doc import Doc

EFFECT = {
    "kind": "wildcard", "name": "sky", "value": "dusk", "n": 12, "mean": 0.75, "likely": 0.7, "low": 0.55, "high": 0.85,
    "by": "caption", "factor": 1.4, "over": [{"since": 0, "n": 6, "mean": 0.5}, {"since": 9, "n": 6, "mean": 1.0}],
}  # fmt: skip
LOOK = {
    "stage": "look", "looker": "BLIP", "caption": "a bay \x1b[31mat sunset", "score": None, "fulfilment": 0.5,
    "seen": ["bay"], "missed": ["gulls"], "unwanted": [],
}  # fmt: skip


class Daemon:
    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []
        self.answers: dict[str, dict[str, object]] = {
            "/v1/effects": {"items": [EFFECT], "total": 1},
            "/v1/feedback": {"on": True, "looks": 3, "weights": [
                {"kind": "wildcard", "name": "sky", "value": "dusk", "weight": 1.4}]},
            "/v1/images/p2/looks": {"items": [LOOK], "total": 1},
        }  # fmt: skip

    def get(self, path: str, query: object = None) -> Doc:
        self.asked.append((path, query))
        return Doc(self.answers[path])

    def post(self, path: str, body: object, key: str | None = None) -> Doc:
        self.asked.append((path, body))
        return Doc({"seq": 9, "changed": 0})

    def content(self, path: str, query: object = None) -> bytes:
        self.asked.append((path, query))
        return b"\x89PNG"


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Daemon:
    fake = Daemon()
    monkeypatch.setattr(ask, "daemon", lambda as_of=None: fake)
    return fake


def test_effects_are_a_table_with_their_doubt(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    assert feedback.effects("sky", None, 50, 0, False) == 0
    heads, row = capsys.readouterr().out.splitlines()
    assert heads.split() == ["KIND", "NAME", "VALUE", "N", "MEAN", "LIKELY", "BETWEEN", "BY", "WEIGHT", "OVER", "TIME"]
    assert row.split() == ["wildcard", "sky", "dusk", "12", "0.75", "0.70", "0.55..0.85", "caption", "x1.4", "▅█"]
    assert daemon.asked == [("/v1/effects", {"name": "sky", "kind": None, "limit": 50, "offset": 0})]
    feedback.effects(None, "lora", 5, 0, True)
    assert json.loads(capsys.readouterr().out)["items"] == [EFFECT]


@pytest.mark.parametrize(
    ("word", "names", "path", "body"),
    [
        ("on", [], "/v1/feedback/switch", {"on": True}),
        ("off", [], "/v1/feedback/switch", {"on": False}),
        ("reset", ["sky"], "/v1/feedback/reset", {"names": ["sky"]}),
        ("reset", [], "/v1/feedback/reset", {}),
    ],
)
def test_feedback_is_switched_and_reset(daemon: Daemon, word: str, names: list[str], path: str, body: object) -> None:
    assert feedback.feedback(word, names, None, False) == 0
    assert daemon.asked == [(path, body)]


def test_feedback_shows_what_there_is_unless_told_otherwise(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    feedback.feedback(None, [], None, False)
    told = capsys.readouterr().out
    assert told.startswith("Feedback is on: plans lean to this. 3 pictures looked at.")
    assert "x1.4" in told
    for word, names in (("maybe", []), ("on", ["sky"])):
        with pytest.raises(Refused):
            feedback.feedback(word, names, None, False)


def test_a_look_is_told_without_driving_the_terminal(daemon: Daemon, capsys: pytest.CaptureFixture[str]) -> None:
    feedback.looks("p2", False)
    told = capsys.readouterr().out
    assert "look (BLIP)" in told
    assert "missed      gulls" in told
    assert "\x1b" not in told


def test_a_sheet_is_written_whole_under_its_name(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sheet.sheet("k3", None, "cfg", None, 96, False)
    assert daemon.asked == [("/v1/runs/k3/sheet", {"x": "cfg", "y": None, "cell": 96})]
    assert (tmp_path / "sheet-k3.png").read_bytes() == b"\x89PNG"
    assert capsys.readouterr().out == f"{tmp_path / 'sheet-k3.png'}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["sheet-k3.png"]
    with pytest.raises(Refused, match="a sheet is a PNG"):
        sheet.sheet("k3", "page.jpg", None, None, None, False)
    with pytest.raises(Refused, match="cannot be written"):
        sheet.sheet("k3", str(tmp_path / "sheet-k3.png" / "x.png"), None, None, None, False)
