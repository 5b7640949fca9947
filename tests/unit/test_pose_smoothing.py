"""Poses along a track: steady at rest, not late when the head turns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.geometry.head_pose import rotation_from_angles
from workers.geometry.pose_smoothing import (
    PoseSmoother,
    PoseSmoothing,
    rotation_by_vector_deg,
    rotation_vector_deg,
)

FRAME_S = 1 / 12.5
part = st.floats(-100, 100)


def smoothed(yaws: list[float], frame_s: float = FRAME_S, weight: float = 1.0) -> np.ndarray:
    """The smoothed yaws of one track."""
    smoother = PoseSmoother()
    return np.array(
        [smoother.update(7, n * frame_s, yaw, 0.0, 0.0, weight)[0] for n, yaw in enumerate(yaws)]
    )


@given(part, part, part)
def test_a_rotation_vector_is_found_again(x, y, z):
    vector = np.array([x, y, z])
    again = rotation_vector_deg(rotation_by_vector_deg(vector))
    if np.linalg.norm(vector) < 175:
        assert again == pytest.approx(vector, abs=1e-6)


def test_the_first_pose_of_a_track_stays_as_it_was_measured():
    found = PoseSmoother().update(1, 5.0, 40.0, -20.0, 10.0, 0.2)
    assert found == pytest.approx((40.0, -20.0, 10.0))


@given(st.floats(-80, 80), st.floats(-60, 60), st.floats(-60, 60))
def test_a_head_that_holds_still_keeps_its_pose(yaw, pitch, roll):
    smoother = PoseSmoother()
    for n in range(4):
        found = smoother.update(1, n * FRAME_S, yaw, pitch, roll, 1.0)
    assert found == pytest.approx((yaw, pitch, roll), abs=1e-6)


def test_the_jitter_of_a_still_head_is_less_than_half_of_what_was_measured():
    noise = np.random.default_rng(1).normal(0.0, 0.4, 100).tolist()
    assert np.abs(np.diff(smoothed(noise))).mean() < 0.5 * np.abs(np.diff(noise)).mean()


@pytest.mark.parametrize("frame_s", [1 / 25, 1 / 12.5, 1 / 5])
def test_a_turning_head_is_less_than_a_frame_behind(frame_s):
    a_frame_deg = 120.0 * frame_s
    yaws = np.arange(-60.0, 60.0, a_frame_deg)
    found = smoothed(yaws.tolist(), frame_s)
    assert np.abs(found - yaws).max() < a_frame_deg


def test_what_is_not_trusted_moves_the_pose_less():
    jump = [0.0] * 5 + [30.0]
    doubtful, trusted = smoothed(jump, weight=0.3)[-1], smoothed(jump, weight=1.0)[-1]
    assert 0.0 < doubtful < 0.5 * trusted


def test_a_weight_of_zero_holds_the_last_pose():
    smoother = PoseSmoother()
    smoother.update(1, 0.0, 10.0, 0.0, 0.0, 1.0)
    assert smoother.update(1, FRAME_S, 50.0, 0.0, 0.0, 0.0)[0] == pytest.approx(10.0)


def test_yaw_passes_through_180_degrees_without_turning_back():
    smoother = PoseSmoother()
    for n, yaw in enumerate((170.0, 175.0, -180.0, -175.0, -170.0)):
        found, _, _ = smoother.update(1, n * FRAME_S, yaw, 0.0, 0.0, 1.0)
        assert abs(found) > 169.0


def test_tracks_do_not_touch_one_another():
    smoother = PoseSmoother()
    smoother.update(1, 0.0, 40.0, 0.0, 0.0, 1.0)
    assert smoother.update(2, FRAME_S, -40.0, 0.0, 0.0, 1.0)[0] == pytest.approx(-40.0)


@pytest.mark.parametrize("later_s", [-1.0, 0.0, 5.0])
def test_after_a_gap_or_a_step_back_in_time_a_track_starts_afresh(later_s):
    smoother = PoseSmoother()
    smoother.update(1, 2.0, 40.0, 0.0, 0.0, 1.0)
    assert smoother.update(1, 2.0 + later_s, -40.0, 0.0, 0.0, 1.0)[0] == pytest.approx(-40.0)


def test_an_unknown_pose_stays_unknown_and_the_track_goes_on():
    smoother = PoseSmoother()
    smoother.update(1, 0.0, 10.0, 0.0, 0.0, 1.0)
    assert np.isnan(smoother.update(1, FRAME_S, float("nan"), 0.0, 0.0, 1.0)[0])
    found, _, _ = smoother.update(1, 2 * FRAME_S, 12.0, 0.0, 0.0, 1.0)
    assert 10.0 < found < 12.0


def test_tracks_long_gone_are_forgotten():
    smoother = PoseSmoother(PoseSmoothing(max_gap_s=1.0))
    for track in range(1000):
        smoother.update(track, track * 0.1, 0.0, 0.0, 0.0, 1.0)
    assert len(smoother._tracks) <= 12


def test_a_rotation_vector_turns_with_its_axes():
    turn = rotation_from_angles(30.0, 10.0, 5.0)
    vector = np.array([3.0, -4.0, 12.0])
    turned = rotation_vector_deg(turn @ rotation_by_vector_deg(vector) @ turn.T)
    assert turned == pytest.approx(turn @ vector, abs=1e-9)
