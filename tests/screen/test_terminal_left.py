"""However it ends, the terminal is left as it was found, and the exit code says why; whatever the terminal is like."""

import os
import random
import re
import signal

import pytest
from screen_pty import START, Pane

pytestmark = [pytest.mark.story, pytest.mark.slow]

CRASHING = f"import tui.app; tui.app.StableNew.action_redraw = lambda self: {{}}['a fault of ours']; {START}"
"""ctrl+l finds a fault."""

PIECES = (
    *"jkhlgqrinpo,/?:[]aeyx01234 \t\r\x1b\x7f", "\x1b[A", "\x1b[B", "\x1b[Z", "\x1bOQ", "\x0a", "\x0e", "\x05",
    "\x1b[200~a\rb{c\x1b[201~", "\x1b[<0;30;9M\x1b[<0;30;9m", "\x1b[<65;9;9M", "é漢", "\x1b[", "\x1b]52;c;",
)  # fmt: skip
"""What may come from a keyboard: letters, keys, a paste, the mouse, and what is broken off."""


@pytest.fixture
async def pane(daemon, tmp_path):
    """`pane(columns=80, program=..., **env)`: the program on the fake daemon."""
    open_: list[Pane] = []
    gone = ("COLUMNS", "LINES", "LC_ALL", "SSH_TTY", "COLORTERM")
    kept = {name: value for name, value in os.environ.items() if name not in gone}
    usual = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "STABLENEW_UI__IMAGES": "half"}
    usual |= {"STABLENEW_HOME": str(tmp_path), "STABLENEW_SOCKET": str(daemon.socket)}

    def begun(columns=120, rows=36, program=START, owned=True, **env):
        open_.append(Pane(kept | usual | env, columns=columns, rows=rows, program=program, owned=owned))
        return open_[-1]

    yield begun
    for one in open_:
        one.close()


async def shown(pane):
    """A terminal with rows in it; a word is sent whole, of words with spaces only what is new."""
    await pane.sees("kn00gt7a.9")
    await pane.calm()
    return pane


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("qy", 0),
        ("\x11", 0),
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        (signal.SIGINT, 130),
        (signal.SIGQUIT, 131),
    ],
)
async def test_it_ends_and_the_terminal_is_as_before(pane, how, code):
    it = await shown(pane())
    assert "?1049h" in it.dirt() and "?25l" in it.dirt()
    if how == "qy":
        it.keys("q")
        await it.sees("The daemon keeps running.")
        it.keys("y")
    elif isinstance(how, str):
        it.keys(how)
    else:
        os.kill(it.child.pid, how)
    assert await it.ended() == code
    assert it.dirt() == []


async def test_a_crash_gives_the_terminal_back_and_says_what_happened(pane):
    it = await shown(pane(program=CRASHING))
    it.keys("\x0c")
    assert await it.ended() == 1
    assert it.dirt() == []
    assert "a fault of ours" in it.text


async def test_in_a_form_too(pane):
    it = await shown(pane())
    it.forget()
    it.keys("/abc")
    await it.sees("c")
    os.kill(it.child.pid, signal.SIGTERM)
    assert await it.ended() == 143
    assert "\x1b[?1049l" in it.text and "\x1b[?25h" in it.text


@pytest.mark.parametrize("owned", [True, False], ids=["its own", "somebody else's"])
async def test_a_window_that_is_closed_ends_it(pane, owned):
    """Of a terminal that is somebody else's nobody sends a signal."""
    it = await shown(pane(owned=owned))
    it.hang_up()
    assert await it.ended() == 129


