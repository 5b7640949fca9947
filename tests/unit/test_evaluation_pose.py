"""Angles in the data sets' own signs and orders of turns."""

from math import cos, radians, sin

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.evaluation.labels import PoseLabel
from workers.evaluation.metrics_pose import (
    angles_in_order,
    gains,
    geodesic_error_deg,
    mean_errors,
    pose_errors,
    rotation_in_order,
    sign_correlations,
    wrapped_difference,
)
from workers.geometry.head_pose import angles_from_rotations

yaws = st.floats(-85, 85)
pitches = st.floats(-85, 85)
rolls = st.floats(-170, 170)


def as_told_by_us(rotation) -> tuple[float, float, float]:
    poses = angles_from_rotations(rotation[None])
    return poses.yaw_deg[0], poses.pitch_deg[0], poses.roll_deg[0]


def rotation_of_300w_lp(pitch, yaw, roll) -> np.ndarray:
    """The rotation of a face model (x right, y up, z out of the face) as 300-W-LP's authors give
    it for the three angles of `Pose_Para` [rad]."""
    about_x = [[1, 0, 0], [0, cos(pitch), sin(pitch)], [0, -sin(pitch), cos(pitch)]]
    about_y = [[cos(yaw), 0, -sin(yaw)], [0, 1, 0], [sin(yaw), 0, cos(yaw)]]
    about_z = [[cos(roll), sin(roll), 0], [-sin(roll), cos(roll), 0], [0, 0, 1]]
    return np.array(about_x) @ np.array(about_y) @ np.array(about_z)


@pytest.mark.parametrize("order", ["yxz", "xyz"])
@given(yaw=yaws, pitch=pitches, roll=rolls)
def test_angles_come_back_from_their_rotation_in_either_order(order, yaw, pitch, roll):
    back = angles_in_order(rotation_in_order(yaw, pitch, roll, order), order)
    assert back == pytest.approx([yaw, pitch, roll], abs=1e-6)


@pytest.mark.parametrize("order", ["yxz", "xyz"])
def test_one_angle_alone_means_the_same_in_either_order(order):
    nose_right = rotation_in_order(30, 0, 0, order) @ [0, 0, 1]
    nose_up = rotation_in_order(0, 30, 0, order) @ [0, 0, 1]
    leaning_clockwise = rotation_in_order(0, 0, 30, order) @ [0, 1, 0]
    assert nose_right == pytest.approx([0.5, 0, cos(radians(30))])
    assert nose_up == pytest.approx([0, 0.5, cos(radians(30))])
    assert leaning_clockwise == pytest.approx([0.5, cos(radians(30)), 0])


@given(yaw=yaws, pitch=pitches, roll=rolls)
def test_the_right_rotation_has_no_error_in_the_angles_of_300w_lp(yaw, pitch, roll):
    rotation = rotation_of_300w_lp(radians(pitch), radians(yaw), radians(roll))
    label = PoseLabel(yaw_deg=-yaw, pitch_deg=pitch, roll_deg=roll, order="xyz")
    assert pose_errors(label, as_told_by_us(rotation)) == pytest.approx([0] * 5, abs=1e-4)


def test_the_same_head_has_other_angles_in_another_order():
    rotation = rotation_in_order(45, 30, 0, "xyz")
    label = PoseLabel(45, 30, 0, order="xyz")
    ours = as_told_by_us(rotation)
    assert abs(ours[1] - 30) > 5
    assert pose_errors(label, ours) == pytest.approx([0] * 5, abs=1e-6)


def test_errors_worked_out_by_hand_leave_out_what_the_set_does_not_tell():
    label = PoseLabel(yaw_deg=20, pitch_deg=-10, roll_deg=float("nan"), order="yxz")
    yaw, pitch, roll, mean, geodesic = pose_errors(label, (26, -14, 3))
    assert (yaw, pitch, mean) == pytest.approx((6, 4, 5))
    assert np.isnan(roll)
    assert np.isnan(geodesic)


def test_the_geodesic_error_is_the_one_turn_between_two_rotations():
    there, back = rotation_in_order(10, 0, 0, "yxz"), rotation_in_order(-25, 0, 0, "yxz")
    assert geodesic_error_deg(there, back) == pytest.approx(35)


def test_differences_go_the_short_way_round():
    assert wrapped_difference(np.array([179.0, 10.0]), np.array([-179.0, -10.0])) == pytest.approx(
        [2, 20]
    )


def test_each_axis_is_averaged_over_the_faces_that_have_it():
    errors = np.array([[2.0, 4, np.nan, 3, np.nan], [6, np.nan, np.nan, 6, np.nan]])
    means = mean_errors(errors, np.array([1.0, 3.0]))
    assert means[:2] == pytest.approx([5, 4])
    assert np.isnan(means[[2, 4]]).all()


def test_angles_found_half_as_large_have_a_gain_of_a_half_whatever_their_offset():
    told = np.stack((np.linspace(-40, 40, 30), np.linspace(20, -20, 30), np.zeros(30)), axis=1)
    yaw, pitch, roll = gains(told, told * (0.5, 1, 1) + (7, 0, 0), np.ones(30))
    assert (yaw, pitch) == pytest.approx((0.5, 1))
    assert np.isnan(roll)


def test_a_sign_read_the_wrong_way_round_shows_as_a_negative_correlation():
    told = np.stack((np.linspace(-40, 40, 30), np.linspace(20, -20, 30), np.zeros(30)), axis=1)
    yaw, pitch, roll = sign_correlations(told, told * (-1, 1, 1))
    assert yaw == pytest.approx(-1)
    assert pitch == pytest.approx(1)
    assert np.isnan(roll)
