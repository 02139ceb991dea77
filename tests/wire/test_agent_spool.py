"""The spool on its own: what it believes after a crash, and what it forgets."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

import pytest

from agent.spool import Spool
from schema.ids import JobId, Sha256, StageId, Token
from schema.orders import AttemptReport, Product, Result


def done(token: int, *contents: bytes) -> AttemptReport:
    products = tuple(Product(sha256=Sha256(hashlib.sha256(c).hexdigest()), bytes=len(c)) for c in contents)
    result = Result(backend="b", products=products)
    return AttemptReport(job=JobId("r.1"), stage=StageId("s"), token=Token(token), state="done", result=result)


def kept(spool: Spool, report: AttemptReport, *contents: bytes) -> AttemptReport:
    spool.write(report, contents)
    spool.remember(report)
    return report


def test_what_was_written_is_known_to_the_next_process(tmp_path: Path) -> None:
    report = kept(Spool(tmp_path), done(1, b"one", b"two"), b"one", b"two")
    spool = Spool(tmp_path)
    assert spool.reports() == (report,) and spool.get("r.1~s~1") == report
    assert report.result is not None
    assert [spool.find(p.sha256).read_bytes() for p in report.result.products] == [b"one", b"two"]  # type: ignore[union-attr]


def test_two_attempts_with_the_same_picture_do_not_lose_it_to_one_another(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    kept(spool, done(1, b"same"), b"same")
    second = kept(spool, done(2, b"same"), b"same")
    for _, file in spool.forget("r.1~s~1"):
        file.unlink()
    assert second.result is not None
    found = spool.find(second.result.products[0].sha256)
    assert found is not None and found.read_bytes() == b"same"
    assert Spool(tmp_path).reports() == (second,)


def test_forgetting_twice_is_harmless(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    kept(spool, done(1, b"x"), b"x")
    assert len(spool.forget("r.1~s~1")) == 1
    assert spool.forget("r.1~s~1") == ()
    assert spool.get("r.1~s~1") is None


@pytest.mark.parametrize("left", ["r.1~s~1.0", "r.1~s~1.1", "r.1~s~1.report"])
@pytest.mark.parametrize("damage", ["gone", "short"])
def test_an_entry_that_did_not_reach_the_disk_whole_was_never_told(tmp_path: Path, left: str, damage: str) -> None:
    kept(Spool(tmp_path), done(1, b"one", b"two"), b"one", b"two")
    victim = tmp_path / left
    if damage == "gone":
        victim.unlink()
    else:
        victim.write_bytes(victim.read_bytes()[:1])
    assert Spool(tmp_path).reports() == ()
    assert list(tmp_path.iterdir()) == []


def test_every_byte_at_which_writing_can_stop_leaves_all_or_nothing(tmp_path: Path) -> None:
    """Each call of the file system in turn is the last one; the next process finds the entry or no trace of it."""
    report = done(1, b"one", b"two")
    outcomes = set()
    for last in range(40):
        folder = tmp_path / str(last)
        spool = Spool(folder)
        calls = [0]

        def crash(original: object, calls: list[int] = calls, last: int = last) -> object:
            def call(*args: object, **named: object) -> object:
                calls[0] += 1
                if calls[0] > last:
                    raise KeyboardInterrupt
                assert callable(original)
                return original(*args, **named)

            return call

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("agent.spool.os.fsync", crash(os.fsync))
            patch.setattr(Path, "replace", crash(Path.replace))
            with suppress(KeyboardInterrupt):
                spool.write(report, [b"one", b"two"])
        found = Spool(folder).reports()
        assert found in ((), (report,))
        outcomes.add((calls[0] > last, len(found)))
    assert outcomes == {(True, 0), (True, 1), (False, 1)}


def test_a_foreign_file_is_not_taken_for_a_report(tmp_path: Path) -> None:
    (tmp_path / "r.1~s~9.report").write_bytes(b"\xc1 nonsense")
    (tmp_path / "leftover.tmp").write_bytes(b"half")
    assert Spool(tmp_path).reports() == ()
    assert list(tmp_path.iterdir()) == []
