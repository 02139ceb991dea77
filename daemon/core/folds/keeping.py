"""Who may ask over TCP, and which files of the artifact store are damaged."""

from typing import assert_never

from msgspec.structs import replace

from daemon.core.state import State
from schema import events as e

KeptEvent = e.AccessGranted | e.AccessRevoked | e.FileDamaged | e.FileMended | e.PicturesDeleted


def folded(state: State, event: KeptEvent, envelope: e.Envelope) -> None:
    match event:
        case e.AccessGranted(access=access):
            state.access = {**state.access, access.name: replace(access, granted=envelope.at)}
        case e.AccessRevoked(name=name):
            state.access = {other: access for other, access in state.access.items() if other != name}
        case e.FileDamaged(file=file):
            state.damaged = (*(other for other in state.damaged if other != file), file)
        case e.FileMended(file=file):
            state.damaged = tuple(other for other in state.damaged if other != file)
        case e.PicturesDeleted(files=files):
            gone = frozenset(files)
            state.damaged = tuple(other for other in state.damaged if other not in gone)
        case _:
            assert_never(event)
