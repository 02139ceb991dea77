"""`config set` and `unset`: one setting of the file, judged before it is written, the rest of it untouched."""

import json
import stat
import tomllib

import pytest

from schema.errors import Refused
from schema.settings import Settings
from tui.cli import config
from tui.link import configfile
from tui.link.settingsheet import every, path_of, when


@pytest.fixture
def file(tmp_path, monkeypatch):
    for name in ("STABLENEW_UI__THEME", "STABLENEW_DAEMON__RETRIES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    return tmp_path / "config" / "config.toml"


def test_a_setting_is_written_told_and_taken_out_again(file, capsys):
    file.write_text("# mine\n[ui]\nmouse = false # a trackpoint\n")
    assert config.put("daemon.retries", "5", as_json=False) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("daemon.retries = 5  # config.toml:6\n", "This is obeyed when the daemon starts again.\n")
    assert config.put("ui.theme", "nord", as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"key": "ui.theme", "value": "nord", "origin": "config.toml:4", "path": str(file)}
    assert config.unset("daemon.retries", as_json=False) == 0
    assert capsys.readouterr().out == "daemon.retries = 3  # default\n"
    assert file.read_text() == '# mine\n[ui]\nmouse = false # a trackpoint\ntheme = "nord"\n'


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("daemon.retries", "50", "daemon.retries: '50' is too large; it must be at most 20."),
        ("daemon.retries", "many", "daemon.retries: 'many' is no whole number."),
        ("run.video", "perhaps", "run.video: 'perhaps' is neither true nor false."),
        ("backup.at", "25:00", "backup.at: '25:00' is not a time of day such as 04:30."),
        ("agent.webui", "box", "agent.webui: an address is written as http://HOST:PORT."),
        ("daemn.retries", "3", "Did you mean 'daemon.retries'?"),
        ("daemon", "3", "Name one of them, as daemon.free_floor_mb."),
        ("hooks.sleep", "x", "Write it as {name = value, other = value}."),
        ("video.trim_to", "0.5", ""),
    ],
)
def test_what_it_cannot_be_is_refused_and_the_file_stays(file, key, value, told):
    file.write_text("[video]\ntrim_from = 0\n")
    if not told:
        configfile.change(file, {}, key, value)
        with pytest.raises(Refused, match=r"trim_to 0.5 must be after trim_from 2"):
            configfile.change(file, {}, "video.trim_from", "2")
        return
    with pytest.raises(Refused) as refused:
        config.put(key, value, as_json=False)
    assert told in refused.value.told() and str(file) not in refused.value.told()
    assert file.read_text() == "[video]\ntrim_from = 0\n"


def test_each_kind_of_value_is_written_as_what_it_is(file):
    for key, value in (
        ("run.video", "yes"), ("video.fps", "12"), ("library.models", "/a, /b"), ("ui.keymap.queue.cancel", "X"),
        ("refine.models.toy", "soft"), ("refine.presets.soft.sharpen", "0.2"), ("gallery.token", "s3cret"),
        ("hooks.sleep", '{on = ["queue-empty"], command = ["true"]}'), ("agent.webui", ""),
    ):  # fmt: skip
        told = configfile.change(file, {}, key, value)
    assert tomllib.loads(file.read_text()) == {
        "run": {"video": True}, "video": {"fps": 12}, "library": {"models": ["/a", "/b"]},
        "ui": {"keymap": {"queue.cancel": "X"}}, "gallery": {"token": "s3cret"},
        "refine": {"models": {"toy": "soft"}, "presets": {"soft": {"sharpen": 0.2}}},
        "hooks": {"sleep": {"on": ["queue-empty"], "command": ["true"]}},
    }  # fmt: skip
    assert told.value("gallery.token") == "set" and told.keymap == {"queue.cancel": "X"}
    assert {one.key for one in told.sheet} >= {"hooks.sleep.timeout", "refine.presets.soft.radius", "refine.models.toy"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600  # it may hold a key


def test_a_variable_above_the_file_is_told(file, capsys, monkeypatch):
    monkeypatch.setenv("STABLENEW_UI__THEME", "gruvbox")
    config.put("ui.theme", "nord", as_json=False)
    out, err = capsys.readouterr()
    assert out == 'ui.theme = "gruvbox"  # STABLENEW_UI__THEME\n'
    assert err == "The file was changed, but STABLENEW_UI__THEME is set and stands above it.\n"


def test_a_broken_file_is_told_with_its_line_and_one_wrong_setting_can_be_mended(file):
    file.write_text("[daemon]\nretries = \n")
    with pytest.raises(Refused, match=r"config.toml:2: broken TOML"):
        config.put("ui.theme", "nord", as_json=False)
    file.write_text("[daemon]\nretires = 5\n")
    told = configfile.read(file, {})
    assert told.fault is not None and told.fault_line == 2
    configfile.change(file, {}, "daemon.retires", None)
    assert configfile.read(file, {}).fault is None


def test_a_link_stays_one_and_so_does_the_mode_of_the_file(file, tmp_path):
    real = tmp_path / "dotfiles.toml"
    real.write_text("")
    real.chmod(0o640)
    file.symlink_to(real)
    configfile.change(file, {}, "ui.theme", "nord")
    assert file.is_symlink() and stat.S_IMODE(real.stat().st_mode) == 0o640
    assert real.read_text() == '[ui]\ntheme = "nord"\n'


def test_every_setting_is_in_the_sheet_with_words_and_a_path_of_its_own():
    sheet = every(Settings().model_dump(mode="json"))
    keys = {one.key for one in sheet}
    assert {"daemon.retries", "refine.presets.default.tool", "video.fps", "ui.theme"} <= keys
    assert not keys & {"ui.keymap", "video.type", "hooks"}
    by_key = {one.key: one for one in sheet}
    assert by_key["daemon.retries"].limits == "1 to 20" and "needs attention" in by_key["daemon.retries"].about
    assert (by_key["gallery.token"].sort, by_key["library.models"].sort, by_key["ui.images"].choices[0]) == (
        "secret", "list", "auto",
    )  # fmt: skip
    assert all(".".join(path_of(key)) == key for key in keys)
    assert path_of("ui.keymap.queue.cancel") == ("ui", "keymap", "queue.cancel")
    assert (when("ui.theme"), when("daemon.retries")) == ("at once", "when the daemon starts again")


def test_validate_looks_at_the_themes_beside_the_settings_too(file, monkeypatch, capsys):
    handed = []
    monkeypatch.setattr("tui.cli.child.become", lambda *words: handed.append(words) or 0)
    assert config.validate(["--json"]) == 0
    (file.parent / "themes").mkdir(parents=True)
    sea = file.parent / "themes" / "sea.toml"
    sea.write_text('primary = "teal"\n')
    assert config.validate([]) == 0
    sea.write_text('primary = "blu"\n')
    assert config.validate(["other.toml"]) == 0
    assert handed == [("config-validate", "--json"), ("config-validate",), ("config-validate", "other.toml")]
    capsys.readouterr()
    assert config.validate(["--json"]) == 2
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["ok"] is False and told["error"] == err.strip()
    assert err.startswith(f"{sea}:1: primary: 'blu' is no colour.")
    assert len(handed) == 3
