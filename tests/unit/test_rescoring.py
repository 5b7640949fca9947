"""What a stored window or minute would have scored under other parameters."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.rescoring.class_shifts import ClassShifts, front_shares
from aggregator.rescoring.estimates import (
    DirectionModel,
    bin_centres,
    minute_sum_x,
    window_sum_x,
)
from aggregator.rescoring.slow_states import SlowStates
from aggregator.rescoring.stored_lesson import Activities
from aggregator.score_params import AS_1, params_from
from aggregator.windows import State, direction_bin

T0 = dt.datetime(2026, 11, 18, 10, 0, tzinfo=dt.UTC)
LESS_DESK = params_from({"credit": {"lecture": [1.0, 0.4, 0.2]}})


def awake():
    return 1.0


def half_awake():
    return 0.5


def window(front=0, recent=0, stale=0, away=0, *, sum_x, start=0, who=1):
    n_obs = front + recent + stale + away
    return {
        "participation_id": who,
        "window_start": T0 + dt.timedelta(seconds=start),
        "window_s": 10,
        "n_front": front,
        "n_desk_recent": recent,
        "n_desk_stale": stale,
        "n_away": away,
        "n_obs": n_obs,
        "n_exp": 10,
        "sum_x": sum_x,
        "state": int(State.UNKNOWN),
    }


def minute(counts, sum_x):
    hist = bytearray(72)
    for (dy, dp), seconds in counts.items():
        hist[direction_bin(dy, dp)] = seconds
    return {"direction_hist": bytes(hist), "sum_x": sum_x, "n_obs": sum(hist)}


def test_t0_a_windows_sum_follows_the_credits_of_its_labels():
    five_and_five = window(front=5, recent=5, sum_x=90_000)  # 5 x 100 + 5 x 80
    assert window_sum_x(five_and_five, "lecture", AS_1, LESS_DESK, awake) == 70_000
    half_asleep = window(front=5, recent=5, sum_x=45_000)
    assert window_sum_x(half_asleep, "lecture", AS_1, LESS_DESK, awake) == 35_000
    assert window_sum_x(five_and_five, "seatwork", AS_1, LESS_DESK, awake) == 90_000


def test_t0_what_the_old_credits_gave_nothing_is_estimated_from_the_eyes():
    nothing_for_desks = params_from({"credit": {"lecture": [1.0, 0.8, 0.0]}})
    stale = window(stale=10, sum_x=0)
    assert window_sum_x(stale, "lecture", nothing_for_desks, AS_1, half_awake) == 20_000
    assert window_sum_x(window(away=10, sum_x=800), "lecture", AS_1, LESS_DESK, awake) == 800


def test_t0_a_window_never_exceeds_full_attention():
    generous = params_from({"credit": {"lecture": [1.0, 1.0, 1.0]}})
    lucky = window(front=1, stale=4, sum_x=40_000)
    assert window_sum_x(lucky, "lecture", AS_1, generous, awake) == 50_000


@given(
    st.lists(st.integers(0, 3), min_size=4, max_size=4).filter(any),
    st.integers(0, 100),
    st.sampled_from(["lecture", "seatwork", "unknown"]),
)
def test_t0_unchanged_parameters_change_nothing(labels, percent, activity):
    row = window(*labels, sum_x=percent * 100 * sum(labels))
    assert window_sum_x(row, activity, AS_1, AS_1, half_awake) == pytest.approx(row["sum_x"])


def test_t1_the_bins_of_the_histogram_are_those_into_which_directions_go():
    dy, dp = bin_centres()
    assert [direction_bin(y, p) for y, p in zip(dy, dp, strict=True)] == list(range(72))
    assert (dy.min(), dy.max(), dp.min(), dp.max()) == (-55, 55, -52.5, 22.5)


def test_t1_directions_are_judged_by_the_new_boxes():
    narrow = DirectionModel(params_from({"front_box_deg": [5, 10], "membership_deg": [5, 15]}))
    row = minute({(5, 0): 30, (25, 0): 30}, sum_x=600_000)
    old = DirectionModel(AS_1)
    assert minute_sum_x(row, "lecture", old, narrow, 1.0) == 300_000
    asleep = {**row, "sum_x": 300_000}
    assert minute_sum_x(asleep, "lecture", old, narrow, 1.0) == 150_000


def test_t1_how_recent_looks_to_the_desk_are_is_told_by_the_share():
    row = minute({(5, -40): 60}, sum_x=240_000)
    old, new = DirectionModel(AS_1), DirectionModel(LESS_DESK)
    assert minute_sum_x(row, "lecture", old, new, 0.0) == 120_000
    assert minute_sum_x({**row, "sum_x": 480_000}, "lecture", old, new, 1.0) == 240_000


def test_t1_what_the_old_formula_gave_nothing_is_estimated_from_the_eyes():
    wide = DirectionModel(params_from({"front_box_deg": [60, 30]}))
    row = minute({(55, 20): 60}, sum_x=0)
    assert minute_sum_x(row, "lecture", DirectionModel(AS_1), wide, 1.0, half_awake) == 300_000


@given(
    st.lists(st.integers(0, 60), min_size=72, max_size=72),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_t1_a_sum_stays_between_nothing_and_full_attention(hist, recent, share):
    row = {"direction_hist": bytes(hist), "n_obs": sum(hist), "sum_x": 10_000 * sum(hist) * share}
    old = DirectionModel(AS_1)
    assert minute_sum_x(row, "lecture", old, old, recent) == pytest.approx(row["sum_x"])
    for changes in ({"front_box_deg": [60, 60]}, {"front_box_deg": [1, 1]}):
        new = DirectionModel(params_from(changes))
        assert 0 <= minute_sum_x(row, "lecture", old, new, recent) <= 10_000 * sum(hist)


def test_a_minute_without_a_histogram_keeps_its_sum():
    row = {"direction_hist": None, "n_obs": 60, "sum_x": 1234}
    old, new = DirectionModel(AS_1), DirectionModel(LESS_DESK)
    assert minute_sum_x(row, "lecture", old, new, 1.0) == 1234
    assert not np.any(old.front_seconds(np.zeros(72)))


def test_states_and_low_seconds_follow_the_new_scores():
    """SCORE's row H1: windows of 90 x 3, 20 x 15, 90 x 8."""
    scores = [90] * 3 + [20] * 15 + [90] * 8
    rows = [window(front=10, sum_x=score * 1000, start=10 * i) for i, score in enumerate(scores)]
    states = SlowStates(rows, ClassShifts([]), Activities())
    told = [row["state"] for row in states.told_in(rows)]
    assert (told[2], told[7], told[13], told[22], told[25]) == (
        State.HIGH, State.MIXED, State.LOW, State.MIXED, State.HIGH,
    )  # fmt: skip
    assert states.low(1) == (10 * told.count(State.LOW), 1)
    class_away = [
        {**row, "participation_id": 9 + n, "n_front": 0} for row in rows for n in range(5)
    ]
    shifted = SlowStates(rows, ClassShifts(class_away), Activities())
    assert shifted.low(1) == (states.low(1)[0], 0)
    assert states.low(2) == (0, 0)
    exam = SlowStates(rows, ClassShifts([]), Activities([(T0, "exam")]))
    assert {row["state"] for row in exam.told_in(rows)} == {State.UNKNOWN}
    assert exam.low(1) == (0, 0)


