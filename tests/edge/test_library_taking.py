"""Whole folders of StableNew come in: byte for byte, counted, and what is broken or empty is named."""

import json

import pytest

from daemon.library.shelf import FolderShelf
from daemon.library.verbs import main
from daemon.prompting.packs import read_pack
from schema.places import places

RECORD = '{"run_id": "r1", "timestamp": "2025-11-01", "base_config": {}, "metadata": {"rating": 4}}\n'

FILES = {
    "packs/heroes.txt": b"\xef\xbb\xbfa knight\r\nneg: fog\r\n",
    "packs/heroes.json": b'{"pack_data": {"slots": []}, "preset_data": {"txt2img": {"steps": 42}}}',
    "packs/beasts.json": b'{"pack_data": {"name": "beasts", "slots": [{"index": 0, "text": "a heron"}]}}',
    "packs/old.json": b'{"txt2img": {"steps": 7}, "api": {}}',
    "packs/gone.json": b'{"pack_data": {"slots": []}, "preset_data": {"upscale": {"upscaling_resize": 2}}}',
    "packs/half.json": b'{"slots": [{"text": "a ',
    "packs/blank.txt": b"  \n",
    "packs/heroes.json.bak": b"{}",
    "lists/Full List.json": b'{"packs": ["heroes.txt", "beasts.json"]}',
    "custom_pack_lists.json": b'{"evening": ["heroes.txt"]}',
    "presets/soft.json": b'{"txt2img": {"steps": 20, "cfg_scale": 6}}',
    "presets/broken.json": b"not json",
    "presets/empty.json": b"",
    "presets/settings.json": b'{"window": "large"}',
    "presets/global_negative.txt": b"blurry, text",
    "presets/.default_preset": b"soft",
    "wildcards/sky/low.txt": b"mist\n",
    "styles.csv": b"name,prompt\nink,{prompt} in ink\n",
    "data/prompt_templates.json": b'{"templates": {"wide": {"category": "shot", "template": "wide {scene}"}}}',
    "data/lora_cache.json": b'{"a": {"prompt": "x"}}',
    "output/learning/learning_records.jsonl": (RECORD + '{"run_id": "r2", "base' + "\n" + RECORD).encode(),
    "output/2025/image.json": b'{"prompt": "x"}',
    "src/pipeline/packs/inner.txt": b"not a pack",
    "README.md": b"# read me",
    "requirements.txt": b"requests",
}


@pytest.fixture
def stablenew(tmp_path):
    root = tmp_path / "StableNew"
    for name, body in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return root


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path / "home"))
    return places({"STABLENEW_HOME": str(tmp_path / "home")})


def take(capsys, *words):
    code = main(["library", "take", *map(str, words), "--json"])
    told = capsys.readouterr()
    return code, json.loads(told.out.splitlines()[0]) if told.out else {}, told.err


def test_a_whole_folder_comes_in_byte_for_byte(stablenew, capsys, home):
    code, told, _ = take(capsys, stablenew)
    assert code == 0 and told["counts"] == {
        "pack": {"taken": 3, "broken": 1, "empty": 1},
        "list": {"taken": 2},
        "preset": {"taken": 3, "broken": 1, "empty": 1, "passed": 1},
        "style": {"taken": 2},
        "wildcard": {"taken": 1},
        "template": {"taken": 1},
        "learning": {"taken": 1},
    }
    assert (home.packs / "heroes.txt").read_bytes() == FILES["packs/heroes.txt"]
    assert not (home.packs / "inner.txt").exists() and not (home.packs / "requirements.txt").exists()


def test_everything_that_came_in_is_there_to_be_used(stablenew, capsys, home):
    take(capsys, stablenew)
    shelf = FolderShelf(home)
    file = shelf.pack("heroes")[0]
    assert read_pack(file.name, file.text).prompts[0].negative == "fog" and '"steps":42' in file.settings
    assert shelf.lists() == {"Full List": ("heroes.txt", "beasts.json"), "evening": ("heroes.txt",)}
    assert [entry.name for entry in shelf.entries("preset")] == ["gone", "old", "soft"]
    assert [one.text for one in shelf.tables().values("sky/low")] == ["mist"]
    assert {"ink", "global"} < {style.name for style in shelf.styles()}
    assert shelf.template("wide").prompt == "wide {scene}"


