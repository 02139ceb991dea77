"""The card of a picture: what it says of one that another program made."""

import msgspec
from screen_things import make_image, make_row, record_of

from tui.widgets.imagecard import rating, says_nothing


def brought(program):
    """The record of a picture that came from this program's file."""
    record = record_of(make_row(12))
    stage = msgspec.structs.replace(
        record.stages[0], node=None, node_name=None, backend=program, started=None, reported={"file": "sea [b].png"}
    )
    return msgspec.structs.replace(record, stages=(stage,))


def words(record, **fields):
    image = msgspec.structs.replace(make_image(0), **fields)
    lines = rating(image, record, 60, wide=True, keys="1-5 rate")
    return ["".join(piece.text for piece in line) for line in lines]


def test_a_picture_of_our_own_tells_the_way_it_took():
    told = words(record_of(make_row(12)))
    assert any(line.startswith(" t2i→") for line in told)
    assert any("seed 88000" in line for line in told)
    assert "1-5 rate" in told[0]


def test_one_that_was_brought_in_names_its_program_and_its_file():
    told = words(brought("a1111"), seed=120)
    assert " brought in · a1111 · sea [b].png" in told
    assert any("seed 120" in line for line in told)
    assert not [line for line in told if "t2i" in line]


def test_where_nothing_is_known_of_how_it_was_made_nothing_is_made_up():
    told = words(brought("none"), seed=0)
    assert " brought in · sea [b].png" in told
    assert not [line for line in told if "seed" in line]


def test_only_of_such_a_one_there_is_nothing_to_make_again():
    assert says_nothing(brought("none"))
    assert not says_nothing(brought("a1111"))
    assert not says_nothing(record_of(make_row(12)))
