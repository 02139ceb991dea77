"""What makes no sense is refused in one sentence that names it, ends with the documented code, and costs nothing."""

import re
import socket
import struct
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.story

FLAGS = {
    "--set txt2img.steps=0": "--set txt2img.steps: '0' is too small; it must be at least 1",
    "--set txt2img.steps=1000000000": "'1000000000' is too large; it must be at most",
    "--set txt2img.width=10": "--set txt2img.width: '10' is too small",
    "--set txt2img.cfg=NaN": "--set txt2img.cfg: 'NaN' is no number",
    "--set txt2img.cfg=Infinity": "--set txt2img.cfg: 'Infinity' is no number",
    "--set upscale.factor=1e400": "--set upscale.factor: '1e400' is no number",
    "--set txt2img.stepz=3": "no field 'stepz'",
    "--set paint.steps=3": "no stage 'paint'",
    "--set steps=3": "is not STAGE.FIELD=VALUE",
    "--count 0": "--count: 0 is too small",
    "--count 1000000000": "the plan would have 1,000,000,000 jobs",
    "--max-images 0": "--max-images: 0 is too small",
    "--seed -1": "--seed: -1 is no seed",
    "--seed 1180591620717411303424": "--seed: seeds end at",
    "--window 25:00-26:00": "--window: '25:00-26:00' is no window",
    "--at yesterday": "--at: 'yesterday' is no time",
    "--pipeline missing.yaml": "no pipeline 'missing.yaml'",
    "--pipeline ./missing.yaml": "./missing.yaml: there is no such file",
    "--pipeline ./folder": "./folder: this is a folder",
    "--preset missing": "no preset 'missing'",
    "--plan-hash 00 --seed 1": "--plan-hash: the plan is another one by now",
}
"""Words after `run --prompt boat`, and what is told of them."""

PIPELINES = {
    "broken.yaml": ("stages:\n  - {type: txt2img\n", "broken.yaml:3: broken YAML"),
    "broken.json": ('[\n{"type": "txt2img",}]', "broken.json:2: broken JSON"),
    "empty.json": ("", "empty.json:1: broken JSON"),
    "none.json": ("[]", "none.json: stages: needs at least 1"),
    "field.json": ('[{"type": "txt2img", "stepz": 3}]', "field.json: txt2img.stepz: there is no such setting"),
    "stage.yaml": ("- type: paint\n", "stage.yaml: paint: 'paint' is no kind of stage"),
    "sequence.json": ('[{"type": "upscale"}, {"type": "txt2img"}]', "txt2img ('txt2img') cannot stand after upscale"),
    "zero.json": ('[{"type": "txt2img"}, {"type": "video", "fps": 0}]', "zero.json: video.fps: '0' is too small"),
    "huge.json": ('[{"type": "txt2img", "width": 1000000000}]', "huge.json: txt2img.width: '1000000000' is too large"),
    "nan.json": ('[{"type": "txt2img", "cfg": NaN}]', "nan.json:1:29: broken JSON: NaN is no number"),
    "nan.yaml": ("- {type: txt2img, cfg: .nan}\n", "nan.yaml: txt2img.cfg: 'nan' is no number"),
    "endless.json": ('[{"type": "txt2img", "cfg": 1e999}]', "endless.json: txt2img.cfg: 'inf' is no number"),
}
PACKS = {
    "broken.json": ('{"slots": [', "broken.json:1: broken JSON"),
    "wrong.json": ('{"pack_data": 3}', "wrong.json: 'pack_data' is no JSON object"),
    "empty.txt": ("", "empty.txt: holds no prompt"),
    "remarks.txt": ("# only\n\n# remarks\n", "remarks.txt: holds no prompt"),
    "picture.txt": (b"\x89PNG\r\n\x1a\n\0\0", "picture.txt:1: byte 0 is not UTF-8"),
}


