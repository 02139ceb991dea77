"""The overlay of weights in the core: switched, adjusted within bounds, reset, taken back, and replayed."""

import pytest

from schema import commands as c
from schema import events as e
from schema.errors import Refused
from schema.feedback import LEAST, MOST, Feedback
from schema.observations import LooksWeighed


def weighed(weights: dict[str, float], name: str = "sky", kind: str = "wildcard") -> LooksWeighed:
    return LooksWeighed(kind=kind, name=name, weights=weights, reason="seen")  # type: ignore[arg-type]


def undo(case) -> list[e.Event]:
    done = case.state.undo[-1].command
    return case.wish(c.Undo(done=done, events=case.events_of(int(done[1:]))))


def redo(case) -> list[e.Event]:
    done = case.state.redo[-1].command
    return case.wish(c.Redo(done=done, events=case.events_of(int(done[1:]))))


@pytest.fixture
def on(case):
    case.wish(c.SwitchFeedback(on=True))
    return case


def test_it_is_off_until_somebody_switches_it_on(case):
    assert case.state.feedback == Feedback()
    assert case.news(weighed({"dusk": 1.5})) == []
    assert case.wish(c.SwitchFeedback(on=True)) == [e.FeedbackSwitched(was=False, now=True)]
    assert case.wish(c.SwitchFeedback(on=True)) == []
    assert [type(event) for event in case.news(weighed({"dusk": 1.5}))] == [e.WeightsAdjusted]


def test_an_event_tells_only_what_changed_and_what_it_was(on):
    on.news(weighed({"dusk": 1.5, "dawn": 0.6}))
    [event] = on.news(weighed({"dusk": 1.5, "noon": 0.8}))
    assert (event.was, event.now, event.reason) == ({"dawn": 0.6}, {"noon": 0.8}, "seen")
    assert on.state.feedback.wildcards == {"sky": {"dusk": 1.5, "noon": 0.8}}
    assert on.news(weighed({"noon": 0.8, "dusk": 1.5})) == []


def test_no_weight_can_leave_its_bounds_whoever_says_so(on):
    on.news(weighed({"a": 0.0, "b": 99.0, "c": 1.0, "d": float("nan"), "e": -3.0}))
    assert on.state.feedback.wildcards == {"sky": {"a": LEAST, "b": MOST, "e": LEAST}}


def test_of_a_huge_list_those_are_kept_that_differ_most(on):
    on.news(weighed({f"value {n}": 1.0 + n / 1000 for n in range(900)}))
    kept = on.state.feedback.wildcards["sky"]
    assert len(kept) == 500
    assert min(kept.values()) == pytest.approx(1.4)


def test_a_reset_takes_everything_back_counts_looks_anew_and_can_be_undone(on):
    on.news(weighed({"dusk": 1.5}))
    on.news(weighed({"stormy sea": 1.15}, "bays", "pack"))
    before = on.state.feedback

    events = on.wish(c.ResetFeedback())
    assert [(event.kind, event.name, event.was) for event in events] == [
        ("wildcard", "sky", {"dusk": 1.5}), ("pack", "bays", {"stormy sea": 1.15}),
    ]  # fmt: skip
    reset = on.state.feedback
    assert (reset.wildcards, reset.packs) == ({}, {})
    assert set(reset.since) == {"wildcard sky", "pack bays"}

    assert undo(on)[-1].text == "reset what pictures told of 2 names"
    assert on.state.feedback == before
    redo(on)
    again = on.state.feedback
    assert (again.wildcards, again.packs, set(again.since)) == ({}, {}, set(reset.since))
    undo(on)
    assert on.state.feedback == before


def test_only_what_is_named_is_reset_and_a_wrong_name_is_told(on):
    on.news(weighed({"dusk": 1.5}))
    on.news(weighed({"oak": 0.5}, "trees"))
    on.wish(c.ResetFeedback(names=("trees",)))
    assert on.state.feedback.wildcards == {"sky": {"dusk": 1.5}}
    with pytest.raises(Refused, match="Nothing was adjusted for 'seas'"):
        on.wish(c.ResetFeedback(names=("seas",)))


def test_an_undone_reset_does_not_write_over_what_was_found_since(on):
    on.news(weighed({"dusk": 1.5}))
    on.wish(c.ResetFeedback())
    on.news(weighed({"dawn": 0.7}))
    undo(on)
    assert on.state.feedback.wildcards == {"sky": {"dawn": 0.7}}


def test_adjustments_are_no_commands_and_stay_out_of_the_way_of_undo(on):
    on.news(weighed({"dusk": 1.5}))
    assert undo(on)[-1].text == "switch what pictures tell on or off"
    assert on.state.feedback == Feedback(wildcards={"sky": {"dusk": 1.5}})  # kept, and not used
    redo(on)
    assert on.state.feedback.on


def test_replaying_the_log_gives_the_same_overlay(on):
    on.news(weighed({"dusk": 1.5, "dawn": 0.6}))
    on.wish(c.ResetFeedback(names=("sky",)))
    undo(on)
    on.news(weighed({"dusk": 1.7}))
    assert on.state.feedback.wildcards == {"sky": {"dusk": 1.7}}
    on.replayed()
