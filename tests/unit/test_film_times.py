"""Time stamps of films: kept where they make sense, strictly growing always."""

from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from deploy.film.frame_times import FrameTimes

MILLISECOND = Fraction(1, 1000)


def placed(stamps, *, start=0, rate=25) -> list[int]:
    times = FrameTimes(MILLISECOND, Fraction(rate), start)
    return [times.place(stamp) for stamp in stamps]


@given(st.lists(st.one_of(st.none(), st.integers(-(10**7), 10**7)), max_size=50))
def test_times_grow_strictly_whatever_the_file_says(stamps):
    times = placed(stamps)
    assert all(later > earlier for earlier, later in pairwise(times))


@given(st.sets(st.integers(0, 10**7), min_size=1))
def test_stamps_that_grow_are_kept(stamps):
    assert placed(sorted(stamps)) == sorted(stamps)


def test_time_counts_from_the_films_start():
    assert placed([5000, 5040, 5100], start=5000) == [0, 40, 100]


def test_pictures_without_stamps_follow_at_the_films_rate():
    assert placed([None] * 4, rate=10) == [0, 100, 200, 300]


def test_a_picture_that_comes_too_late_is_moved_by_a_tick_and_the_next_is_in_time_again():
    assert placed([0, 40, 20, 80]) == [0, 40, 41, 80]


def test_after_a_jump_back_everything_follows_the_jump():
    assert placed([60_000, 60_040, 0, 40, 80], start=60_000) == [0, 40, 80, 120, 160]
