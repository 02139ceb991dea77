"""What is different between two moments of a log, held against a count of everything by hand; and its events one by
one."""

import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, world

from daemon.core.apply import apply
from daemon.core.state import State, phase_name
from daemon.differing import differing
from daemon.log import verbs
from daemon.log.between import difference_between, steps
from daemon.log.snapshots import make
from daemon.log.store import open_log
from schema.events import Envelope, Event, JobCancelled, JobFailed, JobFinished, PictureImported, QueuePaused
from schema.places import Places, places
from schema.sentences import sentence
from schema.then import Difference, Moment


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("STABLENEW_HOME", str(tmp_path / "home"))
    return places({"STABLENEW_HOME": str(tmp_path / "home")})


async def write(home: Places, envelopes: Sequence[Envelope]) -> None:
    home.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = open_log(home.log, home.head)
    await log.append(envelopes)
    await log.close()


async def past(folder: Path, seed: int, acts: int) -> list[Envelope]:
    """What the ledger wrote while people and a node did this and that."""
    rng = random.Random(seed)
    async with world(made(folder)) as it:
        await it.join_node()
        for _ in range(acts):
            await act(it, rng)
        await it.ledger.state_hash()
        return list(await it.log.read(0, 100_000))


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def act(it: World, rng: random.Random) -> None:
    scene = it.ledger.scene()
    runs = [run.run for run in scene.runs]
    verb = rng.choice(("submit", "finish", "finish", "finish", "break", "jobs", "undo", "queue", "rate", "drain"))
    match verb:
        case "submit":
            await it.submit(count=rng.randrange(1, 4), hold=rng.random() < 0.2)
        case "finish" | "break" if it.open:
            await (it.finish_one() if verb == "finish" else it.break_one())
        case "jobs" if runs:
            wish = rng.choice(("cancel", "retry", "hold", "release", "skip"))
            await it.post(f"/v1/jobs/{wish}", {"select": [f"{rng.choice(runs)}.{rng.randrange(1, 3)}"]})
        case "undo":
            await it.post(rng.choice(("/v1/undo", "/v1/redo")))
        case "queue":
            await it.post(rng.choice(("/v1/queue/pause", "/v1/queue/resume", "/v1/queue/resume")))
        case "rate":
            await it.post("/v1/images/rate", {"select": ["state:finished"], "stars": rng.randrange(6)})
        case "drain" if rng.random() < 0.3:
            await it.post(f"/v1/nodes/box/{rng.choice(('drain', 'resume'))}")


def states(envelopes: Sequence[Envelope], upto: int) -> dict[str, str]:
    """Every job there ever was, and how it stood: from the first event on."""
    state, ended = State(), dict[str, str]()
    for envelope in envelopes[:upto]:
        apply(state, envelope)
        match envelope.event:
            case JobFinished(job=job) | PictureImported(job=job):
                ended[job] = "finished"
            case JobFailed(job=job):
                ended[job] = "failed"
            case JobCancelled(job=job):
                ended[job] = "cancelled"
    return ended | {job.id: phase_name(job.phase) for job in state.jobs.values()}


def hold_against_a_count(home: Places, envelopes: Sequence[Envelope], one: int, other: int) -> Difference:
    found = difference_between(home.log, home.snapshots, str(one), str(other), 0.0)
    before, after = sorted((one, other))
    was, now = states(envelopes, before), states(envelopes, after)
    jobs = {job: (was.get(job, ""), now[job]) for job in now if was.get(job, "") != now[job]}
    told = {change.job: (change.was, change.now) for change in found.jobs}
    between = envelopes[before:after]
    assert (found.before.seq, found.after.seq, found.events) == (before, after, after - before)
    assert found.kinds == Counter(type(one.event).__name__ for one in between)
    assert found.jobs_changed == len(jobs)
    assert told.items() <= jobs.items() and len(told) == min(len(jobs), found.most)
    assert all(change.name for change in found.jobs)
    assert found.ratings == found.kinds.get("ImageRated", 0)
    return found


