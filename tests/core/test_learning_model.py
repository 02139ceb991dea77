"""What the fit says of worlds that are easy to see through, of odd ones, and that it always says the same."""

import math
from datetime import UTC, datetime
from random import Random

import numpy as np
import pytest

from daemon.learning.levels import BINS, WORDS
from daemon.learning.matters import EVEN, chance
from daemon.learning.model import Fit, Fitter, fit
from daemon.learning.rows import Book, Row, Versus, rows_of
from daemon.learning.tables import tabulate, tagged
from schema.records import Record


def row(name, stars, params, *, pool="foxes", session="s", seed=0, tags=()):
    return Row(name, 0.0, session, pool, "a fox", seed, "r", params, stars, tags)


def everything(found: Fit):
    """All that follows from a fit, as bytes."""
    return [
        (pool, one.mean.tobytes(), one.cov.tobytes(), dict(one.log_factors), one.stars_sd, one.knobs,
         [one.matters(knob.name) for knob in one.knobs])
        for pool, one in found.pools.items()
    ] + [(key, one.values, one.mean.tobytes(), one.sd.tobytes()) for key, one in found.shared.items()]  # fmt: skip


def liked(n=160, *, worth=None, seed=1, sittings=8):
    """Ratings of somebody to whom `worth(params)` is worth so many stars."""
    draw = np.random.default_rng(seed)
    rows = []
    for at in range(n):
        params = {"steps": int(draw.choice([15, 20, 25, 30, 35])), "sampler": str(draw.choice(["euler", "ddim"])),
                  "cfg": float(draw.choice([5.0, 7.0, 9.0]))}  # fmt: skip
        told = 3.0 + (worth(params) if worth else 0.0) + 0.8 * draw.standard_normal()
        rows.append(
            row(f"p{at:04}", int(np.clip(round(told), 1, 5)), params, session=f"s{at % sittings}", seed=at // 5)
        )
    return rows


def test_what_matters_is_found_and_what_does_not_is_left_alone():
    found = fit(tabulate(liked(worth=lambda params: 0.08 * (params["steps"] - 25)))).pools["foxes"]
    steps = found.contrast("steps", [3, 4], [0, 1])
    assert steps.confidence > 0.99
    assert steps.low < 0.08 * 15 < steps.high
    assert found.contrast("steps", [0, 1], [3, 4]).confidence < 0.01
    assert found.matters("sampler") < 0.5
    assert found.contrast("sampler", [0], [1]).confidence < 0.5


def test_a_setting_that_went_along_with_another_is_not_given_its_merit():
    draw, rows = np.random.default_rng(3), []
    for at in range(300):
        steps = int(draw.choice([20, 30]))
        sampler = "ddim" if (steps == 30) == (draw.random() < 0.85) else "euler"
        stars = int(np.clip(round(3 + (0.9 if steps == 30 else -0.9) + 0.7 * draw.standard_normal()), 1, 5))
        rows.append(row(f"p{at}", stars, {"steps": steps, "sampler": sampler}, seed=at // 4))
    found = fit(tabulate(rows)).pools["foxes"]
    assert found.contrast("steps", [1], [0]).confidence > 0.99
    assert found.contrast("sampler", [0], [1]).confidence < 0.5


def test_a_mood_is_not_taken_for_an_effect():
    """All good pictures were rated in a good mood, which happens to be when there were many steps."""
    rows = [row(f"{s}-{n}", 4 + n % 2 if s % 2 else 1 + n % 2, {"steps": 30 if s % 2 else 20}, session=f"s{s}", seed=s)
            for s in range(2) for n in range(40)]  # fmt: skip
    assert fit(tabulate(rows)).pools["foxes"].contrast("steps", [1], [0]).confidence < 0.9


def test_a_mood_that_rises_within_a_sitting_is_not_taken_for_what_was_changed_meanwhile():
    draw, rows = np.random.default_rng(8), []
    for at in range(200):
        steps = int(np.clip(15 + 5 * (at // 40 + draw.integers(-1, 2)), 15, 35))
        told = 3.0 + 2.0 * (at / 200 - 0.5) + 0.6 * draw.standard_normal()
        params = {"steps": steps, "sampler": "ddim" if draw.random() < 0.5 else "euler"}
        rows.append(row(f"p{at:03}", int(np.clip(round(told), 1, 5)), params, seed=at))
    still = fit(tabulate(rows)).pools["foxes"]
    assert still.contrast("steps", [3, 4], [0, 1]).confidence > 0.95, "where nobody knows when they were rated"
    timed = fit(tabulate([one._replace(at=20.0 * at) for at, one in enumerate(rows)])).pools["foxes"]
    assert timed.contrast("steps", [3, 4], [0, 1]).confidence < 0.8


def test_packs_lend_a_new_one_what_they_have_in_common():
    def worth(params):
        return 0.1 * (params["steps"] - 25)

    old = [one._replace(pool=f"pack{at}") for at in range(4) for one in liked(120, worth=worth, seed=at)]
    new = [one._replace(pool="new") for one in liked(12, worth=worth, seed=9)]
    alone = fit(tabulate(new)).pools["new"].contrast("steps", [4], [0])
    together = fit(tabulate(old + new)).pools["new"].contrast("steps", [4], [0])
    assert together.p_positive > max(0.95, alone.p_positive)
    shared = fit(tabulate(old + new)).shared["", "steps"]
    assert shared.values == (15, 20, 25, 30, 35)
    assert shared.mean[-1] > shared.mean[0]


def test_what_a_pack_says_itself_does_not_count_twice():
    """Whether a knob of it matters is expected by what other packs say: without others, as evenly as can be."""
    rows = liked(80, worth=lambda params: 0.08 * params["steps"])
    alone = fit(tabulate(rows)).pools["foxes"]
    assert alone.matters("steps") == pytest.approx(chance(alone.log_factors["steps"], EVEN))
    other = [one._replace(pool="hens", params={**one.params, "steps": 15 + at % 2 * 5}) for at, one in enumerate(rows)]
    first = dict(fit(tabulate(rows + other)).pools["foxes"].evidence())["steps"]
    assert abs(first.others_mean[-1] - first.others_mean[0]) < 0.3 * (first.mean[-1] - first.mean[0])


def test_sketched_pictures_change_nothing_that_is_said_of_real_ones():
    real = liked(80, worth=lambda params: 0.05 * params["steps"])
    sketched = [one._replace(pool="foxes\tsketch", stars=6 - one.stars) for one in real]
    alone, both = fit(tabulate(real)), fit(tabulate(real + sketched))
    assert everything(Fit({"foxes": both.pools["foxes"]}, {})) == everything(alone)


def test_duels_alone_tell_what_is_better():
    fights = [
        Versus(row(f"a{n}", 0, {"steps": 30}, seed=n), row(f"b{n}", 0, {"steps": 20}, seed=n), "s", float(n))
        for n in range(12)
    ]
    found = fit(tabulate([], fights)).pools["foxes"]
    assert found.n == 0
    assert found.contrast("steps", [1], [0]).confidence > 0.95


def test_tags_are_an_outcome_like_stars():
    rows = [one._replace(tags=("too noisy",) if one.params["steps"] < 25 else ()) for one in liked(100)]
    found = fit(tagged(tabulate(rows), "too noisy"), 2).pools["foxes"]
    assert found.contrast("steps", [0, 1], [3, 4]).confidence > 0.99
    assert found.matters("cfg") < 0.5


def test_what_draws_and_combinations_say_agrees_with_contrasts():
    found = fit(tabulate(liked(worth=lambda params: 0.08 * params["steps"]))).pools["foxes"]
    draws = found.draws(40_000, np.random.default_rng(1))
    start = found.start("steps")
    apart = draws[:, start + 4] - draws[:, start]
    told = found.contrast("steps", [4], [0])
    assert float(apart.mean()) == pytest.approx(told.mean, abs=0.02)
    assert float(apart.std()) == pytest.approx(told.sd, abs=0.02)
    change = np.zeros(len(found.mean))
    change[[start, start + 4]] = -1.0, 1.0
    assert found.gain(change) == pytest.approx((told.mean, told.sd))
    with pytest.raises(KeyError):
        found.contrast("scheduler", [1], [0])


# The same verdicts, the same bytes ------------------------------------------------------------------


def test_the_order_of_the_rows_makes_no_difference_to_a_byte():
    rows = [one._replace(pool=f"p{at % 3}") for at, one in enumerate(liked(150))]
    fights = [Versus(rows[at], rows[at + 3], f"s{at % 4}", 0.0) for at in range(0, 30, 3)]
    told = everything(fit(tabulate(rows, fights)))
    for seed in range(3):
        Random(seed).shuffle(rows)
        Random(seed).shuffle(fights)
        assert everything(fit(tabulate(rows, fights))) == told


def test_in_which_order_a_sitting_was_rated_makes_no_difference_to_a_byte():
    rows = [one._replace(at=1000.0 * (at % 8) * 60 + 5.0 * at) for at, one in enumerate(liked(150))]
    by_sitting = {name: [row.at for row in rows if row.session == name] for name in {row.session for row in rows}}
    for times in by_sitting.values():
        Random(1).shuffle(times)
    other = [one._replace(at=by_sitting[one.session].pop()) for one in rows]
    assert [one.at for one in other] != [one.at for one in rows]
    assert everything(fit(tabulate(other))) == everything(fit(tabulate(rows)))


def record(at, draw, packs=2, **more):
    minute = at * (40 if draw.random() < 0.1 else 1)
    params = {"steps": draw.randrange(15, 40), "denoise": draw.choice([0.2, 0.3, 0.4]), "style": draw.choice("abc")}
    if draw.random() < 0.02:
        params |= {"new": draw.choice([1, True, "x", None, 2.5])}
    return Record(
        id=f"p{draw.randrange(120):03}", at=f"2026-05-{1 + at // 40:02}T{(minute // 60) % 24:02}:{minute % 60:02}:00Z",
        session="", pack=f"pack{draw.randrange(packs)}", prompt="a fox", seed=draw.randrange(30), run="r",
        params=params, stars=draw.randrange(0 if draw.random() < 0.1 else 1, 6), **more,
    )  # fmt: skip


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.long), pytest.param(2, marks=pytest.mark.long)])
def test_a_fit_that_grows_equals_one_made_at_once_to_the_byte(seed):
    draw = Random(seed)
    records = sorted((record(at, draw) for at in range(200)), key=lambda one: one.at)
    book, fitter = Book(records[:120]), Fitter()
    fitter.fit(*book.rows())
    for at in range(120, 200):
        book.add(records[at : at + 1])
        rows, duels = book.rows()
        grown = fitter.fit(rows, duels)
        if at % 8 == 0 or at > 192:
            assert everything(grown) == everything(fit(tabulate(*rows_of(records[: at + 1]))))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_sittings_that_grow_long_and_pictures_rated_again_change_no_byte_either(seed):
    draw, at, records = Random(seed), 0, []
    for _ in range(400):
        at += 4000 if draw.random() < 0.01 else draw.choice([5, 9, 20])
        records.append(
            Record(
                id=f"p{draw.randrange(300)}", at=datetime.fromtimestamp(178e7 + at, UTC).isoformat(), session="",
                pack=f"k{draw.randrange(2)}", prompt="", seed=draw.randrange(60), run="r", stars=draw.randrange(1, 6),
                params={"steps": draw.randrange(6), "style": draw.choice("abc")},
            )
        )  # fmt: skip
    book, fitter = Book(records[:50]), Fitter()
    fitter.fit(*book.rows())
    for count in range(51, 401):
        book.add(records[count - 1 : count])
        grown = fitter.fit(*book.rows())
        if count % 10 == 0:
            assert everything(grown) == everything(fit(tabulate(*rows_of(records[:count]))))


def test_a_fit_may_also_shrink_and_lose_a_pack():
    rows, _ = rows_of([record(at, Random(at), packs=3) for at in range(150)])
    fitter = Fitter()
    fitter.fit(rows)
    for kept in (rows[:-1], rows[:60], rows[3:50], (), rows):
        assert everything(fitter.fit(kept)) == everything(fit(tabulate(kept)))


# Odd worlds -----------------------------------------------------------------------------------------


def sound(found: Fit):
    """Numbers everywhere, and nothing surer than sure."""
    for one in found.pools.values():
        assert np.isfinite(one.mean).all() and np.isfinite(one.cov).all()
        for knob in one.knobs:
            told = one.contrast(knob.name, [0], [1])
            assert 0.0 <= told.confidence <= 1.0 and math.isfinite(told.stars) and told.low <= told.high
    return found


NAN = float("nan")
WORLDS = {
    "one row": [row("a", 5, {"steps": 20})],
    "one row without settings": [row("a", 5, {})],
    "two rows": [row("a", 5, {"steps": 20}), row("b", 1, {"steps": 30})],
    "no knob varied": [row(f"p{n}", 1 + n % 5, {"steps": 20}) for n in range(50)],
    "one star for all": [row(f"p{n}", 5, {"steps": n % 4}) for n in range(50)],
    "a block for each row": [row(f"p{n}", 1 + n % 5, {"steps": n % 4}, seed=n) for n in range(50)],
    "a sitting for each row": [row(f"p{n}", 1 + n % 5, {"steps": n % 4}, session=f"s{n}") for n in range(50)],
    "a knob per row": [row(f"p{n}", 1 + n % 5, {f"k{n}": 1}) for n in range(30)],
    "a word per row": [row(f"p{n}", 1 + n % 5, {"word": f"w{n}"}) for n in range(300)],
    "a number per row": [row(f"p{n}", 1 + n % 5, {"x": n / 7}) for n in range(300)],
    "mixed kinds": [row(f"p{n}", 1 + n % 5, {"x": [1, True, "1", None, 1.0, 2.5][n % 6]}) for n in range(60)],
    "numbers that are none": [row(f"p{n}", 1 + n % 5, {"x": [NAN, 1.0, float("inf")][n % 3]}) for n in range(60)],
    "huge numbers": [row(f"p{n}", 1 + n % 5, {"x": [10**400, -(10**400), 1e308, 5][n % 4]}) for n in range(60)],
    "settings that are missing": [row(f"p{n}", 1 + n % 5, {"x": n % 3} if n % 2 else {}) for n in range(60)],
    "two knobs that always go together": [row(f"p{n}", 1 + n % 5, {"w": n % 3, "h": n % 3}) for n in range(60)],
    "a pack each": [row(f"p{n}", 1 + n % 5, {"steps": n % 3}, pool=f"pack{n % 30}") for n in range(120)],
}


@pytest.mark.parametrize("name", WORLDS)
def test_odd_worlds_are_fitted_soundly(name):
    sound(fit(tabulate(WORLDS[name])))


def test_numbers_beyond_a_few_become_ranges_about_equally_often_seen():
    knob = fit(tabulate(WORLDS["a number per row"])).pools["foxes"].knobs[0]
    assert knob.ordered and len(knob.levels) == BINS
    assert {len(values) for values in knob.levels} <= {37, 38}


def test_words_beyond_many_are_put_together_and_those_seen_most_are_kept():
    rows = WORLDS["a word per row"] + [row(f"q{n}", 3, {"word": "w299"}) for n in range(5)]
    knob = fit(tabulate(rows)).pools["foxes"].knobs[0]
    assert len(knob.levels) == WORDS and ("w299",) in knob.levels


def test_truth_values_among_numbers_are_words_and_whole_numbers_are_written_alike():
    levels = {knob.name: knob.levels for knob in tabulate(WORLDS["mixed kinds"])["foxes"].knobs}
    assert levels["x"] == ((1,), (2.5,), ("1",), ("true",), (None,))
    assert tabulate([row("a", 1, {"x": 30.0}), row("b", 2, {"x": 20})])["foxes"].knobs[0].levels == ((20,), (30,))


def test_packs_with_different_values_of_a_knob_still_teach_one_another():
    def some(pool, values, seed):
        return [one._replace(pool=pool, params={"x": values[n % len(values)]})
                for n, one in enumerate(liked(60, seed=seed))]  # fmt: skip

    rows = some("a", [1, 2, 3], 1) + some("b", [2, 3, 4, None], 2) + some("c", list(range(20)), 3)
    rows += some("d", ["x", "y"], 4)
    found = sound(fit(tabulate(rows)))
    assert len(found.shared["", "x"].values) == len(found.shared["", "x"].mean)
