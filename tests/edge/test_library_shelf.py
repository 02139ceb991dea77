"""The library's folders: what is found, what wins, what is written, what is refused."""

import os
import sys
from pathlib import Path
from typing import get_args

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `library_world`

from library_world import put

from daemon.library.kinds import Kind
from daemon.library.shelf import FolderShelf
from daemon.prompting.packs import read_pack
from daemon.prompting.pipelines import read_pipeline
from daemon.prompting.plan import make_plan
from schema.errors import Refused
from schema.pipeline import STANDARD
from schema.places import places
from schema.requests import RunRequest
from schema.settings import Settings

ONE = '[{"type": "txt2img", "steps": 9}]'


@pytest.fixture
def home(tmp_path):
    return places({"STABLENEW_HOME": str(tmp_path)})


@pytest.fixture
def shelf(home):
    return FolderShelf(home)


def refusal(call, *args, **more):
    with pytest.raises(Refused) as refused:
        call(*args, **more)
    return refused.value.told()


def test_without_any_folder_the_programs_own_packs_and_pipeline_are_there(shelf):
    assert [entry.name for entry in shelf.entries("pack")] == ["harbour", "orchard", "seasons"]
    assert [entry.name for entry in shelf.entries("pipeline")] == ["standard"]
    assert shelf.entries("preset") == () and [entry.name for entry in shelf.entries("profile")] == ["mira"]
    assert read_pipeline("standard.json", shelf.pipeline("standard").text) == STANDARD


@pytest.mark.parametrize(("name", "prompts"), [("harbour", 6), ("seasons", 4), ("orchard", 3)])
def test_each_pack_that_comes_along_can_be_planned(shelf, name, prompts):
    made = make_plan(
        RunRequest(packs=(name,), seed=1),
        library=shelf,
        settings=Settings(),
        drawn_seed=0,
        now=0.0,
        drawn_folder="f",
    )
    assert len(made.jobs) == prompts and made.warnings == ()


def test_json_wins_over_text_and_text_over_tables(home, shelf):
    for name, text in (("knights.tsv", "table"), ("knights.txt", "text"), ("knights.json", '{"slots":[{"text":"j"}]}')):
        put(home, f"packs/{name}", text)
    assert shelf.pack("knights")[0].name == "knights.json"
    assert shelf.pack("KNIGHTS.txt")[0].text == "text"
    assert [entry.name for entry in shelf.entries("pack")].count("knights") == 1
    (home.packs / "knights.json").unlink()
    assert shelf.pack("knights")[0].name == "knights.txt"


def test_a_json_without_prompts_lends_its_settings_to_the_text_beside_it(home, shelf):
    put(home, "packs/heroes.txt", "a knight in the rain")
    put(home, "packs/heroes.json", '{"pack_data": {"slots": []}, "preset_data": {"txt2img": {"steps": 42}}}')
    made = make_plan(
        RunRequest(packs=("heroes",)), library=shelf, settings=Settings(), drawn_seed=0, now=0.0, drawn_folder="f"
    )
    assert made.jobs[0].prompt == "a knight in the rain" and made.jobs[0].overlay == {"txt2img.steps": 42}
    assert shelf.text("pack", "heroes").name == "heroes.txt"
    assert shelf.pack("heroes.json")[0].name == "heroes.json"


def test_a_persons_pack_stands_before_the_programs(home, shelf):
    put(home, "packs/harbour.tsv", "my own harbour")
    assert shelf.pack("harbour")[0].text == "my own harbour"
    assert not next(entry for entry in shelf.entries("pack") if entry.name == "harbour").builtin


def test_a_changed_file_is_read_again(home, shelf):
    path = put(home, "packs/p.txt", "before")
    assert shelf.pack("p")[0].text == "before"
    path.write_text("after!")
    assert shelf.pack("p")[0].text == "after!"
    stat = path.stat()
    path.write_text("later!")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert shelf.pack("p")[0].text == "later!"


def test_lists_stand_for_packs_and_are_none_themselves(home, shelf):
    put(home, "packs/lists.json", '{"evening": ["harbour.txt", "seasons"], "empty": []}')
    assert [file.name for file in shelf.pack("evening")] == ["harbour.txt", "seasons.tsv"]
    assert "lists" not in [entry.name for entry in shelf.entries("pack")]
    assert shelf.lists()["evening"] == ("harbour.txt", "seasons")
    put(home, "packs/lists.json", '{"evening": ["nowhere"]}')
    assert "there is no pack 'nowhere'" in refusal(shelf.pack, "evening")


