"""The verbs that need no daemon: what they print, and how they end."""

import io
import json
import re

import pytest

from daemon.library.shelf import EXAMPLES
from daemon.library.verbs import main
from schema.settings import SECRETS, Settings


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    return tmp_path


def said(capsys):
    told = capsys.readouterr()
    return told.out, told.err


def test_good_packs_are_told_with_their_prompts(capsys):
    assert main(["pack-check", str(EXAMPLES)]) == 0
    out, err = said(capsys)
    assert "harbour.txt: 6 prompts, txt" in out and "seasons.tsv: 4 prompts, tsv" in out and not err


def test_json_is_one_line_whatever_the_packs_are(capsys, tmp_path):
    good, bad, lists = tmp_path / "good.txt", tmp_path / "bad.json", tmp_path / "lists.json"
    good.write_text("a [[colour]] boat")
    bad.write_text('{"slots": [')
    lists.write_text('{"evening": ["good.txt"]}')
    assert main(["pack-check", str(good), str(bad), str(lists), str(tmp_path / "none.txt"), "--json"]) == 2
    out, err = said(capsys)
    assert out.count("\n") == 1
    told = json.loads(out)
    assert [pack["ok"] for pack in told["packs"]] == [True, False, True, False] and told["ok"] is False
    assert told["packs"][0]["slots"] == ["colour"] and told["packs"][0]["prompts"] == 1
    assert told["packs"][2]["lists"] == {"evening": ["good.txt"]}
    assert f"{bad}:1: broken JSON" in err and "none.txt: cannot be read: no such file or directory." in err
    assert "Traceback" not in err


def test_names_from_outside_cannot_steer_the_terminal(capsys, tmp_path):
    (tmp_path / "evil\x1b[2J.txt").write_text("a boat")
    assert main(["pack-check", str(tmp_path / "evil\x1b[2J.txt")]) == 2
    out, err = said(capsys)
    assert "\x1b" not in out + err and "control characters" in err


def test_show_tells_every_value_and_where_it_came_from(capsys, home, monkeypatch):
    (home / "config" / "config.toml").write_text("[daemon]\nretries = 5\n")
    monkeypatch.setenv("STABLENEW_RUN__VIDEO", "true")
    assert main(["config-show"]) == 0
    lines = said(capsys)[0].splitlines()
    assert "daemon.retries = 5  # config.toml:2" in lines
    assert "run.video = true  # STABLENEW_RUN__VIDEO" in lines
    assert 'run.pipeline = "standard"  # default' in lines
    assert main(["config-show", "--json"]) == 0
    told = json.loads(said(capsys)[0])
    assert told["settings"]["daemon"]["retries"] == 5 and told["origins"]["daemon.retries"] == "config.toml:2"


def test_secrets_are_shown_as_set_and_never_repeated(capsys, home, monkeypatch):
    (home / "config" / "config.toml").write_text(
        '[agent]\nauth = "me:s3cret"\n[library]\ncivitai_token = "s3cret-1"\n'
        'huggingface_token = "s3cret-2"\n[gallery]\nfavourite_stars = 4\n'
    )
    monkeypatch.setenv("STABLENEW_GALLERY__TOKEN", "s3cret-3")
    for words in (["config-show"], ["config-show", "--json"]):
        assert main(words) == 0
        out, err = said(capsys)
        assert "s3cret" not in out + err and out.count('"set"') == len(SECRETS)
    secret = re.compile("auth|key|token|pass|secret")
    named = {f"{section}.{name}" for section, table in Settings().model_dump().items() for name in table}
    assert {name for name in named if secret.search(name.replace("keymap", ""))} == set(SECRETS)


def test_the_token_of_a_hook_is_shown_as_set_and_never_repeated(capsys, home, monkeypatch):
    (home / "config" / "config.toml").write_text(
        '[hooks.phone]\non = ["attention"]\nurl = "http://127.0.0.1:9"\ntoken = "s3cret-1"\n'
        '[hooks.mail]\non = ["trouble"]\nurl = "http://127.0.0.1:9"\n'
    )
    monkeypatch.setenv("STABLENEW_HOOKS__MAIL__TOKEN", "s3cret-2")
    for words in (["config-show"], ["config-show", "--json"]):
        assert main(words) == 0
        out, err = said(capsys)
        assert "s3cret" not in out + err and out.count('"set"') == 2
    for broken in ("s3cret\t\u00fc", "s3 cret"):
        monkeypatch.setenv("STABLENEW_HOOKS__MAIL__TOKEN", broken)
        assert main(["config-show"]) == 2
        out, err = said(capsys)
        assert "s3" not in out + err


