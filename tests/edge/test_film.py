"""Films: the frames in their order, in the format asked for, counted by ffmpeg itself; or one sentence and no file."""

import asyncio
import os
import stat
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from daemon.artifacts import ffmpeg
from daemon.artifacts.film import FilmFault, choose, make_film, probe
from daemon.artifacts.store import ArtifactStore
from schema.plans import FilmSpec

COLOURS = ("red", "lime", "blue", "yellow", "cyan", "magenta", "white", "gray")


def frames_in(folder: Path, count: int = 4, sizes: Sequence[tuple[int, int]] = ((64, 48),)) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for n in range(count):
        path = folder / f"frame {n}.{('png', 'webp', 'jpg')[n % 3]}"
        Image.new("RGB", sizes[n % len(sizes)], COLOURS[n % len(COLOURS)]).save(path)
        paths.append(path)
    return paths


def colours_of(film: Path, width: int, height: int) -> list[tuple[int, int, int]]:
    """The colour in the middle of every frame, as a player would show it."""
    command = [ffmpeg.find(), "-loglevel", "error", "-i", str(film), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    middle = (height // 2 * width + width // 2) * 3
    return [tuple(raw[at + middle : at + middle + 3]) for at in range(0, len(raw), width * height * 3)]  # type: ignore[misc]


def near(seen: tuple[int, int, int], colour: str) -> bool:
    wanted = Image.new("RGB", (1, 1), colour).getpixel((0, 0))
    assert isinstance(wanted, tuple)
    return all(abs(a - b) < 24 for a, b in zip(seen, wanted, strict=True))


@pytest.mark.parametrize(("codec", "container"), [("h264", "mp4"), ("vp9", "webm"), ("av1", "mp4"), ("av1", "webm")])
async def test_every_codec_and_container(tmp_path: Path, codec: str, container: str):
    out = tmp_path / f"film.{container}"
    told: list[tuple[int, int]] = []

    film = await make_film(
        frames_in(tmp_path / "in"),
        FilmSpec(codec=codec, container=container, fps=10.0),  # type: ignore[arg-type]
        out,
        on_frame=lambda done, total: told.append((done, total)),
    )

    assert film == (4, 0.4, 64, 48, 10.0, codec)
    assert film == await probe(out)
    assert told[-1] == (4, 4)


async def test_the_frames_stand_in_the_order_given(tmp_path: Path):
    paths = frames_in(tmp_path / "in", 8)
    order = [paths[n] for n in (5, 0, 3, 3, 1)]

    await make_film(order, FilmSpec(), tmp_path / "film.mp4")

    seen = colours_of(tmp_path / "film.mp4", 64, 48)
    assert [near(s, COLOURS[n]) for s, n in zip(seen, (5, 0, 3, 3, 1), strict=True)] == [True] * 5


async def test_frames_of_other_sizes_are_fitted_into_the_first_ones_even_size(tmp_path: Path):
    paths = frames_in(tmp_path / "in", 3, ((65, 49), (40, 80), (120, 40)))

    film = await make_film(paths, FilmSpec(), tmp_path / "film.mp4")

    assert (film.width, film.height, film.frames) == (64, 48, 3)
    seen = colours_of(tmp_path / "film.mp4", 64, 48)
    assert all(near(s, colour) for s, colour in zip(seen, COLOURS, strict=False))


async def test_size_rate_and_bit_rate_as_asked(tmp_path: Path):
    paths = frames_in(tmp_path / "in", 6)

    film = await make_film(paths, FilmSpec(fps=2.5, width=101, height=70, bitrate="200k"), tmp_path / "a.mp4")
    one_side = await make_film(paths, FilmSpec(width=128), tmp_path / "b.mp4")

    assert (film.width, film.height, film.fps, film.seconds) == (100, 70, 2.5, 2.4)
    assert (one_side.width, one_side.height) == (128, 96)
    assert "-b:v 200k" in " ".join(ffmpeg.arguments("ffmpeg", "libx264", FilmSpec(bitrate="200k"), 2, 2, Path("x.mp4")))


@pytest.mark.parametrize("fps", [0.25, 23.976, 59.94, 239.5])
async def test_odd_rates_are_told_exactly(tmp_path: Path, fps: float):
    film = await make_film(frames_in(tmp_path / "in"), FilmSpec(fps=fps), tmp_path / "film.mp4")

    assert (film.frames, film.fps, film.seconds) == (4, fps, round(4 / fps, 6))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (FilmSpec(fps=2.0, seconds=1.0), [0, 1]),
        (FilmSpec(fps=2.0, trim_from=1.0), [2, 3, 4, 5]),
        (FilmSpec(fps=2.0, trim_from=0.5, trim_to=1.5), [1, 2]),
        (FilmSpec(fps=2.0, trim_from=1.0, seconds=0.5), [2]),
        (FilmSpec(fps=2.0, seconds=99.0), [0, 1, 2, 3, 4, 5]),
    ],
)
def test_length_and_trim_choose_frames(spec: FilmSpec, expected: list[int]):
    paths = [Path(str(n)) for n in range(6)]

    assert list(choose(paths, spec)) == [paths[n] for n in expected]


