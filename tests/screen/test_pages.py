"""The window on a long list, against a model: whatever comes in whatever order, what is here is right."""

from hypothesis import given
from hypothesis import strategies as st

from tui.widgets.pages import KEPT, PAGE, Pages


def pages():
    return Pages(lambda item: item)


def rows(start, count, version=0):
    return tuple(f"row {n} {version}" for n in range(start, start + count))


def test_a_page_is_asked_for_once():
    window = pages()
    assert window.wanted(0, 30) == [0]
    assert window.wanted(0, 30) == []
    window.put(0, rows(0, PAGE), 100_000, near=0)
    assert window.wanted(0, 30) == []
    assert window.wanted(PAGE - 10, PAGE + 20) == [1]


def test_nothing_is_asked_of_an_empty_list():
    window = pages()
    window.put(0, (), 0, near=0)
    assert window.wanted(0, 30) == []


def test_a_page_that_failed_is_asked_for_again():
    window = pages()
    window.wanted(0, 10)
    window.failed(0)
    assert window.wanted(0, 10) == [0]


def test_only_rows_that_differ_are_told():
    window = pages()
    assert window.put(0, rows(0, 5), 5, near=0) == {0, 1, 2, 3, 4}
    assert window.put(0, rows(0, 5), 5, near=0) == set()
    assert window.put(0, (*rows(0, 4), "other"), 5, near=0) == {4}
    assert window.put(0, rows(0, 4), 4, near=0) == {4}


def test_a_million_rows_cost_what_is_in_view():
    window = pages()
    for page in range(0, 5000, 7):
        window.put(page, rows(page * PAGE, PAGE), 1_000_000, near=page * PAGE)
    assert len(window._pages) == KEPT
    assert window.get(4998 * PAGE + 3) == f"row {4998 * PAGE + 3} 0"
    assert window.get(0) is None


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.integers(0, 6)),
            st.tuples(st.just("total"), st.integers(0, 6 * PAGE)),
            st.tuples(st.just("change"), st.integers(0, 6 * PAGE)),
            st.tuples(st.just("stale"), st.integers(0, 6 * PAGE)),
            st.tuples(st.just("forget"), st.just(0)),
        ),
        max_size=40,
    )
)
def test_what_is_here_is_what_the_daemon_last_said(steps):
    """The model is the daemon's list at the time each page was read."""
    window, total, version = pages(), 5 * PAGE, 0
    told: dict[int, str] = {}
    for step, number in steps:
        if step == "put":
            items = rows(number * PAGE, max(0, min(PAGE, total - number * PAGE)), version)
            before = {i: window.get(i) for i in range(number * PAGE, number * PAGE + PAGE)}
            changed = window.put(number, items, total, near=number * PAGE)
            told = {i: v for i, v in told.items() if i // PAGE != number and i < total}
            told |= {number * PAGE + n: item for n, item in enumerate(items)}
            assert changed >= {i for i in before if window.get(i) != before[i]}
        elif step == "total":
            total = number
        elif step == "change":
            version += 1
        elif step == "stale":
            window.keep_only(number, number + 30)
            told = {i: v for i, v in told.items() if number // PAGE <= i // PAGE <= (number + 30) // PAGE}
        else:
            window.forget()
            told = {}
        for index in range(0, 7 * PAGE, 17):
            assert window.get(index) in (None, told.get(index))
        assert all(window.get(i) == v for i, v in told.items() if i < window.total)
