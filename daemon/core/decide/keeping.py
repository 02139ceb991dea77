"""Access over TCP granted and revoked, pictures deleted for good, files found damaged or whole again."""

import re
from typing import assert_never

from daemon.core.state import State
from schema import commands as c
from schema import events as e
from schema import observations as o
from schema.errors import Refused

PIECE = 200
"""Pictures in one event."""

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
            return _deleted(command)
        case _:
            assert_never(command)


def checked(state: State, news: o.FileChecked) -> list[e.Event]:
    """Only what is new of a file."""
    known = news.file in state.damaged
    if news.fault:
        return [] if known else [e.FileDamaged(file=news.file, fault=news.fault)]
    return [e.FileMended(file=news.file, source=news.source)] if known else []


def _deleted(command: c.DeletePictures) -> list[e.Event]:
    """Files go with the last piece: a picture of an earlier one may have the same."""
    images = command.images
    pieces = [images[at : at + PIECE] for at in range(0, len(images), PIECE)]
    events: list[e.Event] = [
        e.PicturesDeleted(images=piece, files=(), bytes=0, reason=command.reason) for piece in pieces[:-1]
    ]
    files = [command.files[at : at + PIECE] for at in range(0, len(command.files), PIECE)] or [()]
    for number, some in enumerate(files):
        last = number == len(files) - 1
        events.append(
            e.PicturesDeleted(
                images=pieces[-1] if last and pieces else (), files=some, bytes=command.bytes if last else 0,
                reason=command.reason,
            )
        )  # fmt: skip
    return events if images else []
