"""`stablenew token`: the secret on stdout and nowhere else, what is open and who asked, in words."""

from typing import Any

import pytest

from tui.cli import access, ask
from tui.link.doc import Doc

GRANTED = {"secret": "stablenew_abc", "repeated": False, "until": None, "address": "127.0.0.1:7800", "seq": 3}
LISTED = {
    "items": [
        {"name": "gallery", "scope": "rate", "created": "2026-11-20T22:04:05Z", "until": "2026-11-21T22:04:05Z",
         "expired": True, "latest": None},
    ],
    "total": 1, "address": "", "trouble": "",
}  # fmt: skip


class Asked:
    """A daemon that answers with what it was given."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer, self.asked = answer, []

    def post(self, path: str, body: object, key: str | None) -> Doc:
        self.asked.append((path, body, key))
        return Doc(self.answer)

    def get(self, path: str) -> Doc:
        return Doc(self.answer)


def asked(monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> Asked:
    it = Asked(answer)
    monkeypatch.setattr(ask, "daemon", lambda: it)
    return it


def test_a_secret_is_all_that_is_printed(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    it = asked(monkeypatch, GRANTED)
    assert access.new("gallery", "rate", 90.0, "k", as_json=False) == 0
    out, err = capsys.readouterr()
    assert out == "stablenew_abc\n"
    assert "stablenew_abc" not in err and "give verdicts" in err and "http://127.0.0.1:7800/v1/status" in err
    assert it.asked == [("/v1/access", {"name": "gallery", "scope": "rate", "days": 90.0}, "k")]


def test_the_same_key_again_says_that_it_was_told_then(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    asked(monkeypatch, {**GRANTED, "secret": None, "repeated": True})
    assert access.new("gallery", "rate", None, "k", as_json=False) == 0
    out, err = capsys.readouterr()
    assert out == "" and "stablenew token revoke gallery" in err


def test_where_nobody_listens_the_settings_are_shown(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    asked(monkeypatch, {**GRANTED, "address": ""})
    access.new("gallery", "read", None, None, as_json=False)
    assert 'listen = "127.0.0.1:7800"' in capsys.readouterr().err


def test_a_list_says_who_may_until_when(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    asked(monkeypatch, LISTED)
    assert access.list_(as_json=False) == 0
    out, err = capsys.readouterr()
    assert "gallery" in out and ", over" in out and "not since start" in out and "config.toml" in err


def test_what_is_open_is_said_in_a_line() -> None:
    def told(**api: Any) -> str:
        return access.told(Doc({"address": "0.0.0.0:1", "alone": False, "accesses": 2, **api}))

    assert told() == "0.0.0.0:1, reached from the network, 2 accesses"
    assert told(alone=True, accesses=1) == "0.0.0.0:1, 1 access" and told(address="") == ""
