"""What stages made of the words, on the card of a job that waits to be looked at; and writing over it."""

import msgspec
import pytest
from screen_things import record_of

from schema.pages import StageRecord
from schema.plans import JobSpec, Written
from tui.widgets.jobcard import card

WORDS = (
    StageRecord(id="enrich", kind="llmEnhance", state="done", started=1.0, ended=2.0,
                reported={"prompt": "a boat at dawn", "negative": "fog, rain"}),
    StageRecord(id="match", kind="selectLoras", state="done", started=2.0, ended=2.0,
                reported={"prompt": "a boat at dawn <lora:ink:0.7>", "negative": "fog, rain", "loras": "ink:0.7",
                          "why": "ink 0.7: tag dawn\nnot sea: less than 0.2"}),
    StageRecord(id="hand", kind="dispatch", state="done", started=3.0, ended=3.0),
    StageRecord(id="paint", kind="txt2img", state="waiting"),
)  # fmt: skip


def waiting(record, **spec):
    spec = JobSpec(name="prompt-01-v1-s5", prompt="a boat", negative="fog", seed=5, **spec)
    return msgspec.structs.replace(record, state="held", stages=WORDS, spec=spec, reason="")


def shown(record) -> str:
    return "\n".join("".join(piece.text for piece in line) for line in card(record, None, "", 60, 10.0))


def test_the_card_tells_what_each_stage_wrote_and_chose(daemon):
    text = shown(waiting(record_of(daemon.rows[2])))
    parts = ["look at the words", "prompt", "a boat at dawn <lora:ink:0.7>", "as planned", "a boat", "negative",
             "fog, rain", "enrich wrote", "a boat at dawn", "enrich wrote to avoid", "fog, rain", "match wrote",
             "match chose", "ink:0.7", "why", "ink 0.7: tag dawn", "not sea: less than 0.2"]  # fmt: skip
    at = 0
    for part in parts:
        assert part in text[at:], (part, text)
        at = text.index(part, at) + len(part)
    assert text.count("wrote to avoid") == 1, "what it left as it was is not told again"


def test_the_card_tells_that_a_person_wrote_over_them(daemon):
    text = shown(waiting(record_of(daemon.rows[2]), written=Written(after="match", prompt="a blue boat")))
    assert "written by hand over" in text and "a blue boat" in text and "as planned" in text


@pytest.mark.slow
async def test_words_are_written_over_before_the_pictures(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.3")
        await eyes.press("j", "j", "e")
        await eyes.sees("prompt", "negative", "take it")
        await eyes.press(*"dusk, ", "ctrl+j")
        await eyes.until(lambda: daemon.sent("/v1/jobs/edit"))
        (sent,) = daemon.sent("/v1/jobs/edit")
        assert sent["select"] == ["kn00gt7a.3"] and "dusk, " in sent["prompt"] and "negative" not in sent


@pytest.mark.slow
async def test_the_words_of_a_job_that_runs_stay(show, daemon):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.1 ")
        await eyes.press("e")
        await eyes.sees("kn00gt7a.1 does not wait: c makes a new run like it")
        assert not daemon.sent("/v1/jobs/edit")
