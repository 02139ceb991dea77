"""`learn export`, `learn import` and `learn forget`: files that are whole or not there, and nothing half-taken."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `cli_world`

from cli_world import ANSWER, FakeDaemon

from daemon.records import verbs
from daemon.records.suggested import read_presets
from schema.errors import Refused
from tui.cli import learnfiles
from tui.cli.bring import bring
from tui.cli.learnfiles import VERBS
from tui.cli.tree import parse
from tui.link.doc import Doc


def record(name: str, stars: int, *tags: str, better_than: str = "") -> dict[str, object]:
    flat: dict[str, object] = {
        "id": name, "at": "2026-05-01T10:00:00Z", "session": "s", "pack": "p", "prompt": "x", "seed": 1, "run": "r",
        "params": {"txt2img.steps": 20}, "stars": stars, "tags": list(tags),
    }  # fmt: skip
    return {**flat, "better_than": better_than} if better_than else flat


def read_here(paths: Sequence[str]) -> Doc:
    """What the child says, without starting one."""
    return Doc(json.loads(msgspec.json.encode(verbs.read([Path(path) for path in paths]))))


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDaemon]:
    (tmp_path / "home").mkdir()
    fake = FakeDaemon(tmp_path / "home")
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path / "home"))
    fake.answers |= {f"/v1/learn/{verb}": (200, ANSWER) for verb in ("import", "forget", "suggest")}
    fake.answers["/v1/learn"] = 200, {"imported": {"old.jsonl": 7}}
    monkeypatch.setattr(learnfiles, "_read", read_here)
    yield fake
    fake.close()


def learn(name: str, *words: str) -> int:
    verb = VERBS[name]
    return verb.run(**parse(verb, ("learn", name), list(words)))


def posted(daemon: FakeDaemon) -> list[tuple[str, dict[str, object]]]:
    return [(one.path.rpartition("/")[2], one.fields) for one in daemon.asked if one.method == "POST"]


def stars(file: Path) -> list[tuple[object, object]]:
    return [(one["id"], one["stars"]) for one in map(json.loads, file.read_text().splitlines())]


def test_an_export_is_a_file_of_its_own_unless_it_is_added_to(daemon: FakeDaemon, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    daemon.answers["/v1/learn/records"] = 200, [record("a", 4), record("b", 2)]
    assert learn("export", str(file)) == 0
    assert stars(file) == [("a", 4), ("b", 2)]
    with pytest.raises(Refused, match="this file is there already"):
        learn("export", str(file))
    assert learn("export", str(file), "--append") == 0
    assert stars(file) == [("a", 4), ("b", 2)]
    daemon.answers["/v1/learn/records"] = 200, [record("a", 5), record("c", 1), record("c", 0, better_than="a")]
    assert learn("export", str(file), "--append") == 0
    assert stars(file) == [("a", 4), ("b", 2), ("a", 5), ("c", 1), ("c", 0), ("b", 0)]  # b was taken back
    assert learn("export", str(file), "--append") == 0
    assert len(stars(file)) == 6
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_a_file_whose_last_line_is_torn_is_not_added_to(daemon: FakeDaemon, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    file.write_text(json.dumps(record("a", 4)) + '\n{"id": "b"')
    daemon.answers["/v1/learn/records"] = 200, [record("a", 4), record("b", 2)]
    with pytest.raises(Refused, match=r"out\.jsonl:2:11: this is no JSON"):
        learn("export", str(file), "--append")
    assert file.read_text().endswith('{"id": "b"')


def test_a_bundle_is_asked_for_as_it_shall_be(
    daemon: FakeDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.answers["/v1/learn/bundle"] = 200, {"a": "zip"}
    assert learn("export", str(tmp_path / "b.zip"), "--redact", "prompts", "--max-mb", "3", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (tmp_path / "b.zip").stat().st_size == told["bytes"] and told["file"] == str(tmp_path / "b.zip")
    assert daemon.asked[-1].query == {"redact": ["prompts"], "max_mb": ["3"]}
    for words in (["b.zip", "--append"], ["b.jsonl", "--redact", "prompts"], ["b.zip", "--max-mb", "0"]):
        with pytest.raises(Refused):
            learn("export", *words)


def test_records_are_sent_in_pieces_of_one_source(
    daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(learnfiles, "AT_ONCE", 2)
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps(record(name, 3)) + "\n" for name in "abcde"))
    assert learn("import", str(file), "--key", "k", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "records": 5, "sources": ["mine.jsonl"], "suggestions": [], "broken": [],
    }  # fmt: skip
    pieces = [(verb, fields["source"], fields["records"]) for verb, fields in posted(daemon)]
    assert [(verb, source) for verb, source, _ in pieces] == [("import", "mine.jsonl")] * 3
    sizes = [len(records) for _, _, records in pieces if isinstance(records, list)]
    assert sizes == [2, 2, 1] and len({one.key for one in daemon.asked if one.method == "POST"}) == 3


def test_what_came_from_the_same_source_is_replaced_only_on_request(daemon: FakeDaemon, tmp_path: Path) -> None:
    file = tmp_path / "old.jsonl"
    file.write_text(json.dumps(record("a", 3)) + "\n")
    with pytest.raises(Refused, match=r"old\.jsonl: 7 records of this source are here already"):
        learn("import", str(file))
    assert posted(daemon) == []
    assert learn("import", str(file), "--replace") == 0
    assert [verb for verb, _ in posted(daemon)] == ["forget", "import"]


def test_with_one_broken_file_nothing_of_any_is_sent(daemon: FakeDaemon, tmp_path: Path) -> None:
    whole, torn = tmp_path / "whole.jsonl", tmp_path / "torn.jsonl"
    whole.write_text(json.dumps(record("a", 3)) + "\n")
    torn.write_text(json.dumps(record("a", 3)) + '\n{"id": 5,')
    with pytest.raises(Refused, match=r"torn\.jsonl:2:\d+"):
        learn("import", str(whole), str(torn))
    assert daemon.asked == []


def test_proposed_presets_are_shown_as_a_difference_and_applied_by_nobody(
    daemon: FakeDaemon, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "presets.json"
    file.write_text(
        json.dumps({"source": "toy", "presets": [{"pack": "p", "settings": {"txt2img.cfg": 5}, "why": "so"}]})
    )

    (one,) = read_presets("presets.json", file.read_bytes())
    shown = {"suggestion": msgspec.to_builtins(one), "changes": [{"param": "txt2img.cfg", "was": "7", "now": "5"}]}
    daemon.answers["/v1/learn/suggestions"] = 200, {"items": [shown], "total": 1}
    assert learn("import", str(file)) == 0
    said = capsys.readouterr()
    assert "txt2img.cfg: 7 -> 5" in said.out and "    so" in said.out and "Nothing is applied" in said.err
    assert [verb for verb, _ in posted(daemon)] == ["suggest"]


@pytest.mark.long
def test_records_in_a_folder_of_stablenew_are_learned_of_with_the_rest(
    daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()  # with children
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path / "home"))
    folder = tmp_path / "sn"
    (folder / "learning").mkdir(parents=True)
    (folder / "packs").mkdir()
    (folder / "packs" / "foxes.txt").write_text("a fox\n")
    rated = {
        "run_id": "5f", "timestamp": "2026-03-04T20:15:00", "base_config": {"txt2img": {"steps": 30}},
        "variant_configs": [], "metadata": {"user_rating": 4, "image_path": "a.png"},
    }  # fmt: skip
    (folder / "learning" / "learning_records.jsonl").write_text(json.dumps(rated) + "\n")
    assert bring([str(folder)], False, None, False) == 0
    assert "1 pack" in capfd.readouterr().out
    ((verb, fields),) = posted(daemon)
    assert verb == "import" and fields["source"] == "learning_records.jsonl"
    daemon.asked.clear()
    (tmp_path / "home" / "state" / "endpoint.json").unlink()
    assert bring([str(folder)], False, None, False) == 0
    assert "Nothing is learned of them while no daemon runs" in capfd.readouterr().err and daemon.asked == []


def test_a_source_is_forgotten_by_its_name(daemon: FakeDaemon) -> None:
    assert learn("forget", "old.jsonl") == 0
    assert posted(daemon) == [("forget", {"source": "old.jsonl"})]
