"""`doctor` on what keeps the history safe: libraries new enough, the log's files, its copies, the service."""

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from schema.errors import why
from tui.cli import config, output
from tui.link.doc import Doc

State = Literal["ok", "note", "broken"]

FLOORS = {"aiohttp": (3, 14, 4), "zeroconf": (0, 154), "pillow": (12, 3)}
"""Older ones have faults that strangers can use: CVE-2026-128131, CVE-2026-48487, CVE-2026-55380."""

WAL_BYTES = 64_000_000
OLD_DAYS = 3.0

_COPY = re.compile(r"events-(\d{8}T\d{6}Z)(?:-upgrade)?\.db")


class Finding(NamedTuple):
    name: str
    state: State
    text: str
    remedy: str = ""


def libraries() -> Finding:
    from importlib.metadata import PackageNotFoundError, version

    told, old = [], []
    for name, floor in FLOORS.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "missing"
        told.append(f"{name} {found}")
        if _numbers(found) < floor:
            old.append(f"{name} {found} is older than {'.'.join(map(str, floor))}")
    if not old:
        return Finding("libraries", "ok", ", ".join(told))
    remedy = f"`{sys.executable} -m pip install -U {' '.join(FLOORS)}` brings newer ones."
    return Finding("libraries", "broken", f"{'; '.join(old)} and has faults that strangers can use.", remedy)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])


def log_files() -> Finding:
    """Without a daemon as well: what lies there."""
    log = Path(config.paths()["log"] or "")
    wal = _size(log.with_name(f"{log.name}-wal"))
    try:
        log.stat()
    except FileNotFoundError:
        return Finding("log", "ok", f"none yet at {log}")
    except OSError as fault:
        return Finding(
            "log", "broken", f"{log} cannot be reached: {why(fault)}.", "Check the permissions of its folder."
        )
    text = f"{log}, {output.size(_size(log))}"
    if wal > WAL_BYTES:
        return Finding(
            "log", "note", f"{text}, and {output.size(wal)} beside it that cannot be tidied up: some program keeps it"
            " open.", "Close it there.",
        )  # fmt: skip
    return Finding("log", "ok", text)


def backups(now: float | None = None) -> Finding:
    """How old the newest copy of the log is; `now` is Unix seconds."""
    from datetime import UTC, datetime

    paths = config.paths()
    folder, log = Path(paths["backups"] or ""), Path(paths["log"] or "")
    try:
        stamps = sorted(found[1] for path in folder.iterdir() if (found := _COPY.fullmatch(path.name)))
    except FileNotFoundError:
        stamps = []
    except OSError as fault:
        return Finding("backups", "note", f"{folder} cannot be read: {why(fault)}.", "Check its permissions.")
    try:
        log.stat()
    except OSError:  # why it cannot be reached is told of the log itself
        return Finding("backups", "ok", "there is nothing to copy yet")
    remedy = "The daemon makes one every night while it runs; `stablenew log backup FILE` makes one now."
    if not stamps:
        return Finding("backups", "note", f"no copy of the log lies in {folder} yet.", remedy)
    newest = datetime.strptime(stamps[-1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    days = ((time.time() if now is None else now) - newest) / 86_400
    text = (
        f"{len(stamps)} {'copy' if len(stamps) == 1 else 'copies'} of the log in {folder}, the newest of {_age(days)}"
    )
    if days > OLD_DAYS:
        return Finding("backups", "note", f"{text}.", remedy)
    beside = folder.stat().st_dev == log.stat().st_dev
    return Finding("backups", "ok", f"{text}{', on the same disk as the log' if beside else ''}")


def _age(days: float) -> str:
    return "today" if days < 1 else f"{days:.0f} days ago" if days >= 2 else "yesterday"


def service() -> Iterator[Finding]:
    """A user's services and the folder of their sockets go at the last logout, unless the user lingers."""
    from getpass import getuser

    from tui.cli.daemon import unit_path, unit_text

    unit = unit_path()
    try:
        written = unit.read_text()
    except OSError:
        return
    if Path("/var/lib/systemd/linger", getuser()).exists():
        yield Finding("service", "ok", f"{unit}, also while nobody is logged in")
    else:
        yield Finding(
            "service", "note", f"{unit} stops at your last logout.", "`loginctl enable-linger` keeps it running."
        )
    if written != unit_text(os.environ):
        yield Finding(
            "service", "note", f"{unit} is not what this version would write.",
            "`stablenew daemon install` writes it anew, unless you changed it on purpose.",
        )  # fmt: skip


def running(status: Doc) -> Iterator[Finding]:
    """What the daemon itself has to say."""
    state, trouble = status.text("state"), output.clean(status.text("trouble"))
    text = f"{state}, version {status.text('version')}, pid {status.whole('pid')} on {status.text('socket')}"
    if state == "read-only":
        yield Finding("daemon", "broken", f"{text}: {trouble}")
    else:
        yield Finding("daemon", "ok" if state == "ready" else "note", text)
    read = status.doc("readings")
    if read.whole("memory"):
        stalls = f", its loop stood still {read.whole('stalls')} times" if read.whole("stalls") else ""
        yield Finding(
            "daemon", "ok", f"{output.size(read.whole('memory'))} of memory, {read.whole('files')} of"
            f" {read.whole('files_limit')} files{stalls}",
        )  # fmt: skip
    for concern in status.texts("concerns"):
        yield Finding("concern", "note", output.clean(concern))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
