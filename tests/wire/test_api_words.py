"""Stages that make words, over the real socket: seen before the pictures are made, written over, remembered."""

import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `api_world`

from api_world import World, until, world

from daemon.artifacts.entries import job_entry
from daemon.artifacts.store import ArtifactStore
from daemon.intake import HouseIntake
from daemon.past import Past
from daemon.prompting.profiles import Profile
from daemon.scheduling.able import Known, check_words, makers
from daemon.session import Session, profiles
from schema.errors import Refused
from schema.events import NodeJoined
from schema.ids import JobId, NodeId
from schema.models import Candidate
from schema.observations import NodeSeen, StageReturned
from schema.orders import BackendCard, Card, Order
from schema.pipeline import PipelineConfig
from schema.requests import TextFile

FLOW = [
    {"id": "enrich", "type": "llmEnhance", "ask": "continue"},
    {"id": "match", "type": "selectLoras"},
    {"id": "hand", "type": "dispatch", "review": True},
    {"id": "paint", "type": "txt2img", "width": 64, "height": 64},
]
KINDS = ("txt2img", "llmEnhance", "selectLoras")
MIRA = Profile(name="Mira", character="cartographer in a green coat", setting="rainy harbour", backstory="lost her map")


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as it:
        joined = NodeJoined(
            node=NodeId("box"), name="box", instance="i", link="loopback", backends=("sketch", "llm"), kinds=KINDS
        )
        await it.ledger.observe(NodeSeen(joined=joined))
        yield it


async def told(it: World, prompt: str, **more: str) -> None:
    """The open stage comes back with words."""
    attempt = await it.assigned()
    reported = {"prompt": prompt, "negative": "fog", **more}
    await it.ledger.observe(StageReturned(attempt=attempt, backend="llm", reported=dict(reported)))


async def reviewed(it: World, prompt: str = "a boat", **more: object) -> str:
    """A job whose words are made, held before its pictures."""
    pipeline = {"name": "flow.json", "text": json.dumps(FLOW)}
    answer = await it.submit(prompt, pipeline=pipeline, seed=3, negative="fog", **more)
    await told(it, f"{prompt}, golden light")
    await told(it, f"{prompt}, golden light <lora:ink:0.7>", loras="ink:0.7", why="ink 0.7: tag light")
    await until(lambda: it.ledger.scene().queue.counts.held == 1)
    return f"{answer['run']}.1"


async def test_words_are_looked_at_written_over_and_released(it: World) -> None:
    job = await reviewed(it)
    shown = await it.get(f"/v1/jobs/{job}")
    assert (shown["prompt"], shown["negative"]) == ("a boat, golden light <lora:ink:0.7>", "fog")
    assert shown["spec"]["prompt"] == "a boat" and shown["state"] == "held" and shown["work"] == "txt2img"
    assert [(stage["id"], stage["state"]) for stage in shown["stages"]] == [
        ("enrich", "done"), ("match", "done"), ("hand", "done"), ("paint", "waiting"),
    ]  # fmt: skip
    why = (await it.get(f"/v1/jobs/{job}/explain"))["text"]
    assert "Its words wait to be looked at" in why and f"job release {job}" in why
    assert (await it.get("/v1/jobs", filter="golden"))["total"] == 1, "what was written is found too"
    await it.post("/v1/jobs/edit", {"select": [job], "prompt": "a blue boat"})
    shown = await it.get(f"/v1/jobs/{job}")
    assert (shown["prompt"], shown["negative"]) == ("a blue boat", "fog")
    assert shown["spec"]["written"] == {"after": "match", "prompt": "a blue boat", "negative": "fog"}
    await it.post("/v1/undo", {})
    assert (await it.get(f"/v1/jobs/{job}"))["prompt"] == "a boat, golden light <lora:ink:0.7>"
    await it.post("/v1/jobs/edit", {"select": [job], "negative": "rain"})
    await it.post("/v1/jobs/release", {"select": [job]})
    await it.finish_all()
    record = await it.views.job(JobId(job))
    assert record is not None
    entry = job_entry(record, (), (), ())
    assert (entry.prompt, entry.negative) == ("a boat, golden light <lora:ink:0.7>", "rain")
    assert (entry.planned_prompt, entry.planned_negative) == ("a boat", "fog")


async def test_words_can_be_made_again_from_any_stage(it: World) -> None:
    job = await reviewed(it)
    await it.post("/v1/jobs/release", {"select": [job]})
    await it.finish_all()
    await it.post("/v1/jobs/rerun", {"select": [job], "stage": "match"})
    await told(it, "other words")
    await until(lambda: it.ledger.scene().queue.counts.held == 1)
    assert (await it.get(f"/v1/jobs/{job}"))["prompt"] == "other words"
    await it.post("/v1/jobs/release", {"select": [job]})
    await it.finish_all()
    await it.post("/v1/jobs/rerun", {"select": [job], "stage": "paint"})
    brief = await it.assigned()
    assert brief.stage == "paint"
    assert (await it.get(f"/v1/jobs/{job}"))["prompt"] == "other words", "the words before it are kept"


async def test_an_edit_of_the_seed_leaves_the_words_alone(it: World) -> None:
    job = await reviewed(it)
    await it.post("/v1/jobs/edit", {"select": [job], "seed": 9})
    shown = await it.get(f"/v1/jobs/{job}")
    assert (
        shown["spec"]["written"] is None and shown["spec"]["seed"] == 9 and shown["prompt"].startswith("a boat, golden")
    )


