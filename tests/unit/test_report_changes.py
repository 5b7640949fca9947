"""A change is called clear only where the periods before differ less among themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aggregator.reports.figures.changes import _T, change_words, compare

STEADY = [68.0, 69.0, 68.5, 68.0, 69.5, 68.5, 69.0, 68.0]
figures = st.floats(0, 100, allow_nan=False)


def test_the_quantiles_are_students():
    for freedom, quantile in _T.items():
        assert quantile == pytest.approx(stats.t.ppf(0.975, freedom), abs=5e-4)


def test_a_week_far_outside_of_steady_ones_is_a_clear_change():
    assert compare(75.0, STEADY).verdict == "rise"
    assert compare(60.0, STEADY).verdict == "fall"
    assert change_words(compare(75.0, STEADY), "week") == (
        "That is 7.0 points higher than in the week before (68.0): a clear rise (the 8 weeks "
        "before give reason to expect 66.6 to 70.6)."
    )


def test_the_same_step_among_restless_weeks_is_not():
    restless = [60.0, 75.0, 66.0, 80.0, 58.0, 71.0, 62.0, 68.0]
    change = compare(75.0, restless)
    assert change.verdict == "none"
    assert "no clear change" in change_words(change, "week")


def test_less_than_two_points_is_never_clear_however_steady_the_weeks():
    assert compare(70.9, [69.0] * 8).verdict == "none"
    assert compare(71.1, [69.0] * 8).verdict == "rise"


def test_a_fall_from_an_unusual_week_to_another_high_one_is_no_rise():
    assert compare(80.0, [60.0, 61.0, 60.0, 61.0, 60.0, 61.0, 60.0, 90.0]).verdict == "none"
    assert compare(74.0, [*[69.0] * 7, 75.0]).verdict == "none"


@pytest.mark.parametrize("earlier", [[], [50.0], [50.0, 51.0], [None, 50.0, None, 51.0]])
def test_two_earlier_figures_are_too_few_whatever_happened(earlier):
    change = compare(90.0, earlier)
    assert change.verdict == "too_few"
    assert "clear" not in change_words(change, "month")


def test_a_holiday_just_before_is_said():
    change = compare(90.0, [50.0, 51.0, 52.0, 50.0, None])
    assert change.verdict == "none"
    assert change_words(change, "week").startswith("The week just before has no figure")


def test_without_a_figure_nothing_is_compared():
    words = change_words(compare(None, STEADY), "week")
    assert words == "There is no figure to compare with the weeks before."


@given(figures, st.lists(st.one_of(st.none(), figures), max_size=12))
def test_a_verdict_always_rests_on_numbers_that_stand_beside_it(now, earlier):
    change = compare(now, earlier)
    if change.verdict in {"rise", "fall"}:
        assert change.periods >= 3
        assert not change.low <= now <= change.high
        assert (change.difference > 0) == (change.verdict == "rise")
    assert change_words(change, "week").endswith(".")
