"""What tab offers: by the rules, and in the shells themselves where they are installed."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `cli_world`

from cli_world import FakeDaemon, stablenew

from tui.cli import ROOT
from tui.cli.completing import Next, after, split
from tui.cli.completion import said
from tui.cli.reference import verbs


def offered(line: str) -> list[str]:
    return [word for word, _ in after(line, ROOT).words]


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(tmp_path)
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path))
    monkeypatch.delenv("STABLENEW_SOCKET", raising=False)
    yield fake
    fake.close()


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path))
    monkeypatch.delenv("STABLENEW_SOCKET", raising=False)


def test_every_command_and_every_verb_is_offered_with_what_it_does(nobody: None) -> None:
    for path, verb in verbs():
        *before, last = path
        found = dict(after(" ".join(["stablenew", *before, last[:-1]]), ROOT).words)
        assert found[last] == (ROOT[last].about if not before else verb.about.partition("\n")[0])
        assert "--help" in offered(" ".join(["stablenew", *path, "--he"]))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stablenew ru", ["run"]),
        ("stablenew run --lan", ["--lane"]),
        ("stablenew run --lane ", ["batch", "interactive"]),
        ("stablenew run --lane=b", ["--lane=batch"]),
        ("stablenew run --no-w", ["--no-wait"]),
        ("stablenew run --seed 4 --se", ["--search", "--set"]),
        ("stablenew queue mode w", ["warm"]),
        ("stablenew learn mode ", ["active", "off", "passive"]),
        ("stablenew completion z", ["zsh"]),
        ("stablenew job list state:q", ["state:queued"]),
        ("stablenew job list st", ["stars:", "state:"]),
        ("stablenew run --set txt2img.st", ["txt2img.steps="]),
        ("stablenew run --set detail2.merge=", ["detail2.merge=invert", "detail2.merge=merge", "detail2.merge=none"]),
        ("stablenew config set ui.th", ["ui.theme"]),
        ("stablenew nonsense ", []),
    ],
)
def test_without_a_daemon_there_are_the_words_of_the_commands(nobody: None, line: str, words: list[str]) -> None:
    assert offered(line) == words


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stablenew run kn", ["knights"]),
        ("stablenew run --preset ", ["soft"]),
        ("stablenew run knights --pipeline st", ["standard"]),
        ("stablenew pack show ", ["knights"]),
        ("stablenew job show ", ["k3mpw7ab.1"]),
        ("stablenew job cancel k3", ["k3mpw7ab", "k3mpw7ab.1"]),
        ("stablenew node drain ", ["here"]),
        ("stablenew run --node h", ["here"]),
        ("stablenew run --backend s", ["sketch"]),
        ("stablenew image show ", ["p2q4r6s8"]),
    ],
)
def test_names_are_those_that_the_daemon_knows(daemon: FakeDaemon, line: str, words: list[str]) -> None:
    assert offered(line) == words


def test_files_are_offered_where_a_file_may_stand(nobody: None) -> None:
    assert after("stablenew pack check ", ROOT) == Next((), files=True)
    assert after("stablenew run ", ROOT).files
    assert not after("stablenew status ", ROOT).files


def test_a_line_is_split_as_a_shell_does_it() -> None:
    assert split("stablenew run 'old har") == ["stablenew", "run", "old har"]
    assert split(r'a "b c" d\ e ') == ["a", "b c", "d e", ""]


def test_bash_is_told_only_what_stands_behind_a_colon(nobody: None) -> None:
    assert said("bash", "stablenew job list state:run").splitlines() == ["words", "running"]
    assert said("zsh", "stablenew job list state:run").splitlines() == ["words", "state:running"]


def test_a_name_cannot_drive_the_terminal(daemon: FakeDaemon) -> None:
    daemon.answers["/v1/packs"] = (200, {"items": ["kn\x1b[2J\nights\x07"], "total": 1})
    told = stablenew(daemon.home, "completion", "bash", "--line=stablenew run ").out
    assert told.splitlines() == ["files", "kn[2J ights"]


# Real shells ----------------------------------------------------------------------------------------

START = {"bash": ["bash", "--norc", "--noprofile", "-i"], "zsh": ["zsh", "-f", "-i"]}
LOAD = {
    "bash": 'PS1="> "; eval "$(stablenew completion bash)"',
    "zsh": 'PS1="> "; autoload -Uz compinit && compinit -D; eval "$(stablenew completion zsh)"',
}


class Shell:
    """An interactive shell in a terminal of its own; keys in, the letters it wrote out."""

    def __init__(self, name: str, env: dict[str, str]) -> None:
        self.master, slave = pty.openpty()
        self.child = subprocess.Popen(
            START[name], stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True
        )
        os.close(slave)
        self.text = ""

    def types(self, text: str) -> None:
        os.write(self.master, text.encode())

    def sees(self, words: str) -> None:
        end = time.monotonic() + 40
        while words not in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x07", "", self.text):
            assert time.monotonic() < end, f"never seen: {words!r}\n{self.text!r}"
            if select.select([self.master], [], [], 0.2)[0]:
                self.text += os.read(self.master, 4096).decode(errors="replace")

    def end(self) -> None:
        self.child.kill()
        self.child.wait()
        os.close(self.master)


def installed(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed")


@pytest.fixture
def env(daemon: FakeDaemon) -> dict[str, str]:
    bin_ = Path(sys.executable).parent
    home = {"HOME": str(daemon.home), "STABLENEW_HOME": str(daemon.home), "TERM": "xterm", "LANG": "C.UTF-8"}
    return {"PATH": f"{bin_}:{os.environ['PATH']}", **home}


@pytest.mark.slow
@pytest.mark.story
@pytest.mark.parametrize("name", [pytest.param(name, marks=installed(name)) for name in START])
def test_tab_completes_in_the_shell_itself(name: str, env: dict[str, str]) -> None:
    shell = Shell(name, env)
    try:
        shell.types(LOAD[name] + "; echo rea''dy\n")
        shell.sees("ready\r")
        shell.types("stablenew queue mo\t")
        shell.sees("stablenew queue mode ")
        shell.types("wa\t")
        shell.sees("warm ")
        shell.types("\x15stablenew job list state:attent\t")
        shell.sees("job list state:attention ")
        shell.types("\x15stablenew run kni\t")
        shell.sees("run knights ")
    finally:
        shell.end()


@pytest.mark.slow
@pytest.mark.story
@installed("fish")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stablenew queue mo", ["mode"]),
        ("stablenew job list state:att", ["state:attention"]),
        ("stablenew run kni", ["knights"]),
        ("stablenew run --lane ", ["batch", "interactive"]),
    ],
)
def test_fish_is_offered_the_same(env: dict[str, str], line: str, words: list[str]) -> None:
    asks = f"stablenew completion fish | source; complete -C {line!r}"
    told = subprocess.run(["fish", "--no-config", "-c", asks], env=env, capture_output=True, text=True, check=True)
    assert [one.partition("\t")[0] for one in told.stdout.splitlines()] == words
