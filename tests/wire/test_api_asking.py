"""A language model is asked for better settings: by a run like any other, and its answer is never applied by itself."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `learn_world`

from api_world import World, until
from learn_world import learning, taught
from llm_fake import FakeChat, fake_chat, streaming

from agent.backends import BackendTrouble, Options, Work
from agent.backends.llm import Llm
from daemon.learner import Learner
from daemon.learner.asking import Asker
from daemon.scheduling.able import Known
from schema.events import NodeJoined
from schema.ids import NodeId
from schema.observations import NodeSeen, StageBroke, StageReturned
from schema.orders import BackendCard, Card, Order
from schema.stages import GeneratePrompt

LLM = BackendCard(kind="llm", kinds=("generatePrompt", "llmEnhance"), models=("toy:latest",))
PAINTER = BackendCard(kind="webui", kinds=("txt2img", "detail", "upscale"), samplers=("Euler a", "DPM++ 2M"))


@pytest.fixture
def chat() -> Iterator[FakeChat]:
    with fake_chat() as server:
        yield server


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[World]:
    async with learning(tmp_path) as made:
        made.cards = [PAINTER, LLM]

        def known() -> tuple[Known, ...]:
            card = Card(node=NodeId("pc"), name="pc", instance="i", version="1", backends=tuple(made.cards))
            return (Known(NodeId("pc"), "secret-host", card),)

        made.learner = Learner(made.views, made.ledger, seq_at=int, asker=Asker(made.house.plan, known), quiet=0.0)
        made.house.learning = made.learner
        joined = NodeJoined(
            node=NodeId("pc"), name="pc", instance="i", link="loopback", backends=("llm",), kinds=LLM.kinds
        )
        await made.ledger.observe(NodeSeen(joined=joined))
        yield made


class Quiet:
    previews = False

    def step(self, step: int, steps: int, doing: str) -> None: ...
    def preview(self, jpeg: bytes) -> None: ...
    def rest(self, seconds: float) -> None: ...
    def cancelled(self) -> bool:
        return False


async def question(it: World, wish: str = "warmer light", pack: str = "bays", **more: str) -> Any:
    return await it.post("/v1/learn/question", {"pack": pack, "wish": wish, **more})


async def asked(it: World, chat: FakeChat, *said: str) -> str:
    """The run, once the real backend has put its question to a server that answers so."""
    chat.script = [streaming(*said)]
    run = str((await it.post("/v1/runs", (await question(it))["run"]))["run"])
    attempt = await it.assigned()
    job = await it.get(f"/v1/jobs/{attempt.job}")
    stage = GeneratePrompt(**{**job["config"]["generatePrompt"], "id": "generatePrompt"})
    words = job["spec"]["prompt"]
    order = Order(job=attempt.job, stage=attempt.stage, token=attempt.token, epoch=1, config=b"", prompt=words)
    llm = Llm(Options(clock=time.monotonic, url=chat.url, auth=""))
    try:
        made = await asyncio.to_thread(llm.run, Work(order, stage), Quiet())
    except BackendTrouble as trouble:
        await it.ledger.observe(StageBroke(attempt=attempt, trouble="bad-request", reason=trouble.sentence))
    else:
        back = StageReturned(attempt=attempt, backend="llm", reported=made.reported, effective=made.effective)
        await it.ledger.observe(back)
    return run


async def test_an_answer_becomes_a_suggestion_shown_against_the_pack_and_applied_by_nobody(
    it: World, chat: FakeChat
) -> None:
    await taught(it)
    run = await asked(
        it,
        chat,
        'Sure: {"settings": {"txt2img.cfg": "5.5", "txt2img.steps": 20,',
        '"detail.denoise": 0.3}, "why": "softer"}',
    )
    kept = await it.post("/v1/learn/answer", {"run": run, "pack": "bays"})
    (one,) = kept["items"]
    assert one["changes"] == [
        {"param": "detail.denoise", "was": "0.4", "now": "0.3"}, {"param": "txt2img.cfg", "was": "7.0", "now": "5.5"},
    ]  # fmt: skip
    assert one["suggestion"]["settings"] == {"txt2img.cfg": 5.5, "detail.denoise": 0.3}  # 20 steps it has already
    assert (one["suggestion"]["source"], one["suggestion"]["why"]) == ("toy:latest", "softer")
    learned = await it.get("/v1/learn")
    assert learned["adopted"] == {} and len(learned["suggestions"]) == 1
    assert (await it.get("/v1/images"))["total"] == 0
    assert it.ledger.last is None, "the next pictures do not begin with a question"
    assert (await it.post("/v1/learn/answer", {"run": run}))["items"] == kept["items"], "taken up twice, kept once"
    assert len((await it.get("/v1/learn"))["suggestions"]) == 1
    await it.post("/v1/learn/adopt", {"suggestion": one["suggestion"]["id"]})
    lines = await it.post("/v1/plan", {"packs": ["bays"], "seed": 3})
    assert (lines[0]["config"]["txt2img"]["cfg"], lines[0]["config"]["detail"]["denoise"]) == (5.5, 0.3)


async def test_the_model_is_told_settings_bounds_and_what_is_known_and_nothing_private(
    it: World, chat: FakeChat
) -> None:
    (it.folder / "home" / "config" / "packs" / "bays.txt").write_text("a quiet bay <lora:/home/me/soft:0.6>\n")
    await taught(it)
    made = await question(it, wish="warmer {light|dark}\n  __sky__")
    told, run = made["told"], made["run"]
    assert "txt2img.steps = 20; whole number from 1 to 500" in told
    assert "Names for txt2img.sampler, detail.sampler, upscale.sampler: Euler a, DPM++ 2M" in told
    assert "30 steps" in told and "against 30 ratings" in told
    for private in ("secret-host", "/home", "quiet bay", "bays", str(it.folder)):
        assert private not in told
    assert run["prompt"] == "warmer {light|dark} __sky__" and run["literal"] is True and run["learning"] == "off"
    lines = await it.post("/v1/plan", run)
    assert (lines[-1]["jobs"], lines[0]["prompt"]) == (1, "warmer {light|dark} __sky__")
    assert list(lines[0]["config"]) == ["generatePrompt"]


NONSENSE = {
    "I would make it warmer.": "no JSON object",
    "I'm sorry, I can't do that.": "refused",
    "x" * 100_000: "100,000 characters",
    " ": "answered",
    '{"settings": {}}': "settings",
    '{"presets": 7}': "Expected `object`",
    '{"why": "no settings"}': "settings",
    '{"settings": {"txt2img.stepz": 3}}': "no field 'stepz'",
    '{"settings": {"txt2img.steps": 5000}}': "at most 500",
    '{"settings": {"txt2img.steps": [20, 30]}}': "got `array`",
    '{"settings": {"txt2img.sampler": "Eular"}}': "nobody has a 'Eular'",
    '{"settings": {"txt2img.width": 4096}}': "may be proposed",
    '{"settings": {"llmEnhance.instructions": "obey"}}': "may be proposed",
    '{"settings": {"txt2img.cfg": 1e999}}': "no number",
    '{"settings": {"txt2img.cfg": 5}, "why": "\\ud800"}': "cannot be used: the answer",
    '{"settings": {"txt2img.cfg": 7}}': "nothing that is not so already",
}
"""What a model says, and what is said of it."""


async def test_nonsense_gives_one_sentence_and_nothing_is_kept(it: World, chat: FakeChat) -> None:
    for said, says in NONSENSE.items():
        run = await asked(it, chat, said)
        refused = await it.post("/v1/learn/answer", {"run": run})
        assert refused.get("status") == 400 and says in f"{refused['error']} {refused['remedy']}", (said[:80], refused)
        assert len(refused["error"]) < 400
        assert (await it.get("/v1/learn"))["suggestions"] == []
        await it.post("/v1/jobs/cancel", {"select": [run]})
        await until(lambda: not it.ledger.scene().runs)


async def test_what_cannot_be_asked_is_refused_before_anything_is_submitted(it: World) -> None:
    for asking, says in (
        ({"pack": "reefs"}, "reefs"), ({"wish": " \n"}, "some words"), ({"wish": "w" * 1_001}, "at most 1000"),
        ({"node": "elsewhere"}, "on elsewhere"),
    ):  # fmt: skip
        refused = await question(it, **asking)
        assert refused["status"] == 400 and says in refused["error"]
    it.cards.remove(LLM)
    refused = await question(it)
    assert refused["status"] == 400 and "no language model" in refused["error"] and "agent.llm" in refused["remedy"]
    assert not it.ledger.scene().runs


async def test_only_runs_that_asked_have_an_answer_and_only_for_their_pack(it: World, chat: FakeChat) -> None:
    run = await asked(it, chat, '{"settings": {"txt2img.cfg": 5}}')
    assert "asked about bays" in (await it.post("/v1/learn/answer", {"run": run, "pack": "reefs"}))["error"]
    other = (await it.submit())["run"]
    assert "asked for no preset" in (await it.post("/v1/learn/answer", {"run": other}))["error"]
    waiting = (await it.post("/v1/runs", (await question(it))["run"]))["run"]
    assert "not answered yet" in (await it.post("/v1/learn/answer", {"run": waiting}))["error"]
    await it.post("/v1/jobs/cancel", {"select": [waiting]})
    assert "cancelled" in (await it.post("/v1/learn/answer", {"run": waiting}))["error"]
