"""Folders of models: what came, moved and went, whose kind each is, what is hostile in them, and what is kept."""

import os
import sqlite3
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from models_made import A1111, CIVITAI, KOHYA, beside, safetensors

from daemon.library.models.index import Index
from daemon.library.models.store import Store


class Clock:
    now = 2_000_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def index(root, tmp_path):
    it = opened(tmp_path, root)
    yield it
    it.close()


def opened(tmp_path, *roots):
    it = Index(roots, Store(tmp_path / "models.db"), Clock())
    it.load()
    return it


def names(index):
    return {(one.list, one.name) for one in index.files.values()}


def only(index):
    [one] = index.files.values()
    return one


@pytest.mark.parametrize(
    ("path", "list_", "name"),
    [
        ("Lora/sea_haze.safetensors", "loras", "sea_haze"),
        ("loras/sub/sea_haze.safetensors", "loras", "sub/sea_haze"),
        ("models/Stable-diffusion/toy.ckpt", "models", "toy"),
        ("checkpoints/xl/toy.safetensors", "models", "xl/toy"),
        ("VAE/soft.pt", "vaes", "soft"),
        ("ESRGAN/4x.pth", "upscalers", "4x"),
        ("ControlNet/edge.safetensors", "controls", "edge"),
        ("text_encoders/t5.safetensors", "encoders", "t5"),
        ("anything/haze.safetensors", "loras", "anything/haze"),  # by its tensors
        ("anything/x.bin", "models", "anything/x"),
    ],
)
def test_folders_and_headers_say_what_a_file_is(index, root, path, list_, name):
    safetensors(root / path)

    index.scan()

    assert names(index) == {(list_, name)}


def test_what_came_moved_changed_and_went_is_counted(index, root):
    one, two = safetensors(root / "Lora/a.safetensors", seed=1), safetensors(root / "Lora/b.safetensors", seed=2)
    assert index.scan().added == 2
    was = index.files

    two.unlink()
    one.rename(root / "Lora/renamed.safetensors")
    safetensors(root / "Lora/c.safetensors", seed=3)
    told = index.scan()

    assert (told.added, told.moved, told.changed, told.gone, told.files) == (1, 1, 0, 1, 2)
    moved = index.files[str(root / "Lora/renamed.safetensors")]
    assert (moved.key, moved.added) == (was[str(one)].key, was[str(one)].added)

    beside(root / "Lora/c.safetensors", ".json", A1111)
    assert index.scan().changed == 1


def test_untouched_files_are_not_opened_again(index, root, monkeypatch):
    safetensors(root / "Lora/a.safetensors")
    index.scan()
    monkeypatch.setattr("daemon.library.models.index.read", lambda *words: pytest.fail("it was opened"))

    told = index.scan()

    assert (told.files, told.added, told.changed) == (1, 0, 0)


def test_a_restart_takes_up_what_was_known(index, root, tmp_path, monkeypatch):
    safetensors(root / "Lora/a.safetensors", KOHYA)
    index.scan()
    before = dict(index.files)
    index.close()
    monkeypatch.setattr("daemon.library.models.index.read", lambda *words: pytest.fail("it was opened"))

    again = opened(tmp_path, root)

    assert dict(again.files) == before and again.scan().added == 0
    again.close()


@pytest.mark.parametrize("damage", ["garbage", "other", "row"])
def test_a_damaged_index_is_made_again(index, root, tmp_path, damage):
    safetensors(root / "Lora/a.safetensors")
    index.scan()
    index.close()
    path = tmp_path / "models.db"
    if damage == "garbage":
        path.write_bytes(b"no database" * 1000)
    else:
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 7" if damage == "other" else "UPDATE files SET known = x'c1'")
        db.close()

    again = opened(tmp_path, root)

    assert again.files == {} and again.scan().added == 1
    again.close()


def test_a_file_that_is_still_being_written_is_listed_and_then_whole(index, root):
    whole = safetensors(root / "source.safetensors", KOHYA).read_bytes()
    (root / "source.safetensors").unlink()
    growing = root / "Lora/growing.safetensors"
    growing.parent.mkdir()
    growing.write_bytes(whole[:3000])
    index.scan()
    assert only(index).short and "still being written" in only(index).trouble

    with growing.open("ab") as file:
        file.write(whole[3000:])
    index.scan()

    assert not only(index).short and not only(index).trouble and only(index).said.title == "sea haze"


