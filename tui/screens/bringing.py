"""Pictures of other programs brought into the gallery from this machine's disk, some at a time."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from schema.errors import NoDaemon, Refused, why
from schema.foreign import ImportAnswer, ImportedFile, ImportRequest
from schema.ids import Sha256
from tui.link.files import pictures_in, text_beside
from tui.screens.pictures import read_picture

if TYPE_CHECKING:
    from tui.app import StableNew

AT_ONCE = 25
"""Files of one request: so that one sees how far it is."""

PATIENCE = 600.0
"""Seconds that one request may take."""

HELP = "A picture or a folder of them, on this machine. What they say of how they were made is read."


async def bring_in(home: "StableNew", named: str) -> str:
    """The run that they came under, empty where none came. Says how far it is, and what came of it."""
    try:
        name, files = await asyncio.to_thread(found_at, named)
        if not files:
            raise Refused("there are no pictures in it.", where=named, remedy="PNG, JPEG and WebP can be kept.")
        return await _bring(home, name, files)
    except Refused as fault:
        home.say(fault.told(), bad=True)
    except (OSError, RuntimeError) as fault:
        home.say(f"{named}: {why(fault)}", bad=True)
    except NoDaemon:
        home.say("The daemon does not answer; what was sent so far is kept.", bad=True)
    return ""


def found_at(named: str) -> tuple[str, list[Path]]:
    """What it is called, and the pictures in it. Raises Refused, OSError, or RuntimeError for `~nobody`."""
    path = Path(named.strip()).expanduser()
    return path.absolute().name, list(pictures_in([path]))


async def _bring(home: "StableNew", name: str, files: Sequence[Path]) -> str:
    run, kept, known, refused = "", 0, 0, list[str]()
    for start in range(0, len(files), AT_ONCE):
        wanted = [one for path in files[start : start + AT_ONCE] if (one := await _sent(home, path, refused))]
        if wanted:
            request = ImportRequest(files=tuple(wanted), name=name)
            taken = await home.asker.long("/v1/images/import", request, ImportAnswer, PATIENCE)
            run = taken.run or run
            kept += len(taken.images)
            known += len(taken.known)
        if start + AT_ONCE < len(files):
            home.say(f"{start + AT_ONCE:,} of {len(files):,} files")
    told = [f"{kept:,} {'picture' if kept == 1 else 'pictures'} brought in"]
    told += [f"{known:,} were here already"] if known else []
    told += [f"{len(refused):,} could not be read: {refused[0]}"] if refused else []
    home.say(", ".join(told), bad=bool(refused))
    return run


async def _sent(home: "StableNew", path: Path, refused: list[str]) -> ImportedFile | None:
    """None where it cannot be taken, and `refused` says why."""
    try:
        content = await asyncio.to_thread(read_picture, str(path))
        if content is None:
            raise Refused("there is no such file.", where=str(path))
        sha = await home.asker.upload(content)
        beside = await asyncio.to_thread(text_beside, path)
    except Refused as fault:
        refused.append(f"{path.name}: {fault.sentence}")
        return None
    except OSError as fault:
        refused.append(f"{path.name}: {why(fault)}")
        return None
    return ImportedFile(sha256=Sha256(sha), name=path.name[:1000], beside=beside)
