"""The design of explore runs: what varies, how evenly, in which blocks, and what follows from what is known."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `raters`

from raters import SORTS, World

from daemon.learning.beliefs import axes_of, believe
from daemon.learning.design import blocks, explore, narrowed, open_levels, worth_knowing
from daemon.learning.experiments import Asked, levels_text, pool_for, proposals, propose_images, quoted
from daemon.learning.model import fit
from daemon.learning.presets import preset
from daemon.learning.ranges import space_for
from daemon.learning.rows import Row, pool_of, rows_of
from daemon.learning.tables import tabulate

SPACE = {"steps": [10, 20, 30, 40], "cfg": [4.0, 5.5, 7.0], "sampler": ["Euler a", "DDIM"], "hires": [True, False]}


def rated(params, stars, number, pool="p", session="s1", seed=1, run="r"):
    return Row(f"im{number}", 1000.0 + number, session, pool, "a boat", seed, run, params, stars, ())


def clear_rows(levels, best, count=60):
    """Pictures of which one level of `steps` is always much better."""
    return tuple(
        rated({"steps": level, "cfg": (4.0, 5.5, 7.0)[at % 3]}, 5 if level == best else 2, at, seed=at // 4)
        for at in range(count)
        for level in [levels[at % len(levels)]]
    )


def counts(images, knob):
    return Counter(one.params[knob] for one in images)


@pytest.mark.parametrize("images", [1, 2, 5, 7, 10, 12, 23])
def test_without_a_rating_every_level_is_equally_frequent(images):
    found = propose_images((), (), SPACE, "p", images)
    assert len(found) == images
    for knob, levels in SPACE.items():
        often = counts(found, knob)
        assert set(often) <= set(levels)
        assert max(often.values()) - min(often.get(level, 0) for level in levels) <= 1
    assert all(set(one.params) == set(SPACE) for one in found)


def test_blocks_have_five_pictures_at_most_and_are_about_equal():
    assert blocks(0) == [] and blocks(5) == [5] and blocks(6) == [3, 3] and blocks(12) == [4, 4, 4]
    found = propose_images((), (), SPACE, "p", 23)
    groups = [one.seed_group for one in found]
    assert groups == sorted(groups) and set(groups) == set(range(5))
    assert set(Counter(groups).values()) == {4, 5}


def test_within_a_block_pictures_differ():
    for group in range(4):
        mine = [one.params for one in propose_images((), (), SPACE, "p", 20) if one.seed_group == group]
        assert len({one["steps"] for one in mine}) == 4 and len({one["cfg"] for one in mine}) == 3
        assert len({tuple(one.values()) for one in mine}) == 5


def test_no_picture_is_made_twice_where_there_are_others_to_make():
    for space in (
        {"a": [1, 2]},
        {"a": [1, 2], "b": [1, 2]},
        {"a": [1]},
        {"a": [1, 2, 3], "b": [True, False], "c": [1, 2]},
    ):
        found = propose_images((), (), space, "p", 17)
        assert len({(one.seed_group, *one.params.items()) for one in found}) == 17
    assert {one.seed_group for one in propose_images((), (), {"a": [1]}, "p", 4)} == {0, 1, 2, 3}


def test_the_same_verdicts_give_the_same_pictures_whatever_their_order():
    world = World(SORTS["base"], 4).passive(60)
    pack = world.packs[0]
    one, other = rows_of(world.records), rows_of(world.records[::-1])
    first = propose_images(*one, world.space, pack, 10)
    assert first == propose_images(*other, world.space, pack, 10)
    assert first != propose_images(*rows_of(world.records[:-1]), world.space, pack, 10) or len(one[0]) < 60


def test_a_level_that_lost_is_not_made_again_and_a_decided_knob_stays_at_its_best():
    rows = clear_rows((10, 20, 30, 40), best=40)
    found = propose_images(rows, (), {"steps": [10, 20, 30, 40], "cfg": [4.0, 5.5, 7.0]}, "p", 12)
    assert counts(found, "steps") == {40: 12}
    assert len(counts(found, "cfg")) == 3


def test_a_level_that_was_never_seen_is_tried():
    rows = clear_rows((10, 20), best=20)
    found = propose_images(rows, (), {"steps": [10, 20, 40], "cfg": [4.0, 5.5, 7.0], "new": ["a", "b"]}, "p", 12)
    assert counts(found, "steps")[40] >= 4 and 10 not in counts(found, "steps")
    assert counts(found, "new") == {"a": 6, "b": 6}


def test_an_unseen_number_resembles_its_neighbours_and_an_unseen_word_nothing():
    rows = clear_rows((10, 20, 30), best=30)
    axes = axes_of({"steps": [10, 20, 30, 40], "sampler": ["x", "y"]})
    belief = believe(fit(tabulate(rows)), "p", axes)
    assert [axis.name for axis in axes] == ["sampler", "steps"]
    sampler, steps = belief.mean[belief.span(0)], belief.mean[belief.span(1)]
    assert not sampler.any()
    assert steps[2] > steps[3] > max(steps[0], steps[1])
    spread = np.sqrt(np.diag(belief.cov))[belief.span(1)]
    assert spread[3] > spread[2]


def test_true_is_not_one_and_seven_is_seven():
    (axis,) = axes_of({"k": [1, True, 1.0, "1", 7, 7.0]})
    assert len(axis.levels) == 4 and not axis.ordered
    (numbers,) = axes_of({"k": [30, 7, 15.5]})
    assert numbers.levels == (7, 15.5, 30) and numbers.ordered


def test_ratings_of_this_pack_alone_decide_and_others_only_suggest():
    rows = clear_rows((10, 20, 30, 40), best=40)
    elsewhere = propose_images(rows, (), {"steps": [10, 20, 30, 40]}, "q", 12)
    assert len(counts(elsewhere, "steps")) > 1
    sketched = propose_images(rows, (), {"steps": [10, 20, 30, 40]}, pool_of("p", "sketch"), 12)
    assert len(counts(sketched, "steps")) == 4


def test_the_pool_is_the_one_that_was_rated_last():
    rows = (rated({}, 3, 1, pool="p"), rated({}, 3, 2, pool=pool_of("p", "sketch")))
    assert pool_for("p", rows) == pool_of("p", "sketch")
    assert pool_for("p", rows[::-1][1:]) == "p"
    assert pool_for("new", rows) == pool_of("new", "sketch")
    assert pool_for("new", ()) == "new"


def test_swaps_tell_more_than_chance():
    belief = believe(fit({}), "p", axes_of({f"k{at}": list("abcd") for at in range(6)}))
    best = belief.best(np.random.default_rng(1))
    weight = worth_knowing(belief, best)

    def left(codes):
        cov = belief.cov
        for at in range(0, len(codes), 5):
            cov = narrowed(belief, cov, codes[at : at + 5])
        return float(np.trace(weight @ cov))

    dealt = [np.random.default_rng(seed).integers(0, 4, (20, 6)) for seed in range(8)]
    assert left(explore(belief, 20, np.random.default_rng(2)).codes) < min(map(left, dealt))


def test_levels_stay_while_they_may_be_the_best():
    axes = axes_of({"a": list("xyz"), "b": list("xy"), "c": list("abcdefghijkl")})
    assert open_levels(axes, [np.array([0.5, 0.4, 0.1]), np.array([0.95, 0.05]), np.full(12, 1 / 12)]) == (
        (0, 1), (0,), tuple(range(12)),
    )  # fmt: skip


@pytest.mark.parametrize("many", [2, 3, 4, 5, 6, 8, 12, 20])
def test_before_anything_is_rated_nothing_is_left_out(many):
    space = {"numbers": list(range(many)), "words": [f"w{at}" for at in range(many)]}
    found = propose_images((), (), space, "p", 3 * many)
    assert set(counts(found, "numbers").values()) == set(counts(found, "words").values()) == {3}


def test_the_run_that_teaches_most_comes_first_and_costs_count():
    world = World(SORTS["base"], 3).passive(40)
    rows, duels = rows_of(world.records)
    known = fit(tabulate(rows, duels))
    pack = world.packs[0]
    found = proposals(known, [Asked(pack, world.space, rows[-1].params, 30.0)])
    assert len(found) == 3 and [one.worth for one in found] == sorted((one.worth for one in found), reverse=True)
    explored = next(one for one in found if one.kind == "explore")
    assert explored.command == f"stablenew learn explore {pack} --images {explored.images}"
    learned = next(one for one in found if one.kind == "learning")
    ((knob, levels),) = learned.variables.items()
    assert learned.images == learned.seeds * len(levels) and learned.seconds == 30.0 * learned.images
    assert set(levels) <= set(world.space[knob])
    assert learned.command.startswith(f"stablenew learn run {pack} --vary {knob}=") and "%" in learned.why
    fresh = proposals(known, [Asked("new", {"sampler": ["ink", "dots", "oil"]}, {}, 0.0)])
    assert "Sampler: ink, dots or oil may be the best; " in fresh[0].why
    slower = proposals(known, [Asked(pack, world.space, rows[-1].params, 60.0)])
    assert slower[0].worth == pytest.approx(found[0].worth / 2, rel=1e-3)
    assert proposals(known, [Asked(pack, {"steps": [20]})]) == ()


def test_commands_are_words_of_a_shell():
    assert quoted("boats") == "boats" and quoted("my boats") == "'my boats'" and quoted("it's") == "'it'\\''s'"
    assert levels_text("txt2img.steps", (15, 20)) == "15,20"
    assert levels_text("lora:film", (None, 0.4)) == "none,0.4"
    assert levels_text("m", ("a, b", "c")) == "a, b||c"
    assert levels_text("t", (True, 2.50)) == "true,2.5"


def test_knobs_and_levels_that_make_sense():
    config = {
        "txt2img": {"type": "txt2img", "steps": 22, "cfg": 7.0, "sampler": "Euler a", "width": 512, "tiling": False},
        "detail": {"type": "detail", "denoise": 0.4, "steps": 20},
    }
    offers = {"samplers": ("DDIM", "Euler a", "Heun"), "schedulers": ("Karras",)}
    space = space_for(config, offers, ())
    assert space == {
        "txt2img.steps": (12, 22, 28, 36), "txt2img.cfg": (4.0, 5.5, 7.0, 8.5, 10.0),
        "txt2img.sampler": ("Euler a", "DDIM", "Heun"), "detail.denoise": (0.2, 0.3, 0.4, 0.5),
    }  # fmt: skip
    seen = [{"txt2img.steps": at, "txt2img.width": 512 + at, "lora:film": 0.5} for at in (8, 60)] + [{}]
    past = space_for(config, offers, seen, frozenset({"txt2img.cfg"}))
    assert {8, 22, 60} <= set(past["txt2img.steps"]) and len(past["txt2img.steps"]) == 5
    assert past["lora:film"] == (0.5, None)
    assert "txt2img.cfg" not in past and "txt2img.width" not in past


def test_distilled_models_are_not_given_what_ruins_them():
    config = {"txt2img": {"type": "txt2img", "steps": 4, "cfg": 1.5}}
    space = space_for(config, {}, ())
    assert max(space["txt2img.steps"]) <= 8 and max(space["txt2img.cfg"]) <= 3.0


@pytest.mark.long
@pytest.mark.parametrize("at_once", [5, 10])
def test_the_loop_regrets_at_most_half_of_what_one_knob_at_a_time_does(at_once):
    regrets = np.array([_regrets(seed, at_once) for seed in range(80)])
    assert regrets[:, 1].mean() <= 0.42 * regrets[:, 0].mean()


def _regrets(seed, at_once):
    """Of the person who varies one knob after another and takes the best mean, and of the loop; 60 ratings each."""
    one = World(SORTS["base"], seed)
    kept = one.regret(one.packs[0], one.learn_one(one.packs[0], 60))
    world = World(SORTS["base"], seed)
    pack = world.packs[0]
    for run in range(60 // at_once):
        images = propose_images(*rows_of(world.records), world.space, pack, at_once)
        world.rate_all(pack, [(image.params, image.seed_group) for image in images], f"e{run}")
    fitted = fit(tabulate(*rows_of(world.records)))
    return kept, world.regret(pack, preset(fitted.pools[pack]).params)
