"""Access over TCP granted and revoked, pictures deleted for good, files found damaged or whole again."""

import re
from collections.abc import Sequence
from typing import TypeVar, assert_never

from daemon.core.state import State
from schema import commands as c
from schema import events as e
from schema import observations as o
from schema.errors import Refused
from schema.ids import ImageId, Sha256

PIECE = 200
"""Pictures in one event."""

Name = TypeVar("Name", ImageId, Sha256)


class LookedTooSoon(Refused):
    """A verdict or another wish came after the look-up: look again."""


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")

KeepingCommand = c.GrantAccess | c.RevokeAccess | c.DeletePictures


def decided(state: State, command: KeepingCommand) -> list[e.Event]:
    match command:
        case c.GrantAccess(access=access):
            if not _NAME.fullmatch(access.name):
                raise Refused(
                    f"'{access.name[:40]}' is no name for an access.", where="name",
                    remedy="Take letters, digits, dots and dashes, at most 40.",
                )  # fmt: skip
            if access.name in state.access:
                raise Refused(
                    f"there is an access called {access.name} already.", where="name",
                    remedy=f"Revoke it first: `stablenew token revoke {access.name}`.",
                )  # fmt: skip
            return [e.AccessGranted(access=access)]
        case c.RevokeAccess(name=name):
            if name not in state.access:
                raise Refused(f"there is no access called '{name[:40]}'.", remedy="See `stablenew token list`.")
            return [e.AccessRevoked(name=name)]
        case c.DeletePictures():
            return _deleted(state, command)
        case _:
            assert_never(command)


def checked(state: State, news: o.FileChecked) -> list[e.Event]:
    """Only what is new of a file."""
    known = news.file in state.damaged
    if news.fault:
        return [] if known else [e.FileDamaged(file=news.file, fault=news.fault)]
    return [e.FileMended(file=news.file, source=news.source)] if known else []


def looked(state: State) -> c.Looked:
    return c.Looked(state.undo[-1].command if state.undo else None, state.redo[-1].command if state.redo else None)


def _deleted(state: State, command: c.DeletePictures) -> list[e.Event]:
    """What an unfinished job still needs stays, whatever a look-up said of it a moment ago. Raises LookedTooSoon."""
    if command.looked is not None and command.looked != looked(state):
        raise LookedTooSoon("wishes came while pictures were chosen.", remedy="Ask again.")
    done = [one for job in state.jobs.values() for one in job.done]
    needed, held = {image for one in done for image in one.images}, {file for one in done for file in one.files}
    images = _pieces([image for image in command.images if image not in needed])
    files = _pieces([file for file in command.files if file not in held])
    if not images:
        return []
    last = max(len(images), len(files)) - 1
    return [
        e.PicturesDeleted(
            images=images[n] if n < len(images) else (), files=files[n] if n < len(files) else (),
            bytes=command.bytes if n == last else 0, reason=command.reason,
        )
        for n in range(last + 1)
    ]  # fmt: skip


def _pieces(names: Sequence[Name]) -> list[tuple[Name, ...]]:
    return [tuple(names[at : at + PIECE]) for at in range(0, len(names), PIECE)]