def test_words_and_files_that_make_no_sense_are_refused_and_nothing_is_lost(home):
    held = home.json("run", "--prompt", "kept", "--hold")["run"]
    (home.root / "folder").mkdir()
    attempts: list[tuple[tuple[str, ...], str]] = []
    attempts += [(("--prompt", "boat", *words.split()), says) for words, says in FLAGS.items()]
    attempts += [(("--prompt", "boat", "--pipeline", f"./{_file(home, *it)}"), it[1][1]) for it in PIPELINES.items()]
    attempts += [((f"packs/{_file(home, *it, folder='packs')}",), it[1][1]) for it in PACKS.items()]
    attempts += [
        (("missing",), "no pack 'missing'"),
        (("./missing.txt",), "./missing.txt: there is no such file"),
        (("..",), "no pack '..'"),
        (("a\nb",), "no pack 'a b'"),
        (("../../etc/nothing",), "there is no such file"),
        (("n" * 300,), "a file's name ends at 255 bytes"),
        (("--prompt", "p" * 100_000), "--prompt: is longer than"),
        (("--prompt", ""), "--prompt: is empty"),
        ((), "there is nothing to paint"),
    ]

    for words, says in attempts:
        _refused(home.run("run", *words, "--no-wait"), says)

    assert home.json("status")["state"] == "ready"
    assert [run["id"] for run in home.json("queue", "runs")["items"]] == [held]
    assert home.json("job", "list", "state:held")["total"] == 1
    assert home.json("log", "verify")["ok"]


def test_a_reused_key_is_refused_and_the_first_answer_stands(home):
    words = ("run", "--hold", "--key", "once", "--seed", "1")
    first = home.json(*words, "--prompt", "one")

    assert home.json(*words, "--prompt", "one") == first
    _refused(home.run(*words, "--prompt", "another"), "--key: the key 'once' was used for another request")
    _refused(home.run("queue", "pause", "--key", "once"), "--key: the key 'once' was used for another request")
    _refused(home.run("queue", "pause", "--key", ""), "an idempotency key is 1 to 200 printable ASCII characters")

    assert home.json("job", "list")["total"] == 1
    assert not [event for event in home.events() if event["type"] == "QueuePaused"]


@pytest.mark.slow
def test_settings_that_are_broken_toml_are_refused_with_file_and_line(home):
    config = home.root / "home/config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text('[daemon]\nretries = "many\n')

    for words in (("daemon", "start"), ("daemon", "run"), ("run", "--prompt", "x"), ("config", "validate")):
        _refused(home.run(*words), f"{config}/config.toml:2: broken TOML")
    (config / "config.toml").write_text("[daemon]\nretriez = 3\n")
    _refused(home.run("daemon", "start"), f"{config}/config.toml:2: daemon.retriez")

    (config / "config.toml").write_text("[daemon]\nretries = 3\n")
    assert home.run("daemon", "start").returncode == 0


def test_a_second_daemon_ends_with_its_code_and_the_first_goes_on(home):
    home.run("daemon", "start")
    first = home.daemon_pid()

    second = home.run("daemon", "run")

    assert second.returncode == 75
    assert len(second.stderr.strip().splitlines()) == 1 and "Traceback" not in second.stderr
    assert home.json("daemon", "start")["pid"] == first == home.daemon_pid()


def test_a_stale_socket_is_no_daemon_and_no_obstacle(home):
    run = home.json("run", "--prompt", "kept", "--hold")["run"]
    path = home.json("daemon", "status")["socket"]
    home.kill(home.daemon_pid())
    assert Path(path).is_socket()

    absent = home.run("status")
    again = home.json("daemon", "start")

    assert absent.returncode == 3 and absent.stdout == ""
    assert absent.stderr == f"No daemon answers on {path}. Start one with `stablenew daemon start`.\n"
    assert again["socket"] == path
    assert home.json("job", "show", run)["state"] == "held"


@pytest.mark.parametrize("where", ["/proc/stablenew", "file/home", "n" * 300])
def test_a_home_that_cannot_be_written_is_refused_with_its_name(home, where):
    (home.root / "file").touch()
    home.env["STABLENEW_HOME"] = where if where.startswith("/") else str(home.root / where)

    for words in (("daemon", "start"), ("run", "--prompt", "x"), ("daemon", "run")):
        _refused(home.run(*words), where)


def test_a_disk_without_room_takes_no_runs_and_gives_out_nothing_until_it_has_some(home):
    config = home.root / "home/config"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("[daemon]\nfree_floor_mb = 900000000\nsubmit_floor_mb = 0\n")
    run = home.json("run", "--prompt", "boat", *SMALL, "--no-wait")["run"]
    blocked = home.run("status").stdout
    home.run("daemon", "stop")
    (config / "config.toml").write_text("[daemon]\nfree_floor_mb = 900000000\nsubmit_floor_mb = 900000000\n")
    full = home.run("run", "--prompt", "another", *SMALL)
    home.run("daemon", "stop")
    (config / "config.toml").write_text("[daemon]\nfree_floor_mb = 1\nsubmit_floor_mb = 1\n")
    home.run("daemon", "start")

    assert re.search(r"nothing is given out: only [\d,]+ MB of disk are free", blocked)
    assert full.returncode in (1, 2) and full.stdout == ""
    assert "of disk are free and runs need 900,000,000 MB. Free some space" in full.stderr
    assert home.json("job", "wait", run)["finished"] == 1
    assert home.json("job", "list")["total"] == 1