def test_a_trim_that_leaves_nothing_says_how_long_the_film_is():
    with pytest.raises(FilmFault, match="6 frames at 2 a second are 3 seconds"):
        choose([Path(str(n)) for n in range(6)], FilmSpec(fps=2.0, trim_from=5.0))


async def test_no_frames(tmp_path: Path):
    with pytest.raises(FilmFault, match="no frames"):
        await make_film([], FilmSpec(), tmp_path / "film.mp4")


@pytest.mark.parametrize("at", [0, 2])
@pytest.mark.parametrize("content", [b"", b"words", b"half", None])
async def test_a_frame_that_cannot_be_read_is_named_and_no_film_is_left(tmp_path: Path, at: int, content: bytes | None):
    paths = frames_in(tmp_path / "in")
    if content is None:
        paths[at].unlink()
    else:
        paths[at].write_bytes(paths[at].read_bytes()[:50] if content == b"half" else content)
    out = tmp_path / "out" / "film.mp4"

    with pytest.raises(FilmFault, match=f"the frame {paths[at].name} cannot be read: "):
        await make_film(paths, FilmSpec(), out)

    assert not out.parent.exists() or list(out.parent.iterdir()) == []


async def test_an_earlier_film_stays_whole_until_the_new_one_is(tmp_path: Path):
    paths = frames_in(tmp_path / "in")
    out = tmp_path / "film.mp4"
    out.write_bytes(b"earlier")
    paths[3].write_bytes(b"broken")

    with pytest.raises(FilmFault):
        await make_film(paths, FilmSpec(), out)

    assert out.read_bytes() == b"earlier"