def test_one_broken_pack_does_not_disturb_the_others(home, shelf):
    put(home, "packs/broken.json", '{"slots": [')
    put(home, "packs/latin.txt", "caf\xe9".encode("latin-1"))
    put(home, "packs/huge.txt", b"x" * 1_000_001)
    assert shelf.pack("harbour")
    file = shelf.pack("broken")[0]
    assert "broken.json:1: broken JSON" in refusal(read_pack, file.name, file.text)
    assert "latin.txt:1: is no UTF-8 text: byte 0xe9" in refusal(shelf.pack, "latin")
    assert "is larger than 1000 kB" in refusal(shelf.pack, "huge")


def test_unknown_names_tell_the_nearest(shelf):
    assert "Did you mean 'harbour'?" in refusal(shelf.pack, "harbur")
    assert "Did you mean 'standard'?" in refusal(shelf.pipeline, "standart")
    assert "There is none yet; files go to" in refusal(shelf.preset, "soft")


@pytest.mark.parametrize("name", ["../config", "/etc/passwd", "..", ".hidden", "a/b", "a\x1bb", "", "n" * 300, "a:b"])
def test_no_name_leads_out_of_the_folder(home, shelf, name):
    put(home, "config.json", ONE)
    refusal(shelf.pipeline, name)
    refusal(shelf.save, "pipeline", name, ONE)
    assert not (home.config / "pipelines").exists()


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize(
    "name", ["n" * 300, "\u00e9" * 200, "a\0b", "\ud800", "n/" * 3000, "*", "[", "\u202e", "~", "%2e%2e"]
)
def test_a_name_that_no_file_may_have_is_one_nobody_gave(home, shelf, kind, name):
    shelf.folders[kind].mkdir(parents=True)
    for ask in (shelf.text, shelf.delete):
        refusal(ask, kind, name)
    refusal(shelf.rename, kind, name, "other")
    assert [path for path in home.config.rglob("*") if path.is_file()] == []


def test_a_pipeline_is_saved_renamed_and_deleted(home, shelf):
    entry = shelf.save("pipeline", "evening", ONE)
    assert entry.path == home.config / "pipelines" / "evening.json"
    assert read_pipeline("x.json", shelf.pipeline("evening").text).stages[0].steps == 9
    assert shelf.save("pipeline", "evening", "- type: txt2img\n").path.name == "evening.yaml"
    assert [one.name for one in shelf.entries("pipeline")] == ["evening", "standard"]
    assert "there is a pipeline 'evening' already" in refusal(shelf.save, "pipeline", "evening", ONE, replace=False)
    shelf.save("pipeline", "morning", ONE)
    assert "there is a pipeline 'morning' already" in refusal(shelf.rename, "pipeline", "evening", "morning")
    assert shelf.rename("pipeline", "evening", "night").path.name == "night.yaml"
    shelf.delete("pipeline", "night")
    assert [one.name for one in shelf.entries("pipeline")] == ["morning", "standard"]
    assert sorted(path.name for path in (home.config / "pipelines").iterdir()) == ["morning.json"]


def test_a_list_of_packs_is_kept_like_a_pack(home, shelf):
    entry = shelf.save("pack", "evening.json", '{"evening": ["harbour", "seasons"]}')
    assert (entry.name, entry.path) == ("evening", home.packs / "evening.json")
    assert len(shelf.pack("evening")) == 2
    assert "there is a pack 'evening' already" in refusal(
        shelf.save, "pack", "evening.json", '{"evening": ["harbour"]}', replace=False
    )


def test_what_is_built_in_stays(shelf):
    assert "stays as it is" in refusal(shelf.save, "pipeline", "Standard", ONE)
    assert "comes with the program" in refusal(shelf.delete, "pipeline", "standard")
    assert "comes with the program" in refusal(shelf.rename, "pack", "harbour", "port")
    shelf.save("pack", "harbour.txt", "my own")
    shelf.delete("pack", "harbour")
    assert "quiet harbour" in shelf.pack("harbour")[0].text


def test_nothing_broken_is_saved(home, shelf):
    assert "is too large" in refusal(shelf.save, "pipeline", "p", '[{"type": "txt2img", "steps": 999}]')
    assert "holds no prompt" in refusal(shelf.save, "pack", "p.txt", "# nothing")
    assert "broken JSON" in refusal(shelf.save, "preset", "p", "{")
    assert not home.config.exists()


def test_presets_are_found_for_a_plan(home, shelf):
    shelf.save("preset", "soft", '{"txt2img": {"steps": 33}}')
    made = make_plan(
        RunRequest(prompt="a boat", preset="soft"),
        library=shelf,
        settings=Settings(),
        drawn_seed=0,
        now=0.0,
        drawn_folder="f",
    )
    assert made.spec.stages[0].steps == 33


def test_a_folder_that_cannot_be_written_is_told(home, shelf):
    (home.config).mkdir(parents=True)
    (home.config / "pipelines").write_text("a file in the way")
    assert "pipelines" in refusal(shelf.save, "pipeline", "p", ONE)
