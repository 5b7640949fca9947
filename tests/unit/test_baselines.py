"""SCORE §3, rows B and L: who has fallen below their own baseline, and which lesson was lost."""

import pytest

from aggregator.baselines import WeekLesson, baseline, has_dropped
from aggregator.people import ClassMinute
from aggregator.results import early_and_late, is_lost

BASE = [72, 68, 75, 70, 66, 74]


def week(*scores, coverage=0.9, confidence=0.7):
    return [WeekLesson(score, coverage, confidence) for score in scores]


def test_b_the_baseline_is_a_median_and_its_mad():
    assert baseline(BASE) == (71, 3)


@pytest.mark.parametrize(
    ("score", "drop_percent", "z", "flagged"), [(56, 21.13, -3.37, True), (60, 15.49, -2.47, False)]
)
def test_b_a_drop_by_a_fifth_is_flagged(score, drop_percent, z, flagged):
    own = baseline(BASE)
    assert 100 * own.drop_share(score) == pytest.approx(drop_percent, abs=0.005)
    assert own.z(score) == pytest.approx(z, abs=0.005)
    assert has_dropped(own, week(score, score, score)) is flagged


def test_b_a_fifth_of_little_is_no_drop():
    assert not has_dropped(baseline([40] * 5), week(31, 31, 31))
    assert has_dropped(baseline([40] * 5), week(30, 30, 30))


def test_b_two_lessons_are_no_week():
    assert not has_dropped(baseline(BASE), week(50, 50))
    weak = week(50, coverage=0.49) + week(50, confidence=0.34)
    assert not has_dropped(baseline(BASE), week(50, 50) + weak)
    assert has_dropped(baseline(BASE), week(50, 50, 50) + weak)


def test_a_baseline_needs_five_lessons_and_looks_at_the_last_ten():
    assert baseline([70] * 4) is None
    assert baseline([10] * 20 + [50] * 10) == (50, 0)
    assert baseline([50] * 5).z(40) is None


def test_l_a_lesson_that_loses_eight_points_after_25_minutes_is_lost():
    scores = [78] * 10 + [74] * 10 + [66] * 12 + [62] * 8
    minutes = [ClassMinute(5 + i, float(s), "lecture") for i, s in enumerate(scores)]
    assert early_and_late(minutes, 60) == (76, 66)
    assert is_lost(76, 66)
    assert is_lost(76, 68)
    assert not is_lost(76, 68.01)


def test_l_without_both_parts_nothing_is_said_to_be_lost():
    assert not is_lost(None, 66)
    assert not is_lost(76, None)
