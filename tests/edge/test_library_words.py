"""Wildcards and styles of the library's folders: found, remembered, and there although others are broken or hostile."""

import os
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `library_world`

from library_world import put

from daemon.library.shelf import FolderShelf
from schema.errors import Refused
from schema.places import places

OURS = "stablenew/"


@pytest.fixture
def home(tmp_path):
    return places({"STABLENEW_HOME": str(tmp_path / "home")})


@pytest.fixture
def shelf(home):
    return FolderShelf(home)


def texts(shelf, name):
    return [value.text for value in shelf.tables().values(name)]


def own(shelf):
    return [name for name in shelf.names("wildcard") if not name.startswith(OURS)]


def test_lines_and_maps_of_all_folders_are_one_library(home, shelf):
    put(home, "wildcards/sky.txt", "dawn\ndusk\n")
    put(home, "wildcards/weather/any.yaml", "rain: [3::drizzle, storm]\nfog: thick fog\n")
    put(home, "wildcards/weather/low.json", '["mist"]')
    assert own(shelf) == ["sky", "weather/fog", "weather/low", "weather/rain"]
    assert texts(shelf, "sky") == ["dawn", "dusk"] and texts(shelf, "RAIN") == ["drizzle", "storm"]
    assert texts(shelf, "weather/*") == ["thick fog", "mist", "drizzle", "storm"]
    assert shelf.tables().values("sky")[1].source == "wildcard sky.txt:2"
    assert texts(shelf, "nowhere") == [] and texts(shelf, "weathers")


def test_what_changes_is_seen_at_the_next_look_and_a_plan_keeps_what_it_saw(home, shelf):
    path = put(home, "wildcards/sky.txt", "dawn")
    before = shelf.tables()
    assert [one.text for one in before.values("sky")] == ["dawn"]
    stat = path.stat()
    path.write_text("dusk")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    put(home, "wildcards/new/one.txt", "x")
    assert texts(shelf, "sky") == ["dusk"] and "new/one" in own(shelf)
    assert [one.text for one in before.values("sky")] == ["dawn"]
    path.unlink()
    assert texts(shelf, "sky") == []


def test_a_persons_own_stands_before_the_programs_and_lines_before_maps(home, shelf):
    put(home, "wildcards/stablenew.yaml", "stablenew: {weathers: [mine]}\nsky: [of the map]\n")
    put(home, "wildcards/sky.txt", "of the lines")
    assert texts(shelf, "stablenew/weathers") == ["mine"] and texts(shelf, "sky") == ["of the lines"]
    assert "'sky' stands in sky.txt too, which is the one that counts" in "\n".join(shelf.troubles("wildcard"))


BOMB = "a: &a [x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(20)
)
HOSTILE = {
    "half.json": b'{"sky2": ["a", ',
    "bomb.yaml": BOMB.encode(),
    "code.yaml": b"a: !!python/object/apply:os.system [x]",
    "nan.yaml": b"a: [{text: b, weight: .nan}]",
    "latin.yaml": "name: [caf\xe9]".encode("latin-1"),
    "zeros.yaml": b"\0" * 4096,
    "deep.json": b"[" * 5000,
    "huge.yaml": b"x: " + b"y" * 8_000_001,
}


def test_a_broken_or_hostile_file_is_named_and_the_others_are_there(home, shelf):
    for name, body in HOSTILE.items():
        put(home, f"wildcards/{name}", body)
    put(home, "wildcards/latin.txt", "caf\xe9".encode("latin-1"))
    put(home, "wildcards/zeros.txt", b"a\n" + b"\0" * 100)
    put(home, "wildcards/good.txt", "fine")
    assert texts(shelf, "good") == ["fine"] and texts(shelf, "latin") == texts(shelf, "zeros") == []
    told = "\n".join(shelf.troubles("wildcard"))
    for name in HOSTILE:
        assert name in told, name