def test_a_class_that_turns_away_together_for_20_s_is_a_shift():
    rows = [
        window(front=f, away=10 - f, sum_x=0, start=10 * i, who=who)
        for i, f in enumerate([10, 3, 3, 4, 3, 3])
        for who in range(5)
    ]
    starts = [T0 + dt.timedelta(seconds=10 * i) for i in range(6)]
    shifts = ClassShifts(rows)
    assert [shifts.at(1, start) for start in starts] == [False, False, True, False, False, True]
    assert front_shares([row for row in rows if row["participation_id"] < 4]) == {}


def test_what_the_stored_events_tell_of_a_fall_counts_more_than_the_labels():
    """Two falls, one event: the one in which fewer of the class faced the front was the shift."""
    rows = [
        window(front=f, away=10 - f, sum_x=0, start=10 * i, who=who)
        | {"state": int(State.LOW if i in {2, 5} else State.MIXED)}
        for i, f in enumerate([10, 5, 5, 10, 6, 6])
        for who in range(5)
    ]
    starts = [T0 + dt.timedelta(seconds=10 * i) for i in range(6)]
    shifts = ClassShifts(rows, [{"participation_id": 1, "low_events": 1}])
    assert (shifts.at(1, starts[2]), shifts.at(1, starts[5])) == (True, False)
    assert not shifts.at(2, starts[2])


def test_activities_hold_until_the_next_one():
    half = T0 + dt.timedelta(seconds=30)
    activities = Activities([(T0, "lecture"), (half, "exam")])
    early, late = T0 - dt.timedelta(hours=1), T0 + dt.timedelta(hours=1)
    assert [activities.at(time) for time in (early, T0, half, late)] == [
        "lecture", "lecture", "exam", "exam",
    ]  # fmt: skip
    assert activities.within(T0, half) == {"lecture"}
    assert activities.within(T0, late) == activities.names == {"lecture", "exam"}
    assert Activities().within(T0, late) == {"unknown"}
