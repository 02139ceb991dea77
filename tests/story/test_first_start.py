"""Somebody who has never seen it: the screen alone leads to a rated picture, and says what is wrong and what helps."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `terminals`

from terminals import Terminal

pytestmark = [
    pytest.mark.story,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux, the terminal of these stories, is not installed"),
]


@pytest.fixture
def opened(home):
    panes = []

    def open_(columns: int, rows: int) -> Terminal:
        panes.append(Terminal(home, columns, rows))
        return panes[-1]

    yield open_
    for pane in panes:
        pane.close()


@pytest.mark.parametrize(("columns", "rows"), [(120, 36), (80, 24)])
def test_two_keys_from_nothing_to_a_rated_picture_and_on_to_a_prompt(home, opened, columns, rows):
    terminal = opened(columns, rows)
    terminal.sees(r"pictures go to.*sketch +ready.*makes the first picture")
    terminal.keys("Enter")
    terminal.sees("How do you like it")
    terminal.sees("▀")  # half cells: a picture in the terminal
    terminal.keys("4")
    terminal.sees("★★★★ noted")
    [rated] = [event for event in home.events() if event["type"] == "ImageRated"]
    assert rated["stars"] == 4
    terminal.keys("z")
    terminal.sees("How do you like it")
    terminal.keys("5", "r")
    terminal.sees(r"\[Run\]")

    terminal.keys("C-q")
    terminal.sees("ended with 0")
    again = opened(columns + 1, rows)
    again.sees("✓ done|✓")
    assert again.shown("makes the first picture") is None


def test_with_a_broken_settings_file_it_opens_says_the_line_and_goes_on_once_that_is_mended(home, opened):
    config = home.root / "home/config/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("# mine\n[daemon]\nretries = many\n")
    terminal = opened(120, 36)
    terminal.sees(r"config\.toml:3:.*broken TOML.*g , opens Settings.*no daemon")
    terminal.keys("g", ",")
    terminal.sees(r"config\.toml is not obeyed.*> +3  retries = many")
    config.write_text("# mine\n[daemon]\nretries = 4\n")
    terminal.sees(r"the screen.*[12] changed|[12] changed.*the screen")
    terminal.keys("C-r")
    terminal.sees("daemon up")


def test_a_setting_changed_by_keys_is_obeyed_by_the_next_daemon_and_remarks_stay(home, opened):
    config = home.root / "home/config/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text("# mine\n[run] # of all\npipeline = 'standard'\n")
    terminal = opened(120, 36)
    terminal.sees("makes the first picture")
    terminal.keys(",")
    terminal.sees(r"\[Settings\].*run.*pipeline +standard")
    terminal.keys("/")
    terminal.write("max_variants")
    terminal.sees("1 setting ")
    terminal.keys("Enter", "Enter")
    terminal.sees("write it")
    terminal.keys(*["BSpace"] * 6)
    terminal.write("7")
    terminal.keys("Enter")
    terminal.sees("counts when the daemon starts again")
    assert config.read_text() == "# mine\n[run] # of all\npipeline = 'standard'\nmax_variants = 7\n"
    terminal.keys("C-r")
    terminal.sees("the daemon runs with these settings")
    refused = home.run("run", "--prompt", "a {red|blue|green} boat at {dawn|noon|dusk}", "--matrix", "all")
    assert refused.returncode == 2 and "max_variants" in refused.stderr
