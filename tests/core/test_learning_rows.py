"""Which verdicts stand, in which order, and to which sitting and pool they belong."""

from datetime import UTC, datetime
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.learning.rows import Book, pack_of, pool_of, rows_of
from daemon.learning.tables import TIED, tabulate
from schema.records import Record


def rated(name, minute=0.0, stars=3, **more):
    at = datetime.fromtimestamp(1_780_000_000 + 60 * minute, UTC).isoformat()
    told = {"session": "s", "pack": "foxes", "prompt": "a fox", "seed": 1, "run": "r", "params": {"steps": 20}} | more
    return Record(id=name, at=at, stars=stars, **told)


def test_the_last_verdict_on_a_picture_counts():
    rows, _ = rows_of([rated("a", 5, 2), rated("b", 1, 4), rated("a", 3, 5)])
    assert [(row.id, row.stars) for row in rows] == [("a", 2), ("b", 4)]


def test_of_two_at_the_very_same_time_the_later_one_counts():
    rows, _ = rows_of([rated("a", 5, 2), rated("a", 5, 5)])
    assert [row.stars for row in rows] == [5]


def test_no_stars_take_a_rating_back_and_it_may_be_given_again():
    assert rows_of([rated("a", 1, 5), rated("a", 2, 0)])[0] == ()
    assert [row.stars for row in rows_of([rated("a", 1, 5), rated("a", 2, 0), rated("a", 3, 4)])[0]] == [4]


def test_the_order_of_the_lines_makes_no_difference():
    records = [rated(f"p{n}", n, 1 + n % 5, session=f"s{n % 3}", seed=n % 4, pack=f"k{n % 2}") for n in range(40)]
    shuffled = records[:]
    Random(1).shuffle(shuffled)
    assert rows_of(shuffled) == rows_of(records)


def test_sketched_pictures_are_a_pool_of_their_own():
    rows, _ = rows_of([rated("a", backend="sketch"), rated("b", backend="webui"), rated("c")])
    assert {row.id: row.pool for row in rows} == {"a": pool_of("foxes", "sketch"), "b": "foxes", "c": "foxes"}
    assert pack_of(pool_of("foxes", "sketch")) == ("foxes", "sketch")
    assert pack_of(pool_of("foxes", "webui")) == ("foxes", "")


def test_a_pause_of_more_than_half_an_hour_ends_a_sitting():
    rows, _ = rows_of([rated(f"p{n}", minute, session="") for n, minute in enumerate((0, 29, 58, 89, 90))])
    sittings = {row.id: row.session for row in rows}
    assert sittings["p0"] == sittings["p1"] == sittings["p2"] != sittings["p3"] == sittings["p4"]


def test_a_time_without_a_zone_is_of_utc():
    rows, _ = rows_of([Record(id="a", at="2026-05-01T20:00:00", session="s", pack="p", prompt="", seed=1, run="r",
                              params={}, stars=3)])  # fmt: skip
    assert rows[0].at == datetime(2026, 5, 1, 20, tzinfo=UTC).timestamp()


def test_a_run_rated_as_a_whole_is_one_row_if_its_pictures_share_all_settings():
    alike = [rated(f"a{n}", n, 4, run="alike", whole=True, seed=n) for n in range(3)]
    mixed = [rated(f"m{n}", n, 4, run="mixed", whole=True, params={"steps": n}) for n in range(3)]
    rows, _ = rows_of([*alike, *mixed])
    assert [(row.id, row.stars, row.run) for row in rows] == [("run alike", 4, "alike")]


def test_a_picture_of_the_run_that_is_rated_itself_may_show_that_the_run_was_mixed():
    whole = [rated(f"a{n}", n, 4, run="r", whole=True) for n in range(2)]
    beside = rated("b", 9, 2, run="r", params={"steps": 30})
    assert [row.id for row in rows_of([*whole, beside])[0]] == ["b"]


def test_a_duel_knows_both_pictures_and_the_last_one_of_a_pair_counts():
    pictures = [rated("a", 0, 4, params={"steps": 20}), rated("b", 1, 0, params={"steps": 30})]
    rows, duels = rows_of([*pictures, rated("a", 2, 0, better_than="b"), rated("b", 3, 0, better_than="a")])
    assert [row.id for row in rows] == ["a"]
    assert [(one.better.id, one.worse.id, one.worse.params) for one in duels] == [("b", "a", {"steps": 20})]


@pytest.mark.parametrize("loser", [[], [rated("b", 0, 0, pack="cats")], [rated("b", 0, 0, backend="sketch")]])
def test_a_duel_against_who_knows_whom_is_left_out(loser):
    assert rows_of([*loser, rated("a", 2, 0, better_than="b")])[1] == ()


verdicts = st.lists(
    st.builds(
        lambda name, minute, stars, session, pack, run, kind: rated(
            f"p{name}", minute, stars, session=session, pack=pack, run=run,
            whole=kind == "whole", better_than=f"p{(name + 1) % 7}" if kind == "duel" else "",
        ),
        st.integers(0, 6), st.integers(0, 90), st.integers(0, 5), st.sampled_from(["", "", "s"]),
        st.sampled_from(["foxes", "cats"]), st.sampled_from(["r", "q"]), st.sampled_from(["", "", "", "whole", "duel"]),
    ),
    max_size=25,
)  # fmt: skip


@given(verdicts, st.integers(0, 25))
def test_a_book_that_grows_equals_one_made_at_once(records, first):
    records = sorted(records, key=lambda one: one.at) if first % 3 else records
    book = Book(records[:first])
    for at in range(first, len(records)):
        book.add(records[at : at + 1])
        assert book.rows() == rows_of(records[: at + 1])


def test_of_a_tie_both_pictures_score_nothing():
    one, other = (
        Record(id=name, at="2026-05-01T20:00:00Z", session="s", pack="p", prompt="w", seed=1, run="r",
               params={"steps": steps}, stars=0)
        for name, steps in (("a", 10), ("b", 20))
    )  # fmt: skip
    tie = msgspec.structs.replace(one, better_than="b", tie=True)
    rows, duels = rows_of((one, other, tie))
    assert rows == () and [duel.tie for duel in duels] == [True]
    assert list(tabulate(rows, duels)["p"].outcome) == [TIED, TIED]