Program = Callable[[str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Puts a shell script in ffmpeg's place; it can name its encoders."""

    def put(encoding: str) -> None:
        path = tmp_path / "fake-ffmpeg"
        path.write_text(f'#!/bin/sh\ncase "$*" in *-encoders*) echo " V....D libx264 x"; exit;; esac\n{encoding}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(path))
        ffmpeg._encoders.cache_clear()

    return put


async def test_a_full_disk_is_told_in_words(tmp_path: Path, program: Program):
    program('echo "av_interleaved_write_frame(): No space left on device" >&2; exit 1')

    with pytest.raises(FilmFault, match="the disk is full"):
        await make_film(frames_in(tmp_path / "in"), FilmSpec(), tmp_path / "out" / "film.mp4")

    assert list((tmp_path / "out").iterdir()) == []


async def test_a_folder_that_cannot_be_written_is_told_in_words(tmp_path: Path):
    (tmp_path / "file").write_text("")

    with pytest.raises(FilmFault, match="could not be written: Not a directory"):
        await make_film(frames_in(tmp_path / "in"), FilmSpec(), tmp_path / "file" / "sub" / "film.mp4")


async def test_what_ffmpeg_says_last_is_passed_on(tmp_path: Path, program: Program):
    program('cat >/dev/null; echo "first" >&2; echo "height not divisible by 7" >&2; exit 3')

    with pytest.raises(FilmFault, match="ffmpeg could not make the film: height not divisible by 7"):
        await make_film(frames_in(tmp_path / "in"), FilmSpec(), tmp_path / "film.mp4")


async def test_a_missing_encoder_names_what_there_is(tmp_path: Path, program: Program):
    program("exit 1")

    with pytest.raises(FilmFault, match=r"cannot encode vp9\. Take codec h264\."):
        await make_film(frames_in(tmp_path / "in"), FilmSpec(codec="vp9", container="webm"), tmp_path / "film.webm")


async def test_no_ffmpeg_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import imageio_ffmpeg

    def none() -> str:
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", none)

    with pytest.raises(FilmFault, match="Install ffmpeg, or set IMAGEIO_FFMPEG_EXE"):
        await make_film(frames_in(tmp_path / "in"), FilmSpec(), tmp_path / "film.mp4")


def test_the_program_named_in_the_environment_comes_first_then_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("ffmpeg", "mine"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "mine"))
    named = ffmpeg.find()
    monkeypatch.delenv("IMAGEIO_FFMPEG_EXE")
    system = ffmpeg.find()
    (tmp_path / "ffmpeg").unlink()
    brought = ffmpeg.find()
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")

    assert (named, system) == (str(tmp_path / "mine"), str(tmp_path / "ffmpeg"))
    assert "imageio_ffmpeg" in brought
    with pytest.raises(FilmFault, match="/nowhere/ffmpeg"):
        ffmpeg.find()


async def test_cancelling_ends_the_encoder_and_leaves_nothing(tmp_path: Path, program: Program):
    program(f"echo $$ > {tmp_path}/pid; cat >/dev/null; sleep 60")
    cancel = asyncio.Event()
    making = asyncio.ensure_future(
        make_film(frames_in(tmp_path / "in"), FilmSpec(), tmp_path / "out" / "film.mp4", cancel=cancel)
    )
    pid = await _pid(tmp_path / "pid")

    cancel.set()
    with pytest.raises(FilmFault, match="cancelled"):
        async with asyncio.timeout(10):
            await making

    assert not _alive(pid)
    assert list((tmp_path / "out").iterdir()) == []


async def test_a_caller_that_goes_away_takes_the_encoder_with_it(tmp_path: Path, program: Program):
    program(f"echo $$ > {tmp_path}/pid; exec sleep 60")
    making = asyncio.ensure_future(make_film(frames_in(tmp_path / "in"), FilmSpec(), tmp_path / "out" / "film.mp4"))
    pid = await _pid(tmp_path / "pid")

    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(10):
            await making

    assert not _alive(pid)
    assert list((tmp_path / "out").iterdir()) == []


async def test_the_store_keeps_a_film(tmp_path: Path):
    store = ArtifactStore(tmp_path / "art")
    made = tmp_path / "made.mp4"
    await make_film(frames_in(tmp_path / "in"), FilmSpec(), made)

    kept = await store.accept_film(made)

    assert (kept.media, kept.width, kept.height, kept.pixels) == ("video/mp4", 64, 48, "")
    assert store.path(kept.sha256).read_bytes() == made.read_bytes()
    assert store.path(kept.sha256).name == f"{kept.sha256}.mp4"


async def test_what_is_no_film_is_not_kept(tmp_path: Path):
    (tmp_path / "x.mp4").write_bytes(b"words")

    with pytest.raises(FilmFault, match=r"x\.mp4 cannot be read back"):
        await ArtifactStore(tmp_path / "art").accept_film(tmp_path / "x.mp4")


async def _pid(path: Path) -> int:
    def read() -> str:
        return path.read_text().strip() if path.exists() else ""

    async with asyncio.timeout(20):
        while not read():  # noqa: ASYNC110 another process writes it
            await asyncio.sleep(0.01)
    return int(read())


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
