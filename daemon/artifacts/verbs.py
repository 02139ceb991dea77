"""The verbs that need no daemon: `video` makes a film of picture files, `image-params` tells how a picture was made.

Run as `python -P -m daemon video|image-params ...`. Exit codes and streams as the command line promises them.
"""

import argparse
import asyncio
import hashlib
import re
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from daemon.artifacts.film import BadFrames, Film, FilmFault, make_film
from daemon.artifacts.foreign import told
from daemon.prompting.runs import film_spec
from schema.errors import Exit, Refused, why
from schema.faults import sentence
from schema.plans import FilmSpec
from schema.stages import Video

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
FLAGS = {"fps": "--fps", "codec": "--codec", "container": "-o", "width": "--size", "height": "--size",
         "bitrate": "--bitrate", "seconds": "--seconds", "trim_from": "--trim", "trim_to": "--trim"}  # fmt: skip


def main(argv: list[str]) -> int:
    """`argv` begins with the verb. Returns the exit code."""
    try:
        match argv[:1]:
            case ["video"]:
                return video(argv[1:])
            case ["image-params"]:
                return told.image_params(argv[1:])
        raise Refused(f"'{' '.join(argv[:1])}' is neither video nor image-params.")
    except Refused as refused:
        inside = isinstance(refused, FilmFault) and not isinstance(refused, BadFrames)
        return told.say(refused.told(), Exit.FAILED if inside else Exit.REFUSED)
    except OSError as fault:
        return told.say(
            f"{fault.filename or 'output'}: cannot be used: {why(fault)}. Check its permissions.", Exit.FAILED
        )
    except KeyboardInterrupt:
        return told.say("Interrupted; nothing was written.", Exit.INTERRUPTED)


def video(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="stablenew video", description="Make a film of pictures, in natural order.")
    parser.add_argument("sources", nargs="+", metavar="FOLDER|FILE")
    parser.add_argument("-o", dest="out", required=True, metavar="FILE", help="the film; .mp4 or .webm")
    parser.add_argument("--replace", action="store_true", help="take the place of what is there")
    parser.add_argument("--fps", default="8", help="pictures per second; default 8")
    parser.add_argument("--codec", choices=("h264", "vp9", "av1"))
    parser.add_argument("--size", metavar="WxH", help="default: the first picture's")
    parser.add_argument("--bitrate", metavar="B", help="as 4M or 900k; default: constant quality")
    parser.add_argument("--trim", metavar="A-B", help="seconds of the whole film; B may be left out")
    parser.add_argument("--seconds", help="cut to this length")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--progress", action="store_true", help="a line per step on standard error, terminal or not")
    asked = parser.parse_args(argv)
    out = Path(asked.out).absolute()
    spec = _spec(asked, out)
    _check_free(out, replace=asked.replace)
    frames = _frames([Path(source) for source in asked.sources])
    shown = asked.progress or (sys.stderr.isatty() and not asked.json)
    film = asyncio.run(make_film(frames, spec, out, on_frame=_tell if shown else None))
    _print_film(film, out, as_json=asked.json)
    return Exit.DONE


def _spec(asked: argparse.Namespace, out: Path) -> FilmSpec:
    container = out.suffix.lower().removeprefix(".")
    if container not in ("mp4", "webm"):
        raise Refused(f"'{out.suffix}' is no kind of film.", where="-o", remedy="End the file's name in .mp4 or .webm.")
    width, height = _numbers(asked.size, r"(\d+)x(\d+)", "--size", "WIDTHxHEIGHT, as 1280x720")
    begin, end = _numbers(asked.trim, r"([\d.]+)-([\d.]*)", "--trim", "A-B in seconds, as 0.5-3")
    if begin is not None and end is not None and end <= begin:
        raise Refused(f"its end, {end:g}, must be after its beginning, {begin:g}.", where="--trim")
    if (container, asked.codec) == ("webm", "h264"):
        raise Refused(
            "webm cannot hold h264.", where="--codec", remedy="Take vp9 or av1, or end the file's name in .mp4."
        )
    written = {
        "fps": asked.fps,
        "codec": asked.codec or ("vp9" if container == "webm" else "h264"),
        "container": container,
        "width": None if width is None else int(width),
        "height": None if height is None else int(height),
        "bitrate": asked.bitrate,
        "seconds": asked.seconds,
        "trim_from": begin or 0.0,
        "trim_to": end,
    }
    try:
        checked = Video.model_validate(written)
    except ValidationError as fault:
        loc = fault.errors(include_url=False)[0]["loc"]
        field = str(loc[0]) if loc else ""
        raise Refused(sentence(fault).removeprefix(f"{field}: "), where=FLAGS.get(field, "video")) from fault
    return film_spec(checked)


def _check_free(out: Path, *, replace: bool) -> None:
    """Raises Refused where something stands that may not be replaced."""
    if out.is_dir():
        raise Refused("this is a folder.", where=str(out), remedy="Name a file.")
    if not replace and (out.exists() or out.is_symlink()):
        raise Refused("this file exists already.", where=str(out), remedy="Name another, or add --replace.")


def _numbers(written: str | None, form: str, flag: str, wanted: str) -> tuple[float | None, float | None]:
    if written is None:
        return None, None
    found = re.fullmatch(form, written)
    try:
        if found is not None:
            return float(found[1]), float(found[2]) if found[2] else None
    except ValueError:
        pass
    raise Refused(f"'{written}' is not {wanted}.", where=flag)


def _frames(sources: Sequence[Path]) -> list[Path]:
    """Files as they are named; of a folder its pictures in natural order, subfolders left out. Raises Refused."""
    frames: list[Path] = []
    for source in sources:
        if source.is_dir():
            found = [path for path in source.iterdir() if path.suffix.lower() in PICTURES and path.is_file()]
            if not found:
                raise Refused("there are no pictures in this folder.", where=str(source), remedy="Name another.")
            frames += sorted((path for path in found if not path.name.startswith(".")), key=natural)
        elif source.is_file():
            frames.append(source)
        else:
            raise Refused("there is no such file or folder.", where=str(source), remedy="Check the path.")
    return frames


def natural(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Numbers count as numbers: `img2` stands before `img10`."""
    parts = re.split(r"(\d+)", unicodedata.normalize("NFC", path.name).casefold())
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts if part)


def _print_film(film: Film, out: Path, *, as_json: bool) -> None:
    if not as_json:
        print(f"{out}: {film.frames} frames, {film.seconds:g} s, {film.width}x{film.height}, {film.codec}")
        return
    with out.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    told.print_json({"video": str(out), **film._asdict(), "bytes": out.stat().st_size, "sha256": sha256})


def _tell(done: int, total: int) -> None:
    end = "\r" if sys.stderr.isatty() and done < total else "\n"
    print(f"{done}/{total} frames", end=end, file=sys.stderr, flush=True)
