"""The exact absorption and what rests on it, against the formulas written out with matrices as large as the ratings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.learning.absorb import Variances, absorb
from daemon.learning.levels import alike
from daemon.learning.matters import ALIKE, either, log_bayes_factors
from daemon.learning.model import fit
from daemon.learning.moments import OUTCOMES, moments, replaced
from daemon.learning.rows import Row, Versus
from daemon.learning.scores import DUEL, scores, stars_sd
from daemon.learning.tables import Table, tabulate
from daemon.learning.variance import Squares, squares, variances

KNOBS = {"steps": [15, 20, 25, 30], "sampler": ["euler", "ddim", "heun"], "hires": [False, True]}


def picture(draw, name, pool="foxes", sittings=3, seeds=4, stars=None):
    params = {knob: values[draw.integers(len(values))] for knob, values in KNOBS.items()}
    given_stars = int(draw.integers(1, 6)) if stars is None else stars
    session = f"s{draw.integers(sittings)}"
    return Row(name, 0.0, session, pool, "a fox", int(draw.integers(seeds)), "r", params, given_stars, ())


def pictures(seed, n, **more):
    draw = np.random.default_rng(seed)
    return [picture(draw, f"p{at:05}", **more) for at in range(n)]


def spread(table: Table):
    """X, sittings, blocks as matrices of noughts and ones; the scores of the ratings."""
    x = np.hstack([np.eye(len(knob.levels))[table.codes[:, at]] for at, knob in enumerate(table.knobs)])
    z = np.eye(OUTCOMES)[table.outcome - 1]
    sittings, blocks = (np.eye(int(of.max()) + 1)[of] for of in (table.session, table.block))
    return x, z, sittings, blocks


def written_out(table: Table, star_scores, v: Variances):
    """Covariance of the ratings given the effects; precision and pull with a flat intercept; y."""
    x, z, sittings, blocks = spread(table)
    y = z @ star_scores
    cov = v.rating * np.eye(len(y)) + v.block * blocks @ blocks.T + v.sitting * sittings @ sittings.T
    inverse, one = np.linalg.inv(cov), np.ones(len(y))
    away = inverse - np.outer(inverse @ one, one @ inverse) / (one @ inverse @ one)
    return x, y, away, x.T @ away @ x, x.T @ away @ y


@given(
    st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 4), st.integers(1, 12),
    st.tuples(st.floats(0.05, 2.0), st.floats(0.0, 2.0), st.floats(0.0, 2.0)), st.booleans(),
)  # fmt: skip
@settings(max_examples=40)
def test_absorbing_sittings_and_blocks_equals_the_dense_formula(seed, n, sittings, seeds, spreads, duel):
    rows = pictures(seed, n, sittings=sittings, seeds=seeds)
    draw, v = np.random.default_rng(seed), Variances(*spreads)
    duels = [Versus(picture(draw, "a"), picture(draw, "b"), "s0", 1.0)] if duel else []
    table = tabulate(rows, duels)["foxes"]
    if not table.knobs:
        return
    star_scores = scores(np.bincount(table.outcome, minlength=OUTCOMES + 1)[1:].astype(float))
    said = absorb(moments(table), star_scores, v)
    _, _, _, precision, pull = written_out(table, star_scores, v)
    scale = max(1.0, float(np.abs(precision).max()))
    assert np.abs(said.precision - precision).max() < 1e-9 * scale
    assert np.abs(said.pull - pull).max() < 1e-9 * scale


@given(st.integers(0, 10**6), st.integers(1, 50), st.integers(0, 49))
@settings(max_examples=30)
def test_moments_after_blocks_came_and_went_equal_those_of_what_is_there(seed, n, cut):
    rows = pictures(seed, n, sittings=3, seeds=2)
    table = tabulate(rows)["foxes"]
    moved = np.isin(table.block, np.unique(table.block[: max(1, cut)]))

    def only(some, outcome=None):
        outcome = table.outcome if outcome is None else outcome
        return moments(table._replace(codes=table.codes[some], session=table.session[some], block=table.block[some],
                                      outcome=outcome[some]))  # fmt: skip

    changed = np.where(moved, 6 - table.outcome, table.outcome).astype(np.int16)
    everything = np.ones(n, bool)
    found = replaced(only(everything), only(moved), only(moved, changed))
    for one, other in zip(found, only(everything, changed), strict=True):
        assert np.array_equal(one, other)


def test_pictures_of_one_block_by_the_tens_of_thousands_are_counted_exactly():
    rows = pictures(3, 18_000, sittings=1, seeds=1)
    counted = moments(tabulate(rows)["foxes"])
    assert counted.rows == 18_000 and counted.blocks == counted.sessions == 1
    assert counted.of_size.sum() == (4 * 18_000) ** 2


def test_the_posterior_is_that_of_the_joint_normal_distribution_of_all_pools():
    """Effects of three packs and what they have in common, as one vector; scales and variances as they were fitted."""
    rows = [row for n in range(3) for row in pictures(n, 40 + 10 * n, pool=f"pack{n}")]
    found = fit(tabulate(rows))
    family = found.pools["pack0"]._family
    hierarchy, d = family.hierarchy, len(found.pools["pack0"].mean)
    own, shared = hierarchy.scales.own, hierarchy.scales.shared
    table = found.pools["pack0"].table
    owner = np.repeat(np.arange(3), [len(knob.levels) for knob in table.knobs])
    assert [knob.name for knob in table.knobs] == sorted(KNOBS)
    kernel = np.zeros((d, d))
    for at, knob in enumerate(table.knobs):
        kernel[np.ix_(owner == at, owner == at)] = alike(*knob.kind)[0]
    prior = np.linalg.inv(own[owner][:, None] * kernel * own[owner])
    joint, pull = np.zeros((4 * d, 4 * d)), np.zeros(4 * d)
    joint[3 * d :, 3 * d :] = np.linalg.inv(shared[owner][:, None] * kernel * shared[owner])
    counts = np.bincount([row.stars for row in rows], minlength=OUTCOMES + 1)[1:].astype(float)
    for at in range(3):
        here = slice(at * d, at * d + d)
        _, _, _, precision, said = written_out(found.pools[f"pack{at}"].table, scores(counts), hierarchy.spread[at])
        joint[here, here], pull[here] = precision + prior, said
        joint[here, 3 * d :] = joint[3 * d :, here] = -prior
        joint[3 * d :, 3 * d :] += prior
    cov = np.linalg.inv(joint)
    for at in range(3):
        here = slice(at * d, at * d + d)
        assert np.allclose(found.pools[f"pack{at}"].mean, (cov @ pull)[here], atol=1e-8)
        assert np.allclose(found.pools[f"pack{at}"].cov, cov[here, here], atol=1e-8)
    assert np.allclose(hierarchy.middle.mean, (cov @ pull)[3 * d :], atol=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_the_odds_that_a_knob_does_nothing_are_those_of_the_two_marginal_likelihoods(seed):
    rows = pictures(seed, 80)
    found = fit(tabulate(rows)).pools["foxes"]
    family, v = found._family, found._family.hierarchy.spread[0]
    counts = np.bincount([row.stars for row in rows], minlength=OUTCOMES + 1)[1:].astype(float)
    x, y, away, _, _ = written_out(found.table, scores(counts), v)
    scale = family.hierarchy.scales.own
    at, likelihoods = 0, {}
    parts = {}
    for place, knob in enumerate(found.knobs):
        parts[knob.name] = (
            slice(at, at + len(knob.levels)),
            scale[place] ** 2 * alike(*knob.kind)[0],
            alike(*knob.kind)[0],
        )
        at += len(knob.levels)

    def log_marginal(name, own):
        """Up to what both have in common; `away` is the precision with the flat intercept integrated out."""
        cov = np.zeros((len(y), len(y)))
        for other, (here, prior, _) in parts.items():
            cov += x[:, here] @ (own if other == name else prior) @ x[:, here].T
        # N(y; 0, away^-1 + cov) where away is singular in the intercept's direction: by the effects' side of it.
        inner = np.eye(len(y)) + cov @ away
        return -0.5 * float(y @ away @ np.linalg.solve(inner, y)) - 0.5 * np.linalg.slogdet(inner)[1]

    for name, (here, _, kernel) in parts.items():
        nothing = log_marginal(name, np.zeros_like(kernel))
        something = log_marginal(name, family.slab**2 * kernel)
        likelihoods[name] = nothing - something
        assert here.stop > here.start
    assert likelihoods == pytest.approx(dict(found.log_factors), abs=1e-6)


def test_a_knob_does_something_in_a_way_of_its_own_or_as_in_other_packs():
    """The odds of a mixture: each of the two ways has its share beforehand."""
    nothing_said, ruled_out = np.zeros(1), np.full(1, 500.0)
    assert either(nothing_said, nothing_said) == pytest.approx(0.0, abs=1e-12)
    assert either(ruled_out, np.full(1, -3.0)) == pytest.approx(-3.0 - np.log(ALIKE))
    assert either(np.full(1, -3.0), ruled_out) == pytest.approx(-3.0 - np.log(1.0 - ALIKE))


def test_nothing_seen_leaves_the_odds_as_they_were():
    nothing, prior = np.zeros((2, 4)), np.stack([np.eye(4)] * 2)
    assert log_bayes_factors(0.0 * prior, nothing, prior, nothing) == pytest.approx(0.0, abs=1e-12)


def test_variances_are_found_again_where_there_is_much_to_see():
    draw, truth, rows = np.random.default_rng(5), Variances(0.4, 0.35, 0.25), []
    for sitting in range(150):
        mood = draw.normal(0, truth.sitting**0.5)
        for seed in range(8):
            luck = draw.normal(0, truth.block**0.5)
            for n in range(int(draw.integers(1, 6))):
                worth = mood + luck + draw.normal(0, truth.rating**0.5)
                stars = 1 + int(np.searchsorted([-0.85, -0.25, 0.25, 0.85], worth))
                params = {"steps": int(draw.integers(4))}
                rows.append(Row(f"{sitting}-{seed}-{n}", 0.0, f"s{sitting:03}", "p", "", seed, "r", params, stars, ()))
    table = tabulate(rows)["p"]
    star_scores = scores(np.bincount(table.outcome, minlength=OUTCOMES + 1)[1:].astype(float))
    found = variances(squares(moments(table)), star_scores, np.zeros(4), np.zeros((4, 4)))
    # Scores of five stars spread a little less than what they stand for.
    assert np.array(found) / sum(found) == pytest.approx(np.array(truth), abs=0.05)


def test_variances_are_those_that_make_the_sums_of_squares_what_is_expected_of_them():
    """With so much to see that what is usual has no say: sums that variances of .4, .2 and .15 lead to."""
    rating, block, sitting = 0.4, 0.2, 0.15
    sums = np.full((1, 1), 1e8)
    known = Squares(
        within=rating * sums, between=rating * sums + block * 2e8,
        sittings=rating * sums + block * 3e8 + sitting * 4e8,
        freedom=(1e8, 1e8, 1e8), block=(2e8, 3e8), sitting=4e8,
    )  # fmt: skip
    found = variances(known, np.ones(1), np.zeros(0), np.zeros((0, 0)))
    assert found == pytest.approx((rating, block, sitting), rel=1e-4)


def test_scores_rise_with_stars_and_average_to_about_nothing():
    counts = np.array([3.0, 10.0, 40.0, 25.0, 5.0, 0.0, 0.0, 0.0])
    found = scores(counts)
    assert all(np.diff(found[:5]) > 0)
    assert float(found[:5] @ (counts[:5] + 1)) == pytest.approx(0.0, abs=1e-9)
    assert tuple(found[5:]) == (-DUEL, 0.0, DUEL)


def test_stars_of_somebody_who_gives_only_ones_and_fives_spread_wider():
    assert stars_sd(np.array([50.0, 0, 0, 0, 50.0, 0, 0, 0])) > 1.8
    assert stars_sd(np.zeros(7)) == pytest.approx(1.1)
