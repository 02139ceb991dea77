"""The verbs against a small daemon that answers the documented routes: exit codes, JSON shapes, what is sent."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `cli_world`

from cli_world import ANSWER, EVENT, IMAGE_ROW, JOB_ROW, Asked, FakeDaemon, page, stablenew

from schema.errors import Exit


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeDaemon]:
    daemon = FakeDaemon(tmp_path)
    yield daemon
    daemon.close()


# Exit codes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("status",), Exit.NO_DAEMON, "stablenew daemon start"),
        (("job", "list"), Exit.NO_DAEMON, "stablenew daemon start"),
        (("daemon", "stop"), Exit.NO_DAEMON, "stablenew daemon start"),
        (("jbo",), Exit.REFUSED, "Did you mean `stablenew job`?"),
        (("job", "cancle"), Exit.REFUSED, "Did you mean `stablenew job cancel`?"),
        (("job", "cancel"), Exit.REFUSED, "JOB|RUN|FILTER"),
        (("run", "--count", "many"), Exit.REFUSED, "--count"),
        (("run", "--nonsense"), Exit.REFUSED, "--nonsense"),
        (("run", "no/such.txt"), Exit.REFUSED, "no/such.txt: there is no such file"),
        (("image", "rate", "abc", "6"), Exit.REFUSED, "1 to 5 stars"),
        (("job", "move", "abc"), Exit.REFUSED, "--top"),
        (("job", "priority", "abc", "high"), Exit.REFUSED, "'high'"),
        (("job", "rerun", "abc"), Exit.REFUSED, "--only"),
        (("--version",), Exit.DONE, ""),
        (("help-me",), Exit.REFUSED, "--help"),
    ],
)
def test_without_a_daemon_each_word_ends_with_its_documented_code(
    tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    told = stablenew(tmp_path, *words)

    assert told.code == code
    assert says in told.err
    assert told.out == "" or words == ("--version",)


def test_one_sentence_names_what_where_and_the_remedy(fake: FakeDaemon) -> None:
    fake.answers["/v1/queue/mode"] = (
        400, {"error": "there is no mode 'quick'", "where": "mode", "remedy": "Take share, warm or free.", "exit": 2},
    )  # fmt: skip

    told = stablenew(fake.home, "queue", "mode", "quick")

    assert told == (Exit.REFUSED, "", "mode: there is no mode 'quick'. Take share, warm or free.\n")


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (404, {"error": "no job", "exit": 2}, 2),
        (409, {"error": "the plan would differ", "exit": 2}, 2),
        (403, {"error": "not allowed", "exit": 4}, 4),
        (503, {"error": "the daemon is stopping", "exit": 1}, 1),
        (500, "this is no object", 1),
    ],
)
def test_the_daemons_refusal_brings_its_own_exit_code(fake: FakeDaemon, status: int, body: object, code: int) -> None:
    fake.answers["/v1/jobs/cancel"] = (status, body)

    assert stablenew(fake.home, "job", "cancel", "k3mpw7ab").code == code


def test_a_daemon_that_hangs_up_is_no_daemon(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()

        def hang_up() -> None:
            connection, _ = server.accept()
            connection.recv(65_536)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        told = stablenew(tmp_path, "undo", STABLENEW_SOCKET=str(tmp_path / "s"))
        thread.join()

    assert told.code == Exit.NO_DAEMON
    assert "ended before it had answered" in told.err


# Other verbs --------------------------------------------------------------------------------------

READS = [
    (("status",), {"version", "pid", "socket", "head", "state", "queue", "nodes"}),
    (("daemon", "status"), {"pid", "socket", "version", "head", "state"}),
    (("daemon", "start"), {"pid", "socket", "version", "head", "state"}),
    (("queue", "show"), {"counts"}),
    (("queue", "show", "k3mpw7ab"), {"row", "spec", "manifest"}),
    (("queue", "runs", "state:finished"), {"items", "total"}),
    (("job", "list", "state:finished"), {"items", "total"}),
    (("job", "show", "k3mpw7ab.1"), {"id", "state"}),
    (("job", "explain", "k3mpw7ab.1"), {"job", "text"}),
    (("job", "wait", "k3mpw7ab"), {"jobs", "finished", "failed", "cancelled"}),
    (("image", "list", "stars:>=4"), {"items", "total"}),
    (("image", "show", "p2q4r6s8"), {"image", "job"}),
    (("node", "list"), {"items", "total"}),
    (("node", "show", "he"), {"node", "state"}),
    (("agent", "status"), {"items"}),
    (("pack", "list"), {"items", "total"}),
    (("pipeline", "list"), {"items", "total"}),
    (("preset", "list"), {"items", "total"}),
    (("log", "show", "42"), {"seq", "at", "type", "event"}),
    (("config", "path"), {"config", "state", "results", "socket", "settings"}),
    (("doctor",), {"ok", "findings", "paths"}),
    (("daemon", "install", "--print"), set()),
]


@pytest.mark.parametrize(("words", "names"), READS, ids=[" ".join(words) for words, _ in READS])
def test_what_is_read_is_one_document_or_words(fake: FakeDaemon, words: tuple[str, ...], names: set[str]) -> None:
    if names:
        told = stablenew(fake.home, *words, "--json")
        assert names <= set(told.document), told
    in_words = stablenew(fake.home, *words)
    assert in_words.code in (Exit.DONE, Exit.FAILED if words == ("doctor",) else Exit.DONE)
    assert (in_words.out or in_words.err).strip()


CHANGES: list[tuple[tuple[str, ...], str, dict[str, object]]] = [
    (("queue", "pause"), "/v1/queue/pause", {}),
    (("queue", "resume"), "/v1/queue/resume", {}),
    (("queue", "pause", "k3"), "/v1/runs/k3/pause", {}),
    (("queue", "resume", "k3"), "/v1/runs/k3/resume", {}),
    (("queue", "clear"), "/v1/queue/clear", {}),
    (("queue", "mode", "warm"), "/v1/queue/mode", {"mode": "warm"}),
    (("undo",), "/v1/undo", {}),
    (("redo",), "/v1/redo", {}),
    (("job", "cancel", "a", "b", "--reason", "no"), "/v1/jobs/cancel", {"select": ["a", "b"], "reason": "no"}),
    (("job", "cancel", "state:queued", "pack:x"), "/v1/jobs/cancel", {"select": ["state:queued pack:x"]}),
    (("job", "cancel", "state:held", "red hat"), "/v1/jobs/cancel", {"select": ['state:held "red hat"']}),
    (("job", "retry", "a"), "/v1/jobs/retry", {"select": ["a"]}),
    (("job", "rerun", "a", "--only", "s"), "/v1/jobs/rerun", {"select": ["a"], "stage": "s", "only": True}),
    (("job", "rerun", "--from", "s", "a"), "/v1/jobs/rerun", {"select": ["a"], "stage": "s"}),
    (("job", "rerun", "a", "s"), "/v1/jobs/rerun", {"select": ["a"], "stage": "s"}),
    (("job", "hold", "a"), "/v1/jobs/hold", {"select": ["a"]}),
    (("job", "release", "a"), "/v1/jobs/release", {"select": ["a"]}),
    (("job", "skip", "a"), "/v1/jobs/skip", {"select": ["a"]}),
    (("job", "move", "a", "--top"), "/v1/jobs/move", {"select": ["a"], "to": "top"}),
    (("job", "move", "a", "bottom"), "/v1/jobs/move", {"select": ["a"], "to": "bottom"}),
    (("job", "move", "a", "--after", "b"), "/v1/jobs/move", {"select": ["a"], "to": "after", "anchor": "b"}),
    (("job", "priority", "a", "-3"), "/v1/jobs/priority", {"select": ["a"], "priority": -3}),
    (("job", "edit", "a", "--prompt", "", "--set", "x.y=1"), "/v1/jobs/edit",
     {"select": ["a"], "prompt": "", "set": ["x.y=1"]}),
    (("image", "rate", "a", "state:finished", "5"), "/v1/images/rate", {"select": ["a state:finished"], "stars": 5}),
    (("image", "rate", "a", "b", "0"), "/v1/images/rate", {"select": ["a", "b"], "stars": 0}),
    (("image", "tag", "a", "sharp", "--remove", "soft"), "/v1/images/tag",
     {"select": ["a"], "add": ["sharp"], "remove": ["soft"]}),
    (("image", "compare", "a", "b", "--better", "B"), "/v1/images/compare", {"select": ["a", "b"], "better": "b"}),
    (("image", "compare", "a", "b", "--better", "a"), "/v1/images/compare", {"select": ["a", "b"], "better": "a"}),
    (("image", "trash", "a"), "/v1/images/trash", {"select": ["a"]}),
    (("image", "restore", "a"), "/v1/images/restore", {"select": ["a"]}),
    (("node", "drain", "here"), "/v1/nodes/here/drain", {}),
    (("node", "resume", "h"), "/v1/nodes/here/resume", {}),
]  # fmt: skip


@pytest.mark.parametrize(("words", "path", "body"), CHANGES, ids=[" ".join(words) for words, _, _ in CHANGES])
def test_what_changes_something_takes_a_key_and_sends_its_words(
    fake: FakeDaemon, words: tuple[str, ...], path: str, body: dict[str, object]
) -> None:
    told = stablenew(fake.home, *words, "--key", "once", "--json")

    assert told.code == Exit.DONE
    assert told.document["seq"] == 17
    assert (fake.asked[-1].path, fake.asked[-1].key) == (path, "once")
    assert fake.asked[-1].fields == body


def test_a_rating_with_tags_is_one_command(fake: FakeDaemon) -> None:
    stablenew(fake.home, "image", "rate", "k3mpw7ab", "5", "--tag", "keep", "--tag", "soft", "--key", "k", "--json")

    asked = fake.asked[-1]
    assert (asked.path, asked.key) == ("/v1/images/rate", "k")
    assert asked.fields == {"select": ["k3mpw7ab"], "stars": 5, "add": ["keep", "soft"]}


def test_lists_pass_filter_page_and_order_on(fake: FakeDaemon) -> None:
    stablenew(fake.home, "job", "list", "run:k3", "red hat", "--limit", "3", "--offset", "6", "--sort", "name")

    assert fake.asked[-1].query == {"filter": ['run:k3 "red hat"'], "limit": ["3"], "offset": ["6"], "sort": ["name"]}


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        (("lighthouse state:finished",), "lighthouse state:finished"),
        (("state:finished lighthouse",), "state:finished lighthouse"),
        (('"red hat" run:k3', "gulls"), '"red hat" run:k3 gulls'),
        (("a red hat",), '"a red hat"'),
        (("dusk, style: oil",), '"dusk, style: oil"'),
    ],
)
def test_a_filter_may_be_one_word_to_the_shell(fake: FakeDaemon, typed: tuple[str, ...], asked: str) -> None:
    stablenew(fake.home, "image", "list", *typed)

    assert fake.asked[-1].query["filter"] == [asked]


def test_an_undo_that_takes_nothing_back_does_not_say_taken_back(fake: FakeDaemon) -> None:
    text = "nothing was left to take back of: submit run k3mpw7ab (Knights, 3 jobs) (they have ended)"
    fake.answers["/v1/undo"] = (200, {**ANSWER, "text": text, "nothing": True})

    assert stablenew(fake.home, "undo").err == f"N{text[1:]}.\n"
    fake.answers["/v1/undo"] = (200, {**ANSWER, "text": "cancel 2 jobs", "nothing": False})
    assert stablenew(fake.home, "undo").err == "Taken back: cancel 2 jobs.\n"


def test_a_pause_of_what_is_paused_says_that_nothing_changed(fake: FakeDaemon) -> None:
    fake.answers["/v1/queue/pause"] = (200, {**ANSWER, "subjects": [], "changed": 0, "nothing": True})
    assert stablenew(fake.home, "queue", "pause").err == "Nothing to change.\n"
    fake.answers["/v1/queue/pause"] = (200, {**ANSWER, "subjects": [], "changed": 0, "nothing": False})
    assert "paused" in stablenew(fake.home, "queue", "pause").err


def test_names_from_outside_cannot_drive_the_terminal(fake: FakeDaemon) -> None:
    evil = "good\x1b[2J\u202egnp.exe\x9b5m"
    fake.answers["/v1/jobs"] = (200, page({**JOB_ROW, "name": evil, "reason": evil}))
    fake.answers["/v1/queue/mode"] = (400, {"error": evil, "exit": 2})

    listed, as_json = stablenew(fake.home, "job", "list"), stablenew(fake.home, "job", "list", "--json")
    refused = stablenew(fake.home, "queue", "mode", "x")

    for text in (listed.out, as_json.out, refused.err):
        assert not set(text) & {"\x1b", "\u202e", "\x9b"}
    items = as_json.document["items"]
    assert isinstance(items, list) and items[0]["name"] == evil


def test_export_copies_once_and_keeps_namesakes_apart(fake: FakeDaemon) -> None:
    for folder in ("one", "two"):
        (fake.home / folder).mkdir()
        (fake.home / folder / "a.png").write_bytes(folder.encode())
    rows = [
        {**IMAGE_ROW, "id": folder, "name": "lamp", "path": str(fake.home / folder / "a.png")}
        for folder in ("one", "two")
    ]
    fake.answers["/v1/images"] = (200, page(*rows))

    for _ in range(2):
        told = stablenew(fake.home, "image", "export", "k3mpw7ab", "--to", str(fake.home / "out"), "--json")

        assert told.document["files"] == [str(fake.home / "out" / name) for name in ("lamp.png", "lamp-two.png")]
    assert sorted(path.name for path in (fake.home / "out").iterdir()) == ["lamp-two.png", "lamp.png"]


def test_enhance_sends_a_file_or_takes_a_pictures_own_prompt(fake: FakeDaemon) -> None:
    (fake.home / "in.png").write_bytes(b"\x89PNG and so on")

    stablenew(fake.home, "image", "enhance", "in.png", "--prompt", "sharper", "--no-wait", folder=fake.home)
    blob, from_file = fake.asked[-2:]
    stablenew(fake.home, "image", "enhance", "p2q4r6s8", "--no-wait")

    assert (blob.method, blob.path, blob.body) == ("PUT", "/v1/blobs", b"\x89PNG and so on")
    assert from_file.fields == {"image": "ef" * 32, "prompt": "sharper"}
    assert fake.asked[-1].fields == {
        "image": "cd" * 32, "prompt": "a lighthouse", "negative": "", "seed": 7, "literal": True,
    }  # fmt: skip


def test_a_wait_without_a_daemon_ends_at_once(tmp_path: Path) -> None:
    assert stablenew(tmp_path, "job", "wait", "k3mpw7ab").code == Exit.NO_DAEMON


def test_no_word_and_no_terminal_is_the_status(fake: FakeDaemon) -> None:
    told = stablenew(fake.home)

    assert told.code == Exit.DONE
    assert "queue: 2 queued; ETA 31s; mode share" in told.out
    assert "here" in told.out and "takes back: cancel 2 jobs" in told.out


def on_a_terminal(home: Path, *words: str, **env: str) -> str:
    """What the command shows where stdin, stdout and stderr are a terminal of 80 columns."""
    mine, its = os.openpty()
    command = [sys.executable, "-P", "-m", "tui.cli", *words]
    base = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    told = {**base, "STABLENEW_HOME": str(home), "TERM": "xterm", **env}
    with subprocess.Popen(command, env=told, stdin=its, stdout=its, stderr=its):
        os.close(its)
        shown = b""
        with contextlib.suppress(OSError):  # the end of a terminal is an error
            while piece := os.read(mine, 65_536):
                shown += piece
    os.close(mine)
    return shown.decode()


def test_on_a_terminal_a_run_shows_one_line_that_is_drawn_over(fake: FakeDaemon) -> None:
    shown = on_a_terminal(fake.home, "run", "--prompt", "a", NO_COLOR="1")

    assert "\r1/3 jobs ended ███" in shown
    assert "ETA 12s | k3mpw7ab.2 detail (2 of 3) 4/20" in shown
    assert shown.endswith("Run k3mpw7ab: 3 of 3 jobs finished.\r\n/results/k3mpw7ab\r\n")
    assert "\x1b" not in shown


def test_colour_is_for_terminals_that_want_it(fake: FakeDaemon) -> None:
    assert "\x1b[32mfinished\x1b[0m" in on_a_terminal(fake.home, "job", "list")
    assert "\x1b" not in on_a_terminal(fake.home, "job", "list", NO_COLOR="1")


def test_a_reader_that_has_seen_enough_is_no_error(fake: FakeDaemon) -> None:
    fake.answers["/v1/log"] = (200, [EVENT] * 20_000)
    command = [sys.executable, "-P", "-m", "tui.cli", "log", "tail", "--jsonl"]
    env = {**os.environ, "STABLENEW_HOME": str(fake.home)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout and child.stderr
        child.stdout.readline()
        child.stdout.close()
        assert child.stderr.read() == b""

    assert child.returncode == 0


def test_ctrl_c_while_waiting_says_how_to_go_on(fake: FakeDaemon) -> None:
    import signal

    waiting = threading.Event()
    released = threading.Event()
    whole = fake.answer

    def answer(asked: Asked) -> tuple[int, object]:
        if asked.path == "/v1/follow":
            waiting.set()
            released.wait(30)
        return whole(asked)

    fake.answer = answer  # type: ignore[method-assign]
    command = [sys.executable, "-P", "-m", "tui.cli", "run", "--prompt", "a"]
    env = {**os.environ, "STABLENEW_HOME": str(fake.home)}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert waiting.wait(30)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=30)
    released.set()

    assert child.returncode == Exit.INTERRUPTED
    assert b"stablenew job wait k3mpw7ab" in err and b"stablenew job cancel k3mpw7ab" in err


@pytest.mark.parametrize(
    "words",
    [("job", "show", ""), ("job", "explain", ""), ("image", "show", ""), ("queue", "pause", ""), ("pack", "show", "")],
)
def test_an_empty_id_is_refused_and_never_means_everything(fake: FakeDaemon, words: tuple[str, ...]) -> None:
    told = stablenew(fake.home, *words)

    assert (told.code, told.out) == (Exit.REFUSED, "")
    assert "is empty" in told.err and not fake.asked


def test_why_a_node_is_idle_is_told_of_each_or_of_one(fake: FakeDaemon) -> None:
    assert stablenew(fake.home, "node", "why-idle", "--json").document["total"] == 1
    assert stablenew(fake.home, "node", "why-idle", "he").out.count("\n") == 1


def test_a_picture_that_is_none_is_refused_with_its_file(fake: FakeDaemon, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    fake.answers["/v1/blobs"] = (400, {"error": "is neither PNG, JPEG nor WebP.", "exit": 2})

    told = stablenew(fake.home, "image", "enhance", str(tmp_path / "notes.txt"))

    assert (told.code, told.err) == (2, f"{tmp_path}/notes.txt: is neither PNG, JPEG nor WebP. Name a picture.\n")


@pytest.mark.parametrize("noun", ["pack", "pipeline", "preset", "profile"])
def test_the_library_is_kept_without_a_daemon(tmp_path: Path, noun: str) -> None:
    (tmp_path / "one.txt").write_text(
        "a boat" if noun == "pack" else '[{"type": "txt2img"}]' if noun == "pipeline" else "{}"
    )
    home = tmp_path / "home"

    saved = stablenew(home, noun, "save", "one", str(tmp_path / "one.txt"), "--json")
    renamed = stablenew(home, noun, "rename", "one", "two", "--json")
    again = stablenew(home, noun, "import", str(tmp_path / "one.txt"), "two")
    exported = stablenew(home, noun, "export", "two")
    deleted = stablenew(home, noun, "delete", "two", "--json")
    gone = stablenew(home, noun, "delete", "two")

    assert (saved.document["name"], renamed.document["name"], deleted.document["deleted"]) == ("one", "two", "two")
    assert again.code == gone.code == Exit.REFUSED and "already" in again.err
    assert exported.out == (tmp_path / "one.txt").read_text()


def test_the_screen_needs_a_terminal_and_says_so_before_anything_starts(fake: FakeDaemon) -> None:
    told = stablenew(fake.home, "ui")

    assert (told.code, told.out, fake.asked) == (Exit.REFUSED, "", [])
    assert "stablenew ui: there is no terminal" in told.err


def test_status_tells_what_keeps_the_daemon_from_getting_ready(fake: FakeDaemon) -> None:
    fake.answers["/v1/status"] = (
        200, {"version": "1", "state": "starting", "trouble": "the agent did not start: no memory"},
    )  # fmt: skip

    assert "starting: the agent did not start: no memory\n" in stablenew(fake.home, "status").out


def test_what_has_no_end_is_no_one_document(fake: FakeDaemon) -> None:
    told = stablenew(fake.home, "log", "tail", "-f", "--json")

    assert (told.code, told.out, fake.asked) == (Exit.REFUSED, "", [])
    assert "Take --jsonl with -f." in told.err


def test_what_is_held_has_no_estimate(fake: FakeDaemon) -> None:
    queue = {"counts": {"held": 3}, "eta_s": 0.0, "mode": "share"}
    run = {"run": "k3mpw7ab", "name": "boats", "jobs": 3, "finished": 0, "eta_s": 0.0}
    fake.answers["/v1/status"] = (200, {"version": "1", "state": "ready", "queue": queue, "runs": [run]})

    told = stablenew(fake.home, "status")

    assert "queue: 3 held; mode share\n" in told.out and "0s" not in told.out


def test_a_run_that_may_not_begin_yet_says_when_it_may(fake: FakeDaemon) -> None:
    run = {"run": "k3mpw7ab", "name": "boats", "jobs": 3, "finished": 0, "not_before": "2031-01-02T02:00:00Z"}
    fake.answers["/v1/status"] = (200, {"version": "1", "state": "ready", "queue": {}, "runs": [run]})

    assert "begins 2031-01-02 0" in stablenew(fake.home, "status").out
