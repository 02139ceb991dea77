"""Ended attempts and their files until the daemon has committed them. The agent's only durable memory.

A report is told only after `write` has returned: its files, itself and their names are on disk then, in this order.
What was running when the process died is not here, and so is simply unknown afterwards.
"""

import logging
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from schema.ids import Sha256
from schema.orders import AttemptReport, Product, attempt_id

log = logging.getLogger(__name__)

_REPORT = ".report"


class Spool:
    """A flat folder: `ATTEMPT.report` (msgpack of AttemptReport) beside its files `ATTEMPT.0`, `ATTEMPT.1`..."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reports: dict[str, AttemptReport] = {}
        self._places: dict[Sha256, dict[str, Path]] = {}
        """Content hash to the attempts that made it, each with its own file."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open()

    def get(self, attempt: str) -> AttemptReport | None:
        return self._reports.get(attempt)

    def reports(self) -> tuple[AttemptReport, ...]:
        return tuple(self._reports.values())

    def find(self, sha: Sha256) -> Path | None:
        """A result's file."""
        return next(iter(self._places.get(sha, {}).values()), None)

    def write(self, report: AttemptReport, contents: Sequence[bytes] = ()) -> None:
        """Blocks until all is on disk; for any thread, `remember` then makes it known. Raises OSError.

        `contents` belong to the report's products, in order.
        """
        name = name_of(report)
        for number, content in enumerate(contents):
            self._write(f"{name}.{number}", content)
        self._write(name + _REPORT, msgspec.msgpack.encode(report))
        _sync_folder(self._folder)

    def remember(self, report: AttemptReport) -> None:
        """In the loop's thread, after `write`; alone when the disk refused a report without files."""
        name = name_of(report)
        self._reports[name] = report
        for number, product in enumerate(_products(report)):
            self._places.setdefault(product.sha256, {})[name] = self._folder / f"{name}.{number}"

    def forget(self, attempt: str) -> tuple[tuple[Sha256, Path], ...]:
        """The daemon has committed it. Returns the files that are left, for the caller to take or delete."""
        report = self._reports.pop(attempt, None)
        if report is None:
            return ()
        (self._folder / (attempt + _REPORT)).unlink(missing_ok=True)
        left = []
        for number, product in enumerate(_products(report)):
            places = self._places.get(product.sha256, {})
            places.pop(attempt, None)
            if not places:
                self._places.pop(product.sha256, None)
            left.append((product.sha256, self._folder / f"{attempt}.{number}"))
        return tuple(left)

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._folder).free

    def _open(self) -> None:
        """Whole entries are known again. A report whose files did not all reach the disk was never told.

        Raises OSError for a disk that cannot be read: nothing is thrown away then.
        """
        known: set[str] = set()
        for path in self._folder.glob("*" + _REPORT):
            report = _read(path)
            if report is None or path.name != name_of(report) + _REPORT:
                continue
            files = [self._folder / f"{name_of(report)}.{number}" for number in range(len(_products(report)))]
            if all(_has(file, product.bytes) for file, product in zip(files, _products(report), strict=True)):
                self.remember(report)
                known.update((path.name, *(file.name for file in files)))
        for path in self._folder.iterdir():
            if path.name not in known:
                path.unlink(missing_ok=True)

    def _write(self, name: str, content: bytes) -> None:
        temporary = self._folder / f"{name}.tmp"
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._folder / name)


def name_of(report: AttemptReport) -> str:
    return attempt_id(report.job, report.stage, report.token)


def _products(report: AttemptReport) -> tuple[Product, ...]:
    return report.result.products if report.result else ()


def _has(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _read(path: Path) -> AttemptReport | None:
    """None: it is none. Raises OSError."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=AttemptReport)
    except msgspec.MsgspecError as fault:
        log.error("the result %s cannot be read and is thrown away: %s", path.name, fault)
        return None


def _sync_folder(folder: Path) -> None:
    """Makes renames durable. Windows cannot open folders, and needs no such call."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
