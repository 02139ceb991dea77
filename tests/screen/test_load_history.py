"""The last hour of a node's load: means over time, nothing where nobody told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema.ids import NodeId
from schema.scenes import NodeScene
from tui.history import BUCKET, SPAN, LoadHistory, level_of
from tui.widgets.ink import measure
from tui.widgets.loadchart import Course, axis, chart, columns_of
from tui.widgets.nodeline import spark

BOX = NodeId("box")


def box(percent: float | None = None, state: str = "ready") -> NodeScene:
    return NodeScene(node=BOX, name="box", state=state, gpu_percent=percent)  # type: ignore[arg-type]


def test_a_level_holds_until_the_next_is_told():
    history = LoadHistory()
    history.take([box(80.0)], 0.0)
    history.take([box(20.0)], 1800.0)
    assert history.course(BOX, 4, 3600.0) == [pytest.approx(80.0)] * 2 + [pytest.approx(20.0)] * 2


def test_a_bucket_is_the_mean_over_its_time():
    history = LoadHistory()
    history.take([box(100.0)], SPAN)
    history.take([box(0.0)], SPAN + BUCKET / 3)
    assert history.course(BOX, 120, SPAN + BUCKET)[-1] == pytest.approx(100 / 3)


def test_nobody_told_of_a_node_that_was_away_or_never_there():
    history = LoadHistory()
    history.take([box(50.0)], 0.0)
    history.take([box(state="lost")], 900.0)
    history.take([box(50.0)], 2700.0)
    assert history.course(BOX, 4, 3600.0) == [50.0, None, None, 50.0]
    assert history.course(NodeId("other"), 3, 3600.0) == [None] * 3


def test_what_is_older_than_an_hour_is_forgotten_with_its_node():
    history = LoadHistory()
    history.take([box(50.0)], 0.0)
    history.take([], 10.0)
    assert history.course(BOX, 1, 20.0) == [50.0]
    history.take([], SPAN * 3)
    assert not history._courses


@pytest.mark.parametrize(("node", "level"), [
    (box(37.0), 37.0), (box(state="busy"), 100.0), (box(), 0.0), (box(50.0, "lost"), None), (box(state="new"), None),
    (box(state="suspect"), None),
])  # fmt: skip
def test_a_device_that_tells_no_load_is_busy_or_not(node: NodeScene, level: float | None):
    assert level_of(node) == level


@given(st.lists(st.tuples(st.floats(0.0, 4000.0), st.floats(0.0, 100.0)), max_size=30), st.integers(1, 200))
def test_a_course_is_never_outside_of_what_was_told(told: list[tuple[float, float]], columns: int):
    history, now = LoadHistory(), 0.0
    for seconds, percent in told:
        now += seconds
        history.take([box(percent)], now)
    course = history.course(BOX, columns, now + 1.0)
    assert len(course) == columns
    assert all(one is None or -0.01 <= one <= 100.01 for one in course)
    assert len(history._courses.get(BOX, history).buckets if told else ()) <= SPAN / BUCKET + 2


@given(st.integers(1, 40), st.integers(20, 200), st.integers(1, 60))
def test_a_chart_is_as_wide_as_its_pane(nodes: int, width: int, height: int):
    columns = columns_of(width)
    percents = [None, *(float(n) for n in range(columns - 1))]
    lines = chart([Course(box(97.0), percents)] * nodes, width, height)
    assert all(measure(line) <= max(width, 28) for line in lines)
    assert len(lines) <= max(height, nodes * 2 + 1)


def test_the_marks_of_the_hour_stand_at_its_ends():
    assert axis(40).startswith("-60m") and axis(40).endswith("now")
    assert spark([None, 0.0, 50.0, 100.0, 120.0], 6) == "  ▁▅██"