def test_marks_utf_16_and_line_ends_of_other_systems_are_read(home, shelf):
    put(home, "wildcards/a.txt", b"\xef\xbb\xbfdawn\r\n\r\ndusk\r\n")
    put(home, "wildcards/b.txt", "d\xe4mmerung\r\nnacht".encode("utf-16"))
    put(home, "wildcards/c.txt", "morgen\rabend".encode("utf-16-be").join([b"\xfe\xff", b""]))
    assert texts(shelf, "a") == ["dawn", "dusk"] and texts(shelf, "b") == ["d\xe4mmerung", "nacht"]
    assert texts(shelf, "c") == ["morgen", "abend"]


def test_no_link_is_followed_out_of_the_library(home, shelf, tmp_path):
    (tmp_path / "secret.txt").write_text("password")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/inside.txt").write_text("password")
    put(home, "wildcards/good.txt", "fine")
    root = home.config / "wildcards"
    (root / "secret.txt").symlink_to(tmp_path / "secret.txt")
    (root / "folder").symlink_to(tmp_path / "folder")
    (root / "loop").symlink_to(root)
    (root / "self.txt").symlink_to(root / "self.txt")
    (root / "same.txt").symlink_to(root / "good.txt")
    (root / "null.txt").symlink_to("/dev/zero")
    os.mkfifo(root / "pipe.txt")
    assert own(shelf) == ["good", "same"] and texts(shelf, "same") == ["fine"]
    told = "\n".join(shelf.troubles("wildcard"))
    assert told.count("leads out of the library's folder") == 3 and "self.txt: is a link that leads nowhere" in told
    with pytest.raises(Refused, match="leads out of the library's folder"):
        shelf.text("wildcard", "secret")


@pytest.mark.parametrize("kind", ["pack", "preset", "profile", "style", "template", "overlay"])
def test_links_out_of_any_folder_of_the_library_are_passed_over_and_told(home, shelf, tmp_path, kind):
    (tmp_path / "secret.json").write_text('{"txt2img": {"steps": 1}}')
    folder = home.config / f"{kind}s"
    folder.mkdir(parents=True)
    (folder / "secret.json").symlink_to(tmp_path / "secret.json")
    os.mkfifo(folder / "pipe.json")
    assert "secret" not in [entry.name for entry in shelf.entries(kind)]
    assert "secret.json: is a link that leads out" in "\n".join(shelf.troubles(kind))


def test_a_map_by_an_ending_that_no_program_reads_is_told(home, shelf):
    put(home, "wildcards/sky.yml", "sky: [dawn]")
    assert own(shelf) == [] and "Call it .yaml." in shelf.troubles("wildcard")[0]


def test_names_that_would_steer_a_terminal_are_no_wildcards(home, shelf):
    put(home, "wildcards/evil\x1b[2J.txt", "x")
    put(home, "wildcards/.hidden.txt", "x")
    put(home, "wildcards/map.yaml", '"evil\\x1b[2J": [a]\n')
    assert own(shelf) == ["evil[2J"]


def test_styles_of_all_files_are_one_list_and_a_broken_file_is_named(home, shelf):
    put(home, "styles/mine.csv", "name,prompt\nink wash,my own\nnew,x\n")
    put(home, "styles/more.json", '[{"name": "NEW", "prompt": "second"}, {"name": "third", "prompt": "y"}]')
    put(home, "styles/broken.csv", 'name,prompt\nink,"never ends')
    put(home, "styles/odd.json", '{"a": 3}')
    by_name = {style.name: style for style in shelf.styles()}
    assert (by_name["ink wash"].prompt, by_name["new"].prompt, by_name["third"].prompt) == ("my own", "x", "y")
    assert "NEW" not in by_name and "watercolour" in by_name
    told = "\n".join(shelf.troubles("style"))
    assert "broken.csv:2:5: this quote never ends" in told and "odd.json:1:2: no style" in told


def test_many_threads_may_ask_at_once(home, shelf):
    for number in range(40):
        put(home, f"wildcards/w{number}.txt", f"{number}\n")
    wrong: list[object] = []

    def ask():
        for number in range(40):
            if texts(shelf, f"w{number}") != [str(number)]:
                wrong.append(number)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
