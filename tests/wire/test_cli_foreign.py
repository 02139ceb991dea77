"""Pictures of other programs on the command line: run like one, keep them, post them, sync favourites."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

sys.path.insert(0, str(Path(__file__).parent))  # for `cli_world`

from cli_world import IMAGE_ROW, FakeDaemon, page, stablenew

TEXT = "a mill\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 9007199254740993, Size: 512x640, Model: toy"


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeDaemon]:
    daemon = FakeDaemon(tmp_path)
    yield daemon
    daemon.close()


def png(path: Path, text: str = TEXT) -> Path:
    told = PngInfo()
    if text:
        told.add_text("parameters", text)
    path.parent.mkdir(exist_ok=True)
    Image.new("RGB", (8, 8)).save(path, pnginfo=told)
    return path


def test_run_like_a_picture_with_flags_over_it(tmp_path: Path, fake: FakeDaemon):
    told = stablenew(
        tmp_path, "run", "--like", str(png(tmp_path / "a.png")), "--seed", "5", "--count", "2", "--no-wait"
    )

    assert told.code == 0, told.err
    (asked,) = [one for one in fake.asked if one.path == "/v1/runs"]
    assert (asked.fields["prompt"], asked.fields["seed"], asked.fields["count"]) == ("a mill", 5, 2)
    assert asked.fields["literal"] is True
    stage = json.loads(dict(asked.fields["pipeline"])["text"])["stages"][0]  # type: ignore[call-overload]
    assert (stage["sampler"], stage["steps"], stage["model"], stage["height"]) == ("Euler a", 20, "toy", 640)


def test_with_another_pipeline_its_settings_go_over_that_one(tmp_path: Path, fake: FakeDaemon):
    words = ("--pipeline", "portraits", "--set", "txt2img.steps=5")
    told = stablenew(tmp_path, "run", "--like", str(png(tmp_path / "a.png")), *words, "--no-wait")

    assert told.code == 0, told.err
    (asked,) = [one for one in fake.asked if one.path == "/v1/runs"]
    assert asked.fields["pipeline"] == "portraits"
    assert asked.fields["set"] == [
        "txt2img.sampler=Euler a", "txt2img.width=512", "txt2img.height=640", "txt2img.model=toy", "txt2img.steps=20",
        "txt2img.cfg=7.0", "txt2img.steps=5",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere.png", "nowhere.png: there is no such file. Check the path."),
        ("torn.png", "torn.png: the picture ends early, at byte 8. Take another copy of it."),
        ("plain.png", "plain.png: it says nothing of how it was made."),
    ],
)
def test_a_picture_that_nothing_can_be_made_like(tmp_path: Path, fake: FakeDaemon, name: str, sentence: str):
    png(tmp_path / "plain.png", "")
    (tmp_path / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    told = stablenew(tmp_path, "run", "--like", str(tmp_path / name))

    assert (told.code, told.out) == (2, "")
    assert told.err.startswith(f"{tmp_path}/{sentence}")
    assert fake.asked == []


def test_a_folder_is_kept_with_what_lies_beside_its_pictures(tmp_path: Path, fake: FakeDaemon):
    folder = tmp_path / "old"
    png(folder / "b.png")
    png(folder / "a.png", "").with_suffix(".txt").write_text("a boat")
    (folder / "notes.md").write_text("no picture")
    (folder / "link.png").symlink_to("/etc/passwd")
    fake.answers["/v1/images/import"] = (200, {"run": "k3mpw7ab", "images": ["i1"], "known": ["b.png"], "silent": []})

    told = stablenew(tmp_path, "image", "import", str(folder), "--tag", "x", "--key", "k1")

    assert (told.code, told.out) == (0, "k3mpw7ab\n")
    assert "1 picture kept, 1 were here already." in told.err
    (asked,) = [one for one in fake.asked if one.path == "/v1/images/import"]
    assert asked.key == "k1"
    assert asked.fields == {
        "files": [{"sha256": "ef" * 32, "name": "a.png", "beside": "a boat"},
                  {"sha256": "ef" * 32, "name": "b.png", "beside": ""}],
        "name": "old", "tags": ["x"],
    }  # fmt: skip


def test_pictures_are_posted_and_favourites_synced(tmp_path: Path, fake: FakeDaemon):
    rows = [{**IMAGE_ROW, "id": f"i{number}"} for number in range(25)]
    fake.answers["/v1/images"] = (200, page(*rows))
    fake.answers["/v1/images/post"] = (200, {"posted": ["i1"], "known": [], "failed": {"i2": "too large"}})
    fake.answers["/v1/images/sync"] = (200, {"sent": ["i1"], "taken": [], "gone": ["i9"], "failed": {}})

    posted = stablenew(tmp_path, "image", "post", "stars:>=4")
    synced = stablenew(tmp_path, "image", "sync", "--json")

    assert posted.code == 1
    assert "2 pictures posted." in posted.err
    assert "i2: too large" in posted.err
    sent = [one.fields["select"] for one in fake.asked if one.path == "/v1/images/post"]
    assert [len(some) for some in sent if isinstance(some, list)] == [20, 5]
    assert synced.document["gone"] == ["i9"]
