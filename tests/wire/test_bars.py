"""How far a long verb is: a line for a person at a terminal, nothing for anybody else, and never an escape code."""

import io
from types import SimpleNamespace

import pytest

from daemon.log import watched
from schema.bars import bar, so_far
from tui.cli.bar import Bar
from tui.cli.modelget import so_far_of
from tui.link.doc import Doc


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        """What was shown one after the other."""
        return [line.rstrip() for line in self.getvalue().split("\r")]


def before(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO) -> None:
    """By the modules' own names: pytest puts the real one back behind every fixture."""
    for module in ("tui.cli.bar", "daemon.log.watched"):
        monkeypatch.setattr(f"{module}.sys", SimpleNamespace(stderr=stderr))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    fake = Terminal()
    before(monkeypatch, fake)
    monkeypatch.setattr("tui.cli.bar.EVERY", 0.0)
    monkeypatch.setattr(watched, "EVERY", 0.0)
    monkeypatch.setattr(watched, "AT_ONCE", 100)
    return fake


def test_a_bar_is_as_long_as_what_is_done() -> None:
    assert bar(0.5, 10) == "█████░░░░░"
    assert bar(7.0, 4) == "████"
    assert so_far("checking", "4,100", "6,700 events", 41 / 67) == f"checking {bar(0.61)} 61 %  4,100 of 6,700 events"


def test_a_download_tells_its_size_also_where_nobody_knows_the_end() -> None:
    assert so_far_of(Doc({"bytes": 500_000, "total": 1_000_000})) == f"downloading {bar(0.5)} 50 %  500.0 kB of 1.0 MB"
    assert so_far_of(Doc({"bytes": 500_000})) == "downloading 500.0 kB"


def test_a_line_is_drawn_over_the_last_one_and_gone_at_the_end(terminal: Terminal) -> None:
    with Bar() as shown:
        shown.show("a long line")
        shown.show("short")
    assert terminal.lines() == ["", "a long line", "short", "", ""]
    assert "\x1b" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\rshort      \r     \r")


def test_reading_the_log_shows_how_far_it_is(terminal: Terminal) -> None:
    assert list(watched.along("checking")(range(250), 250)) == list(range(250))
    assert [line.split(" %")[0][-2:] for line in terminal.lines() if "%" in line] == [" 0", "40", "80"]
    assert terminal.lines()[-1] == ""


def test_where_nobody_sits_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = io.StringIO()
    before(monkeypatch, silent)
    with Bar() as shown:
        shown.show("never seen")
    assert list(watched.along("checking")(range(5), 5)) == list(range(5))
    assert silent.getvalue() == ""
