"""Films from pictures: frames in a given order go as raw pixels through ffmpeg; the result is read back and named.

Frames may differ in size and format: each is fitted into the film's size on black. ffmpeg never sees a file name of
a picture, and no list file is written.
"""

import asyncio
import os
import re
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path
from typing import NamedTuple

from daemon.artifacts import ffmpeg
from daemon.artifacts.ffmpeg import BadFrames, FilmFault
from daemon.artifacts.frames import fitted, size_of
from daemon.disk import sync_folder
from schema.plans import FilmSpec

OnFrame = Callable[[int, int], None]


class Film(NamedTuple):
    """What ffmpeg read back from the finished file."""

    frames: int
    seconds: float
    width: int
    height: int
    fps: float
    codec: str
    """As ffmpeg names it: `h264`, `vp9`, `av1`."""


async def make_film(
    frames: Sequence[Path],
    spec: FilmSpec,
    out: Path,
    *,
    on_frame: OnFrame | None = None,
    cancel: asyncio.Event | None = None,
) -> Film:
    """Writes `out`, whole or not at all. `on_frame` gets frames done and frames in all.

    Raises FilmFault: no frames, an unreadable frame, no ffmpeg or no encoder, disk full, cancelled.
    """
    chosen = choose(frames, spec)
    width, height = await asyncio.to_thread(_size, chosen[0], spec)
    program = await asyncio.to_thread(ffmpeg.find)
    encoder = await asyncio.to_thread(ffmpeg.encoder_for, program, spec.codec)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".film-") as folder:
            part = Path(folder) / f"film.{spec.container}"
            arguments = ffmpeg.arguments(program, encoder, spec, width, height, part)
            async with aclosing(_pictures(chosen, width, height)) as pictures:
                await _encode(arguments, pictures, len(chosen), on_frame or _nobody, cancel)
            film = await probe(part)
            if film.frames != len(chosen):
                raise FilmFault(f"the film has {film.frames} frames instead of {len(chosen)}.")
            await asyncio.to_thread(_name, part, out)
    except OSError as fault:
        raise FilmFault(
            f"the film could not be written: {fault.strerror}.",
            where=str(out),
            remedy="Check permissions and free space.",
        ) from fault
    return _at_rate(film, spec.fps)


def choose(frames: Sequence[Path], spec: FilmSpec) -> Sequence[Path]:
    """The frames of the film: from `trim_from` up to `trim_to`, then no more than `seconds`. Raises BadFrames."""
    if not frames:
        raise BadFrames("there are no frames to make a film of.")
    first = round(spec.trim_from * spec.fps)
    end = len(frames) if spec.trim_to is None else round(spec.trim_to * spec.fps)
    chosen = frames[first:end]
    if spec.seconds is not None:
        chosen = chosen[: max(1, round(spec.seconds * spec.fps))]
    if not chosen:
        length = len(frames) / spec.fps
        raise BadFrames(
            f"the trim leaves no frame: {len(frames)} frames at {spec.fps:g} a second are {length:g} seconds.",
            remedy="Begin earlier.",
        )
    return chosen


async def probe(path: Path) -> Film:
    """Reads a film from end to end, as a player would. Raises FilmFault."""
    program = await asyncio.to_thread(ffmpeg.find)
    command = ffmpeg.reading(program, path)
    child = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, process_group=0)
    try:
        told, said = (text.decode("utf-8", "replace") for text in await child.communicate())
    except BaseException:
        await _stop(child)
        raise
    stream = re.search(r"Stream #0.*?: Video: (\w+).*?\b(\d{2,5})x(\d{2,5})\b.*?([\d.]+) fps", said)
    counted = re.findall(r"^frame=\s*(\d+)", told, re.MULTILINE)
    if child.returncode or not stream or not counted:
        raise FilmFault(f"the film {path.name} cannot be read back: {_last_line(said)}.")
    count, fps = int(counted[-1]), float(stream[4])
    return Film(count, round(count / fps, 6), int(stream[2]), int(stream[3]), fps, stream[1])