async def test_a_difference_equals_what_a_count_from_zero_gives(home: Places, tmp_path: Path) -> None:
    envelopes = await past(tmp_path / "lived", 7, 60)
    await write(home, envelopes)
    rng = random.Random(1)
    for _ in range(6):
        hold_against_a_count(home, envelopes, rng.randrange(len(envelopes)), rng.randrange(len(envelopes) + 1))
    whole = hold_against_a_count(home, envelopes, 0, len(envelopes))
    assert whole.jobs_changed and whole.images_stored and whole.runs
    same = difference_between(home.log, home.snapshots, "5", "5", 0.0)
    assert (same.events, same.jobs, same.settings, same.kinds) == (0, (), {}, {})


@pytest.mark.long
@pytest.mark.parametrize("seed", range(12))
async def test_differences_of_many_pasts_with_snapshots_and_without(home: Places, tmp_path: Path, seed: int) -> None:
    envelopes = await past(tmp_path / "lived", seed, 220)
    rng = random.Random(seed)
    half = len(envelopes) // 2
    await write(home, envelopes[:half])
    if seed % 2:
        await make(home.snapshots, home.log)
    await write(home, envelopes[half:])
    for _ in range(25):
        hold_against_a_count(home, envelopes, rng.randrange(len(envelopes) + 1), rng.randrange(len(envelopes) + 1))


@pytest.mark.long
async def test_steps_add_up_to_the_difference(home: Places, tmp_path: Path) -> None:
    envelopes = await past(tmp_path / "lived", 11, 40)
    await write(home, envelopes)
    first, last = len(envelopes) // 3, len(envelopes) - 5
    found = difference_between(home.log, home.snapshots, str(first - 1), str(last), 0.0)
    stepped = list(steps(home.log, home.snapshots, first, last))
    assert [one.envelope.seq for one in stepped] == list(range(first, last + 1))
    was, now = stepped[0].was.settings, stepped[-1].now.settings
    assert {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)} == set(found.settings)


async def test_the_verbs_tell_it_in_words_and_as_one_document(
    home: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    envelopes = await past(tmp_path / "lived", 7, 25)
    last = msgspec.structs.replace(envelopes[-1], cause=None, command=None, key=None, digest=None)
    paused = msgspec.structs.replace(last, seq=len(envelopes) + 1, event=QueuePaused())
    await write(home, [*envelopes, paused])
    newest = len(envelopes) + 1
    assert verbs.main(["diff", str(newest - 1)]) == 0
    assert "queue: open -> paused" in capsys.readouterr().out
    assert verbs.main(["diff", "3", str(newest), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["events"] == newest - 3 and told["before"]["seq"] == 3 and told["after"]["newest"] == newest
    assert verbs.main(["step", str(newest), "--back", "-n", "2", "--json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [item["line"]["seq"] for item in items] == [newest, newest - 1]
    assert items[0]["settings"] == {"queue": ["open", "paused"]} and items[0]["words"] == "the queue was paused"
    assert verbs.main(["step", "-n", "3"]) == 0
    assert "queue: open -> paused" in capsys.readouterr().out
    assert verbs.main(["step", "-n", "0"]) == 2
    assert verbs.main(["diff", "soon"]) == 2
    assert verbs.main(["at", str(newest)]) == 0
    assert f"behind event {newest} of {newest}" in capsys.readouterr().out


async def test_every_kind_of_event_has_a_sentence_of_its_own(tmp_path: Path) -> None:
    told = {sentence(one.event) for one in await past(tmp_path / "lived", 3, 30)}
    assert told and not told & {kind.__name__ for kind in get_args(Event)}


@pytest.mark.damages
async def test_the_route_compares_with_now_where_nothing_else_is_said(home: Places, tmp_path: Path) -> None:
    await write(home, await past(tmp_path / "lived", 7, 25))
    differ = differing(home.log, home.snapshots, lambda: 0.0)
    async with world(made(tmp_path / "asked"), differ=differ) as it:
        told = await it.get("/v1/diff", before=3)
        assert told["after"]["seq"] == told["after"]["newest"] and told["before"]["seq"] == 3
        assert told["events"] == told["after"]["seq"] - 3 and told["before"]["at"].endswith("Z")
        it.house.moment = Moment(seq=7, at=None, newest=9)
        assert (await it.get("/v1/diff", before=3))["after"]["seq"] == 7, "of a house of then, now is its moment"
        assert (await it.get("/v1/diff"))["where"] == "before"
        assert "no point in time" in (await it.get("/v1/diff", before="soon"))["error"]
        home.log.write_bytes(b"no log at all" * 100)
        assert "cannot be read" in (await it.get("/v1/diff", before=3))["error"]
