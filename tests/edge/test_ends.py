"""How the daemon ends when it cannot go on: a full disk is told as one, a bug with its trace."""

import errno
import logging
import sqlite3

import pytest

from daemon import __main__ as program
from daemon import app
from daemon.log import check
from daemon.log.faults import LogBroken
from schema.errors import Exit


def full_sqlite() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


@pytest.fixture
def exits(monkeypatch) -> list[int]:
    """The statuses the process would have ended with."""
    statuses: list[int] = []
    monkeypatch.setattr(app.os, "_exit", statuses.append)
    monkeypatch.setattr(app.logging, "shutdown", lambda: None)
    return statuses


@pytest.mark.parametrize(
    "fault",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        full_sqlite(),
        ExceptionGroup("of a group", [ExceptionGroup("within", [full_sqlite()])]),
    ],
    ids=["no space", "quota", "sqlite", "in a task group"],
)
def test_a_daemon_that_has_no_room_to_start_says_so_and_how_to_go_on(fault, monkeypatch, capsys, tmp_path):
    async def run(*args):
        raise fault

    monkeypatch.setattr(app, "run", run)
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path))
    assert program.main(["run"]) == Exit.DISK
    told = capsys.readouterr().err
    assert "full" in told and "Free some space" in told and "Traceback" not in told


def test_a_full_disk_does_not_keep_a_log_from_being_opened_or_verified(monkeypatch, tmp_path):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(check.os, "fsync", full)
    check.note_verified(tmp_path / "events.db", check.ZERO)
    assert check.verified(tmp_path / "events.db") == check.ZERO


def test_a_log_that_cannot_be_written_ends_the_daemon_with_the_disks_status(exits):
    app._end_at_once(LogBroken("the log takes nothing more: disk I/O error"))
    assert exits == [Exit.DISK]


def test_a_bug_in_the_core_ends_the_daemon_with_its_trace(exits, caplog):
    try:
        {}["no such job"]
    except KeyError as bug:
        app._end_at_once(bug)
    assert exits == [Exit.FAILED]
    [record] = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert record.exc_info is not None and "log cannot be written" not in record.getMessage()
