"""The checker of logs itself: it finds nothing in an honest log, and every lie that is planted in one."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from checker.reading import Row, open_read_only, packed, rows_of
from checker.whole import check_log, check_rows
from forged import Line, Story, story_of
from lives import Lives
from scenario import home

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))  # for `simulation`

PAINT, ENLARGE = {"id": "paint", "kind": "txt2img"}, {"id": "enlarge", "kind": "upscale"}
SPEC = {"name": "fork", "base": "b" * 64, "plan_hash": "p", "seed": 1, "jobs": 2, "stages": [PAINT, ENLARGE]}

HELD: dict[str, object] = {"type": "JobHeld", "job": "fork.1"}
ASSIGNED: dict[str, object] = {
    "type": "StageAssigned", "job": "fork.1", "stage": "paint", "node": "id0", "attempt": 1, "why": "",
}  # fmt: skip
LATE: dict[str, object] = {
    "type": "LateResultRefused", "job": "fork.1", "stage": "paint", "token": 10**6, "node": "id0", "reason": "future",
}  # fmt: skip
DELETED: dict[str, object] = {
    "type": "PicturesDeleted", "images": ["nobody"], "files": [], "bytes": 0, "reason": "trash",
}  # fmt: skip


@pytest.fixture(scope="module")
def evening() -> tuple[Line, ...]:
    """As the daemon wrote it in a simulated evening, and a few more events that are rare."""
    from simulation.loop import run
    from simulation.world import World

    async def rows() -> list[Row]:
        world = World(0)
        await world.evening(0.7)
        return list(rows_of(world.log._db))

    story = story_of(iter(run(rows())))
    image = str(story.lines[story.find("ArtifactStored")].event["image"])
    for event in (
        {"type": "RunSubmitted", "run": "fork", "spec": SPEC},
        {"type": "JobSubmitted", "job": "fork.1", "run": "fork", "spec": {"name": "a", "prompt": "boats"}},
        {"type": "JobSubmitted", "job": "fork.2", "run": "fork", "spec": {"name": "b", "prompt": "boats"}},
    ):
        story.append(event, command="s1", actor="uid:1")
    story.append({"type": "JobEdited", "job": "fork.1", "was": {"name": "a", "prompt": "boats"}, "now": {"name": "a"}})
    story.append({"type": "JobPriorityChanged", "job": "fork.1", "was": 0, "now": 3})
    story.append({"type": "JobMoved", "job": "fork.2", "was": float(len(story.lines) - 2), "now": 0.5})
    story.append({"type": "JobMoved", "job": "fork.2", "was": 0.5, "now": 0.25})
    story.append({"type": "JobHeld", "job": "fork.1"})
    story.append({"type": "JobReleased", "job": "fork.1"})
    story.append({"type": "ImageRated", "image": image, "stars": 4}, command="s2", actor="uid:1")
    story.append({"type": "ImageRated", "image": image, "stars": 2, "was": 4}, command="s3", actor="uid:1", idem="k")
    story.append({"type": "FileDamaged", "file": "c" * 64, "fault": "gone"})
    story.append({"type": "AccessGranted", "access": {"name": "tray", "digest": "d" * 64, "scope": "read"}})
    story.append({"type": "QueuePaused"})
    return tuple(story.lines)


@pytest.mark.long
def test_an_honest_log_has_nothing_to_find(evening: tuple[Line, ...]) -> None:
    assert check_rows(Story(evening).rows()) == []


Lie = Callable[[Story], None]


def _tells(*events: dict[str, object], **line: object) -> Lie:
    """These happen at the end."""

    def tell(story: Story) -> None:
        for event in events:
            story.append(event, **line)

    return tell


def _again(kind: str) -> Lie:
    """The last event of that kind, once more at the end."""
    return lambda story: story.append(story.lines[story.find(kind, last=True)].event)


def _without(kind: str) -> Lie:
    return lambda story: story.take(story.find(kind))


def _but(kind: str, last: bool = True, **fields: object) -> Lie:
    return lambda story: story.change(story.find(kind, last=last), **fields)


def _told(**line: object) -> Lie:
    return lambda story: story.put(story.find("ImageRated", last=True), **line)


def _fenced(story: Story) -> None:
    """A result of an attempt that was given up comes after the stage was given out again."""
    for at, line in enumerate(story.lines):
        if line.kind in ("StageFailed", "StageLost"):
            for later in range(at, len(story.lines)):
                event = story.lines[later].event
                if story.lines[later].kind == "StageFinished" and _same(event, line.event):
                    story.change(later, token=line.event["token"], node=line.event["node"])
                    return


def _same(one: dict[str, object], other: dict[str, object]) -> bool:
    return (one["job"], one["stage"]) == (other["job"], other["stage"]) and one["token"] != other["token"]


def _nobody_came(story: Story) -> None:
    for at, line in enumerate(story.lines):
        if line.kind == "NodeJoined":
            story.take(at)


def _never_came_back(story: Story) -> None:
    story.take(story.find("JobReopened", lambda event: event["was"] in ("cancelled", "failed", "finished")))


def _behind_its_end(story: Story) -> None:
    story.append({"type": "JobHeld", "job": story.lines[story.find("JobFinished")].event["job"]})


LIES: dict[str, tuple[str, Lie]] = {
    "it stands in another stream": ("stream", _told(stream="image:other")),
    "a number of its stream is left out": ("stream", _told(sver=7)),
    "it is called otherwise": ("type", _told(called="ImageTagged")),
    "it names another epoch": ("epoch", _told(epoch=1)),
    "it was caused by what comes later": ("cause", _told(cause=10**6)),
    "a digest without its key": ("key", _told(idem=None, digest=b"x" * 32)),
    "a digest that is none": ("key", _told(digest=b"x")),
    "a key that was used": ("key", _tells({"type": "QueueResumed"}, actor="uid:1", command="n", idem="k")),
    "a key in the middle": ("key", lambda story: story.put(story.find("JobSubmitted", last=True), idem="m")),
    "a command that goes on later": ("command", _tells({"type": "QueueResumed"}, command="s1", actor="uid:1")),
    "a run twice": ("run", _again("RunSubmitted")),
    "a job of no run": ("run", _without("RunSubmitted")),
    "a job twice": ("job", _again("JobSubmitted")),
    "a job that was not submitted": ("job", _without("JobSubmitted")),
    "a job more than was said": ("job", _but("RunSubmitted", spec={**SPEC, "jobs": 1})),
    "ended twice": ("ended", _again("JobFinished")),
    "held behind its end": ("ended", _behind_its_end),
    "it comes back and never did": ("assigned", _never_came_back),
    "finished twice": ("ended", _again("StageFinished")),
    "a result that nobody asked for": ("token", _without("StageAssigned")),
    "a result of another node": ("token", _but("StageFinished", node="id9")),
    "a result of an older attempt": ("fence", _fenced),
    "a token of the future": ("token", _tells(LATE)),
    "closed twice": ("twice", _again("StageLost")),
    "it finished before its stages": ("stage", _without("StageFinished")),
    "a stage out of turn": ("stage", _tells({"type": "StageSkipped", "job": "fork.1", "stage": "enlarge"})),
    "given out while all was paused": ("paused", _tells(ASSIGNED)),
    "given out while it was held": ("hold", _tells({"type": "QueueResumed"}, HELD, ASSIGNED)),
    "given out to nobody": ("node", _tells({**ASSIGNED, "node": "id77"})),
    "given out before anybody came": ("node", _nobody_came),
    "given out twice": ("assigned", _tells(ASSIGNED, ASSIGNED)),
    "held twice": ("hold", _tells(HELD, HELD)),
    "released and never held": ("hold", _tells({"type": "JobReleased", "job": "fork.2"})),
    "moved from elsewhere": ("rank", _but("JobMoved", was=0.75)),
    "another priority before": ("priority", _but("JobPriorityChanged", was=2)),
    "other words before": ("edit", _but("JobEdited", was={"name": "a"})),
    "it was in another phase": ("phase", _but("JobCancelled", was="finished")),
    "what is kept was never done": ("kept", _but("JobReopened", kept=[{"stage": "paint", "token": 1, "node": "id0"}])),
    "a run counts wrongly": ("counts", _but("RunFinished", finished=77)),
    "a run finished early": ("run", _tells({"type": "RunFinished", "run": "fork"})),
    "a film that nobody began": ("film", _but("FilmFinished", token=1)),
    "paused twice": ("queue", _tells({"type": "QueuePaused"})),
    "a picture twice": ("picture", _again("ArtifactStored")),
    "a picture that was not stored": ("picture", _without("ArtifactStored")),
    "a picture of no attempt": ("token", _but("ArtifactStored", stage="enlarged")),
    "a verdict on nothing": ("picture", _but("ImageRated", image="nobody")),
    "other stars before": ("stars", _but("ImageRated", was=5)),
    "six stars": ("stars", _but("ImageRated", stars=6)),
    "a probe that nobody asked for": ("node", _but("NodeProbed", token=1)),
    "taken back and never done": ("undo", _but("CommandUndone", undone="never")),
    "taken back twice": ("undo", _again("CommandUndone")),
    "granted twice": ("access", _again("AccessGranted")),
    "revoked and never granted": ("access", _tells({"type": "AccessRevoked", "name": "door"})),
    "damaged twice": ("file", _again("FileDamaged")),
    "mended and never damaged": ("file", _tells({"type": "FileMended", "file": "e" * 64, "source": "results"})),
    "deleted and never there": ("picture", _tells(DELETED)),
    "it does not say whose": ("fields", _tells({"type": "StageAssigned", "job": "fork.1"})),
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("lie", LIES)
def test_every_lie_is_found(evening: tuple[Line, ...], lie: str) -> None:
    rule, tell = LIES[lie]
    story = Story(evening)
    tell(story)
    found = check_rows(story.rows())
    assert rule in {finding.rule for finding in found}, [str(finding) for finding in found[:5]]


# Below the sense ----------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("chain", lambda rows: rows.__setitem__(40, rows[40]._replace(ts_us=1))),
        ("chain", lambda rows: rows.__setitem__(40, rows[40]._replace(hash=bytes(32)))),
        ("gapless", lambda rows: rows.pop(40)),
        ("json", lambda rows: rows.__setitem__(40, rows[40]._replace(data=b"{"))),
        ("json", lambda rows: rows.__setitem__(40, rows[40]._replace(data=b"\xff"))),
    ],
)
def test_what_is_not_as_it_was_written_is_found(
    evening: tuple[Line, ...], rule: str, change: Callable[[list[Row]], object]
) -> None:
    rows = list(Story(evening).rows())
    change(rows)
    assert rule in {finding.rule for finding in check_rows(rows)}


def test_messagepack_is_written_as_others_write_it() -> None:
    sizes = (0, 1, 31, 32, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**63)
    values = [
        *sizes,
        *(-size for size in sizes if size < 2**63),
        *("é" * n for n in sizes[:10]),
        *(bytes(n) for n in sizes[:10]),
    ]
    for value in (None, *values):
        assert packed(value) == msgspec.msgpack.encode(value)


@pytest.mark.damages
def test_files_and_the_promise_are_looked_at(lives: Lives, tmp_path: Path) -> None:
    assert lives.live(tmp_path / "life").code == 0
    at = home(tmp_path / "life")

    def rules() -> set[str]:
        return {finding.rule for finding in check_log(at.log, at.head, at.artifacts)}

    assert rules() == set()
    with closing(open_read_only(at.log)) as db:
        rows = list(rows_of(db))
    assert check_rows(rows) == []
    assert {finding.rule for finding in check_rows([rows[0], *rows[2:]])} >= {"gapless", "chain"}
    pictures = sorted(at.artifacts.glob("??/*.png"))
    pictures[0].unlink()
    assert rules() == {"dangling"}
    shutil.copy(pictures[1], pictures[0])
    assert rules() == {"dangling"}
    promise = at.head.read_bytes()
    at.head.unlink()
    assert "anchor" in rules()
    at.head.write_bytes(promise)
    shutil.copy(pictures[0], tmp_path / "other.png")
    program = subprocess.run(
        [sys.executable, Path(__file__).parents[1] / "checker", at.state, at.artifacts], capture_output=True, text=True
    )
    assert program.returncode == 1 and "[dangling]" in program.stdout, program