def test_what_is_broken_or_empty_is_named_with_its_line(stablenew, capsys):
    _, told, err = take(capsys, stablenew)
    by_name = {item["path"].partition("StableNew/")[2]: item for item in told["items"]}
    assert "half.json:1: broken JSON" in by_name["packs/half.json"]["why"]
    assert by_name["presets/empty.json"]["outcome"] == by_name["packs/blank.txt"]["outcome"] == "empty"
    assert "holds no settings of stages" in by_name["presets/settings.json"]["why"]
    for name in ("half.json:1", "broken.json:1", "empty.json: is empty", "blank.txt: is empty"):
        assert name in err


def test_learning_records_are_copied_whole_to_where_they_are_looked_for(stablenew, capsys, home):
    _, told, err = take(capsys, stablenew)
    copied = home.data / "learning/imported/StableNew/output/learning/learning_records.jsonl"
    assert told["records"] == 2 and told["learning"] == str(home.data / "learning/imported")
    assert copied.read_bytes() == FILES["output/learning/learning_records.jsonl"]
    assert "learning_records.jsonl:2:" in err and "a record is broken" in err


def test_a_second_time_nothing_changes_and_what_differs_stays_unless_told(stablenew, capsys, home):
    take(capsys, stablenew)
    (home.packs / "heroes.txt").write_text("mine")
    code, told, err = take(capsys, stablenew)
    assert code == 0 and told["counts"]["pack"] == {"differs": 1, "there": 2, "broken": 1, "empty": 1}
    assert (home.packs / "heroes.txt").read_text() == "mine" and "--replace takes its place" in err
    take(capsys, stablenew, "--replace")
    assert (home.packs / "heroes.txt").read_bytes() == FILES["packs/heroes.txt"]


def test_one_folder_of_it_or_one_file_comes_in_alone(stablenew, capsys, home):
    assert take(capsys, stablenew / "wildcards")[1]["counts"] == {"wildcard": {"taken": 1}}
    assert (home.config / "wildcards/sky/low.txt").is_file()
    assert take(capsys, stablenew / "packs/heroes.txt")[1]["counts"] == {"pack": {"taken": 1}}
    assert take(capsys, stablenew / "styles.csv", stablenew / "presets/soft.json")[1]["counts"] == {
        "style": {"taken": 1}, "preset": {"taken": 1},
    }  # fmt: skip


def test_nothing_to_take_in_is_refused(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert take(capsys, tmp_path / "empty")[0] == 2
    assert take(capsys, tmp_path / "nowhere")[0] == 2
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs/half.json").write_text('{"slots": [')
    assert take(capsys, tmp_path / "packs")[0] == 2


def test_links_and_hostile_names_do_not_lead_out(tmp_path, capsys, home):
    root = tmp_path / "got"
    (root / "packs").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("password")
    (root / "packs/link.txt").symlink_to(tmp_path / "secret.txt")
    (root / "packs/loop").symlink_to(root)
    (root / "packs/evil\x1b[2J.txt").write_text("a boat")
    (root / "packs/good.txt").write_text("a boat")
    code, told, err = take(capsys, root)
    assert code == 0 and [item["name"] for item in told["items"] if item["outcome"] == "taken"] == ["good"]
    assert "\x1b" not in err and [path.name for path in home.packs.iterdir()] == ["good.txt"]


def test_captions_of_pictures_and_what_lies_beside_them_are_no_packs(tmp_path, capsys):
    root = tmp_path / "out"
    root.mkdir()
    for name in ("one.png", "one.txt", "one.json", "two.webp", "two.civitai.json"):
        (root / name).write_text('{"prompt": "x"}')
    (root / "three.txt").write_text("a boat")
    _, told, err = take(capsys, root)
    assert [item["name"] for item in told["items"]] == ["three"] and "2 pictures are in it too" in err


def test_a_folder_of_one_kind_comes_in_by_its_own_verb(tmp_path, capsys, home):
    root = tmp_path / "got"
    (root / "sky").mkdir(parents=True)
    (root / "sky/low.txt").write_text("mist")
    (root / "map.yaml").write_text("a: [b]")
    (root / "broken.yaml").write_text("a: [")
    assert main(["library", "import", "wildcard", str(root), "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["counts"] == {"taken": 2, "broken": 1} and "broken.yaml:2:1" in told.err
    assert sorted(FolderShelf(home).tables().names())[:2] == ["a", "sky/low"]
    assert main(["library", "import", "style", str(root)]) == 2
