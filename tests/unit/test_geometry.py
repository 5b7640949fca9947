"""Boxes, crops and pose, against values that can be worked out by hand."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.geometry.boxes import box_iou, keep_best
from workers.geometry.canonical_mesh import load_canonical_mesh
from workers.geometry.crops import Crops, crops_around, cut, from_crop
from workers.geometry.head_pose import (
    angles_from_rotations,
    fit_rotations,
    head_poses,
    rotation_from_angles,
)
from workers.geometry.protobuf import floats, integers, read_message

angle = st.floats(-80, 80)


def boxes(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_iou_of_half_shared_boxes_is_a_third():
    assert box_iou(boxes((0, 0, 2, 2)), boxes((1, 0, 3, 2)))[0, 0] == pytest.approx(1 / 3)


def test_iou_of_separate_and_of_empty_boxes_is_zero():
    found = box_iou(boxes((0, 0, 1, 1), (5, 5, 5, 5)), boxes((2, 2, 3, 3), (5, 5, 5, 5)))
    assert (found == 0).all()


def test_the_strongest_of_overlapping_boxes_stays_and_distant_ones_all_stay():
    found = keep_best(
        boxes((0, 0, 10, 10), (1, 1, 11, 11), (50, 50, 60, 60)),
        np.array([0.7, 0.9, 0.6], np.float32),
        max_iou=0.3,
    )
    assert found.tolist() == [1, 2]


def test_a_suppressed_box_suppresses_nothing():
    chain = boxes((0, 0, 10, 10), (6, 0, 16, 10), (12, 0, 22, 10))
    found = keep_best(chain, np.array([0.9, 0.8, 0.7], np.float32), max_iou=0.2)
    assert found.tolist() == [0, 2]


def test_no_boxes_stay_no_boxes():
    assert keep_best(np.empty((0, 4), np.float32), np.empty(0, np.float32), 0.3).size == 0


def one_crop(centre: tuple[float, float], side: float, angle_deg: float) -> Crops:
    return Crops(
        np.array([0]),
        np.array([centre], np.float32),
        np.array([side], np.float32),
        np.radians([angle_deg]).astype(np.float32),
    )


def test_the_middle_of_a_crop_is_its_centre():
    crop = one_crop((100.0, 60.0), 50.0, 30.0)
    middle = from_crop(np.full((1, 1, 3), 32.0, np.float32), crop, 64)
    assert middle[0, 0, :2] == pytest.approx((100.0, 60.0), abs=1e-4)


def test_depth_in_a_crop_is_scaled_like_the_rest():
    found = from_crop(np.full((1, 1, 3), 32.0, np.float32), one_crop((0, 0), 128.0, 0.0), 64)
    assert found[0, 0, 2] == pytest.approx(64.0)


@pytest.mark.parametrize(("side", "angle_deg"), [(64, 0), (90, 25), (200, -40), (900, 10)])
def test_a_spot_in_a_crop_is_found_where_it_was_in_the_picture(side, angle_deg):
    image = np.zeros((1000, 1000, 3), np.uint8)
    spot = (530.0, 480.0)
    cv2.circle(image, (530, 480), max(2, side // 30), (255, 255, 255), -1)
    crop = one_crop((500.0, 500.0), side, angle_deg)
    grey = cut([image], crop, 64)[0, :, :, 0].astype(float)
    rows, columns = np.mgrid[:64, :64] + 0.5
    place = [(columns * grey).sum() / grey.sum(), (rows * grey).sum() / grey.sum(), 0.0]
    found = from_crop(np.array([[place]], np.float32), crop, 64)[0, 0]
    assert found[:2] == pytest.approx((spot[0] + 0.5, spot[1] + 0.5), abs=0.02 * side)


def test_a_crop_beyond_the_picture_is_black_there():
    white = np.full((20, 20, 3), 255, np.uint8)
    found = cut([white], one_crop((0.0, 0.0), 40.0, 0.0), 40)
    assert found[0, :19, :19].max() == 0
    assert found[0, 21:39, 21:39].min() == 255


def test_a_crop_is_turned_until_the_eyes_are_level():
    eyes = np.array([[[10, 10], [20, 20]]], np.float32)
    crops = crops_around(boxes((0, 0, 30, 40)), eyes, np.array([0]), margin=1.5)
    assert np.degrees(crops.angle_rad[0]) == pytest.approx(45)
    assert crops.side_px[0] == pytest.approx(60)


def test_eyes_that_change_places_in_profile_do_not_turn_the_crop_over():
    eyes = np.array([[[20, 10], [19, 10]]], np.float32)
    crops = crops_around(boxes((0, 0, 30, 40)), eyes, np.array([0]), margin=1.5)
    assert abs(np.degrees(crops.angle_rad[0])) < 1


@given(yaw=angle, pitch=angle, roll=angle)
def test_angles_survive_the_way_through_a_rotation(yaw, pitch, roll):
    found = angles_from_rotations(rotation_from_angles(yaw, pitch, roll)[None])
    assert (found.yaw_deg[0], found.pitch_deg[0], found.roll_deg[0]) == pytest.approx(
        (yaw, pitch, roll), abs=1e-6
    )


NOSE = np.array([0.0, 0.0, 1.0])
CROWN = np.array([0.0, 1.0, 0.0])


def test_positive_yaw_points_the_nose_to_the_image_right():
    assert (rotation_from_angles(30, 0, 0) @ NOSE)[0] == pytest.approx(0.5)


def test_positive_pitch_points_the_nose_up():
    assert (rotation_from_angles(0, 30, 0) @ NOSE)[1] == pytest.approx(0.5)


def test_positive_roll_leans_the_crown_to_the_image_right_which_is_clockwise():
    assert (rotation_from_angles(0, 0, 30) @ CROWN)[0] == pytest.approx(0.5)


def landmarks_of(rotation: np.ndarray, scale: float = 12.0) -> np.ndarray:
    """The canonical face, turned, as the network would tell it: y down, z away, ten irises."""
    turned = load_canonical_mesh().vertices @ rotation.T * scale
    points = turned * (1, -1, -1) + (640, 360, 0)
    return np.concatenate((points, np.zeros((10, 3))))[None].astype(np.float32)


@pytest.mark.parametrize("yaw", [-60, -20, 0, 35, 80])
@pytest.mark.parametrize("pitch", [-50, 0, 25])
@pytest.mark.parametrize("roll", [-40, 0, 15])
def test_the_pose_of_a_turned_canonical_face_is_given_back(weights, yaw, pitch, roll):
    points = landmarks_of(rotation_from_angles(yaw, pitch, roll))
    found = head_poses(points, load_canonical_mesh())
    assert (found.yaw_deg[0], found.pitch_deg[0], found.roll_deg[0]) == pytest.approx(
        (yaw, pitch, roll), abs=1e-3
    )


def test_a_mirrored_face_still_gives_a_rotation(weights):
    points = landmarks_of(rotation_from_angles(10, 0, 0)) * (-1, 1, 1)
    (rotation,) = fit_rotations(points.astype(np.float32), load_canonical_mesh())
    assert np.linalg.det(rotation) == pytest.approx(1.0)
    assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-9)


def test_points_that_are_no_number_give_no_pose_and_do_not_spoil_their_neighbour(weights):
    points = np.concatenate([landmarks_of(rotation_from_angles(20, 5, 0))] * 2)
    points[0] = np.nan
    found = head_poses(points, load_canonical_mesh())
    assert np.isnan(found.yaw_deg[0])
    assert found.yaw_deg[1] == pytest.approx(20, abs=1e-3)


def test_the_canonical_mesh_is_a_face(weights):
    mesh = load_canonical_mesh()
    assert mesh.vertices.shape == (468, 3)
    assert mesh.uv.min() >= 0
    assert mesh.uv.max() <= 1
    assert mesh.triangles.shape == (898, 3)
    assert mesh.triangles.max() == 467
    assert np.count_nonzero(mesh.procrustes_weights) == 33
    nose_tip, chin, person_right_eye, person_left_eye = mesh.vertices[[1, 152, 33, 263]]
    assert nose_tip[2] > chin[2]
    assert chin[1] < nose_tip[1] < person_right_eye[1]
    assert person_right_eye[0] < 0 < person_left_eye[0]


def test_the_canonical_mesh_cannot_be_changed_by_accident(weights):
    with pytest.raises(ValueError, match="read-only"):
        load_canonical_mesh().vertices[0] = 0


def test_a_protobuf_message_is_read_field_by_field():
    packed = b"\x1a\x08" + np.array([1.5, -2.0], "<f4").tobytes()
    message = read_message(b"\x08\x96\x01" + b"\x08\x02" + packed + b"\x22\x03\x03\xac\x02")
    assert integers(message[1]).tolist() == [150, 2]
    assert floats(message[3]).tolist() == [1.5, -2.0]
    assert integers(message[4]).tolist() == [3, 300]


@pytest.mark.parametrize("data", [b"\x08", b"\x12\x05ab", b"\x0b\x00"])
def test_bytes_that_are_no_protobuf_message_are_refused(data):
    with pytest.raises(ValueError, match="not a protobuf message"):
        read_message(data)
