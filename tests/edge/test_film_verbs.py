"""The verbs `video` and `image-params`: streams, exit codes and one sentence for whatever is wrong."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from daemon.artifacts import formats
from daemon.artifacts.verbs import main, natural

Streams = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "pictures"
    place.mkdir()
    for n in (1, 2, 10):
        Image.new("RGB", (32, 32), (n * 20, 0, 0)).save(place / f"img{n}.png")
    (place / "notes.txt").write_text("no picture")
    (place / ".hidden.png").write_bytes(b"")
    return place


def test_a_film_of_a_folder(folder: Path, tmp_path: Path, capsys: Streams):
    out = tmp_path / "film.mp4"

    code = main(["video", str(folder), "--fps", "4", "-o", str(out), "--json"])

    told = capsys.readouterr()
    answer = json.loads(told.out)
    assert code == 0
    assert told.out.count("\n") == 1
    assert told.err == ""
    assert (answer["video"], answer["frames"], answer["fps"], answer["codec"]) == (str(out), 3, 4.0, "h264")
    assert (answer["width"], answer["height"], answer["bytes"]) == (32, 32, out.stat().st_size)


def test_files_in_the_order_named_with_every_option(folder: Path, tmp_path: Path, capsys: Streams):
    out = tmp_path / "film.webm"
    files = [str(folder / f"img{n}.png") for n in (10, 1, 2)]

    code = main(
        ["video", *files, "--fps", "2", "--codec", "vp9", "--size", "64x48", "--bitrate", "300k", "--trim", "0.5-1.5",
         "--seconds", "1", "-o", str(out), "--progress"]
    )  # fmt: skip

    told = capsys.readouterr()
    assert code == 0
    assert told.out == f"{out}: 2 frames, 1 s, 64x48, vp9\n"
    assert told.err.splitlines()[-1] == "2/2 frames"
    assert "\x1b" not in told.out + told.err


def test_numbers_in_names_count_as_numbers():
    names = ["img10.png", "img2.png", "IMG1.png", "img2b.png", "a.png", "10.png", "9.png"]

    assert [path.name for path in sorted(map(Path, names), key=natural)] == [
        "a.png", "IMG1.png", "img2.png", "img2b.png", "img10.png", "9.png", "10.png",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing"], "missing: there is no such file or folder. Check the path."),
        (["empty"], "empty: there are no pictures in this folder. Name another."),
        (["pictures", "--size", "big"], "--size: 'big' is not WIDTHxHEIGHT, as 1280x720."),
        (["pictures", "--size", "1x16"], "--size: '1' is too small; it must be at least 16."),
        (["pictures", "--trim", "1.2.3-4"], "--trim: '1.2.3-4' is not A-B in seconds, as 0.5-3."),
        (["pictures", "--trim", "3-1"], "--trim: its end, 1, must be after its beginning, 3."),
        (["pictures", "--trim", "90-"], "are 0.375 seconds. Begin earlier."),
        (["pictures", "--fps", "0"], "--fps: '0' is too small; it must be above 0."),
        (["pictures", "--fps", "999"], "--fps: '999' is too large; it must be at most 240."),
        (["pictures", "--fps", "nan"], "--fps: 'nan' is no number that can be used."),
        (["pictures", "--fps", "fast"], "--fps: 'fast' is no number."),
        (["pictures", "--seconds", "0"], "--seconds: '0' is too small; it must be above 0."),
        (["pictures", "--bitrate=-3"], "--bitrate: '-3' is not a bit rate such as 4M or 800k."),
        (["pictures", "-o", "film.avi"], "-o: '.avi' is no kind of film. End the file's name in .mp4 or .webm."),
        (["pictures", "--codec", "h264", "-o", "film.webm"], "--codec: webm cannot hold h264. Take vp9 or av1,"),
        (["notes.png"], "it is neither PNG, JPEG nor WebP. Leave it out, or replace it."),
    ],
)
def test_bad_input_is_one_sentence_and_exit_2(
    folder: Path, tmp_path: Path, capsys: Streams, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.png").write_text("words")

    code = main(["video", *arguments, *([] if "-o" in arguments else ["-o", "film.mp4"])])

    told = capsys.readouterr()
    assert code == 2
    assert told.out == ""
    assert sentence in told.err
    assert told.err.count("\n") == 1
    assert told.err.endswith(".\n")
    assert not re.search(r"Traceback|Input should|pattern|trim_to", told.err)
    assert not list(tmp_path.glob("film*"))


def test_a_film_that_is_there_is_replaced_only_when_that_is_asked_for(folder: Path, tmp_path: Path, capsys: Streams):
    out = tmp_path / "film.mp4"
    out.write_bytes(b"last year's")

    refused = main(["video", str(folder), "-o", str(out)])

    assert (refused, out.read_bytes()) == (2, b"last year's")
    assert capsys.readouterr().err == f"{out}: this file exists already. Name another, or add --replace.\n"
    assert main(["video", str(folder), "-o", str(out), "--replace"]) == 0
    assert out.read_bytes() != b"last year's"


def test_a_film_takes_the_place_of_no_folder_and_no_link_to_nothing(folder: Path, tmp_path: Path, capsys: Streams):
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "link.mp4").symlink_to(tmp_path / "nowhere")

    for name, asked, sentence in (
        ("folder.mp4", ["--replace"], "this is a folder. Name a file."),
        ("link.mp4", [], "this file exists already."),
    ):
        assert main(["video", str(folder), "-o", str(tmp_path / name), *asked]) == 2
        assert f"{name}: {sentence}" in capsys.readouterr().err


def test_a_program_that_is_no_ffmpeg_is_exit_1(folder: Path, tmp_path: Path, capsys: Streams, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/bin/false")

    code = main(["video", str(folder), "-o", str(tmp_path / "film.mp4")])

    assert code == 1
    told = capsys.readouterr().err
    assert told == "/bin/false does not run as an ffmpeg. Set IMAGEIO_FFMPEG_EXE to one that does.\n"


def test_an_interrupt_is_exit_130_and_leaves_nothing(folder: Path, tmp_path: Path):
    slow = tmp_path / "slow-ffmpeg"
    slow.write_text(
        '#!/bin/sh\ncase "$*" in *-encoders*) echo " V....D libx264 x"; exit;; esac\nkill -INT $PPID; exec sleep 60\n'
    )
    slow.chmod(0o755)
    command = [
        sys.executable,
        "-P",
        "-c",
        "import sys; from daemon.artifacts.verbs import main; sys.exit(main(sys.argv[1:]))",
    ]

    done = subprocess.run(
        [*command, "video", str(folder), "-o", str(tmp_path / "out" / "film.mp4")],
        env={**os.environ, "IMAGEIO_FFMPEG_EXE": str(slow)}, capture_output=True, text=True, timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip

    assert done.returncode == 130
    assert done.stderr == "Interrupted; nothing was written.\n"
    assert list((tmp_path / "out").iterdir()) == []


TEXT = "a mill in fog, 燈\nNegative prompt: rain\nSteps: 20, Sampler: Euler a, Seed: 9007199254740993, Size: 32x32"


@pytest.mark.parametrize("form", ["png", "jpeg", "webp", "txt"])
def test_parameters_of_every_carrier(tmp_path: Path, capsys: Streams, form: str):
    path = tmp_path / f"picture.{form}"
    if form == "txt":
        path.write_text(TEXT, encoding="utf-8")
    else:
        Image.new("RGB", (32, 32)).save(path)
        kind = formats.of(path.read_bytes())
        assert kind is not None
        path.write_bytes(kind.splice(path.read_bytes(), {"parameters": TEXT, "stablenew": '{"job":"r.1"}'}))

    code = main(["image-params", str(path), "--json"])

    answer = json.loads(capsys.readouterr().out)
    assert code == 0
    assert (answer["prompt"], answer["negative"]) == ("a mill in fog, 燈", "rain")
    assert (answer["seed"], answer["size"], answer["sampler"]) == (9007199254740993, [32, 32], "Euler a")
    assert answer["parameters"] == {
        "Steps": "20", "Sampler": "Euler a", "Seed": "9007199254740993", "Size": "32x32",
    }  # fmt: skip
    assert answer["stablenew"] == (None if form == "txt" else {"job": "r.1"})


def test_without_json_the_text_is_printed_as_it_stands_but_harmless(tmp_path: Path, capsys: Streams):
    path = tmp_path / "picture.txt"
    path.write_text("a \x1b]52;c;aGk=\x07mill\u202e\x9b31m\nSteps: 20, Seed: 1, Size: 8x8", encoding="utf-8")

    assert main(["image-params", str(path)]) == 0

    assert capsys.readouterr().out == "a ]52;c;aGk=mill31m\nSteps: 20, Seed: 1, Size: 8x8\n"


def test_a_text_beside_the_picture_is_found(tmp_path: Path, capsys: Streams):
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.jpg")
    (tmp_path / "picture.txt").write_bytes(b"\xef\xbb\xbf" + TEXT.encode())

    assert main(["image-params", str(tmp_path / "picture.jpg")]) == 0
    assert capsys.readouterr().out == TEXT + "\n"


def test_other_programs_texts_are_named(tmp_path: Path, capsys: Streams):
    told = PngInfo()
    told.add_text("prompt", "{}")
    told.add_text("workflow", "{}")
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.png", pnginfo=told)

    assert main(["image-params", str(tmp_path / "picture.png"), "--json"]) == 1

    streams = capsys.readouterr()
    assert json.loads(streams.out)["dialect"] == "comfyui"
    assert "the texts are comfyui's (prompt, workflow), and nothing could be read from them" in streams.err


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        (None, 2, "there is no such file. Check the path."),
        (
            b"GIF89a....",
            2,
            "the picture ends early: 7 bytes at byte 6 are claimed, the file has 10. Take another copy of it.",
        ),
        (b"\x89PNG\r\n\x1a\n", 2, "the picture ends early, at byte 8. Take another copy of it."),
    ],
)
def test_files_that_tell_nothing(tmp_path: Path, capsys: Streams, content: bytes | None, code: int, sentence: str):
    path = tmp_path / "picture.png"
    if content is not None:
        path.write_bytes(content)

    assert main(["image-params", str(path)]) == code
    assert capsys.readouterr().err == f"{path}: {sentence}\n"


def test_a_folder_has_no_parameters(tmp_path: Path, capsys: Streams):
    assert main(["image-params", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"{tmp_path}: this is a folder. Name a picture in it.\n"


def test_a_picture_without_texts_says_so(tmp_path: Path, capsys: Streams):
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.png")

    assert main(["image-params", str(tmp_path / "picture.png")]) == 1
    assert "carries no generation parameters.\n" in capsys.readouterr().err
