"""Old events read by new code, and new ones that old code must not guess at."""

import pytest

from daemon.log.faults import LogFromNewer
from daemon.log.upcast import UPCASTERS, Fields, Reader
from schema.events import VERSIONS, JobCancelled, JobMoved
from schema.ids import JobId


def moved(fields: Fields) -> Fields:
    """As if version 1 had called the new rank `rank`."""
    return {**{name: value for name, value in fields.items() if name != "rank"}, "now": fields["rank"]}


def with_was(fields: Fields) -> Fields:
    return {"was": 0.0, **fields}


@pytest.fixture
def later() -> Reader:
    """A later program, in which JobMoved has come to version 3."""
    return Reader({"JobMoved": 3}, {("JobMoved", 1): moved, ("JobMoved", 2): with_was})


def test_an_old_event_is_brought_up_step_by_step(later: Reader) -> None:
    old = b'{"type":"JobMoved","job":"a.1","rank":2.5}'
    assert later.read(1, "JobMoved", 1, old) == JobMoved(job=JobId("a.1"), was=0.0, now=2.5)
    middle = b'{"type":"JobMoved","job":"a.1","now":2.5}'
    assert later.read(1, "JobMoved", 2, middle) == JobMoved(job=JobId("a.1"), was=0.0, now=2.5)
    newest = b'{"type":"JobMoved","job":"a.1","was":1.0,"now":2.5}'
    assert later.read(1, "JobMoved", 3, newest) == JobMoved(job=JobId("a.1"), was=1.0, now=2.5)


def test_a_field_with_a_default_needs_no_new_version() -> None:
    with_more = b'{"type":"JobCancelled","job":"a.1","was":"queued","from_the_future":[1,2]}'
    assert Reader().read(1, "JobCancelled", 1, with_more) == JobCancelled(job=JobId("a.1"), was="queued")


@pytest.mark.parametrize(
    ("name", "v", "data", "told"),
    [
        ("MoonLanded", 1, b'{"type":"MoonLanded"}', "is of the type MoonLanded, which this version does not know"),
        ("JobHeld", 2, b'{"type":"JobHeld","job":"a.1"}', "has version 2; this version reads up to 1"),
        ("JobHeld", 0, b'{"type":"JobHeld","job":"a.1"}', "has version 0, from which no way leads"),
        ("JobHeld", 1, b'{"type":"JobHeld"}', r"event 7 \(JobHeld, version 1\) holds what this version cannot read"),
        ("JobCancelled", 1, b'{"type":"JobCancelled","job":"a.1","was":"frozen"}', "frozen"),
        ("JobHeld", 1, b'{"type":"JobReleased","job":"a.1"}', "JobReleased"),
        ("JobHeld", 1, b"\xff", "JobHeld"),
    ],
)  # fmt: skip
def test_what_a_newer_program_wrote_is_refused(name: str, v: int, data: bytes, told: str) -> None:
    with pytest.raises(LogFromNewer, match=told) as refused:
        Reader().read(7, name, v, data)
    assert "Install the version of stablenew that wrote it" in refused.value.remedy


def test_every_version_has_its_way_up() -> None:
    for name, now in VERSIONS.items():
        for v in range(1, now):
            assert (name, v) in UPCASTERS