def test_hostile_folders_cost_a_sentence_and_the_rest_is_listed(index, root, tmp_path):
    safetensors(root / "Lora/good.safetensors")
    (root / "Lora/circle").symlink_to(root)
    (root / "Lora/dangling.safetensors").symlink_to(tmp_path / "nowhere")
    os.mkfifo(root / "Lora/pipe.safetensors")
    (root / "Lora/folder.safetensors").mkdir()
    (root / "Lora/empty.safetensors").touch()
    (root / "Lora/pickle.pt").write_bytes(b"PK\x03\x04 half a zip")
    Path(os.fsdecode(os.fsencode(root) + b"/Lora/\xff.safetensors")).write_bytes(b"x")
    deep = root.joinpath(*"abcdefghijklmno")
    deep.mkdir(parents=True)
    (root / "Lora/.hidden.safetensors").write_bytes(b"x")

    told = index.scan()

    assert {name for _, name in names(index)} == {"good", "empty", "pickle"}
    assert {one.name for one in index.files.values() if one.short} == {"empty", "pickle"}
    assert any("rename it" in trouble for trouble in told.troubles)
    assert any("too deep" in trouble for trouble in told.troubles)


def test_a_folder_that_may_not_be_read_is_told(index, root, monkeypatch):
    safetensors(root / "Lora/good.safetensors")
    (root / "locked").mkdir()
    look = os.scandir

    def denied(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return look(path)

    monkeypatch.setattr(os, "scandir", denied)

    told = index.scan()

    assert told.files == 1 and told.troubles == (f"{root}/locked: permission denied",)


def test_a_folder_that_is_not_there_is_told_and_may_come_later(tmp_path):
    it = opened(tmp_path, tmp_path / "later")
    assert it.scan().troubles == (f"{tmp_path}/later: there is no such folder",)

    safetensors(tmp_path / "later/Lora/a.safetensors")

    assert it.scan().added == 1
    it.close()


def test_a_full_disk_costs_the_index_only(index, root, tmp_path, monkeypatch):
    safetensors(root / "Lora/a.safetensors")

    def full(*words):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Store, "_connect", full)

    assert index.scan().added == 1 and len(index.files) == 1
    assert index.hashes(only(index).key) == {}


def test_a_folder_of_diffusers_is_one_model(index, root):
    safetensors(root / "toy/unet/diffusion.safetensors")
    (root / "toy/model_index.json").write_text("{}")

    index.scan()

    assert names(index) == {("models", "toy")} and only(index).folder


def test_a_folder_within_another_is_looked_into_once(tmp_path, root):
    safetensors(root / "Lora/a.safetensors")

    it = opened(tmp_path, root, root / "Lora", root)
    it.scan()

    assert it.roots == (root,) and len(it.files) == 1
    it.close()


def test_links_to_files_elsewhere_are_followed(index, root, tmp_path):
    real = safetensors(tmp_path / "cache/blob", KOHYA)
    (root / "Lora").mkdir()
    (root / "Lora/linked.safetensors").symlink_to(real)

    index.scan()

    assert only(index).name == "linked" and only(index).said.title == "sea haze"


PLACES = ("0", "1", "sub/0", "VAE/0")
STEPS = ("add", "move", "drop", "note", "folder")
WORLD = st.lists(st.tuples(*map(st.sampled_from, (STEPS, PLACES, PLACES))), max_size=12)


@pytest.mark.parametrize("partly", [False, True])
@settings(max_examples=12, deadline=None)
@given(steps=WORLD)
def test_the_index_is_what_a_fresh_look_finds(tmp_path_factory, steps, partly):
    """However it came about: looked through whole after every step, or only where something was touched."""
    check_steps(tmp_path_factory.mktemp("world"), steps, partly)


@pytest.mark.long
@settings(max_examples=800, deadline=None)
@given(steps=WORLD, partly=st.booleans())
def test_many_indices_are_what_a_fresh_look_finds(tmp_path_factory, steps, partly):
    check_steps(tmp_path_factory.mktemp("world"), steps, partly)


def check_steps(folder, steps, partly):
    root = folder / "Lora"
    root.mkdir()
    index = opened(folder, root)
    for step in steps:
        touched = done(root, *step)
        index.scan(touched=touched if partly else None)
    fresh = Index([root], Store(folder / "fresh.db"), Clock())
    fresh.load()
    fresh.scan()

    def content(it):
        return {path: (known.key, known.said, known.stamp) for path, known in it.files.items()}

    assert content(index) == content(fresh)
    index.close()
    fresh.close()


def done(root, what, one, other):
    """The paths that were touched."""
    path, to = root / f"{one}.safetensors", root / f"{other}.safetensors"
    if what == "add":
        safetensors(path, seed=PLACES.index(other))
    elif what == "folder":
        path.parent.mkdir(exist_ok=True)
        (path.parent / "model_index.json").write_text("{}")
        return {str(path.parent / "model_index.json")}
    elif path.exists() and what == "move":
        to.parent.mkdir(exist_ok=True)
        path.rename(to)
    elif path.exists() and what == "drop":
        path.unlink()
    elif path.exists():
        return {str(beside(path, ".civitai.info", CIVITAI))}
    return {str(path), str(to)}
