"""Blending on rotations, the stretched yaw, and whom the head pose network is asked about."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.geometry.canonical_mesh import load_canonical_mesh
from workers.geometry.head_pose import (
    HeadPoses,
    angles_from_rotations,
    blend_rotations,
    rotation_from_angles,
    rotations_from_poses,
)
from workers.models.sixdrepnet360 import MARGIN, SIDE_PX, head_crops, rotations_of
from workers.poses import blend, mesh_corrected, sixdrepnet360
from workers.poses.mesh_corrected import stretched_yaw
from workers.stages import Found, Landmarks

angle = st.floats(-80, 80)
BLACK = np.zeros((300, 300, 3), np.uint8)


class StandInNetwork:
    """Answers one rotation for every crop, and counts them."""

    def __init__(self, yaw_deg: float, pitch_deg: float, roll_deg: float) -> None:
        columns = rotation_from_angles(yaw_deg, pitch_deg, roll_deg)
        self.six = columns[:2].reshape(6).astype(np.float32)
        self.asked = 0

    def __call__(self, batch: np.ndarray) -> tuple[np.ndarray]:
        assert batch.shape[1:] == (SIDE_PX, SIDE_PX, 3)
        self.asked += len(batch)
        return (np.repeat(self.six[None], len(batch), axis=0),)


def faces(yaws_deg: list[float], presence: float = 1.0, height_px: float = 120.0) -> Found:
    """Faces whose landmarks are the canonical mesh, turned."""
    mesh = load_canonical_mesh().vertices
    n = len(yaws_deg)
    points = np.zeros((n, 478, 3), np.float32)
    for row, yaw in zip(points, yaws_deg, strict=True):
        row[:468] = mesh @ rotation_from_angles(yaw, 0.0, 0.0).T * (8.0, -8.0, -8.0) + 150.0
    box = np.array([[100.0, 100.0, 180.0, 100.0 + height_px]], np.float32)
    return Found(
        images=[BLACK],
        image_index=np.zeros(n, np.intp),
        boxes_xyxy=np.repeat(box, n, axis=0),
        points_xy=np.zeros((n, 5, 2), np.float32),
        confidence=np.ones(n, np.float32),
        landmarks=Landmarks(points, np.full(n, presence, np.float32)),
        crops=np.zeros((n, 256, 256, 3), np.uint8),
    )


def blended(found: Found, network: StandInNetwork) -> HeadPoses:
    return blend.POSE.build(lambda spec: network)(found)


@given(angle, angle, angle)
def test_the_networks_six_numbers_give_the_rotation_that_they_are_columns_of(yaw, pitch, roll):
    six = rotation_from_angles(yaw, pitch, roll)[:2].reshape(1, 6)
    assert rotations_of(six)[0] == pytest.approx(rotation_from_angles(yaw, pitch, roll), abs=1e-6)


@given(st.lists(st.floats(-5, 5, width=32), min_size=6, max_size=6))
def test_any_six_numbers_give_finite_numbers_and_most_a_rotation(six):
    numbers = np.array([six], np.float32)
    rotation = rotations_of(numbers)[0]
    assert np.isfinite(rotation).all()
    if np.linalg.norm(np.cross(numbers[0, :3], numbers[0, 3:])) > 1e-3:
        assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-6)
        assert np.linalg.det(rotation) == pytest.approx(1.0, abs=1e-6)


def test_the_crop_is_a_square_about_the_box_turned_with_the_eyes():
    points = np.zeros((1, 5, 2), np.float32)
    points[0, :2] = (20, 30), (40, 50)
    crops = head_crops(np.array([[10, 20, 50, 80]], np.float32), points, np.array([0]))
    assert crops.centre_xy[0].tolist() == [30.0, 50.0]
    assert crops.side_px[0] == pytest.approx(60 * MARGIN)
    assert np.degrees(crops.angle_rad[0]) == pytest.approx(45.0)


def test_the_turn_of_the_crop_is_added_to_the_heads_roll():
    turned = faces([0.0])
    turned.points_xy[0, :2] = (120, 130), (140, 150)
    found = sixdrepnet360.POSE.build(lambda spec: StandInNetwork(0.0, 0.0, 5.0))(turned)
    assert found.roll_deg[0] == pytest.approx(50.0, abs=1e-3)


@given(angle, angle, angle, angle)
def test_a_blend_of_half_and_half_is_as_far_from_the_one_as_from_the_other(a, b, c, d):
    one, other = rotation_from_angles(a, b, 0.0), rotation_from_angles(c, d, 0.0)
    middle = blend_rotations(one[None], other[None], np.array([0.5]))[0]
    assert np.trace(middle @ one.T) == pytest.approx(np.trace(middle @ other.T), abs=1e-6)


@given(angle, angle, angle, st.sampled_from([0.0, 1.0]))
def test_a_share_of_nothing_or_all_leaves_the_one_or_the_other(yaw, pitch, roll, share):
    pair = np.stack((np.eye(3), rotation_from_angles(yaw, pitch, roll)))
    found = blend_rotations(pair[:1], pair[1:], np.array([share]))[0]
    assert found == pytest.approx(pair[int(share)], abs=1e-9)


@given(angle, angle, angle)
def test_poses_become_rotations_and_again_the_same_poses(yaw, pitch, roll):
    poses = HeadPoses(np.array([yaw]), np.array([pitch]), np.array([roll]))
    again = angles_from_rotations(rotations_from_poses(poses))
    assert again.yaw_deg[0] == pytest.approx(yaw, abs=1e-6)
    assert again.pitch_deg[0] == pytest.approx(pitch, abs=1e-6)
    assert again.roll_deg[0] == pytest.approx(roll, abs=1e-6)


def test_no_poses_are_no_rotations():
    none = np.empty(0)
    assert rotations_from_poses(HeadPoses(none, none, none)).shape == (0, 3, 3)


@given(st.floats(-180, 180))
def test_yaw_is_stretched_alike_to_both_sides_and_never_towards_the_camera(yaw):
    there, back = stretched_yaw(np.array([yaw, -yaw]))
    assert there == -back
    assert abs(there) >= abs(yaw)


@given(st.floats(-90, 89.9))
def test_the_stretched_yaw_grows_with_the_yaw_and_makes_no_jump(yaw):
    low, high = stretched_yaw(np.array([yaw, yaw + 0.1]))
    assert 0.09 < high - low < 0.13


def test_up_to_thirty_degrees_the_mesh_is_believed():
    yaws = np.linspace(-30, 30, 7)
    assert stretched_yaw(yaws) == pytest.approx(yaws)


def test_the_corrected_mesh_turns_further_and_keeps_pitch_and_roll():
    pose = mesh_corrected.POSE.build(lambda spec: pytest.fail("it needs no network"))(faces([50]))
    assert pose.yaw_deg[0] == pytest.approx(55.0, abs=0.1)
    assert pose.pitch_deg[0] == pytest.approx(0.0, abs=0.1)
    assert pose.roll_deg[0] == pytest.approx(0.0, abs=0.1)


def test_the_network_alone_is_asked_about_every_face():
    network = StandInNetwork(20.0, -10.0, 5.0)
    found = sixdrepnet360.POSE.build(lambda spec: network)(faces([0, 40]))
    assert network.asked == 2
    assert found.yaw_deg == pytest.approx([20.0, 20.0], abs=1e-4)
    assert found.pitch_deg == pytest.approx([-10.0, -10.0], abs=1e-4)
    assert found.roll_deg == pytest.approx([5.0, 5.0], abs=1e-4)


def test_the_network_is_asked_only_about_turned_faces_and_wins_on_the_most_turned():
    network = StandInNetwork(70.0, 10.0, 0.0)
    found = blended(faces([0, -20, 35, 60]), network)
    assert network.asked == 2
    assert found.yaw_deg[:2] == pytest.approx([0.0, -20.0], abs=0.1)
    assert 36 < found.yaw_deg[2] < 70
    assert found.yaw_deg[3] == pytest.approx(70.0, abs=0.1)


def test_small_faces_are_left_to_the_mesh_however_far_they_turn():
    network = StandInNetwork(0.0, 0.0, 0.0)
    found = blended(faces([60], height_px=24.0), network)
    assert network.asked == 0
    assert found.yaw_deg[0] == pytest.approx(67.5, abs=0.1)


def test_a_face_in_which_the_landmark_network_sees_none_is_left_to_the_head_pose_network():
    network = StandInNetwork(-30.0, 0.0, 0.0)
    assert blended(faces([0], presence=0.2), network).yaw_deg[0] == pytest.approx(-30.0, abs=0.1)


def test_a_face_without_usable_landmarks_gets_the_networks_pose():
    lost = faces([10])
    lost.landmarks.points_xyz[:] = np.nan
    network = StandInNetwork(-30.0, 5.0, 0.0)
    assert blended(lost, network).yaw_deg[0] == pytest.approx(-30.0, abs=0.1)


def test_no_faces_have_no_poses():
    network = StandInNetwork(0.0, 0.0, 0.0)
    assert blended(faces([0])[np.array([], np.intp)], network).yaw_deg.shape == (0,)
    assert network.asked == 0


@pytest.mark.parametrize("presence", [1.0, 0.7])
def test_a_head_that_turns_slowly_makes_no_jump_where_the_network_joins_in(presence):
    yaws = np.arange(-60.0, 60.0, 0.5).tolist()
    found = blended(faces(yaws, presence), StandInNetwork(75.0, 0.0, 0.0)).yaw_deg
    assert np.abs(np.diff(found)).max() < 5.0


@given(st.floats(-90, 90), st.floats(0, 1), st.floats(1, 200))
def test_the_share_is_between_nothing_and_all(yaw, presence, height):
    share = blend.RULE.share(
        np.array([yaw]), np.array([presence], np.float32), np.array([height], np.float32)
    )
    assert 0.0 <= share[0] <= 1.0


def test_landmarks_that_tell_no_presence_leave_the_yaw_to_decide():
    share = blend.RULE.share(np.array([0.0, 60.0]), None, np.array([100.0, 100.0], np.float32))
    assert share.tolist() == [0.0, 1.0]
