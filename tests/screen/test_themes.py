"""Themes of one's own: read with every mistake told, chosen and worn like Textual's."""

import pytest
from textual.theme import BUILTIN_THEMES

from schema.errors import Refused
from tui.app import StableNew
from tui.preferences import Preferences
from tui.themes import SHADE, STYLED, read, read_all
from tui.wearing import take_up

SEA = """primary = "#2aa1b3"
accent = "orange"
background = "rgb(4, 22, 30)"
dark = true

[variables]
"footer-key-foreground" = "#ffb347"
"input-selection-background" = "#2aa1b3 35%"
"block-cursor-text-style" = "bold underline"
"""


@pytest.fixture
def folder(tmp_path):
    found = tmp_path / "themes"
    found.mkdir()
    (found / "sea.toml").write_text(SEA)
    return found


@pytest.fixture
def settings(folder, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("")
    return file


def test_every_field_is_taken_and_the_rest_follows_from_them(folder):
    (folder / ".sea.toml").write_text("half written")
    (folder / "notes.txt").write_text("no theme")
    themes, faults = read_all(folder)
    assert (list(themes), faults) == (["sea"], {})
    sea = themes["sea"]
    assert (sea.name, sea.primary, sea.accent, sea.background) == ("sea", "#2aa1b3", "orange", "rgb(4, 22, 30)")
    assert (sea.dark, sea.surface, sea.variables["footer-key-foreground"]) == (True, None, "#ffb347")
    assert read_all(folder / "none") == ({}, {})


@pytest.mark.parametrize("name", sorted(name for name, theme in BUILTIN_THEMES.items() if not theme.ansi))
def test_whatever_textual_says_of_a_theme_of_its_own_can_be_said_here(folder, name):
    theme = BUILTIN_THEMES[name]
    fields = ("primary", "secondary", "accent", "warning", "error", "success", "foreground", "background", "surface")
    told = [f'{key} = "{getattr(theme, key)}"' for key in (*fields, "panel") if getattr(theme, key)]
    told += [f"dark = {str(theme.dark).lower()}", "[variables]"]
    told += [f'{key} = "{value}"' for key, value in theme.variables.items()]
    (folder / f"{name}.toml").write_text("\n".join(told))
    again = read(folder / f"{name}.toml")
    assert (again.dark, again.variables) == (theme.dark, theme.variables)
    assert [getattr(again, key) for key in fields] == [getattr(theme, key) for key in fields]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("primary = teal\n", "sea.toml:1: broken TOML: invalid value. Fix it there; text needs quotes."),
        ('primary = "blu"\n', "sea.toml:1: primary: 'blu' is no colour. Write it as '#4ebf71' or 'teal'."),
        ("primary = 7\n", "sea.toml:1: primary: 7 is no colour. Write it as '#4ebf71' or 'teal'."),
        ('primary = "ansi_blue"\n', "sea.toml:1: primary: 'ansi_blue' is no colour."),
        ('primary = "teal"\nacent = "teal"\n', "sea.toml:2: acent: there is no such field. Did you mean 'accent'?"),
        ('accent = "teal"\n', "sea.toml: primary: is missing. Write it as '#4ebf71' or 'teal'; what else is not there"),
        ('primary = "teal"\ndark = "no"\n', "sea.toml:2: dark: 'no' is neither true nor false. Write one of them."),
        ('primary = "teal"\nvariables = 3\n', "sea.toml:2: variables: 3 is no table. Write [variables], and below it"),
        (
            'primary = "teal"\n[variables]\nfooter-foregound = "red"\n',
            "sea.toml:3: variables.footer-foregound: there is no such variable. Did you mean 'footer-foreground'?",
        ),
        ('primary = "teal"\n[variables]\nborder = "red dwarf"\n', "sea.toml:3: variables.border: 'red dwarf' is no"),
        ('primary = "teal"\n[variables]\nforeground = "red 5%"\n', "sea.toml:3: variables.foreground: 'red 5%' is no"),
        ('primary = "teal"\n[variables]\nlink-style = "wavy"\n', "sea.toml:3: variables.link-style: 'wavy' is no st"),
        ('primary = "teal"\n[variables]\nlink-style-hover = "none u"\n', "sea.toml:3: variables.link-style-hover: '"),
        ("\udcff", "sea.toml: cannot be read: it is no UTF-8 text. Mend it or take it away."),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_the_remedy(folder, text, told):
    file = folder / "sea.toml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(Refused) as refused:
        read(file)
    assert f"{folder}/{told}" in refused.value.told()
    assert "\n" not in refused.value.told()


def test_a_name_is_one_that_styles_can_have(folder):
    (folder / "deep sea.toml").write_text(SEA)
    themes, faults = read_all(folder)
    assert list(themes) == ["sea"] and "a theme cannot have that name" in faults["deep sea"].told()


def test_a_folder_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "themes").write_text("a file")
    assert "themes: cannot be read: not a directory." in read_all(tmp_path / "themes")[1][""].told()


