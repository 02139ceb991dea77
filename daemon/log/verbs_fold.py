"""The verbs that fold the log: replay, its comparison with snapshot and running daemon, and snapshot."""

import http.client
import os
import socket
import sys
import time
from contextlib import closing
from pathlib import Path

import msgspec

from daemon.log.documents import Compared, Replayed, Saved, say, write
from daemon.log.fold import CORE
from daemon.log.reading import newest, read_log
from daemon.log.snapshots import Snapshots
from daemon.log.tables import reader
from daemon.log.verbs_read import need_log
from schema.errors import Exit
from schema.places import Places

_PATIENCE_S = 30.0


def replay(places: Places, *, json: bool) -> int:
    """Folds every event and tells the state's hash."""
    log = need_log(places)
    with closing(reader(log)) as db:
        seq = newest(db)[0]
    began = time.perf_counter()
    state = CORE.onto(CORE.empty(), read_log(log, 0, seq))
    seconds = time.perf_counter() - began
    found = Replayed(events=seq, seq=seq, hash=CORE.hash(state), seconds=round(seconds, 6))
    if json:
        write(found)
    else:
        say(f"{found.events} events in {found.seconds:.3f} s")
        say(f"state at {found.seq}: {found.hash}")
    return Exit.DONE


def compare(places: Places, *, json: bool) -> int:
    """Live state, snapshot and tail, replay from zero: exit 1 unless they agree."""
    log = need_log(places)
    live = _live(places.endpoint)
    if live is None:
        with closing(reader(log)) as db:
            seq = newest(db)[0]
    else:
        seq = live.seq
    snapshots = Snapshots(places.snapshots, log, CORE)
    snapshot_seq = snapshots.newest(seq)[1]
    by_snapshot = CORE.hash(snapshots.as_of(seq))
    by_replay = CORE.hash(CORE.onto(CORE.empty(), read_log(log, 0, seq)))
    found = Compared(
        seq=seq,
        same=by_snapshot == by_replay and (live is None or live.hash == by_replay),
        live=live.hash if live else None,
        snapshot=by_snapshot,
        snapshot_seq=snapshot_seq,
        replay=by_replay,
    )
    if json:
        write(found)
    else:
        say(f"state at {seq}: {'all agree' if found.same else 'they differ'}")
        say(f"live             {found.live or 'no daemon runs'}")
        say(f"snapshot + tail  {found.snapshot}  (snapshot of {snapshot_seq})")
        say(f"replay from zero {found.replay}")
    return Exit.DONE if found.same else Exit.FAILED


def snapshot(folder: Path, log: Path, *, json: bool) -> int:
    os.nice(10)  # nobody waits for it
    saved = Saved(seq=Snapshots(folder, log, CORE).save(), folder=str(folder))
    write(saved) if json else say(f"snapshot of event {saved.seq} in {saved.folder}")
    return Exit.DONE


# The running daemon ------------------------------------------------------------------------------


class _Live(msgspec.Struct, frozen=True):
    seq: int
    hash: str


class _Endpoint(msgspec.Struct, frozen=True):
    socket: str


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_PATIENCE_S)
        self.sock.connect(self._path)


def _live(endpoint: Path) -> _Live | None:
    """Seq and hash of the running daemon's state; None when none runs or it cannot tell yet."""
    try:
        path = msgspec.json.decode(endpoint.read_bytes(), type=_Endpoint).socket
        with closing(_Connection(path)) as connection:
            connection.request("GET", "/v1/state")
            answer = connection.getresponse()
            body = answer.read()
        if answer.status == http.HTTPStatus.OK:
            return msgspec.json.decode(body, type=_Live)
        sys.stderr.write(f"the daemon does not tell its state ({answer.status} {answer.reason}).\n")
    except (OSError, http.client.HTTPException):
        pass  # no endpoint, or nobody listens: no daemon runs
    except msgspec.MsgspecError:
        sys.stderr.write("the daemon's answer cannot be read. Is it of another version?\n")
    return None