async def test_an_editor_that_is_open_is_ended_first(pane, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\ntrap 'echo as told; exit 1' TERM\necho writing; while :; do sleep 0.05; done\n")
    editor.chmod(0o755)
    it = await shown(pane(EDITOR=str(editor), VISUAL=""))
    it.keys("\x1bOR")
    await it.sees("Negative", "Problems")
    it.keys("\x1b[21~")
    await it.sees("writing")
    os.kill(it.child.pid, signal.SIGTERM)
    await it.sees("as told")
    assert await it.ended() == 143
    assert it.dirt() == []


async def test_an_editor_that_is_not_there_leaves_the_screen_as_it_was(pane):
    it = await shown(pane(EDITOR="/nowhere/ed", VISUAL=""))
    it.keys("\x1bOR")
    await it.sees("Negative", "Problems")
    it.forget()
    it.keys("\x1b[21~")
    await it.sees("\x1b[?1049l", "\x1b[?1049h", "started")
    it.keys("\x11")
    assert await it.ended() == 0
    assert it.dirt() == []


async def test_a_terminal_that_takes_nothing_any_more_does_not_hold_it_up(pane):
    """Nobody reads: the write waits for ever, and the loop with it."""
    it = await shown(pane())
    it.look_away()
    for _ in range(60):
        it.keys("\x0c")
    os.kill(it.child.pid, signal.SIGHUP)
    assert await it.ended() == 129


async def test_ctrl_z_gives_the_shell_its_terminal_and_fg_comes_back(pane, daemon):
    it = await shown(pane())
    it.keys("\x1a")
    await it.sees("\x1b[?1049l")
    while not it.stopped():
        await it.calm()
    assert it.dirt() == []
    it.forget()
    os.kill(it.child.pid, signal.SIGCONT)
    await it.sees("\x1b[?1049h", "131 jobs")
    os.kill(it.child.pid, signal.SIGTERM)
    assert await it.ended() == 143
    assert it.dirt() == []


@pytest.mark.parametrize(
    "env",
    [
        {"NO_COLOR": "1"},
        {"TERM": "dumb"},
        {"TERM": "linux"},
        {"TERM": "vt100"},
        {"TERM": ""},
        {"LANG": "C"},
        {"LC_ALL": "POSIX"},
        {"PYTHONIOENCODING": "iso-8859-1"},
        {"SSH_CONNECTION": "10.0.0.2 50000 10.0.0.1 22"},
    ],
    ids=lambda env: "{}={}".format(*next(iter(env.items()))),
)
async def test_every_kind_of_terminal_is_shown_something_and_left_clean(pane, env):
    it = await shown(pane(**env))
    if "NO_COLOR" in env:
        colours = re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", it.text)
        assert all(red == green == blue for red, green, blue in colours)
    it.keys("jjg")
    it.forget()
    it.keys("i")
    await it.sees("318")  # the space behind it is not sent where one was there before
    os.kill(it.child.pid, signal.SIGTERM)
    assert await it.ended() == 143
    assert it.dirt() == []


@pytest.mark.parametrize("size", [(60, 15), (59, 14), (20, 5), (2, 1), (400, 120)], ids=str)
async def test_every_size_is_survived(pane, size):
    it = pane(*size)
    await it.sees("kn00gt7a.5" if size[0] >= 60 else "needs 60x15" if size[0] > 20 else "\x1b[?1049h")
    for columns, rows in ((80, 24), size, (1, 1), (120, 36)):
        it.resize(columns, rows)
        it.keys("j")
    it.forget()
    await it.sees("before variation")
    it.keys("\x11")
    assert await it.ended() == 0


async def test_it_is_seen_also_where_errors_go_into_a_file(pane, tmp_path):
    """Textual draws on stderr."""
    aside = f"import os; os.dup2(os.open({str(tmp_path / 'errors')!r}, os.O_CREAT | os.O_WRONLY), 2); {START}"
    it = await shown(pane(program=aside))
    it.keys("\x11")
    assert await it.ended() == 0
    assert it.dirt() == []


async def test_a_click_that_comes_as_bytes_is_a_click(pane):
    it = await shown(pane(200, 60))
    it.click(top_line(it.text).index("Gallery"), 0)
    it.forget()
    await it.sees("318 pictures")


def top_line(written):
    """As it was painted first."""
    painted = written[written.index("\x1b[1;1H") : written.index("\x1b[2;1H")]
    return re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", painted)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
async def test_whatever_is_typed_the_terminal_is_left_as_it_was(pane, seed):
    """Bytes as a cat on the keyboard, a broken line and a pasted picture would send them."""
    draw = random.Random(seed)
    sizes = ((120, 36), (80, 24), (200, 60))
    it = await shown(pane(*sizes[seed % 3]))
    for _ in range(300):
        if it.child.poll() is not None:
            break
        it.keys("".join(draw.choice(PIECES) for _ in range(draw.randrange(1, 8))))
        if draw.random() < 0.05:
            it.resize(*draw.choice(sizes))
        await it.calm()
    if it.child.poll() is None:
        os.kill(it.child.pid, signal.SIGTERM)
    assert await it.ended() in (0, 143)
    assert it.dirt() == []
