"""Numbers of variants of any size: their digits, how they are told, which combination is the n-th."""

from itertools import combinations
from math import comb

from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.prompting.variation.counting import digits, nth_chosen, told_number


def test_numbers_are_told_as_people_say_them():
    assert [told_number(n) for n in (0, 999, 1200, 10**15 - 1)] == ["0", "999", "1,200", "999,999,999,999,999"]
    assert told_number(34 * 10**17) == "about 3.4 × 10^18"
    assert told_number(12345 * 10**9000) == "about 1.2 × 10^9004"
    assert told_number(99_999 * 10**40) == "about 9.9 × 10^44"


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 4), st.integers(0, 10**30), st.integers(0, 5000))
def test_digits_of_numbers_that_python_does_not_write(lead, rest, zeros):
    whole = (lead * 10**30 + rest) * 10**zeros
    assert digits(whole) == (f"{lead * 10**30 + rest}{'0' * zeros}" if whole else "0")


def test_the_nth_combination():
    for options in range(7):
        for taken in range(options + 1):
            made = [nth_chosen(options, taken, index) for index in range(comb(options, taken))]
            assert made == [list(each) for each in combinations(range(options), taken)]
    assert nth_chosen(50_000, 3, comb(50_000, 3) - 1) == [49_997, 49_998, 49_999]
