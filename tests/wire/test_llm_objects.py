"""A preset is wanted, and the model speaks: the one object is found in whatever is around it, or it is said why not."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `llm_fake`

from llm_fake import fake_chat, streaming

from agent.backends import BackendTrouble, Options, Work
from agent.backends.llm import Llm
from agent.backends.llm.objects import object_in
from schema.ids import JobId, StageId, Token
from schema.orders import Order
from schema.stages import GeneratePrompt

WANTED = {"settings": {"txt2img.cfg": 5.5}, "why": "softer"}
SAID = json.dumps(WANTED)
ASKS = GeneratePrompt(id="ask", preset_for="bays", instructions="Propose.", max_tokens=64)


@pytest.mark.parametrize(
    "raw",
    [
        SAID,
        f"\n {json.dumps(WANTED, indent=2)} \n",
        f"```json\n{SAID}\n```",
        f"Sure! Here it is:\n```\n{SAID}\n```\nHope that helps {{smile}}.",
        f'<think>cfg {{now}} is 7; {{"settings": {{}}}}</think>{SAID}',
        f'The settings are {{"txt2img.cfg": 7}} now. Better: {SAID} and that is all.',
        "{" * 30 + SAID,
    ],
)
def test_the_object_is_found_in_what_is_said_around_it(raw: str) -> None:
    assert json.loads(object_in(raw, 2_000).text) == WANTED


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ("", "no JSON object"),
        ("warmer light, I would say", "no JSON object"),
        ('["txt2img.cfg", 5]', "no JSON object"),
        ('{"settings": {"txt2img.cfg": 5', "no JSON object"),
        ("{'settings': {'txt2img.cfg': 5}}", "no JSON object"),
        ('{"settings": {"txt2img.cfg": NaN}}', "no JSON object"),
        ('{"a":' * 3_000 + "1" + "}" * 3_000, "no JSON object"),
        ('{"a": ' + "9" * 5_000 + "}", "no JSON object"),
        ("{" * 20_000, "no JSON object"),
        ("x" * 100_000, "100,000 characters"),
        (json.dumps({"settings": {"a.b": 1}, "why": "w" * 3_000}), "3,0"),
    ],
)
def test_what_is_no_object_has_its_sentence(raw: str, says: str) -> None:
    found = object_in(raw.strip(), 2_000)
    assert found.text == "" and says in found.fault


class _Nobody:
    previews = False

    def step(self, step: int, steps: int, doing: str) -> None: ...
    def preview(self, jpeg: bytes) -> None: ...
    def rest(self, seconds: float) -> None: ...
    def cancelled(self) -> bool:
        return False


def asked(*said: str, finish: str = "stop") -> dict[str, object]:
    with fake_chat() as server:
        server.script = [streaming(*said, finish=finish)]
        order = Order(job=JobId("r.1"), stage=StageId("ask"), token=Token(1), epoch=1, config=b"", prompt="softer <x>")
        made = Llm(Options(clock=lambda: 0.0, url=server.url, auth="")).run(Work(order, ASKS), _Nobody())
        told = server.asked[0]["messages"]
        assert told[0]["content"] == "Propose." and told[1]["content"] == "softer <x>"  # type: ignore[index]
        return {**made.reported, "for": made.effective["preset_for"]}


def test_the_preset_is_reported_and_the_words_stay_as_they_are() -> None:
    reported = asked("Here:", SAID)
    assert json.loads(str(reported["preset"])) == WANTED
    assert (reported["prompt"], reported["negative"], reported["for"]) == ("softer <x>", "", "bays")
    assert "left out" in str(reported["notes"])


@pytest.mark.parametrize(
    ("said", "finish", "says"),
    [
        ("I'm sorry, I cannot help with that.", "stop", "refused"),
        ('{"settings": {', "length", "not done after 64 tokens"),
        ("no idea", "stop", "no JSON object: «no idea»"),
    ],
)
def test_anything_else_is_a_failed_attempt_that_says_why(said: str, finish: str, says: str) -> None:
    with pytest.raises(BackendTrouble, match=says) as told:
        asked(said, finish=finish)
    assert told.value.trouble == "bad-request", "neither asked again nor held against the node"
