"""Help, the tree of commands, and what may be loaded: no daemon is needed for any of it."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

from schema.errors import Refused
from tui.cli import ROOT, output, terminal, tree, usage
from tui.cli.reference import verbs
from tui.cli.tree import Verb

VERBS = list(verbs())
HEAVY = ("aiohttp", "textual", "pydantic", "PIL", "asyncio", "msgspec", "click", "sqlite3", "urllib", "http")
LOADED = """
import sys
sys.argv = ["stablenew", *{words!r}]
from tui.cli import main
code = main()
sys.stderr.write(" ".join(name for name in {heavy!r} if name in sys.modules))
sys.exit(code)
"""


def python(program: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, **env},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["job", "list", "--limit", "many"], "stablenew job list: --limit: 'many' is no whole number."),
        (["video", "p", "-o", "a.mp4", "--fps", "fast"], "stablenew video: --fps: 'fast' is no number."),
        (["video", "p", "-o", "a.mp4", "--codec", "gif"], "--codec: 'gif' is not one of "),
        (["run", "--count"], "stablenew run: --count needs a value."),
        (["video", "p"], "stablenew video: this is missing: -o."),
        (["job", "list", "--bogus"], "stablenew job list: there is no --bogus. `stablenew job list --help` lists"),
    ],
)
def test_wrong_usage_is_told_in_words_and_points_to_the_help(words: list[str], sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        tree.read(words, ROOT)

    assert sentence in refused.value.told()
    assert refused.value.remedy.endswith("--help` lists what it takes.")


@pytest.mark.parametrize("words", [["--help"], ["job", "--help"], ["run", "--help"], ["image", "export", "-h"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    done = python(LOADED.format(words=words, heavy=HEAVY))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(("stablenew: makes pictures", "List, wait", "Make pictures", "Copy pictures"))


def test_asking_a_daemon_loads_nothing_heavy_either(tmp_path: Path) -> None:
    allowed = {"urllib"}  # by pathlib
    heavy = tuple(name for name in HEAVY if name not in allowed)

    done = python(LOADED.format(words=["status"], heavy=heavy), STABLENEW_HOME=str(tmp_path))

    assert done.stderr == "No daemon runs. Start one with `stablenew daemon start`.\n"


@pytest.mark.parametrize(("path", "verb"), VERBS, ids=[" ".join(path) for path, _ in VERBS])
def test_every_verb_takes_what_its_function_takes(path: tuple[str, ...], verb: Verb) -> None:
    parameters = inspect.signature(verb.run).parameters
    wanted = {"words"} if verb.passes else {take.dest for take in verb.takes}
    named = {name for name, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD}

    if verb.passes:
        assert wanted <= named
    elif len(named) == len(parameters):
        assert wanted == named
    else:
        assert named <= wanted


@pytest.mark.parametrize(("path", "verb"), VERBS, ids=[" ".join(path) for path, _ in VERBS])
def test_help_of_every_verb_names_all_it_takes(path: tuple[str, ...], verb: Verb) -> None:
    text = usage.of_verb(path, verb)

    assert f"Usage: stablenew {' '.join(path)}" in text
    assert all(flag in text for take in verb.takes for flag in take.flags)
    assert max(map(len, text.splitlines())) <= 120


def test_help_wins_wherever_it_stands() -> None:
    for words in (["job", "cancel", "abc", "--help"], ["image", "rate", "-h", "x"], ["video", "--help"]):
        assert tree.read(words, ROOT).help


def test_what_changes_something_takes_a_key() -> None:
    changing = {
        "queue": {"pause", "resume", "clear", "mode"},
        "job": {"cancel", "retry", "rerun", "hold", "release", "move", "priority", "edit", "skip"},
        "image": {"rate", "tag", "compare", "trash", "restore", "enhance"},
        "node": {"drain", "resume"},
    }
    keyed = {path for path, verb in VERBS if "--key" in {flag for take in verb.takes for flag in take.flags}}

    assert keyed >= {(noun, word) for noun, words in changing.items() for word in words} | {
        ("run",),
        ("undo",),
        ("redo",),
    }


def test_the_systemd_unit_runs_this_installation(tmp_path: Path) -> None:
    program = 'import sys; sys.argv = ["stablenew", "daemon", "install"]; from tui.cli import main; sys.exit(main())'
    done = python(program, XDG_CONFIG_HOME=str(tmp_path), STABLENEW_HOME=str(tmp_path / 'a "100%" home'))

    unit = tmp_path / "systemd" / "user" / "stablenew.service"
    assert (done.returncode, done.stdout) == (0, f"{unit}\n")
    assert "systemctl --user enable --now stablenew" in done.stderr and "loginctl enable-linger" in done.stderr
    text = unit.read_text()
    assert " daemon run\n" in text and "Restart=on-failure" in text and "WantedBy=default.target" in text
    assert f'Environment="STABLENEW_HOME={tmp_path}/a \\"100%%\\" home"\n' in text


@pytest.mark.parametrize(
    ("answer", "protocol"),
    [
        ("\x1b_Gi=31;OK\x1b\\\x1b[?62;c", "kitty"),
        ("\x1b[?62;4;22c", "sixel"),
        ("\x1b[?62;22c", "half cells"),
        ("", "half cells"),
    ],
)
def test_the_terminal_is_believed(monkeypatch: pytest.MonkeyPatch, answer: str, protocol: str) -> None:
    monkeypatch.setattr(terminal, "_ask", lambda question: answer)
    monkeypatch.delenv("TMUX", raising=False)

    assert terminal.picture_protocol() == protocol


def test_options_and_arguments_may_be_mixed() -> None:
    call = tree.read(["job", "cancel", "a", "--reason", "no", "b", "--json"], ROOT)

    assert call.values == {"select": ["a", "b"], "reason": "no", "as_json": True, "key": None}


@pytest.mark.parametrize(
    "words", [["run", "--promt", "x"], ["status", "now"], ["image", "compare", "a", "b"], ["run", "--co", "3"]]
)
def test_words_that_mean_nothing_are_refused(words: list[str]) -> None:
    with pytest.raises(Refused) as refused:
        tree.read(words, ROOT)

    assert f"stablenew {words[0]}" in refused.value.told() and "--help" in refused.value.remedy


def test_a_table_cuts_its_last_column_only_where_it_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_width", lambda: 14)

    text = output.table(("NAME", "WHY"), [("harbour-01", "waits for a node"), ("harbour-02", "held"), ("x", "")])

    assert text.splitlines() == ["NAME        WHY", "harbour-01  waits f…", "harbour-02  held", "x"]


def test_a_table_is_as_wide_as_its_words_and_keeps_them_on_one_line() -> None:
    text = output.table(("ID", "N", "NAME"), [("a", "7", "two\nlines"), ("bcd", "1000", "x\x1b[31m")], right="N")

    assert text.splitlines() == ["ID      N  NAME", "a       7  two lines", "bcd  1000  x[31m"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (0.4, "0s"), (59.6, "1m 00s"), (125, "2m 05s"), (7800, "2h 10m"), (273_600, "3d 4h")],
)
def test_durations_are_short(seconds: float | None, words: str) -> None:
    assert output.duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1400, "1.4 kB"), (85_400_000_000, "85.4 GB")]
)
def test_sizes_are_readable(count: int, words: str) -> None:
    assert output.size(count) == words