# What orders carry ----------------------------------------------------------------------------------


async def orders(it: World, tmp_path: Path, profile: Profile | None = None) -> HouseIntake:
    store = ArtifactStore(tmp_path / "art")
    for data in it.blobs.values():
        await store.put_blob(data)
    past = Past(it.log, it.views, lambda: it.ledger.durable)
    card = BackendCard(kind="webui", kinds=("txt2img",), loras=("style/ink.safetensors",))
    known = (
        Known(NodeId("n"), "forge", Card(node=NodeId("n"), name="f", instance="i", version="1", backends=(card,))),
    )

    async def candidates(words: str, model: str) -> list[Candidate]:
        return [Candidate(name="ink"), Candidate(name="nobody_has_it")]

    session = Session(past, lambda name: profile, candidates, lambda: known)
    return HouseIntake(store, past, lambda: 1, lambda: "id", "0", session=session)


async def order_of(it: World, intake: HouseIntake) -> Order:
    """Of the newest attempt."""
    brief = (await it.ledger.ask(lambda state: tuple(state.attempts.values())))[-1]
    return await intake.order(brief)


async def test_a_model_is_told_what_came_before_in_the_same_session(it: World, tmp_path: Path) -> None:
    first = await reviewed(it, name="tale")
    await it.post("/v1/jobs/cancel", {"select": [first]})
    await it.submit("a harbour", pipeline={"name": "f.json", "text": json.dumps(FLOW)}, name="tale")
    await until(lambda: bool(it.open))
    order = await order_of(it, await orders(it, tmp_path))
    assert order.prompt == "a harbour" and order.candidates == ()
    assert order.context == "Earlier prompts, the last one newest:\n1. a boat, golden light <lora:ink:0.7>"


async def test_others_sessions_are_not_told(it: World, tmp_path: Path) -> None:
    first = await reviewed(it, name="tale")
    await it.post("/v1/jobs/cancel", {"select": [first]})
    await it.submit("a harbour", pipeline={"name": "f.json", "text": json.dumps(FLOW)}, name="another tale")
    await until(lambda: bool(it.open))
    assert (await order_of(it, await orders(it, tmp_path))).context == ""


async def test_the_next_stage_gets_the_words_and_the_loras_that_some_node_has(it: World, tmp_path: Path) -> None:
    await it.submit("a boat", pipeline={"name": "flow.json", "text": json.dumps(FLOW)})
    await told(it, "a red boat")
    await until(lambda: bool(it.open))
    order = await order_of(it, await orders(it, tmp_path))
    assert order.prompt == "a red boat" and [one.name for one in order.candidates] == ["ink"]
    assert msgspec.msgpack.decode(order.config)["type"] == "selectLoras"


async def test_a_profile_tells_who_it_is_about(it: World, tmp_path: Path) -> None:
    intake = await orders(it, tmp_path, MIRA)
    session = intake._session  # type: ignore[attr-defined]
    assert session is not None
    stage = PipelineConfig.model_validate([{"type": "llmEnhance"}]).stages[0]
    told = await session.context(JobId("nobody.1"), stage, "mira")  # type: ignore[arg-type]
    assert told.splitlines() == [
        "Character: cartographer in a green coat", "Setting: rainy harbour", "Backstory: lost her map",
    ]  # fmt: skip


def test_a_profile_that_is_gone_is_done_without() -> None:
    def read(name: str) -> TextFile:
        if name == "mira":
            return TextFile(name="mira.yaml", text="character: a cartographer\nmemory: 9")
        raise Refused("there is no such profile.")

    find = profiles(read)
    assert find("gone") is None
    found = find("mira")
    assert found is not None and (found.character, found.memory) == ("a cartographer", 9)


def test_a_stage_that_nobody_has_a_model_for_is_refused_at_submit() -> None:
    pipeline = PipelineConfig.model_validate([{"id": "enrich", "type": "llmEnhance"}, {"type": "txt2img"}])
    sketch = BackendCard(kind="sketch", kinds=("txt2img",), open_lists=True)
    away = BackendCard(kind="llm", kinds=("llmEnhance",), state="disconnected")

    def known(*cards: BackendCard) -> tuple[Known, ...]:
        card = Card(node=NodeId("n"), name="n", instance="i", version="1", backends=cards)
        return (Known(NodeId("n"), "n", card),)

    with pytest.raises(Refused, match="language model for llmEnhance") as refusal:
        check_words(pipeline, makers(known(sketch), None, None))
    assert "agent.llm" in refusal.value.remedy and refusal.value.where == "enrich"
    check_words(pipeline, makers(known(sketch, away), None, None))
    unlisted = BackendCard(kind="llm", kinds=("llmEnhance",), open_lists=True)
    with pytest.raises(Refused, match="lists no models") as refusal:
        check_words(pipeline, makers(known(sketch, unlisted), None, None))
    assert refusal.value.where == "enrich.model"
    listed = BackendCard(kind="llm", kinds=("llmEnhance",), models=("toy",))
    check_words(pipeline, makers(known(sketch, unlisted, listed), None, None))
    named = PipelineConfig.model_validate([{"id": "enrich", "type": "llmEnhance", "model": "toy"}, {"type": "txt2img"}])
    check_words(named, makers(known(sketch, unlisted), None, None))
