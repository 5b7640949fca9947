"""Head poses: the project's signs, and the way there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.simulator.head import angles_deg, rotation
from deploy.simulator.scene import (
    build_room,
    calibration_deg,
    demo_rooms,
    pose_to_front,
    rounded_pose,
    seen_pose,
    small_room,
)

NOSE = np.array([0.0, 0.0, 1.0])
CROWN = np.array([0.0, 1.0, 0.0])
ROOMS = (*demo_rooms(), small_room())


def test_positive_yaw_turns_the_nose_to_image_right():
    assert (rotation(30, 0, 0) @ NOSE)[0] == pytest.approx(0.5)


def test_positive_pitch_lifts_the_nose():
    assert (rotation(0, 30, 0) @ NOSE)[1] == pytest.approx(0.5)


def test_positive_roll_tips_the_crown_clockwise_in_the_image():
    assert (rotation(0, 0, 30) @ CROWN)[0] == pytest.approx(0.5)


@given(st.floats(-179, 179), st.floats(-88, 88), st.floats(-179, 179))
def test_angles_come_back_from_their_matrix(yaw, pitch, roll):
    assert angles_deg(rotation(yaw, pitch, roll)) == pytest.approx((yaw, pitch, roll), abs=1e-6)


def test_drawn_poses_lie_on_a_grid_of_two_degrees():
    assert rounded_pose((3.1, -40.9, 0.4)) == (4.0, -40.0, 0.0)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.id)
def test_a_student_who_shows_the_calibrated_pose_faces_the_board(room):
    for camera in room.cameras:
        for seat in room.seats:
            neck = np.array(seat.neck_m)
            seen = seen_pose(camera, neck, room.front(neck))
            assert seen[:2] == pytest.approx(calibration_deg(room, camera, seat))
            assert pose_to_front(room, camera, neck, seen) == pytest.approx((0, 0, 0), abs=1e-9)


def test_a_seat_beside_the_camera_looks_past_it_to_the_board():
    room = build_room("r", "R", rows=1, columns=2, camera_offsets_m=(1.0,), width=1280, height=720)
    # The camera hangs right of the board in its own picture: everybody looks past it to the left.
    for seat in room.seats:
        yaw, pitch = calibration_deg(room, room.cameras[0], seat)
        assert yaw < -5
        assert pitch < 0, "the camera hangs above the board's middle"


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.id)
def test_every_camera_sees_every_seat_nearly_from_the_front(room):
    for camera in room.cameras:
        for seat in room.seats:
            x, y, depth = camera.project(np.array(seat.neck_m))
            assert 60 < x < camera.width - 60
            assert 60 < y < camera.height - 60
            assert depth > 0
            yaw, pitch = calibration_deg(room, camera, seat)
            assert abs(yaw) <= 25
            assert -14 <= pitch <= 0


def test_faces_are_large_enough_to_be_measured():
    for room in demo_rooms():
        for camera in room.cameras:
            px = [17.7 * camera.px_per_cm(np.array(seat.neck_m)) for seat in room.seats]
            assert min(px) >= 30
            assert sum(size >= 45 for size in px) >= len(px) * 2 / 3 - 1
