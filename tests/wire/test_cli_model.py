"""`stablenew model`: what is asked of the daemon, and what a person reads."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `cli_world`

from cli_world import ANSWER, FakeDaemon, page, stablenew

from schema.errors import Exit

ROW = {
    "key": "ab" * 16, "list": "loras", "name": "sea_haze", "nodes": ["box"], "path": "/m/Lora/sea_haze.safetensors",
    "bytes": 1000, "base": "sdxl", "triggers": ["sea haze"], "tags": ["sea"], "stars": 4, "favourite": True, "uses": 3,
    "rating": 4.5, "missing": ["preview"], "hashes": {"sha256": "cd" * 32}, "sources": [{"file": "sea_haze.json"}],
}  # fmt: skip


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeDaemon]:
    daemon = FakeDaemon(tmp_path)
    daemon.answers |= {
        "/v1/models": (200, page(ROW)),
        "/v1/models/sea_haze": (200, ROW),
        "/v1/models/tag": (200, ANSWER),
        "/v1/models/rate": (200, ANSWER),
        "/v1/models/scan": (200, {"folders": ["/m"], "files": 2, "added": 1, "troubles": ["/m/x: permission denied"]}),
        "/v1/nodes/here/refresh": (200, {"done": True}),
        "/v1/models/search": (200, page({"id": "civitai:21", "name": "Sea Haze", "list": "loras", "bytes": 2_000_000})),
        "/v1/models/get": (200, [{"progress": {"bytes": 1, "total": 2}}, {"done": {"state": "done", "path": "/m/a"}}]),
    }
    yield daemon
    daemon.close()


def test_lists_and_records_are_read_by_people_and_scripts(fake: FakeDaemon) -> None:
    told = stablenew(fake.home, "model", "list", "list:loras", "sea haze", "--sort", "newest")
    assert told.code == Exit.DONE and "♥ sea_haze" in told.out and "here box" in told.out
    assert fake.asked[-1].query == {
        "filter": ['list:loras "sea haze"'], "sort": ["newest"], "limit": ["50"], "offset": ["0"],
    }  # fmt: skip
    assert stablenew(fake.home, "model", "missing", "--json").document["total"] == 1
    assert fake.asked[-1].query["filter"] == ["missing:any"]
    told = stablenew(fake.home, "model", "show", "sea_haze", "--hashes")
    assert "by 3 jobs, 4.5 stars on average" in told.out and "cd" * 32 in told.out
    assert fake.asked[-1].query == {"hashes": ["1"]}


def test_verdicts_are_sent_with_their_key(fake: FakeDaemon) -> None:
    assert stablenew(fake.home, "model", "tag", "sea_haze", "fog", "--remove", "sea", "--key", "k1").code == Exit.DONE
    assert fake.asked[-1].fields == {"select": ["sea_haze"], "add": ["fog"], "remove": ["sea"]}
    assert fake.asked[-1].key == "k1"
    assert stablenew(fake.home, "model", "rate", "sea_haze", "list:loras", "4").code == Exit.DONE
    assert fake.asked[-1].fields == {"select": ["sea_haze", "list:loras"], "stars": 4}
    told = stablenew(fake.home, "model", "rate", "sea_haze", "6")
    assert told.code == Exit.REFUSED and "1 to 5 stars" in told.err


def test_a_scan_looks_here_and_on_every_node(fake: FakeDaemon) -> None:
    told = stablenew(fake.home, "model", "scan")

    assert "2 files in 1 folder: 1 came. 1 node read again." in told.err and "permission denied" in told.err
    assert [asked.path for asked in fake.asked][-1] == "/v1/nodes/here/refresh"


def test_downloads_are_followed_to_their_end(fake: FakeDaemon) -> None:
    assert "civitai:21" in stablenew(fake.home, "model", "search", "sea", "haze").out
    assert fake.asked[-1].query["words"] == ["sea haze"]
    told = stablenew(fake.home, "model", "get", "civitai:21", "--list", "loras")
    assert (told.code, told.out) == (Exit.DONE, "/m/a\n")
    assert fake.asked[-1].fields == {"id": "civitai:21", "list": "loras"}
    fake.answers["/v1/models/get"] = (200, [{"done": {"state": "failed", "reason": "its hash is another."}}])
    told = stablenew(fake.home, "model", "get", "--about", "sea_haze")
    assert told.code == Exit.FAILED and "its hash is another." in told.err
    assert stablenew(fake.home, "model", "get").code == Exit.REFUSED
    fake.answers["/v1/models/get"] = (200, {"done": {"state": "done", "path": "/m/a"}})
    assert stablenew(fake.home, "model", "get", "civitai:21", "--key", "k1").out == "/m/a\n"
    assert fake.asked[-1].key == "k1"
