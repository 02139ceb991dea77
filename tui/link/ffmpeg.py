"""The ffmpeg that films are made with: whether this machine, which is the daemon's, has one."""

import shutil
from collections.abc import Mapping

from schema.errors import Refused

NAMED = "IMAGEIO_FFMPEG_EXE"
"""The variable that names one."""


def ffmpeg(env: Mapping[str, str]) -> str:
    """The one that is named, else the system's, else the one that came along. Raises Refused where there is none.

    The last may be looked for by running it: half a second.
    """
    named = env.get(NAMED)
    if named:
        if shutil.which(named) is None:
            raise Refused("this is no program.", where=f"{NAMED}={named}", remedy="Unset or correct it.")
        return named
    system = shutil.which("ffmpeg")
    if system is not None:
        return system
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        raise Refused("there is no ffmpeg here.", remedy="Install ffmpeg.") from None


def makes_films(env: Mapping[str, str]) -> bool:
    try:
        return bool(ffmpeg(env))
    except Refused:
        return False
