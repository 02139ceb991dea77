"""What was deleted from the library lies aside, and comes back as it was."""

import errno
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `library_world`

from library_world import put

from daemon.library import aside
from daemon.library.shelf import FolderShelf
from schema.errors import Refused
from schema.places import places


@pytest.fixture
def home(tmp_path):
    return places({"STABLENEW_HOME": str(tmp_path / "home")})


@pytest.fixture
def shelf(home):
    return FolderShelf(home)


@pytest.mark.parametrize(
    ("kind", "file", "name", "content"),
    [
        ("pack", "packs/boats.txt", "boats", "a boat\r\n\r\na ship\r\n".encode("utf-16")),
        ("wildcard", "wildcards/sky/high.txt", "sky/high", b"\xef\xbb\xbfmare's tails\n"),
        ("preset", "presets/fine.json", "fine", b'{"txt2img": {"steps": 9}}'),
    ],
)
def test_a_deleted_file_comes_back_byte_for_byte(home, shelf, kind, file, name, content):
    path = put(home, file, content)
    shelf.delete(kind, name)
    assert not path.exists() and name not in shelf.names(kind)
    assert shelf.bring_back(kind, name.upper()).name == name
    assert path.read_bytes() == content and name in shelf.names(kind)
    with pytest.raises(Refused, match="was deleted lately"):
        shelf.bring_back(kind, name)


def test_what_lies_on_another_disk_is_deleted_and_comes_back_too(home, shelf, monkeypatch):
    path = put(home, "packs/boats.txt", b"a boat\n")
    rename = Path.rename

    def within_a_disk(self, to):
        if (".deleted" in self.parts) != (".deleted" in Path(to).parts):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", within_a_disk)
    shelf.delete("pack", "boats")
    assert not path.exists() and "boats" not in shelf.names("pack")
    shelf.bring_back("pack", "boats")
    assert path.read_bytes() == b"a boat\n" and [one.name for one in path.parent.iterdir()] == ["boats.txt"]


def test_of_several_of_one_name_the_last_comes_back_and_none_takes_anothers_place(home, shelf):
    for text in (b"old\n", b"new\n"):
        put(home, "packs/boats.txt", text)
        shelf.delete("pack", "boats")
    path = put(home, "packs/boats.txt", b"other\n")
    with pytest.raises(Refused, match="again"):
        shelf.bring_back("pack", "boats")
    assert path.read_bytes() == b"other\n"
    path.unlink()
    shelf.bring_back("pack", "boats")
    assert path.read_bytes() == b"new\n"


def test_one_style_of_a_file_of_many_comes_back_whatever_it_is_called(home, shelf):
    put(home, "styles/mine.csv", b'name,prompt,negative_prompt\n"../ink: a",ink of {prompt},blur\noil,oil,\n')
    shelf.delete("style", "../ink: a")
    assert [style.name for style in shelf.styles() if style.source.startswith("mine")] == ["oil"]
    shelf.bring_back("style", "../ink: a")
    found = next(style for style in shelf.styles() if style.name == "../ink: a")
    assert (found.prompt, found.negative) == ("ink of {prompt}", "blur")
    assert {path.parent for path in home.config.rglob("*.csv")} == {home.config / "styles"}


def test_only_so_many_are_kept(home, shelf, monkeypatch):
    monkeypatch.setattr(aside, "MOST", 2)
    for number in range(4):
        put(home, f"packs/p{number}.txt", b"a boat\n")
        shelf.delete("pack", f"p{number}")
    for number, kept in enumerate((False, False, True, True)):
        if kept:
            shelf.bring_back("pack", f"p{number}")
        else:
            with pytest.raises(Refused):
                shelf.bring_back("pack", f"p{number}")
