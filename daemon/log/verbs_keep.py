"""The verbs that keep the log from being lost: backup, backups, restore, recover.

The last two change the log, so nobody else may have it open: a daemon that runs read-only is asked to stop, one that
works is left alone.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from daemon.claim import Claim, Locked
from daemon.log import mend, neighbour
from daemon.log.backups import Keeping, Kind, copies, head_of, make
from daemon.log.documents import BackedUp, Copies, CopyLine, Mending, say, write
from daemon.log.watched import along
from schema.errors import Exit, Refused
from schema.pages import iso
from schema.places import Places
from schema.sizes import size

LATEST = "latest"
READ_ONLY = "read-only"


def backup(where: Places, target: Path | None, keeping: Callable[[], Keeping], kind: Kind, *, json: bool) -> int:
    """Into `target`, or as one of those that are kept in the folder of the settings."""
    if target is None:
        os.nice(10)  # nobody waits for it
        made = make(where, keeping(), kind, along=along("checking the copy"))
    else:
        made = mend.backup(where, target.absolute(), along("checking the copy"))
    document = BackedUp(path=str(made.path), events=made.events, head=made.head.seq, bytes=made.bytes)
    write(document) if json else say(f"{document.events} events, checked, in {document.path} ({size(document.bytes)})")
    return Exit.DONE


def backups(keeping: Keeping, *, json: bool) -> int:
    """What lies in the folder of the settings."""
    found = tuple(
        CopyLine(
            path=str(copy.path),
            at=iso(copy.at),
            kind=copy.kind,
            head=head_of(copy.path),
            bytes=copy.path.stat().st_size,
        )
        for copy in copies(keeping.folder)
    )
    if json:
        write(Copies(folder=str(keeping.folder), items=found, total=len(found)))
        return Exit.DONE
    for copy in found:
        upto = f"up to event {copy.head}" if copy.head is not None else "cannot be read"
        say(f"{copy.at}  {copy.kind:<7}  {size(copy.bytes):>9}  {upto:<24}  {copy.path}")
    if not found:
        say(f"no copies of the log in {keeping.folder} yet")
    return Exit.DONE


def restore(where: Places, source: str, keeping: Callable[[], Keeping], *, json: bool) -> int:
    def work(actor: str) -> mend.Mended:
        if source != LATEST:
            return mend.restore(where, Path(source).absolute(), actor, time.time, along("checking the copy"))
        return _restore_newest(where, keeping().folder, actor)

    return _mend(where, work, json=json)


def recover(where: Places, accepted: int | None, keeping: Callable[[], Keeping], *, json: bool) -> int:
    saved = [copy.path for copy in copies(keeping().folder)]
    if neighbour.condition(where.endpoint) == READ_ONLY:
        mend.to_recover(where, accepted, saved)  # who only asks what would be lost stops nobody
    return _mend(where, lambda actor: mend.recover(where, accepted, actor, time.time, saved), json=json)


def _restore_newest(where: Places, folder: Path, actor: str) -> mend.Mended:
    """The newest that is whole."""
    for copy in copies(folder):
        try:
            return mend.restore(where, copy.path, actor, time.time, along("checking the copy"))
        except Refused as refused:
            sys.stderr.write(f"{refused.told()}\n")
    raise Refused("there is no whole copy of the log here.", where=str(folder), remedy="Name a file.")


def _mend(where: Places, work: Callable[[str], mend.Mended], *, json: bool) -> int:
    claim = _claimed(where)
    try:
        mended = work(f"uid:{os.getuid()}")
    finally:
        claim.release()
    document = Mending(
        kept=mended.kept,
        lost=mended.lost,
        head=mended.head.seq,
        beside=str(mended.beside) if mended.beside else None,
        backup=str(mended.backup) if mended.backup else None,
    )
    if json:
        write(document)
        return Exit.DONE
    say(f"{document.kept} events kept, {document.lost} given up; head {document.head}")
    if document.backup:
        say(f"events were taken from {document.backup}")
    say(f"the old log lies in {document.beside}" if document.beside else "there was no log before")
    sys.stderr.write("`stablenew daemon start` starts on it.\n")
    return Exit.DONE


def _claimed(where: Places) -> Claim:
    """The lock; a daemon that only shows what it can read gives it up when asked. Raises Locked."""
    try:
        return Claim.take(where, boot="")
    except Locked:
        if neighbour.condition(where.endpoint) != READ_ONLY or not neighbour.stop(where.endpoint):
            raise
    sys.stderr.write("The daemon ran read-only and was asked to stop.\n")
    neighbour.wait_gone(where.endpoint)
    return _taken(where)


def _taken(where: Places) -> Claim:
    """The lock of one that is ending: its endpoint file goes a moment before it."""
    for _ in range(100):
        try:
            return Claim.take(where, boot="")
        except Locked:
            time.sleep(0.05)
    return Claim.take(where, boot="")