def _at_rate(film: Film, fps: float) -> Film:
    """ffmpeg rounds the rate it tells to four digits; where that is all the difference, it is the rate asked for."""
    if abs(film.fps - fps) > 0.005 * fps:
        raise FilmFault(f"the film has {film.fps:g} frames a second instead of {fps:g}.")
    return film._replace(fps=fps, seconds=round(film.frames / fps, 6))


def _size(first: Path, spec: FilmSpec) -> tuple[int, int]:
    """The size asked for, else the first frame's; one side alone keeps its proportions. Even, as players need it."""
    width, height = size_of(first)
    match spec.width, spec.height:
        case None, None:
            pass
        case int(asked), None:
            width, height = asked, round(height * asked / width)
        case None, int(asked):
            width, height = round(width * asked / height), asked
        case int(wide), int(high):
            width, height = wide, high
    return max(2, width // 2 * 2), max(2, height // 2 * 2)


async def _pictures(chosen: Sequence[Path], width: int, height: int) -> AsyncGenerator[bytes, None]:
    """Raw RGB frames in order; the next one is decoded while the last is encoded."""
    ahead = asyncio.ensure_future(asyncio.to_thread(fitted, chosen[0], width, height))
    try:
        for path in [*chosen[1:], None]:
            pixels = await ahead
            if path is not None:
                ahead = asyncio.ensure_future(asyncio.to_thread(fitted, path, width, height))
            yield pixels
    finally:
        ahead.cancel()


async def _encode(
    arguments: Sequence[str],
    pictures: AsyncIterator[bytes],
    total: int,
    on_frame: OnFrame,
    cancel: asyncio.Event | None,
) -> None:
    child = await asyncio.create_subprocess_exec(*arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE, process_group=0)
    assert child.stdin is not None and child.stdout is not None and child.stderr is not None
    progress = asyncio.ensure_future(_follow(child.stdout, total, on_frame))
    errors = asyncio.ensure_future(child.stderr.read())
    try:
        with suppress(ConnectionError):
            async for pixels in pictures:
                if cancel is not None and cancel.is_set():
                    raise FilmFault("the film was cancelled.")
                child.stdin.write(pixels)
                await child.stdin.drain()
        child.stdin.close()
        await _ended(child, cancel)
        said = (await errors).decode("utf-8", "replace")
    finally:
        await _stop(child)
        await asyncio.gather(progress, errors, return_exceptions=True)
    if child.returncode:
        raise _explained(said)


async def _ended(child: Process, cancel: asyncio.Event | None) -> None:
    """Waits for the encoder's end, or for somebody to give up."""
    done = asyncio.ensure_future(child.wait())
    given_up = asyncio.ensure_future(cancel.wait() if cancel is not None else asyncio.Event().wait())
    try:
        await asyncio.wait((done, given_up), return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            raise FilmFault("the film was cancelled.")
    finally:
        done.cancel()
        given_up.cancel()
        await asyncio.gather(done, given_up, return_exceptions=True)


async def _follow(told: asyncio.StreamReader, total: int, on_frame: OnFrame) -> None:
    """`frame=N` lines of `-progress`; encoders that look ahead report late, but they do report the end."""
    last = -1
    async for line in told:
        key, _, value = line.decode("ascii", "replace").partition("=")
        if key == "frame" and value.strip().isdigit() and int(value) != last:
            last = int(value)
            on_frame(min(last, total), total)


async def _stop(child: Process) -> None:
    """Ends it with all that it started: `ffmpeg` may be a script around the program."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    if child.stdin is not None:
        child.stdin.close()
    await child.wait()


def _explained(said: str) -> FilmFault:
    if "No space left on device" in said:
        return FilmFault("the disk is full; the film was not made.", remedy="Free some space.")
    return FilmFault(f"ffmpeg could not make the film: {_last_line(said)}.")


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return "".join(c for c in lines[-1] if c.isprintable())[:300].rstrip(".") if lines else "it said nothing"


def _name(part: Path, out: Path) -> None:
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(out)
    sync_folder(out.parent)


def _nobody(done: int, total: int) -> None:
    pass


__all__ = ["BadFrames", "Film", "FilmFault", "choose", "make_film", "probe"]
