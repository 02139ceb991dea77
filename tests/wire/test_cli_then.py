"""Asking how it was: every question of a verb carries `--as-of`, and what is told says of which moment it is."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `cli_world`

from cli_world import IMAGE_ROW, JOB_ROW, NODE, STATUS, FakeDaemon

from schema.errors import Refused
from tui.cli import image, job, node, queue, status
from tui.link.call import Daemon
from tui.link.doc import Doc

MOMENT = {"seq": 30, "at": "2026-11-20T22:04:05.123Z", "newest": 42, "asked": "2h"}


@pytest.fixture
def fake(tmp_path, monkeypatch):
    daemon = FakeDaemon(tmp_path)
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path))
    yield daemon
    daemon.close()


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        (job.list_, {"filters": [], "limit": 5, "offset": 0, "sort": None}),
        (job.show, {"job": JOB_ROW["id"]}),
        (job.explain, {"job": JOB_ROW["id"]}),
        (image.list_, {"filters": [], "final": False, "limit": 5, "offset": 0, "sort": None}),
        (image.show, {"image": IMAGE_ROW["id"]}),
        (queue.show, {"run": None}),
        (queue.runs, {"filters": [], "limit": 5, "offset": 0, "sort": None}),
        (node.list_, {}),
        (node.show, {"node": NODE["node"]}),
        (status.status, {}),
    ],
)
def test_every_question_is_about_the_moment(fake, capsys, verb, words):
    assert verb(**words, as_of="2h", as_json=True) == 0
    assert fake.asked and all(one.query["as_of"] == ["2h"] for one in fake.asked)
    fake.asked.clear()
    assert verb(**words, as_of=None, as_json=True) == 0
    assert fake.asked and not any("as_of" in one.query for one in fake.asked)


def test_a_list_of_then_says_so_beside_it(fake, capsys):
    job.list_(filters=[], limit=5, offset=0, sort=None, as_of="2h", as_json=False)
    told = capsys.readouterr()
    assert "behind event 42" in told.err and "lighthouse-01" in told.out


def test_a_question_with_a_moment_of_its_own_keeps_it(fake):
    Daemon(str(fake.home / "s"), "2h").get("/v1/status", {"as_of": "7"})
    assert fake.asked[-1].query["as_of"] == ["7"]


def test_the_status_of_then_names_the_event_and_the_newest(fake, capsys):
    fake.answers["/v1/status"] = 200, {**STATUS, "state": "read-only", "trouble": "of no interest", "moment": MOMENT}
    status.status(False, as_of="2h")
    first = capsys.readouterr().out.splitlines()[0]
    assert first.endswith("(event 30 of 42)") and "of no interest" not in first


def test_the_status_of_a_damaged_log_tells_trouble_and_concerns():
    trouble = "event 31 is damaged. Everything can be looked at, nothing changes. Run `stablenew log recover`."
    told = Doc({**STATUS, "state": "read-only", "trouble": trouble, "concerns": ["the last backup failed"],
                "moment": {**MOMENT, "asked": ""}})  # fmt: skip
    words = status.in_words(told)
    assert "read-only: event 31 is damaged." in words and "log recover" in words
    assert "! the last backup failed" in words


def test_what_is_no_moment_is_refused_with_the_remedy(fake):
    told = {"error": "`soon` is no point in time.", "where": "as_of", "remedy": "Give a seq.", "exit": 2}
    fake.answers["/v1/status"] = 400, told
    with pytest.raises(Refused, match="no point in time"):
        status.status(True, as_of="soon")
