"""The `[ui]` section: broken settings are told with file and line and never fatal."""

import pytest

from schema.settings import UiSettings
from tui.preferences import Preferences, preferences
from tui.widgets.preview import sharp_class


def written(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_plain_values_are_those_of_the_schema():
    ours = Preferences()
    assert {name: getattr(ours, name) for name in UiSettings.model_fields} == UiSettings().model_dump()


def test_no_file_is_the_defaults(tmp_path):
    ui, complaint = preferences(tmp_path / "none.toml", {})
    assert (ui.theme, ui.images, complaint) == ("textual-dark", "auto", "")


def test_what_is_written_is_taken_and_the_environment_wins(tmp_path):
    path = written(tmp_path, '[run]\nvideo = true\n[ui]\ntheme = "nord"\n[ui.keymap]\n"queue.cancel" = "X"\n')
    ui, complaint = preferences(path, {"STABLENEW_UI__THEME": "gruvbox"})
    assert (ui.theme, ui.keymap, complaint) == ("gruvbox", {"queue.cancel": "X"}, "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '[ui]\ntheme = "nord"\nimages = "ascii"\n',
            "config.toml:3: ui.images: 'ascii' is not one of 'auto', 'half', 'kitty', 'sixel' or 'none'.",
        ),
        ("[ui]\nmose = true\n", "config.toml:2: ui.mose: there is no such setting."),
        ("[ui\n", "line 1"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, text, told):
    ui, complaint = preferences(written(tmp_path, text), {})
    assert ui.images == "auto"
    assert told in complaint and complaint.endswith("The defaults are used.")


async def test_the_complaint_is_seen(daemon):
    from tui.app import StableNew

    app = StableNew(lambda: daemon.socket, complaint="config.toml:3: ui.images: no [ascii]", clock=lambda: daemon.now)
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        await pilot.pause()
        assert [note.message for note in app._notifications] == ["config.toml:3: ui.images: no [ascii]"]


@pytest.mark.parametrize(("remote", "tmux"), [(True, False), (False, True)])
def test_over_ssh_and_in_tmux_the_terminal_is_not_asked(remote, tmux, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "textual_image.renderable", None)
    assert sharp_class("auto", remote=remote, tmux=tmux) is None
    assert sharp_class("half", remote=False, tmux=False) is None
