"""How many variants each prompt gets: exact sums, level shares, in the order that the command line promises."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting.dealing import pair
from daemon.prompting.grids import Axis, Change, Grid
from daemon.prompting.limits import Room, counted, digits, fill, shares
from schema.requests import RunRequest

plenty = settings(deadline=None, max_examples=100)
sizes = st.lists(st.integers(1, 10**6) | st.integers(10**20, 10**40), min_size=1, max_size=12)


@plenty
@given(sizes, st.integers(1, 3000))
def test_a_limit_is_filled_level_and_to_the_last_variant(rooms, most):
    filled = fill(rooms, most)
    assert sum(filled) == min(most, sum(rooms))
    assert all(0 <= got <= room for got, room in zip(filled, rooms, strict=True))
    short = [got for got, room in zip(filled, rooms, strict=True) if got < room]
    assert not short or max(filled) - min(short) <= 1


def test_with_fewer_than_there_are_prompts_the_first_get_one_each():
    assert fill([9, 1, 5], 2) == [1, 1, 0]
    assert fill([10**40, 3, 10**50], 11) == [4, 3, 4]
    assert fill([2, 2], None) == [2, 2]


@plenty
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 50)), min_size=1, max_size=10),
    st.none() | st.integers(1, 60),
    st.integers(1, 4),
    st.none() | st.integers(1, 40),
)
def test_max_images_holds_for_each_pack_after_limit_and_count(rooms, limit, count, images):
    rooms = [Room(*room) for room in rooms]
    got = shares(rooms, RunRequest(limit=limit, count=count, max_images=images))
    assert [share.at for share in got] == sorted({share.at for share in got})
    wanted = fill([room.size for room in rooms], limit)
    for pack in "abc":
        jobs = sum(share.jobs for share in got if rooms[share.at].pack == pack)
        whole = count * sum(one for one, room in zip(wanted, rooms, strict=True) if room.pack == pack)
        assert jobs == (whole if images is None else min(images, whole))
    for share in got:
        assert (share.variants - 1) * count < share.jobs <= share.variants * count


@plenty
@given(st.integers(1, 30), st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(1, 900))
def test_words_and_cells_are_paired_evenly(words, levels, share):
    axes = tuple(Axis(str(at), tuple(map(str, range(many))), (Change(),) * many) for at, many in enumerate(levels))
    grid = Grid(axes)
    draws = random.Random(share)
    found = pair(words, grid, share, iter(lambda: draws.getrandbits(64), None))
    assert found == sorted(set(found)) and len(found) == min(share, words * grid.size)
    assert level([word for word, _ in found], words) <= 1
    for axis in axes:
        seen = [int(grid.cell(cell).axes[axis.name]) for _, cell in found]
        assert len(set(seen)) == min(len(found), len(axis.levels)) or len(found) < 3 * len(axis.levels)
        assert level(seen, len(axis.levels)) <= 3 + len(found) // 8


def level(seen, many):
    each = [seen.count(one) for one in range(many)]
    return max(each) - min(each)


def test_a_grid_beyond_all_bounds_is_sampled_at_once():
    axes = tuple(Axis(str(at), tuple(map(str, range(50))), (Change(),) * 50) for at in range(12))
    draws = random.Random(1)
    found = pair(3, Grid(axes), 100, iter(lambda: draws.getrandbits(64), None))
    assert len({cell for _, cell in found}) == 100
    for axis in axes:
        assert level([int(Grid(axes).cell(cell).axes[axis.name]) for _, cell in found], 50) == 0


def test_numbers_are_told_as_people_read_them():
    assert counted(1200) == "1,200" and counted(10**40) == "about 10^40"
    assert digits(10**40) == "1" + "0" * 40 and digits(10**5000) == "about 10^5000"
