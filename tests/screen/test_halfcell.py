"""Pictures in half cells: their shape is kept, their colours are right, broken ones are said to be."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tui.widgets.halfcell import NoPicture, cells_of, fitting


def encoded(image, format="PNG"):
    kept = io.BytesIO()
    image.save(kept, format)
    return kept.getvalue()


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(2, 200), st.integers(1, 100))
def test_a_picture_fits_and_keeps_its_shape(width, height, columns, lines):
    wide, high = fitting(width, height, columns, lines * 2)
    assert 1 <= wide <= columns and 2 <= high <= lines * 2 and high % 2 == 0
    if min(wide, high) > 20:
        assert abs(wide / high - width / height) < 0.1 * width / height + 0.1


def test_upper_and_lower_half_have_their_colours():
    image = Image.new("RGB", (2, 2), (200, 40, 0))
    image.paste((0, 80, 240), (0, 1, 2, 2))
    cells = cells_of(encoded(image), 2, 1, true=True)
    (segment,) = cells.strips[0]
    assert (segment.text, segment.style.color.triplet, segment.style.bgcolor.triplet) == (
        "▀▀",
        (200, 40, 0),
        (0, 80, 240),
    )


def test_every_line_has_the_width():
    image = Image.effect_noise((300, 200), 80).convert("RGB")
    cells = cells_of(encoded(image, "WEBP"), 40, 20, true=True)
    assert (cells.columns, cells.lines) == (40, 14) or cells.lines == 13
    assert {strip.cell_length for strip in cells.strips} == {cells.columns}


def test_a_terminal_of_few_colours_gets_codes_of_its_own():
    image = Image.new("RGB", (2, 2), (200, 40, 0))
    (segment,) = cells_of(encoded(image), 2, 1, true=False).strips[0]
    assert segment.style._ansi is None


@pytest.mark.parametrize("blob", [b"", b"no picture", encoded(Image.new("RGB", (64, 64)))[:60]])
def test_what_is_no_picture_is_refused(blob):
    with pytest.raises(NoPicture):
        cells_of(blob, 20, 10, true=True)
