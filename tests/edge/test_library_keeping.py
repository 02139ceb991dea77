"""What people keep: saved, edited, renamed, deleted, imported and exported without changing how it is written."""

import io
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `library_world`

from library_world import put

from daemon.library.shelf import FolderShelf
from daemon.library.verbs import main
from schema.errors import Refused
from schema.places import places


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path / "home"))
    return places({"STABLENEW_HOME": str(tmp_path / "home")})


@pytest.fixture
def shelf(home):
    return FolderShelf(home)


def run(capsys, *words):
    code = main(["library", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


TEXTS = {
    "wildcard": "dawn\ndusk\n",
    "style": "name,prompt\nmine,ink\n",
    "profile": "character: Mira\n",
    "template": "prompt: of {prompt}\n",
    "overlay": "grades: [warm]\n",
    "preset": '{"txt2img": {"steps": 9}}\n',
    "pack": "a boat\n",
}


@pytest.mark.parametrize("kind", TEXTS)
def test_every_kind_goes_through_its_whole_life(kind, capsys, tmp_path, home, monkeypatch):
    file = tmp_path / ("one.csv" if kind == "style" else "one.txt" if kind in ("pack", "wildcard") else "one.yaml")
    file.write_text(TEXTS[kind])
    code, out, _ = run(capsys, "import", kind, str(file), "--json")
    assert code == 0 and json.loads(out)["name"] == "one"
    assert (
        run(capsys, "import", kind, str(file))[0] == 2 and run(capsys, "import", kind, str(file), "--replace")[0] == 0
    )
    assert run(capsys, "show", kind, "one")[1] == TEXTS[kind] and run(capsys, "export", kind, "one")[1] == TEXTS[kind]
    listed = json.loads(run(capsys, "list", kind, "--json")[1])
    assert ("mine" if kind == "style" else "one") in [item["name"] for item in listed["items"]] and not listed[
        "warnings"
    ]
    assert run(capsys, "rename", kind, "one", "two")[0] == 0
    monkeypatch.setattr(sys, "stdin", io.StringIO(TEXTS[kind]))
    assert run(capsys, "save", kind, "two")[0] == 0 and len(list((home.config / f"{kind}s").iterdir())) == 1
    assert run(capsys, "delete", kind, "two")[0] == 0 and run(capsys, "delete", kind, "two")[0] == 2


@pytest.mark.parametrize("kind", ["wildcard", "style", "profile", "template", "overlay"])
def test_what_is_broken_is_not_kept_and_what_was_there_stays(kind, shelf, home):
    entry = shelf.save(kind, "one", TEXTS[kind])
    with pytest.raises(Refused):
        shelf.save(kind, entry.path.name, b"\0\0".decode() if kind == "wildcard" else 'name,prompt\na,"b')
    assert entry.path.read_text() == TEXTS[kind]


def test_wildcards_have_folders_and_never_leave_theirs(shelf, home, tmp_path):
    entry = shelf.save("wildcard", "__artists/dutch__", "Vermeer")
    assert entry.path == home.config / "wildcards/artists/dutch.txt"
    assert shelf.rename("wildcard", "artists/dutch", "painters/old").path.is_file()
    for name in ("../out", "a/../../out", "/etc/out", "a//b", "a/.hidden", "C:\\out", "x" * 200):
        with pytest.raises(Refused):
            shelf.save("wildcard", name, "x")
    (tmp_path / "elsewhere").mkdir()
    (home.config / "wildcards/away").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="leads out"):
        shelf.save("wildcard", "away/x", "x")
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("kind", ["style", "profile", "template", "overlay", "pack", "preset"])
def test_other_names_have_no_path_parts(shelf, kind):
    for name in ("../out", "a/b", "..", ".hidden", "a\\b", "a\nb"):
        with pytest.raises(Refused):
            shelf.save(kind, name, TEXTS[kind])


def test_files_of_several_stand_beside_one_another(shelf, home):
    put(home, "wildcards/sky.yaml", "sky: [of the map]")
    shelf.save("wildcard", "sky", "of the lines")
    assert {path.name for path in (home.config / "wildcards").iterdir()} == {"sky.yaml", "sky.txt"}
    put(home, "wildcards/many.yaml", "rain: [a]\nfog: [b]")
    with pytest.raises(Refused, match="'rain' stands in many"):
        shelf.delete("wildcard", "rain")
    assert shelf.text("wildcard", "rain").text == "- a\n"


def test_one_style_of_many_is_shown_renamed_and_deleted_within_its_file(shelf, home):
    path = put(home, "styles/s.csv", "\ufeffname,prompt\r\n# mine\r\nink,a\r\nsoft,b\r\n")
    assert shelf.text("style", "INK").text == "name,prompt,negative_prompt\nink,a,\n"
    shelf.rename("style", "ink", "blue ink")
    assert path.read_bytes() == b"\xef\xbb\xbfname,prompt\r\n# mine\r\nblue ink,a\r\nsoft,b\r\n"
    with pytest.raises(Refused, match="already"):
        shelf.rename("style", "soft", "Blue Ink")
    shelf.delete("style", "soft")
    assert path.read_bytes() == b"\xef\xbb\xbfname,prompt\r\n# mine\r\nblue ink,a\r\n"
    shelf.delete("style", "blue ink")
    assert not path.exists()
    with pytest.raises(Refused, match="comes with the program"):
        shelf.delete("style", "watercolour")


@pytest.mark.parametrize(
    "raw",
    [b"\xef\xbb\xbf# mine\r\na boat\r\n", "# mine\r\na boat\r\n".encode("utf-16"), b"# mine\na boat"],
    ids=["mark", "utf-16", "plain"],
)
def test_a_file_comes_in_byte_for_byte_and_keeps_its_encoding_when_it_is_edited(raw, capsys, tmp_path, home):
    (tmp_path / "p.txt").write_bytes(raw)
    assert run(capsys, "import", "pack", str(tmp_path / "p.txt"))[0] == 0
    path = home.packs / "p.txt"
    assert path.read_bytes() == raw
    change = json.dumps({"number": 1, "text": "a red boat", "negative": "fog"})
    assert run(capsys, "edit", "pack", "p", change)[0] == 0
    was = raw.decode("utf-16" if raw[:1] == b"\xff" else "utf-8")
    end = "\r\n" if "\r\n" in was else "\n"
    meant = was.replace("a boat", f"a red boat{end}neg: fog")
    assert path.read_bytes().decode("utf-16" if raw[:1] == b"\xff" else "utf-8") == meant


def test_editing_a_pack_of_the_program_makes_a_copy_of_ones_own(capsys, home):
    assert run(capsys, "edit", "pack", "harbour", '{"number": 0, "text": "a new boat"}')[0] == 0
    assert (home.packs / "harbour.txt").read_text().endswith("\n\na new boat\n")
    code, _, err = run(capsys, "edit", "pack", "harbour", '{"number": 99, "text": "x"}')
    assert code == 2 and "there is no prompt 99. It has 7; 8 adds one." in err
    assert run(capsys, "edit", "pack", "harbour", '{"nmber": 1}')[0] == 2


def test_an_editor_saves_what_can_be_read_and_keeps_the_rest_apart(capsys, home, monkeypatch):
    put(home, "templates/t.yaml", "prompt: of {prompt}\n")
    monkeypatch.setenv("VISUAL", "sed -i s/of/near/")
    assert run(capsys, "edit", "template", "t")[0] == 0
    assert (home.config / "templates/t.yaml").read_text() == "prompt: near {prompt}\n"
    monkeypatch.setenv("VISUAL", "sed -i s/prompt/[/")
    code, _, err = run(capsys, "edit", "template", "t")
    assert code == 2 and "t.yaml:" in err and "What you wrote is in " in err
    assert "[" in Path(err.split("What you wrote is in ")[1].strip().rstrip(".")).read_text()
    monkeypatch.setenv("VISUAL", "false")
    assert "nothing was saved" in run(capsys, "edit", "template", "t")[2]
    assert (home.config / "templates/t.yaml").read_text() == "prompt: near {prompt}\n"


def test_lists_name_what_is_broken_and_show_the_rest(capsys, home):
    put(home, "profiles/good.yaml", "character: Mira")
    put(home, "profiles/bad.yaml", "character: [")
    put(home, "packs/evening.json", '{"packs": ["harbour.txt", "gone.txt"]}')
    code, out, err = run(capsys, "list", "profile", "--json")
    told = json.loads(out)
    assert code == 0 and [item["name"] for item in told["items"]] == ["bad", "good", "mira"]
    assert "bad.yaml:2:1: broken YAML" in told["warnings"][0] and "bad.yaml" in err
    assert "the list 'evening' names 'gone.txt', which is not in the library" in run(capsys, "list", "pack")[2]


@pytest.mark.parametrize(
    ("was", "text", "ending"),
    [
        ("", "a boat\tfog\n# c\na mill\tpeople\n", ".tsv"),
        (".tsv", "a boat\tfog\na mill\n", ".tsv"),
        (".tsv", "a boat\n", ".txt"),
        (".txt", "a boat\nneg: fog\n", ".txt"),
        ("", "[prompts]\na boat\n", ".prompts"),
        (".txt", '{"slots": [{"text": "a boat"}]}', ".json"),
    ],
)
def test_a_pack_keeps_its_dialect_under_its_name(was, text, ending, shelf, home):
    if was:
        put(home, f"packs/p{was}", "an old boat\n")
    assert shelf.save("pack", "p", text).path == home.packs / f"p{ending}"
    assert [path.name for path in home.packs.iterdir()] == [f"p{ending}"]


def test_one_of_many_is_edited_within_its_file(capsys, home, monkeypatch):
    path = put(home, "wildcards/weather/map.yaml", "# mine\nsky: [dawn]\nsea: [calm]\n")
    monkeypatch.setenv("VISUAL", "sed -i s/calm/rough/")
    assert run(capsys, "edit", "wildcard", "sea")[0] == 0
    assert path.read_text() == "# mine\nsky: [dawn]\nsea: [rough]\n" and [
        one.name for one in path.parent.iterdir()
    ] == ["map.yaml"]
    put(home, "styles/s.csv", "name,prompt\nink,calm\nsoft,x\n")
    assert run(capsys, "edit", "style", "ink")[0] == 0
    assert (home.config / "styles/s.csv").read_text() == "name,prompt\nink,rough\nsoft,x\n"


def test_one_style_of_many_is_saved_in_its_place(shelf, home):
    path = put(home, "styles/s.csv", "\ufeffname,text,negative\r\n# mine\r\nink,a,b\r\nsoft,x,\r\n")
    shelf.save("style", "ink", 'name,prompt,negative_prompt\nInk,"c, d",e\n')
    assert path.read_text() == '\ufeffname,text,negative\n# mine\nInk,"c, d",e\nsoft,x,\n'
    assert path.read_bytes().count(b"\r\n") == 4
    path = put(home, "styles/t.json", '[\n  {"name": "wood", "prompt": "p"},\n  {"name": "clay2", "prompt": "q"}\n]\n')
    shelf.save("style", "wood", "woodcut of {prompt}")
    assert (
        '{"name": "wood", "prompt": "woodcut of {prompt}", "negative_prompt": ""},\n  {"name": "clay2"'
        in path.read_text()
    )
    with pytest.raises(Refused, match="one style of a file of many"):
        shelf.save("style", "wood", "name,prompt\na,b\nc,d\n")
    assert [one.name for one in path.parent.iterdir() if one.suffix == ".csv"] == ["s.csv"]
