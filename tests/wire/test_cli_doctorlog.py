"""`doctor` on what keeps the history safe, without a daemon: files of our own making."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tui.cli import daemon, doctorlog
from tui.link.doc import Doc

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("STABLENEW_BACKUP__FOLDER", raising=False)
    (tmp_path / "state").mkdir()
    (tmp_path / "config").mkdir()
    yield tmp_path


def copy(folder: Path, *stamps: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for stamp in stamps:
        (folder / f"events-{stamp}.db").write_bytes(b"x")


def test_the_age_of_the_newest_copy_is_told_and_an_old_one_noted(home: Path):
    assert doctorlog.backups(NOW).state == "ok"  # no log, nothing to copy
    (home / "state/events.db").touch()
    assert doctorlog.backups(NOW).state == "note"
    copy(home / "data/backups", "20261101T043000Z", "20261120T043000Z-upgrade", "99999999T999999Zx")
    told = doctorlog.backups(NOW)
    assert told.state == "ok" and "2 copies" in told.text and "yesterday" in told.text and "same disk" in told.text
    late = doctorlog.backups(NOW + 4 * 86_400)
    assert late.state == "note" and "5 days ago" in late.text and "stablenew log backup" in late.remedy


def test_copies_are_looked_for_where_the_settings_say(home: Path):
    (home / "state/events.db").touch()
    copy(home / "other", "20261121T043000Z")
    (home / "config/config.toml").write_text(f'[backup]\nfolder = "{home}/other"\n')
    assert "today" in doctorlog.backups(NOW).text


def test_a_write_ahead_file_that_grows_is_noted(home: Path):
    assert doctorlog.log_files().state == "ok"
    (home / "state/events.db").touch()
    with (home / "state/events.db-wal").open("wb") as wal:
        wal.truncate(doctorlog.WAL_BYTES + 1)
    assert doctorlog.log_files().state == "note"


def test_a_library_with_known_faults_is_broken(monkeypatch: pytest.MonkeyPatch):
    assert doctorlog.libraries().state == "ok"
    monkeypatch.setitem(doctorlog.FLOORS, "aiohttp", (99, 0))
    told = doctorlog.libraries()
    assert told.state == "broken" and "aiohttp" in told.text and "pip install" in told.remedy


def test_a_service_that_another_version_wrote_is_noted(home: Path):
    assert not list(doctorlog.service())
    unit = daemon.unit_path()
    unit.parent.mkdir(parents=True)
    unit.write_text(daemon.unit_text(os.environ))
    assert not any("not what this version" in one.text for one in doctorlog.service())
    unit.write_text("[Service]\nType=exec\n")
    assert any("not what this version" in one.text for one in doctorlog.service())


def test_what_the_daemon_says_is_told(home: Path):
    status = {"state": "read-only", "trouble": "The disk is full.", "concerns": ["The backup failed."], "pid": 1,
              "readings": {"memory": 90_000_000, "files": 40, "files_limit": 1024, "stalls": 2}}  # fmt: skip
    found = list(doctorlog.running(Doc(status)))
    assert (found[0].state, found[0].text.endswith("The disk is full.")) == ("broken", True)
    assert "40 of 1024 files" in found[1].text and "2 times" in found[1].text
    assert (found[2].state, found[2].text) == ("note", "The backup failed.")


def test_the_unit_is_told_that_it_is_ready_and_alive_and_starts_again_after_a_disk_that_failed(home: Path):
    lines = daemon.unit_text(os.environ).splitlines()
    assert {"Type=notify", "NotifyAccess=main", "Restart=on-failure", "KillMode=mixed", "TimeoutStartSec=infinity"} <= {
        *lines
    }
    assert "WatchdogSec=60" in lines and "NoNewPrivileges=yes" in lines
    (prevented,) = [line.split("=")[1].split() for line in lines if line.startswith("RestartPreventExitStatus=")]
    assert sorted(prevented) == ["2", "75"]  # not 74
    breaks = ("PrivateDevices", "ProtectHome", "ProtectSystem", "PrivateTmp", "MemoryDenyWriteExecute", "DeviceAllow")
    assert not [line for line in lines if line.startswith(breaks)]  # graphics cards, folders of pictures, short sockets


def test_a_log_that_cannot_be_reached_is_told(home: Path):
    (home / "state").rmdir()
    (home / "state").symlink_to(home / "state")  # as a folder that may not be entered, also for root
    told = doctorlog.log_files()
    assert told.state == "broken" and "cannot be reached" in told.text and "permissions" in told.remedy
    assert doctorlog.backups(NOW).state == "ok"
