"""Which ffmpeg there is, what it can encode, and its command lines."""

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from schema.errors import Refused
from schema.plans import FilmSpec

ENCODERS: Mapping[str, Mapping[str, Mapping[str, str | int]]] = {
    "h264": {"libx264": {"crf": 18, "preset": "medium"}, "libopenh264": {}},
    "vp9": {"libvpx-vp9": {"crf": 30, "b:v": 0, "row-mt": 1, "deadline": "good", "cpu-used": 4}},
    "av1": {"libsvtav1": {"crf": 30, "preset": 8}, "libaom-av1": {"crf": 30, "b:v": 0, "cpu-used": 6}},
}
"""Codec to encoders, best first, each with its options for good quality where no bit rate is asked for."""

QUALITY = frozenset({"crf", "b:v"})


class FilmFault(Refused):
    """Why there is no film."""


class BadFrames(FilmFault):
    """What was asked for cannot be a film: the asker must change it."""


def find() -> str:
    """`IMAGEIO_FFMPEG_EXE` if set, else the system's ffmpeg, else the one that came along. Raises FilmFault."""
    named = os.environ.get("IMAGEIO_FFMPEG_EXE")
    if named:
        if shutil.which(named) is None:
            raise FilmFault("this is no program.", where=f"IMAGEIO_FFMPEG_EXE={named}", remedy="Unset or correct it.")
        return named
    system = shutil.which("ffmpeg")
    if system:
        return system
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as fault:
        raise FilmFault(
            "no ffmpeg was found.", remedy="Install ffmpeg, or set IMAGEIO_FFMPEG_EXE to its path."
        ) from fault


def encoder_for(program: str, codec: str) -> str:
    """The best encoder for a codec that this ffmpeg has. Raises FilmFault."""
    present = _encoders(program)
    for encoder in ENCODERS[codec]:
        if encoder in present:
            return encoder
    able = [other for other, encoders in ENCODERS.items() if present & set(encoders)]
    remedy = f"Take codec {' or '.join(able)}." if able else "Install a complete ffmpeg."
    raise FilmFault(f"{program} cannot encode {codec}.", remedy=remedy)


def arguments(program: str, encoder: str, spec: FilmSpec, width: int, height: int, out: Path) -> list[str]:
    """The command that reads raw RGB frames of this size and writes the film; progress goes to standard output."""
    import ffmpeg as lines

    options: dict[str, str | int] = {"vcodec": encoder, "pix_fmt": "yuv420p", **ENCODERS[spec.codec][encoder]}
    if spec.bitrate is not None:
        options = {key: value for key, value in options.items() if key not in QUALITY} | {"b:v": spec.bitrate}
    if spec.container == "mp4":
        options["movflags"] = "+faststart"
    source = lines.input("pipe:0", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}", framerate=spec.fps)
    made = lines.output(source, str(out), f=spec.container, fps_mode="passthrough", **options)
    quiet = ("-progress", "pipe:1", "-nostats", "-loglevel", "error", "-stats_period", "0.1", "-hide_banner")
    return [str(word) for word in made.global_args(*quiet).overwrite_output().compile(cmd=program)]


def reading(program: str, path: Path) -> list[str]:
    """The command that decodes a film and throws the pictures away, telling their count on standard output."""
    import ffmpeg as lines

    made = lines.output(lines.input(f"file:{path}"), "-", f="null", map="0:v:0")
    return [
        str(word) for word in made.global_args("-hide_banner", "-nostats", "-progress", "pipe:1").compile(cmd=program)
    ]


@functools.lru_cache(maxsize=4)
def _encoders(program: str) -> frozenset[str]:
    try:
        told = subprocess.run(
            [program, "-hide_banner", "-encoders"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError) as fault:
        raise FilmFault(
            f"{program} does not run as an ffmpeg.", remedy="Set IMAGEIO_FFMPEG_EXE to one that does."
        ) from fault
    return frozenset(line.split()[1] for line in told.stdout.splitlines() if len(line.split()) > 1)