@pytest.mark.parametrize(
    "written", ['"s3cret\\n"', '"s3 cret\u00fc"', '["s3cret"]', '{a = "s3cret"}', '"s3cret', "0x5ec4e7"]
)
def test_a_secret_that_cannot_be_one_is_refused_without_repeating_it(capsys, home, written):
    for section, name in (secret.split(".") for secret in SECRETS):
        (home / "config" / "config.toml").write_text(f"[{section}]\n{name} = {written}\n")
        for words in (["config-show"], ["config-validate", "--json"]):
            end = main(words)
            out, err = said(capsys)
            assert "s3" not in out + err and "6210791" not in out + err
            assert end == 2 or (name == "auth" and " " in written)


def test_validate_ends_with_two_and_names_the_line(capsys, home):
    assert main(["config-validate"]) == 0
    file = home / "config" / "config.toml"
    file.write_text("[daemon]\nretries = 0\n")
    assert main(["config-validate", "--json"]) == 2
    out, err = said(capsys)
    told = json.loads(out.splitlines()[-1])
    assert told["ok"] is False and f"{file}:2: daemon.retries" in told["error"] and "daemon.retries" in err
    assert main(["config-validate", str(home / "none.toml")]) == 2


def test_the_schema_is_json_schema(capsys):
    assert main(["config-schema", "--json"]) == 0
    assert "daemon" in json.loads(said(capsys)[0])["properties"]


@pytest.mark.parametrize("argv", [[], ["fly"], ["pack-check"], ["pack-check", "--fast"], ["config-validate", "a", "b"]])
def test_wrong_usage_is_one_sentence(capsys, argv):
    assert main(argv) == 2
    out, err = said(capsys)
    assert not out and err.count("\n") == 1


PIPELINE = '[{"type": "txt2img", "steps": 9}]'


def test_a_pipeline_is_imported_shown_renamed_exported_and_deleted(capsys, home):
    file = home / "evening.json"
    file.write_text(PIPELINE)
    assert main(["library", "import", "pipeline", str(file), "--json"]) == 0
    told = json.loads(said(capsys)[0])
    assert told["name"] == "evening" and told["path"] == str(home / "config" / "pipelines" / "evening.json")
    assert main(["library", "import", "pipeline", str(file)]) == 2
    assert "there is a pipeline 'evening' already" in said(capsys)[1]
    assert main(["library", "import", "pipeline", str(file), "--replace"]) == 0
    assert main(["library", "rename", "pipeline", "evening", "night"]) == 0
    capsys.readouterr()
    assert main(["library", "export", "pipeline", "night"]) == 0
    assert said(capsys)[0] == PIPELINE
    assert main(["library", "export", "pipeline", "night", str(file)]) == 2
    assert main(["library", "export", "pipeline", "night", str(home / "copy.json")]) == 0
    assert (home / "copy.json").read_text() == PIPELINE
    capsys.readouterr()
    assert main(["library", "list", "pipeline", "--json"]) == 0
    listed = json.loads(said(capsys)[0])
    assert [(one["name"], one["builtin"]) for one in listed["items"]] == [("night", False), ("standard", True)]
    assert main(["library", "delete", "pipeline", "night"]) == 0
    assert said(capsys)[0] == "deleted pipeline night; `stablenew pipeline restore night` brings it back.\n"
    assert not list((home / "config" / "pipelines").iterdir())


def test_a_preset_is_saved_from_stdin(capsys, home, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO('{"txt2img": {"steps": 33}}'))
    assert main(["library", "save", "preset", "soft", "-"]) == 0
    capsys.readouterr()
    assert main(["library", "show", "preset", "soft", "--json"]) == 0
    assert json.loads(said(capsys)[0]) == {"name": "soft.json", "text": '{"txt2img": {"steps": 33}}'}


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["fly", "pack"], "there is no verb 'fly'"),
        (["show", "paks"], "Did you mean 'pack'?"),
        (["show", "pack"], "the name is missing"),
        (["show", "pack", "harbur"], "Did you mean 'harbour'?"),
        (["delete", "pack", "harbour"], "comes with the program"),
        (["import", "pack", "/nowhere.txt"], "cannot be read: no such file or directory."),
        (["list", "pack", "extra"], "one word too many"),
        (["list", "pack", "--fast"], "there is no option '--fast'"),
    ],
)
def test_wrong_words_for_the_library_are_one_sentence(capsys, argv, told):
    assert main(["library", *argv]) == 2
    out, err = said(capsys)
    assert not out and told in err and err.count("\n") == 1


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "a\nb", "a\tb", " a", ".a", "a\x1b[2J", "a:b", "n" * 300])
def test_a_name_that_no_file_may_have_is_one_sentence(capsys, home, name):
    (home / "vid.json").write_text(PIPELINE)
    assert main(["library", "save", "pipeline", name, str(home / "vid.json")]) == 2
    out, err = said(capsys)
    assert not out and err.startswith("name: ") and err.count("\n") == 1 and "\x1b" not in err
    assert not list(home.glob("config/pipelines/*"))
