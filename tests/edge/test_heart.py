"""Signs of life and their absence, by a clock that only goes forward."""

import pytest

from daemon.fleet.heart import Heart, Timers

TIMERS = Timers(beat=5.0, suspect=15.0, lost=45.0)


@pytest.mark.parametrize(
    ("silent", "pulse"), [(0, "well"), (14.9, "well"), (15, "suspect"), (44.9, "suspect"), (45, "lost"), (1e9, "lost")]
)
def test_silence_is_suspect_and_then_lost(silent, pulse):
    assert Heart(TIMERS, 100.0).pulse(100.0 + silent) == pulse


def test_each_turn_is_told_once():
    heart = Heart(TIMERS, 0.0)
    told = [heart.turned(float(second)) for second in range(100)]
    assert [(second, turn) for second, turn in enumerate(told) if turn] == [(15, "suspect"), (45, "lost")]


def test_a_sign_of_life_says_whether_it_was_missed():
    heart = Heart(TIMERS, 0.0)
    assert not heart.beat(10.0)
    assert heart.turned(25.0) == "suspect"
    assert heart.beat(26.0)
    assert not heart.beat(27.0)
    assert heart.turned(41.9) is None
    assert heart.turned(42.0) == "suspect"


def test_it_says_when_to_look_again():
    heart = Heart(TIMERS, 0.0)
    assert heart.due(0.0) == 15.0
    assert heart.due(15.0) == 30.0
    assert heart.due(45.0) == float("inf")


def test_an_old_sign_does_not_undo_a_newer_one():
    heart = Heart(TIMERS, 0.0)
    heart.beat(10.0)
    heart.beat(3.0)
    assert heart.silent(12.0) == 2.0


def test_timers_in_the_wrong_order_still_lose_nobody_before_they_suspect_them():
    heart = Heart(Timers(beat=1.0, suspect=30.0, lost=10.0), 0.0)
    assert [heart.pulse(second) for second in (9.0, 20.0, 30.0)] == ["well", "well", "lost"]