def opened(daemon, settings, theme):
    app = StableNew(
        lambda: daemon.socket, ui=Preferences(theme=theme), clock=lambda: daemon.now, settings_file=settings
    )
    return app, app.run_test(size=(120, 36), notifications=True)


def notes(app):
    return [note.message for note in app._notifications]


async def test_the_theme_that_the_settings_name_is_worn(daemon, settings):
    app, running = opened(daemon, settings, "sea")
    async with running as pilot:
        await pilot.pause()
        assert app.theme == "sea" and app.theme_variables["primary"].lower() == "#2aa1b3"
        assert notes(app) == []


async def test_the_worn_one_is_seen_as_its_file_is_when_themes_are_listed_anew(daemon, settings, folder):
    (folder / "sky.toml").write_text(SEA)
    app, running = opened(daemon, settings, "sea")
    async with running as pilot:
        (folder / "sea.toml").write_text('primary = "#4ebf71"\n')
        (folder / "sky.toml").unlink()
        assert take_up(app, settings) == {}
        await pilot.pause()
        assert app.theme_variables["primary"].lower() == "#4ebf71" and "sky" not in app.available_themes
        (folder / "sea.toml").unlink()
        assert take_up(app, settings) == {} and app.theme == "sea"


@pytest.mark.parametrize("colour", ["red 35%", "#12345678", "transparent", "rgba( -1 ,2.5,999,9)", "hsl(999,200%,3%)"])
async def test_what_is_let_through_can_be_worn(daemon, settings, folder, colour):
    known = BUILTIN_THEMES["textual-dark"].to_color_system().generate()
    plain = colour.removesuffix(" 35%")
    told = ["primary = 'teal'", "[variables]"]
    for name in known:
        told.append(
            f"{name} = '{plain if SHADE.match(name) else 'bold not underline' if STYLED.search(name) else colour}'"
        )
    (folder / "sea.toml").write_text("\n".join(told))
    app, running = opened(daemon, settings, "sea")
    async with running as pilot:
        await pilot.press("g", "comma")
        await pilot.pause()
        assert (app.theme, notes(app)) == ("sea", [])


async def test_of_a_broken_one_the_screen_opens_as_it_would_without(daemon, settings, folder):
    (folder / "sea.toml").write_text('primary = "blu"\n')
    app, running = opened(daemon, settings, "sea")
    async with running as pilot:
        await pilot.pause()
        assert app.theme == "textual-dark"
        told = "1: primary: 'blu' is no colour. Write it as '#4ebf71' or 'teal'. textual-dark is used."
        assert notes(app) == [f"{folder / 'sea.toml'}:{told}"]


async def test_a_broken_one_that_nobody_chose_is_told_beside_the_chosen(daemon, settings, folder):
    (folder / "nord.toml").write_text("primary = \n")
    app, running = opened(daemon, settings, "sea")
    async with running as pilot:
        await pilot.pause()
        assert app.theme == "sea" and "nord" in app.available_themes
        assert ["nord.toml:1: broken TOML" in note for note in notes(app)] == [True]


async def test_a_theme_is_chosen_in_settings_and_seen_as_its_file_is_now(show, settings, folder):
    async with show() as eyes:
        eyes.app.settings_file = settings
        await eyes.press("g", "comma")
        await eyes.sees("[Settings]", "theme")
        await eyes.press("enter")
        await eyes.sees("⏎ take it")
        await eyes.press("end", "home", *["j"] * sorted(eyes.app.available_themes).index("sea"))
        await eyes.until(lambda: eyes.app.theme == "sea")
        await eyes.sees("sea")
        await eyes.press("enter")
        await eyes.until(lambda: 'theme = "sea"' in settings.read_text())
        (folder / "sea.toml").write_text('primary = "#4ebf71"\n')
        (folder / "sky.toml").write_text('primary = "blu"\n')
        await eyes.press("enter")
        await eyes.sees("⏎ take it", "'blu' is no colour")
        await eyes.until(lambda: eyes.app.theme_variables["primary"].lower() == "#4ebf71")
        assert "sky" not in eyes.app.available_themes
