"""Samples of a space: nothing twice, every value of every place as equally often as can be, all along the way."""

from collections import Counter
from itertools import islice
from math import prod

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from daemon.prompting.variation.evenly import fill
from daemon.prompting.variation.tables import Value, WordTables
from daemon.prompting.variation.variants import Asked, Space

TABLES = WordTables({})


def choice(place, size):
    return "{" + "|".join(f"p{place}v{value}" for value in range(size)) + "}"


def counted(variants):
    """How often each value of each place stands in them."""
    found = {}
    for one in variants:
        for pick in one.picks:
            found.setdefault(pick.key, Counter())[pick.value] += 1
    return found


def check_even(sizes, share, seed):
    text = " ".join(choice(place, size) for place, size in enumerate(sizes))
    made = Space(text, tables=TABLES, slots={}, asked=Asked(seed=seed, salt="p"))
    assert made.total == prod(sizes)
    taken = list(made.take(share))
    assert len({one.text for one in taken}) == len(taken) == min(share, made.total)
    for number in (len(taken) // 2, len(taken)):
        if 0 < number < made.total:
            for (_, values), size in zip(counted(taken[:number]).items(), sizes, strict=True):
                often = [*values.values(), *[0] * (size - len(values))]
                assert max(often) - min(often) <= 1, (sizes, share, number, values)


SIZES = st.lists(st.integers(1, 9), min_size=1, max_size=5)


@settings(max_examples=50, deadline=None)
@given(SIZES, st.integers(1, 80), st.integers(0, 50))
def test_every_value_comes_as_often_as_the_others(sizes, share, seed):
    assume(share < prod(sizes))
    check_even(sizes, share, seed)


@pytest.mark.long
@pytest.mark.timeout(600)
@settings(max_examples=2000, deadline=None)
@given(SIZES, st.integers(1, 2000), st.integers(0, 50))
def test_every_value_comes_as_often_as_the_others_in_larger_samples(sizes, share, seed):
    assume(share < prod(sizes))
    check_even(sizes, share, seed)


def test_a_sample_is_spread_although_the_space_has_more_than_a_million_million_million_variants():
    tables = WordTables({"n": [Value(str(number)) for number in range(1000)]})
    made = Space(" ".join(["__n__"] * 10), tables=tables, slots={}, asked=Asked(seed=3, salt="p"))
    taken = list(made.take(1000))
    assert made.total == 10**30
    for values in counted(taken).values():
        assert set(values.values()) == {1} and len(values) == 1000


def test_a_value_that_holds_many_places_does_not_crowd_the_others_out():
    made = Space("{plain|{a|b|c}{d|e|f}{g|h|i}} {x|y}", tables=TABLES, slots={}, asked=Asked(seed=1, salt="p"))
    assert made.total == 56
    outer = Counter(one.picks[0].value == "plain" for one in made.take(4))
    assert outer == {True: 2, False: 2}
    assert Counter(one.picks[0].value == "plain" for one in made.take(40)) == {True: 2, False: 38}


def test_places_do_not_go_in_step():
    """Of three places with three values each, nine variants hold nine pairs of the first and the last."""
    text = " ".join(choice(place, 3) for place in range(3))
    pairs = Counter()
    for seed in range(20):
        taken = Space(text, tables=TABLES, slots={}, asked=Asked(seed=seed, salt="p")).take(9)
        pairs[len({(one.picks[0].value, one.picks[2].value) for one in taken})] += 1
    assert sum(pairs.values()) == 20 and min(pairs) >= 8


def test_other_seeds_take_other_variants_and_the_same_seed_the_same():
    text = choice(0, 9) + choice(1, 9)
    takes = [
        [one.text for one in Space(text, tables=TABLES, slots={}, asked=Asked(seed=seed, salt="p")).take(5)]
        for seed in (1, 1, 2)
    ]
    assert takes[0] == takes[1] != takes[2]


def test_a_place_that_is_drawn_anew_is_spread_anew_and_the_others_are_not():
    text = f"{choice(0, 50)} {choice(1, 40)}"
    before, after = (
        list(Space(text, tables=TABLES, slots={}, asked=Asked(seed=1, salt="p", rerolls=rerolls)).take(10))
        for rerolls in ({}, {Space(text, tables=TABLES, slots={}).keys[1]: 1})
    )
    assert [one.picks[0] for one in before] == [one.picks[0] for one in after]
    assert [one.picks[1] for one in before] != [one.picks[1] for one in after]


def test_taking_more_of_a_sample_begins_with_the_same_values():
    made = Space(choice(0, 100), tables=TABLES, slots={}, asked=Asked(seed=1, salt="p"))
    assert list(islice(made.take(50), 10)) == list(made.take(10))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 500),
    st.lists(st.tuples(st.integers(0, 90), st.integers(1, 5)), min_size=1, max_size=8),
)
def test_shares_are_filled_like_water(most, prompts):
    sizes, weights = [size for size, _ in prompts], [weight for _, weight in prompts]
    shares = fill(most, sizes, weights)
    assert sum(shares) == min(most, sum(sizes))
    assert all(share <= size for share, size in zip(shares, sizes, strict=True))
    levels = [share / weight for share, size, weight in zip(shares, sizes, weights, strict=True) if share < size]
    assert not levels or max(levels) - min(levels) <= 1
    assert not levels or max(share / weight for share, weight in zip(shares, weights, strict=True)) <= max(levels) + 1


def test_two_places_of_a_sample_do_not_keep_step():
    text, pairs = " ".join([choice(0, 3), choice(1, 7), choice(2, 6), choice(3, 7)]), []
    for seed in range(8):
        made = Space(text, tables=TABLES, slots={}, asked=Asked(seed=seed, salt="p"))
        taken = [one.text.split() for one in made.take(50)]
        pairs.append({at: len({(one[at[0]], one[at[1]]) for one in taken}) for at in ((1, 2), (1, 3), (2, 3))})
    assert {(one[1, 2], one[1, 3]) for one in pairs} == {(42, 49)}, "all pairs there are, and 49 of 49"
    assert sum(one[2, 3] for one in pairs) / len(pairs) > 25, "of 42; in step it would be 13"
