"""Settings: seen with where they come from, changed in place and taken back; keys pressed anew; a broken file told."""

import pytest


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("# mine\n[daemon]\nretries = 5 # tries\n", "utf-8")
    return path


async def to_settings(eyes, file):
    eyes.app.settings_file, eyes.app.env = file, {"STABLENEW_HOME": "/home/ada"}
    await eyes.press("g", "comma")
    await eyes.sees("[Settings]", "the screen", "theme")


async def find(eyes, words):
    await eyes.press("slash", *words, "enter")


async def test_a_setting_is_changed_in_place_judged_while_typing_and_taken_back(show, file, picture_of):
    before = file.read_text()
    async with show() as eyes:
        await to_settings(eyes, file)
        await eyes.sees("textual-dark", "what is learned from", "passive", "1 changed")
        picture_of(eyes, "configure-120x36")
        await find(eyes, "retries")
        await eyes.sees("1 setting", "config.toml:3", "1 to 20", "when the daemon starts again")
        await eyes.press("enter")
        await eyes.sees("daemon.retries", "a whole number, 1 to 20")
        await eyes.press("0", "enter")
        await eyes.sees("'50' is too large")
        await eyes.press("backspace", "backspace", "7", "enter")
        await eyes.sees("↻ 1 counts when the daemon starts again")
        assert file.read_text() == before.replace("retries = 5", "retries = 7")
        await eyes.press("z")
        await eyes.until(lambda: file.read_text() == before)


async def test_the_screens_own_settings_are_obeyed_at_once_and_a_theme_is_seen_before_it_is_taken(show, file):
    async with show() as eyes:
        await to_settings(eyes, file)
        await eyes.press("enter")
        await eyes.sees("Theme", "textual-dark")
        await eyes.press("j")
        await eyes.until(lambda: eyes.app.theme not in ("textual-dark", ""))
        other = eyes.app.theme
        await eyes.press("escape")
        await eyes.until(lambda: eyes.app.theme == "textual-dark")
        await eyes.press("enter")
        await eyes.sees("⏎ take it")
        await eyes.press("j", "enter")
        await eyes.until(lambda: f'theme = "{other}"' in file.read_text() and eyes.app.theme == other)


@pytest.mark.slow
async def test_a_theme_of_the_palette_is_kept(show, file):
    async with show() as eyes:
        await to_settings(eyes, file)
        await eyes.press("g", "q", "colon")
        await eyes.until(lambda: type(eyes.app.screen).__name__ == "Palette")
        await eyes.press(*"theme")
        await eyes.sees("other colours")
        await eyes.press("enter")
        await eyes.sees("[Settings]", "⏎ take it")
        await eyes.press("k", "enter")
        await eyes.until(lambda: f'theme = "{eyes.app.theme}"' in file.read_text())


@pytest.mark.slow
async def test_a_key_is_pressed_anew_and_one_that_has_a_meaning_changes_places(show, file):
    async with show() as eyes:
        await to_settings(eyes, file)
        await eyes.press("right_square_bracket")
        await find(eyes, "queue.cancel")
        await eyes.sees("1 key", "queue.cancel")
        await eyes.press("enter")
        await eyes.sees("Press the key for: cancel")
        await eyes.press("H")
        await eyes.sees("H already means")
        await eyes.press("H")
        await eyes.until(lambda: '"queue.cancel" = "H"' in file.read_text())
        assert '"queue.hold" = "x"' in file.read_text()
        await eyes.press("g", "q")
        await eyes.sees("H cancel", "x hold")
        await eyes.press("z")
        await eyes.until(lambda: "keymap" not in file.read_text())
        await eyes.sees("x cancel")


async def test_a_broken_file_is_told_with_its_line_and_is_seen_to_be_mended(show, file):
    file.write_text("[daemon]\nretries = [\n# [b]odd\x1b\n", "utf-8")
    async with show() as eyes:
        eyes.app.settings_file = file
        await eyes.press("g", "comma")
        await eyes.sees("config.toml is not obeyed", "broken TOML", ">    3  # [b]odd·", "opens it in your editor")
        assert "max_variants" not in eyes.text(), "the defaults take no room"
        eyes.app.absence = f"{file}:3: broken TOML"
        file.write_text("[daemon]\nretries = 4\n", "utf-8")
        eyes.app.screen.tick()
        await eyes.sees("theme", "1 changed")
        await eyes.press("j")
        await eyes.sees(">  images")
        assert eyes.app.focused is eyes.app.screen.listing and not eyes.app.absence


@pytest.mark.slow
async def test_switches_choices_defaults_and_learning_by_one_key(show, file, daemon):
    async with show(80, 24) as eyes:
        await to_settings(eyes, file)
        await eyes.press("j", "space")
        await eyes.until(lambda: 'images = "half"' in file.read_text())
        await eyes.press("d")
        await eyes.until(lambda: "images" not in file.read_text())
        await find(eyes, "run.video")
        await eyes.press("space")
        await eyes.until(lambda: "video = true" in file.read_text())
        await eyes.press("escape")
        await find(eyes, "learned")
        await eyes.press("enter")
        await eyes.sees("active: the same, and pictures")
        await eyes.press("j", "enter")
        await eyes.until(lambda: daemon.sent("/v1/learn/mode") == [{"mode": "active"}])


@pytest.mark.slow
async def test_settings_at_two_more_sizes(show, file, picture_of):
    async with show(80, 24) as eyes:
        await to_settings(eyes, file)
        await eyes.sees("passive")
        picture_of(eyes, "configure-80x24")
        await eyes.pilot.resize_terminal(200, 60)
        await eyes.sees("films", "A plan with more jobs is refused.")
        picture_of(eyes, "configure-200x60")
