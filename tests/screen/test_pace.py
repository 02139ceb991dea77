"""Progress is drawn in beats that grow with the jobs at work; news of any other kind waits for nothing."""

from schema.ids import JobId
from tui.live import Change
from tui.pace import EACH, Pace


def steps(*numbers):
    return Change(steps=frozenset(JobId(f"r.{number}") for number in numbers))


class Clock:
    """What is to be done later, and when."""

    def __init__(self):
        self.waiting = []

    def later(self, seconds, act):
        self.waiting.append((seconds, act))

    def pass_by(self):
        waiting, self.waiting = self.waiting, []
        for _, act in waiting:
            act()


def test_steps_wait_for_the_beat_and_are_drawn_together():
    clock, drawn = Clock(), []
    pace = Pace(clock.later, drawn.append)
    for number in (1, 2, 1):
        pace.draw(steps(number), running=8)
    assert (drawn, [seconds for seconds, _ in clock.waiting]) == ([], [8 * EACH])
    clock.pass_by()
    assert drawn == [steps(1, 2)]
    pace.draw(steps(3), running=1)
    assert [seconds for seconds, _ in clock.waiting] == [EACH]


def test_other_news_is_drawn_at_once():
    clock, drawn = Clock(), []
    pace = Pace(clock.later, drawn.append)
    pace.draw(steps(1), running=8)
    pace.draw(Change(scene=True), running=8)
    assert drawn == [Change(scene=True)]
    clock.pass_by()
    assert drawn == [Change(scene=True), steps(1)]
