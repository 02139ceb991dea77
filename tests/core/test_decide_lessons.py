"""What is written down of what a person was shown and took over: only what is new, and all of it can be taken back."""

import pytest

from schema import commands as c
from schema import events as e
from schema.errors import Refused
from schema.insights import Withdrawn
from schema.lessons import Adopted, Shown, Suggestion
from schema.records import Record

STEPS = Shown(
    key="k1", pack="bays", param="txt2img.steps", better=(30,), worse=(10,), confidence=0.91, text="30 steps tend to",
    algorithm=1, upto=9, ratings=40,
)  # fmt: skip


def sure(claim: Shown, confidence: float) -> Shown:
    return Shown(**{name: getattr(claim, name) for name in claim.__struct_fields__} | {"confidence": confidence})


def test_a_claim_is_written_down_when_it_is_new_and_when_it_becomes_sure(case):
    def told(confidence: float) -> list[type[e.Event]]:
        return [type(event) for event in case.wish(c.TellInsights(claims=(sure(STEPS, confidence),), upto=9))]

    assert told(0.91) == [e.InsightShown]
    assert told(0.93) == []
    assert told(0.96) == [e.InsightShown]
    assert told(0.99) == told(0.92) == []
    assert case.state.lessons.shown["k1"].confidence == 0.96


def test_only_what_stands_is_taken_back(case):
    gone = Withdrawn(key="k1", pack="bays", text="I told you ...", shown=9, confidence=0.4)
    assert case.wish(c.TellInsights(withdrawn=(gone,), upto=20)) == []
    case.wish(c.TellInsights(claims=(STEPS,), upto=9))
    (taken,) = case.wish(c.TellInsights(withdrawn=(gone,), upto=20))
    assert isinstance(taken, e.InsightWithdrawn) and taken.claim.text == STEPS.text
    assert case.state.lessons.shown == {}


def test_what_is_not_to_be_told_again_stays_so_when_it_becomes_sure(case):
    with pytest.raises(Refused, match="no claim 'k1' was shown"):
        case.wish(c.DismissInsight(key="k1"))
    case.wish(c.TellInsights(claims=(STEPS,), upto=9))
    case.wish(c.DismissInsight(key="k1"))
    case.wish(c.TellInsights(claims=(sure(STEPS, 0.97),), upto=12))
    assert case.state.lessons.shown["k1"].dismissed
    case.wish(c.DismissInsight(key="k1", again=True))
    assert not case.state.lessons.shown["k1"].dismissed


def test_what_plans_take_over_replaces_what_they_took_over_and_the_empty_one_lets_go(case):
    now = Adopted(settings={"txt2img.steps": 30})
    (event,) = case.wish(c.AdoptAdvice(pack="bays", now=now, confidence=0.97))
    assert (event.was, event.now) == (Adopted(), now)
    assert case.wish(c.AdoptAdvice(pack="bays", now=now)) == []
    case.wish(c.AdoptAdvice(pack="bays", now=Adopted()))
    assert case.state.lessons.adopted == {}


def test_suggestions_and_records_come_and_go_by_name(case):
    one = Suggestion(id="calm", pack="bays", settings={"txt2img.cfg": 5.0})
    assert len(case.wish(c.SuggestPresets(suggestions=(one,)))) == 1
    assert case.wish(c.SuggestPresets(suggestions=(one,))) == []
    case.wish(c.DropSuggestion(id="calm"))
    records = tuple(
        Record(id=f"x{n}", at="2026-05-01T20:00:00Z", session="s", pack="bays", prompt="", seed=n, run="", params={},
               stars=3)
        for n in range(450)
    )  # fmt: skip
    pieces = case.wish(c.ImportRecords(source="old", records=records))
    assert [len(piece.records) for piece in pieces] == [200, 200, 50]
    assert case.state.lessons.imported == {"old": 450}
    (forgotten,) = case.wish(c.ForgetRecords(source="old"))
    assert forgotten.records == 450
    for wish, says in ((c.DropSuggestion(id="calm"), "no suggestion"), (c.ForgetRecords(source="old"), "no records")):
        with pytest.raises(Refused, match=says):
            case.wish(wish)
