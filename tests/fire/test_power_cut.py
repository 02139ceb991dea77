"""The power may fail behind any call of a life: what was told is there, and no event names a file that is not."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from checker.whole import check_log
from cut import Call, Cut, cuts, lay_out, recorded
from lives import Lives
from scenario import ANSWERED, KEPT, home, make

from daemon.log.check import check

KEEPS = ((0.0, 0), (1.0, 0), *((0.5, seed) for seed in range(5)))
"""How much stays of what is not synced, by which seed."""


class Left(NamedTuple):
    """What a cut left."""

    findings: tuple[str, ...]
    commands: dict[int, str | None]
    pictures: frozenset[str]


def left(cut: Cut, folder: Path) -> Left:
    """By the check that every start makes, and by the one that shares nothing with it."""
    make(folder)
    lay_out(cut.image, folder)
    at = home(folder)
    findings = list(check(at.log, at.head).findings)
    if not at.log.exists() or findings:
        return Left(tuple(findings), {}, frozenset())
    findings += map(str, check_log(at.log, at.head, at.artifacts))
    with closing(sqlite3.connect(f"file:{at.log}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT seq,type,command,data FROM events").fetchall()
    pictures = frozenset(json.loads(data)["image"] for _, kind, _, data in rows if kind == "ArtifactStored")
    return Left(tuple(findings), {seq: command for seq, _, command, _ in rows}, pictures)


def broken(cut: Cut, found: Left) -> list[str]:
    """Promises that the cut broke, and what is wrong with what it left."""
    lost = list(found.findings)
    for note in cut.told:
        word, *told = note.split()
        if word == ANSWERED and found.commands.get(int(told[1])) != told[2]:
            lost.append(f"{told[0]} was answered at {told[1]} and is not there")
        if word == KEPT and told[0] not in found.pictures:
            lost.append(f"picture {told[0]} was taken and is not there")
    return lost


def violations(
    root: Path, calls: list[Call], folder: Path, keeps: tuple[tuple[float, int], ...] = KEEPS, every: int = 1
) -> Iterator[str]:
    known: dict[bytes, Left] = {}
    for cut in cuts(root, calls, keeps, every):
        digest = hashlib.sha256(repr(sorted(cut.image.items())).encode()).digest()
        if digest not in known:
            known[digest] = left(cut, folder)
            shutil.rmtree(folder)
        for sentence in broken(cut, known[digest]):
            yield f"cut behind call {cut.at} ({calls[cut.at].op} {calls[cut.at].name}), {cut.keep} kept: {sentence}"


def record(lives: Lives, folder: Path, fault: str = "") -> list[Call]:
    life = lives.live(folder / "life", record=str(folder / "record"), fault=fault)
    assert life.code == 0, life
    return recorded(folder / "record")


@pytest.mark.story
def test_a_power_cut_now_and_then_loses_nothing(lives: Lives, tmp_path: Path) -> None:
    calls = record(lives, tmp_path)
    assert list(violations(tmp_path / "life", calls, tmp_path / "cut", KEEPS[1:3], every=61)) == []


@pytest.mark.long
@pytest.mark.timeout(900)
def test_no_power_cut_loses_anything(lives: Lives, tmp_path: Path) -> None:
    calls = record(lives, tmp_path)
    assert len(calls) > 200
    assert list(violations(tmp_path / "life", calls, tmp_path / "cut")) == []


@pytest.mark.long
@pytest.mark.timeout(600)
def test_after_a_power_cut_the_next_life_goes_on_to_the_end(lives: Lives, tmp_path: Path) -> None:
    calls = record(lives, tmp_path)
    for number, cut in enumerate(cuts(tmp_path / "life", calls, KEEPS[2:4], every=17)):
        folder = tmp_path / f"next-{number}"
        make(folder)
        lay_out(cut.image, folder)
        again = lives.live(folder)
        assert again.code == 0, (cut.at, again)
        found = check_log(home(folder).log, home(folder).head, home(folder).artifacts)
        assert found == [], (cut.at, [str(finding) for finding in found])
        shutil.rmtree(folder)


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("synchronous=NORMAL", "is not there"),
        ("told before it is on disk", "is not there"),
        ("no fsync of pictures", "does not hold what its name says"),
        ("no fsync of folders", "0 files have the name"),
    ],
)
def test_a_careless_change_is_found_out(lives: Lives, tmp_path: Path, fault: str, told: str) -> None:
    calls = record(lives, tmp_path, fault)
    assert any(told in sentence for sentence in violations(tmp_path / "life", calls, tmp_path / "cut"))
