"""Faults planted in the program, that a power cut must find out: each as small as a careless change."""

import asyncio
import os
from collections.abc import Callable, Sequence

from daemon import disk
from daemon.log import tables
from daemon.log.store import LogFile
from schema.events import Envelope

Wrap = Callable[[LogFile], LogFile]


def plant(name: str) -> Wrap:
    """What is to be done to a log once it is open; the rest is done at once. Empty: nothing."""
    match name:
        case "synchronous=NORMAL":
            _write_without_waiting()
        case "no fsync of pictures":
            disk.os = _Careless()  # type: ignore[assignment]
        case "no fsync of folders":
            from daemon.artifacts import store

            store.sync_folder = lambda folder: None
        case "told before it is on disk":
            return _told_before
    return lambda log: log


def _write_without_waiting() -> None:
    real = tables._prepare

    def prepare(db: object, *more: object) -> None:
        real(db, *more)  # type: ignore[arg-type]
        db.execute("PRAGMA synchronous=NORMAL")  # type: ignore[attr-defined]

    tables._prepare = prepare


class _Careless:
    """The module `os` without fsync."""

    def __getattr__(self, name: str) -> object:
        return (lambda descriptor: None) if name == "fsync" else getattr(os, name)


def _told_before(log: LogFile) -> LogFile:
    real = log.append

    def append(batch: Sequence[Envelope]) -> asyncio.Future[None]:
        real(batch).add_done_callback(lambda done: done.cancelled() or done.exception())
        told = asyncio.get_running_loop().create_future()
        told.set_result(None)
        return told

    log.append = append  # type: ignore[method-assign]
    return log
