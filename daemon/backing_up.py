"""What keeps the log safe while the daemon works: copies by night and before an upgrade, and a note of its head.

A copy is made and checked by a child process, and never stands in the way of the work: a person is told where it fails.
"""

import asyncio
import logging
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from daemon.concerns import Concerns
from daemon.log import backups, witness
from daemon.log.chain import Head
from daemon.log.faults import LogDamaged
from schema.errors import why
from schema.places import Places
from schema.settings import Settings

log = logging.getLogger(__name__)

NOTE_SECONDS = 60.0
"""Between two notes of the head beside the pictures."""

LOOK_SECONDS = 60.0
"""Between two looks at the clock; the first one after a start comes so late, too."""

AGAIN_SECONDS = 3600.0
"""After a copy that failed."""

SUBJECT = "backup"
"""Of the concern."""


# Copies ------------------------------------------------------------------------------------------


class Outcome(NamedTuple):
    """Of one try."""

    fault: str
    """A sentence with its remedy; empty: there is a copy."""


Maker = Callable[[backups.Kind], Awaitable[Outcome]]


async def copy_in_child(kind: backups.Kind) -> Outcome:
    """The child goes with whoever waits for it."""
    words = ["log", "backup", "--json", *(["--upgrade"] if kind == "upgrade" else [])]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "daemon", *words,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        _, complaint = await child.communicate()
    except asyncio.CancelledError:
        if child.returncode is None:
            child.kill()
            await child.wait()
        raise
    if child.returncode == 0:
        return Outcome("")
    told = complaint.decode(errors="replace").strip().splitlines()
    return Outcome(told[-1] if told else f"the copying program ended with {child.returncode}.")


async def keep_backups(
    places: Places,
    settings: Settings,
    concerns: Concerns,
    *,
    make: Maker = copy_in_child,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """A copy each night at the time of the settings, or as soon as the daemon runs again after it."""
    if not settings.backup.nightly:
        return
    wait = LOOK_SECONDS
    while True:
        await sleep(wait)
        wait = LOOK_SECONDS
        if await asyncio.to_thread(_due, places, settings, clock()) and not await _made(make, "night", concerns):
            wait = AGAIN_SECONDS


def _due(places: Places, settings: Settings, now: float) -> bool:
    keeping = backups.keeping_of(places, settings.backup, 0)
    try:
        began = backups.first_at(places.log)
        return began is not None and backups.is_due(backups.copies(keeping.folder), settings.backup.at, began, now)
    except OSError:  # the folder is not there today: trying to copy tells why
        return True
    except sqlite3.Error as fault:
        log.warning("nobody knows whether a copy of the log is due: %s", fault)
        return False


async def before_upgrade(
    places: Places, settings: Settings, concerns: Concerns, version: str, make: Maker = copy_in_child
) -> bool:
    """A copy before a program of another version first writes to the log; whether there was one to be made."""
    if not settings.backup.upgrade:
        return False
    try:
        before = await asyncio.to_thread(backups.last_version, places.log)
    except sqlite3.Error as fault:  # an event that cannot be read will be told of by whoever needs it
        log.warning("nobody knows which version wrote the log: %s", fault)
        return False
    if before is None or before == version:
        return False
    log.info("the log was written by %s, this is %s: it is copied first", before, version)
    await _made(make, "upgrade", concerns)
    return True


async def _made(make: Maker, kind: backups.Kind, concerns: Concerns) -> bool:
    outcome = await make(kind)
    if outcome.fault:
        when = "before the upgrade" if kind == "upgrade" else "tonight"
        concerns.tell(SUBJECT, f"The log was not backed up {when}: {outcome.fault}")
    else:
        concerns.settle(SUBJECT)
        log.info("the log was backed up")
    return not outcome.fault


# The head, beside the pictures ---------------------------------------------------------------------


async def keep_witness(places: Places, head: Callable[[], Head]) -> None:
    noted = 0
    while True:
        if (now := head()).seq != noted:
            await note_head(places, now)
            noted = now.seq
        await asyncio.sleep(NOTE_SECONDS)


async def note_head(places: Places, head: Head) -> None:
    """Beside the pictures. Where that cannot be written, an older note stays, which is true all the same."""
    try:
        await asyncio.to_thread(witness.note, places, head)
    except OSError as fault:
        log.warning("the log's head could not be noted in %s: %s", places.witness, why(fault))


def heard_of_later(
    places: Places, head: int, concerns: Concerns, meet: Callable[[LogDamaged], None], name: str, seq: int
) -> None:
    """An agent that obeys this daemon's key alone had orders which are not in the log, up to event `seq`.

    So the log is an older copy, or has gone on from one. That is noted, so that every later check finds it, too.
    """
    try:
        witness.hear(places, seq)
    except OSError as fault:
        concerns.tell(
            f"later {name}",
            f"Agent {name} had orders of this daemon that the log does not know, which could not be noted: "
            f"{why(fault)}. Put the newer log back.",
        )
        return
    told = f"agent {name} had orders of this daemon up to event {seq}, but the log ends at {head}"
    if seq <= head:
        told = f"agent {name} had an order of this daemon with event {seq}, which is another one in the log"
    meet(LogDamaged((f"{told}: an older copy of it was put in its place",), where=str(places.log), ends_at=head,
                    promised=seq))  # fmt: skip