def test_a_frame_of_a_gigabyte_and_other_noise_on_the_socket_are_refused(home):
    path = home.json("daemon", "start")["socket"]
    head = "POST /v1/runs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"

    told = _said(path, head.format(1 << 30).encode())
    noise = _said(path, b"\x16\x03\x01\xff" * 5000)
    half = _said(path, head.format(4).encode() + b'{"pr')
    wrong = _said(path, head.format(2).encode() + b"[]")

    assert "413" in told.split("\r\n")[0] or "400" in told.split("\r\n")[0]
    assert f"the body has {1 << 30} bytes" in told and '"exit":2' in told
    assert " 400 " in noise.split("\r\n")[0]
    assert "the body is no JSON" in half and "expected `object`, got `array`" in wrong
    with _web_socket(path) as feed:
        feed.sendall(b"\x82\xff" + struct.pack(">Q", 1 << 30) + b"\0\0\0\0" + b"x" * 4096)
        assert _closed(feed)
    assert home.json("status")["state"] == "ready"


@pytest.mark.slow
def test_clients_that_stop_reading_hold_up_nobody(home):
    path = home.json("daemon", "start")["socket"]
    stuck = [_asking(path, b"GET /v1/log?after=0&follow=1 HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(8)]
    stuck += [_web_socket(path) for _ in range(8)]

    done = home.json("run", "--prompt", "boat", "--count", "12", *SMALL)
    answered = time.monotonic()
    home.json("status")

    assert done["finished"] == 12 and time.monotonic() - answered < 5
    for one in stuck:
        one.close()
    assert home.json("log", "verify")["ok"]


def test_words_in_any_script_and_with_any_character_stay_what_they_are(home):
    texts = {
        "plain": "x" * 10_000,
        "steering": "red\x1b[31m\x07\x9b2J boat",
        "turned": "a\u202eb\u2066c",
        "markup": "[bold]not[/bold] <b>&amp; %s {} $(id)",
        "arabic": "قارب عند الفجر 海の夜明け",
    }
    for text in texts.values():
        home.json("run", "--prompt", text, "--hold")

    shown = home.run("job", "list").stdout + "".join(
        home.run("job", "show", job["id"]).stdout for job in home.json("job", "list")["items"]
    )
    kept = {home.json("job", "show", job["id"])["spec"]["prompt"] for job in home.json("job", "list")["items"]}

    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    assert {texts["plain"], texts["markup"], texts["arabic"]} <= kept and len(kept) == len(texts)


SMALL = tuple(
    word
    for field in ("txt2img.width=64", "txt2img.height=64", "txt2img.steps=4", "detail.steps=4")
    for word in ("--set", field)
)


def _file(home, name: str, content: tuple[str | bytes, str], folder: str = "") -> str:
    path = home.root / folder / name
    path.parent.mkdir(exist_ok=True)
    text = content[0]
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return name


def _refused(done, says: str) -> None:
    """One sentence on stderr, nothing on stdout, exit code 2."""
    told = [line for line in done.stderr.splitlines() if line != "Starting the daemon."]
    assert (done.returncode, done.stdout, len(told)) == (2, "", 1), f"{done.args}: {done.returncode} {done.stderr}"
    assert says in told[0] and "\x1b" not in told[0], told[0]


def _asking(path: str, words: bytes) -> socket.socket:
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(30)
    stream.connect(path)
    stream.sendall(words)
    return stream


def _said(path: str, words: bytes) -> str:
    with _asking(path, words) as stream:
        told = b""
        try:
            while piece := stream.recv(65_536):
                told += piece
                if b"\r\n\r\n" in told and told.rstrip().endswith(b"}"):
                    break
        except ConnectionResetError:
            pass
        return told.decode(errors="replace")


def _web_socket(path: str) -> socket.socket:
    stream = _asking(
        path,
        b"GET /v1/feed HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    )
    assert stream.recv(12) == b"HTTP/1.1 101"
    return stream


def _closed(stream: socket.socket) -> bool:
    """Within the time the socket waits; what comes before is read and thrown away."""
    try:
        while stream.recv(65_536):
            pass
    except (ConnectionResetError, BrokenPipeError):
        pass
    return True
