"""`disk` on the command line: nothing is deleted for good without a yes, and what is said of it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `cli_world`

from cli_world import FakeDaemon, stablenew

CUT = {
    "finals": 2, "stages": 4, "files": 6, "bytes": 5_200_000, "rated": 1, "unfinished": 0, "best": 0, "more": 0,
    "runs": [{"run": "k3mpw7ab", "name": "lighthouse", "pictures": 6, "bytes": 5_200_000}], "images": [],
}  # fmt: skip
FOUND = {"command": "", "seq": 0, "subjects": [], "changed": 6, "files": 6, "bytes": 5_200_000, "cut": CUT}
DAMAGED = {"file": "ab" * 32, "fault": "it is gone", "path": "/data/art/ab/x.png", "images": ["p2q4"], "jobs": ["k3.1"]}


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeDaemon]:
    daemon = FakeDaemon(tmp_path)
    daemon.answers["/v1/disk/prune"] = 200, FOUND
    lines = [{"progress": {"files": 1, "of": 2}}, {"done": {"files": 2, "bytes": 9, "damaged": [DAMAGED]}}]
    daemon.answers["/v1/disk/check"] = 200, lines
    yield daemon
    daemon.close()


def test_without_a_terminal_and_a_yes_nothing_is_deleted(tmp_path: Path, fake: FakeDaemon) -> None:
    told = stablenew(tmp_path, "disk", "prune", "--stages", "--keep-best", "3", "pack:knights")

    assert told.code == 2 and "--yes" in told.err and "6 pictures, 4 of them of earlier stages: 5.2 MB" in told.err
    assert [one.fields for one in fake.asked] == [
        {"filter": "pack:knights", "keep_best": 3, "stages": True, "dry_run": True}
    ]


@pytest.mark.long
def test_a_yes_deletes_with_the_key_and_says_what_stays(tmp_path: Path, fake: FakeDaemon) -> None:
    told = stablenew(tmp_path, "disk", "prune", "--older-than", "30d", "--yes", "--key", "k1")

    assert told.code == 0
    assert "6 pictures deleted for good, 5.2 MB free again." in told.err and "1 rated one stays" in told.err
    assert [(one.fields, one.key) for one in fake.asked] == [({"older_than": "30d"}, "k1")]


@pytest.mark.long
def test_a_dry_run_is_data_on_one_line(tmp_path: Path, fake: FakeDaemon) -> None:
    told = stablenew(tmp_path, "disk", "prune", "--stages", "--dry-run", "--json")

    assert told.code == 0 and json.loads(told.out)["cut"]["runs"][0]["pictures"] == 6
    assert told.out.count("\n") == 1


@pytest.mark.long
def test_damage_that_is_left_is_an_exit_code(tmp_path: Path, fake: FakeDaemon) -> None:
    told = stablenew(tmp_path, "disk", "check")

    assert told.code == 1
    assert "p2q4" in told.out and "it is gone" in told.out and "/data/art/ab/x.png" in told.out
    assert "1 file damaged" in told.err and "job rerun k3.1" in told.err
