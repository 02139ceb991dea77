"""`pack check` reads every kind of file, and wildcards together: cycles among them are told with every step."""

import json

import pytest

from daemon.library.shelf import EXAMPLES
from daemon.library.verbs import main

GOOD = {
    "packs/p.txt": "a boat",
    "packs/lists.json": '{"evening": ["p.txt"]}',
    "wildcards/sky.txt": "dawn",
    "wildcards/map.yaml": "a: [b]\nc: {d: [e]}",
    "styles/s.csv": "name,prompt\nink,x\n",
    "styles/i.json": '[{"name": "ink", "prompt": "p"}]',
    "profiles/m.yaml": "character: Mira",
    "templates/t.yaml": "prompt: of {prompt}",
    "overlays/o.json": '{"grades": ["warm"]}',
    "presets/soft.yaml": "txt2img: {steps: 9}",
    "pipelines/one.json": '[{"type": "txt2img"}]',
}
BROKEN = {
    "packs/b.json": '{"slots": [',
    "wildcards/b.yaml": "a: [b",
    "styles/b.csv": 'name,prompt\nink,"x',
    "profiles/b.yaml": "wildcards: {sky: dawn}",
    "templates/b.json": '{"name": "x"}',
    "overlays/b.yaml": "fields: {cfg: [1, 2]}",
    "presets/b.yaml": "txt2img: [",
    "pipelines/b.json": '[{"type": "paint"}]',
}


def put(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def check(capsys, *paths):
    code = main(["pack-check", *map(str, paths), "--json"])
    told = capsys.readouterr()
    return code, {item["path"]: item for item in json.loads(told.out)["packs"]}, told.err


def test_every_kind_is_known_by_its_folder(tmp_path, capsys):
    put(tmp_path, GOOD)
    code, told, err = check(capsys, tmp_path)
    assert code == 0 and not err and {item["kind"] for item in told.values()} == {
        "pack", "wildcard", "style", "profile", "template", "overlay", "preset", "pipeline",
    }  # fmt: skip
    assert told[str(tmp_path / "wildcards/map.yaml")]["held"] == 2


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.json", '{"pack_data": {"slots": [{"text": "x"}]}}', "pack"),
        ("a.json", '{"evening": ["one.txt"]}', "pack"),
        ("a.json", '{"sky": ["dawn", "dusk"]}', "wildcard"),
        ("my_wildcards.txt", "dawn", "wildcard"),
        ("a.yaml", "character: Mira", "profile"),
        ("a.yaml", "grades: [warm]", "overlay"),
        ("a.yaml", "genre: x\nprompt: of {prompt}", "template"),
        ("a.json", '[{"name": "ink", "prompt": "p"}]', "style"),
        ("a.csv", "name,prompt\nink,p\n", "style"),
        ("a.json", '[{"type": "txt2img"}]', "pipeline"),
        ("a.json", '{"stages": [{"type": "txt2img"}]}', "pipeline"),
        ("a.json", '{"txt2img": {"steps": 3}}', "preset"),
        ("a.json", '{"3": {"class_type": "SaveImage", "inputs": {}}}', "workflow"),
    ],
)
def test_elsewhere_it_is_known_by_what_is_in_it(tmp_path, capsys, name, text, kind):
    put(tmp_path, {f"downloads/{name}": text})
    assert next(iter(check(capsys, tmp_path / "downloads" / name)[1].values()))["kind"] == kind


def test_each_broken_file_is_told_and_the_others_are_in_order(tmp_path, capsys):
    put(tmp_path, GOOD | BROKEN)
    code, told, err = check(capsys, tmp_path)
    assert code == 2 and {path.partition(f"{tmp_path}/")[2] for path, item in told.items() if not item["ok"]} == set(
        BROKEN
    )
    for name in BROKEN:
        assert f"{tmp_path}/{name}" in err


def test_wildcards_that_stand_for_themselves_are_told_with_every_line(tmp_path, capsys):
    put(
        tmp_path,
        {"wildcards/a.txt": "x\n__deep/b__", "wildcards/deep/m.yaml": "b: [q, '__a__ y']", "wildcards/c.txt": "__a__"},
    )
    code, _, err = check(capsys, tmp_path)
    wild = f"{tmp_path}/wildcards"
    assert (
        code == 2
        and f"{wild}/a.txt:2: stands for itself: __a__ ({wild}/a.txt:2) -> __deep/b__ ({wild}/deep/m.yaml:1)" in err
    )


def test_a_link_that_leads_out_of_a_checked_folder_is_told(tmp_path, capsys):
    put(tmp_path, {"secret.txt": "password", "packs/good.txt": "a boat"})
    (tmp_path / "packs/link.txt").symlink_to(tmp_path / "secret.txt")
    code, _, err = check(capsys, tmp_path / "packs")
    assert code == 2 and "link.txt: is a link that leads out" in err


def test_what_comes_along_is_in_order(capsys):
    code, told, err = check(capsys, EXAMPLES)
    assert code == 0 and not err and not any(item["warnings"] for item in told.values())


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("packs/p.txt", "a boat\n\nx,\nin {red|blue", "p.txt:4:4: '{red|blue' is not closed"),
        ("wildcards/w.txt", "dawn\nin {red|blue", "w.txt:2:4: '{red|blue' is not closed"),
        ("wildcards/w.yaml", "a:\n  - dawn\n  - in {red|blue", "w.yaml:3:4: '{red|blue' is not closed"),
        ("packs/p.txt", '--prompt "a boat" --steps many', "p.txt:1: txt2img.steps: 'many' is no whole number"),
        ("packs/p.txt", "a boat\n#! txt2img.steps=0", "txt2img.steps: '0' is too small"),
        ("packs/p.json", '{"slots": [{"text": "a"}],\n "x": NaN}', "p.json:2:7: broken JSON: NaN is no number"),
        (
            "packs/p.json",
            '{"pack_data": {"slots": [{"text": "a"}]}, "preset_data": {"randomization": {"enabled": true,'
            ' "matrix": {"enabled": true, "raw_text": "sky dawn"}}}}',
            "p.json: 'sky dawn' has no ':'",
        ),
        ("sets/w.yaml", "sky: [dawn\n", "w.yaml:2:1: broken YAML"),
        ("sets/w.yaml", "5: [no name]\nsky: ['in {red']", "w.yaml:2:4: '{red' is not closed"),
    ],
)
def test_what_no_plan_could_read_is_told_with_its_place(tmp_path, capsys, name, text, told):
    put(tmp_path, {name: text})
    code, _, err = check(capsys, tmp_path)
    assert code == 2 and told in err
