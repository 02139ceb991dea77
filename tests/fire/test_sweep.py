"""At every call that writes, the disk fails in one way or another: nothing that was told is lost, and it goes on.

Each call meets one fault, another each day; six days make all of them (`FAULTS=all` does so at once).
"""

import datetime
import json
import os
import shutil
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from checker.whole import check_log
from lives import Lived, Lives
from scenario import ANSWERED, JOBS, KEPT, home

MODES = ("kill", "half, then kill", "EIO once", "EIO for good", "ENOSPC once", "ENOSPC for good")
"""As numbered in the shim, from 1."""

KILLS = MODES[:2]
MOST = 400
TODAY = datetime.datetime.now(datetime.UTC).toordinal()

HARMLESS = ("OSError", "sqlite3.", "LogBroken", "LogFull", "LogGone")
"""What may end a life whose disk failed where nobody was told anything yet."""


def points(calls: int) -> list[tuple[int, str]]:
    """Which call fails how."""
    if os.environ.get("FAULTS") == "all":
        return [(at, mode) for at in range(1, calls + 1) for mode in MODES]
    return [(at, MODES[(at + TODAY) % len(MODES)]) for at in range(1, min(calls, MOST) + 1)]


def fail_at(lives: Lives, folder: Path, at: int, mode: str, fault: str = "") -> Lived:
    """One life on a disk that fails there, the next one on a good disk, and what must then hold."""
    hurt = lives.live(folder, at=at, mode=MODES.index(mode) + 1, fault=fault)
    again = lives.live(folder)
    where = f"{mode} at call {at}"
    if mode in KILLS:
        assert hurt.code in (-signal.SIGKILL, 0), (where, hurt)
    else:
        assert hurt.code in (0, 74) or (hurt.code == 1 and any(one in hurt.raised for one in HARMLESS)), (where, hurt)
        assert "LogDamaged" not in hurt.raised, (where, hurt)
    assert again.code == 0, (where, again)
    found = check_log(home(folder).log, home(folder).head, home(folder).artifacts)
    assert found == [], (where, [str(finding) for finding in found[:5]])
    lost = untrue(home(folder).log, (*hurt.notes, *again.notes))
    assert lost == [], (where, lost)
    shutil.rmtree(folder)
    return hurt


def untrue(log: Path, notes: tuple[str, ...]) -> list[str]:
    """What was told and is not so. All work is done, once."""
    with closing(sqlite3.connect(f"file:{log}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT seq,type,command,idem,data FROM events ORDER BY seq").fetchall()
    commands = {seq: command for seq, _, command, _, _ in rows}
    keys = {key: command for _, _, command, key, _ in rows if key is not None}
    stored = {
        (event["image"], event["file"]["sha256"], str(event["token"]))
        for _, kind, _, _, data in rows
        if kind == "ArtifactStored" and (event := json.loads(data))
    }
    lost = []
    for note in notes:
        word, *told = note.split()
        if word == ANSWERED and (commands.get(int(told[1])) != told[2] or keys.get(told[0]) != told[2]):
            lost.append(f"{told[0]} was answered and is not there")
        if word == KEPT and tuple(told) not in stored:
            lost.append(f"picture {told[0]} was taken and is not there")
    ends = Counter(kind for _, kind, _, _, _ in rows)
    if ends["JobFinished"] != JOBS or ends["RunFinished"] != 1:
        lost.append(f"{ends['JobFinished']} jobs finished and {ends['RunFinished']} runs")
    return lost


@pytest.mark.story
def test_a_disk_that_fails_now_and_then_loses_nothing(lives: Lives, tmp_path: Path) -> None:
    calls = lives.live(tmp_path / "whole").calls
    for number, mode in enumerate(MODES):
        fail_at(lives, tmp_path / "hurt", (TODAY * 31 + number * 53) % calls + 1, mode)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_no_failing_call_loses_anything(lives: Lives, tmp_path: Path) -> None:
    calls = lives.live(tmp_path / "whole").calls
    assert 200 < calls <= MOST
    ends: Counter[tuple[str, int]] = Counter()
    for at, mode in points(calls):
        ends[mode, fail_at(lives, tmp_path / f"{at}", at, mode).code] += 1
    # Kills kill, a disk that stays broken or full ends the log, and one that fails once mostly does.
    assert ends["kill", -signal.SIGKILL] > 0
    assert ends["EIO for good", 74] > ends["EIO for good", 0]
    assert ends["ENOSPC for good", 74] > 0


@pytest.mark.long
def test_telling_before_the_commit_is_found_out(lives: Lives, tmp_path: Path) -> None:
    calls = lives.live(tmp_path / "whole").calls
    for at in range(calls // 2, calls):
        try:
            fail_at(lives, tmp_path / f"{at}", at, "kill", fault="told before it is on disk")
        except AssertionError as found:
            assert "is not there" in str(found)
            return
    pytest.fail("nobody noticed")
