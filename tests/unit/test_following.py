"""Following faces: when their landmarks stand in for the detector, and when it must look."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.following import Following, FollowingRules
from workers.stages import Landmarks

SHAPE = (720, 1280)
BOX = np.array([[100, 100, 160, 180]], np.float32)


def face_landmarks(boxes: np.ndarray, presence: float = 0.9) -> Landmarks:
    """Four points of each face, a little inside its box."""
    low, high = boxes[:, :2] + 6, boxes[:, 2:] - 4
    corners = np.stack([low, high, np.stack([low[:, 0], high[:, 1]], 1), (low + high) / 2], 1)
    points = np.concatenate([corners, np.zeros((*corners.shape[:2], 1))], axis=2)
    return Landmarks(points.astype(np.float32), np.full(len(boxes), presence, np.float32))


class Camera:
    """A camera whose people are where `boxes` says; counts how often the detector looked."""

    def __init__(self, rules: FollowingRules | None = None, source: str = "cam-1") -> None:
        self.following = Following(rules)
        self.source = source
        self.looks = 0

    def frame(self, at_s: float, boxes: np.ndarray, presence: float = 0.9, shape=SHAPE):
        """Show one frame; return the boxes that the landmark network was given."""
        known = self.following.detections_for(self.source, at_s, shape)
        self.looks += known is None
        given = boxes if known is None else known.boxes_xyxy
        # The landmark network finds the faces where they are, if it is given as many boxes.
        marks = face_landmarks(boxes if len(boxes) == len(given) else given, presence)
        if self.following.lost_any(self.source, at_s, marks):
            self.looks += 1
            given, marks = boxes, face_landmarks(boxes, presence)
        n = len(given)
        points = np.zeros((n, 5, 2), np.float32)
        sure = np.full(n, 0.7, np.float32)
        self.reported, _ = self.following.learn(
            self.source, at_s, given, points, points, marks, sure
        )
        return given


def test_the_detector_looks_at_every_fifth_frame_of_a_film_at_five_a_second():
    camera = Camera()
    for index in range(20):
        camera.frame(index / 5, BOX)
    assert camera.looks == 4


def test_a_newcomer_waits_at_most_a_second_at_any_frame_rate():
    for fps in (2, 3, 5, 10, 30):
        camera, looked = Camera(), []
        for index in range(4 * fps):
            before = camera.looks
            camera.frame(index / fps, BOX)
            if camera.looks > before:
                looked.append(index / fps)
        assert np.diff(looked).max() <= 1.0 + 1e-9


def test_a_box_moves_with_its_landmarks_one_frame_later():
    camera = Camera()
    camera.frame(0.0, BOX)
    camera.frame(0.2, BOX + 10)
    assert camera.frame(0.4, BOX + 20) == pytest.approx(BOX + 10)


def test_a_followed_face_is_reported_where_it_is_now():
    camera = Camera()
    camera.frame(0.0, BOX)
    camera.frame(0.2, BOX + 10)
    assert camera.reported == pytest.approx(BOX + 10)


@given(step=st.floats(-8, 8), frames=st.integers(2, 40))
def test_a_followed_box_neither_drifts_nor_shrinks(step, frames):
    camera = Camera(FollowingRules(every=1000, max_age_s=1e6))
    big = np.array([[500, 300, 560, 380]], np.float32)
    for index in range(frames):
        given_boxes = camera.frame(index / 5, big + np.float32(step * index))
    expected = big + np.float32(step * max(frames - 2, 0))
    if camera.looks == 1:  # it left the picture otherwise
        assert given_boxes == pytest.approx(expected, abs=0.05)


def test_a_face_that_is_lost_is_looked_for_in_the_same_frame():
    camera = Camera()
    camera.frame(0.0, BOX)
    camera.frame(0.2, BOX + 40, presence=0.2)
    assert camera.looks == 2
    assert camera.reported == pytest.approx(BOX + 40)


def test_where_following_fails_again_and_again_it_is_hardly_tried_any_more():
    camera, tried = Camera(), 0
    for index in range(100):
        before = camera.looks
        # Seen by the landmark network only when freshly detected.
        known = camera.following.detections_for("cam-1", index / 5, SHAPE)
        tried += known is not None
        marks = face_landmarks(BOX, 0.9 if known is None else 0.1)
        assert camera.following.lost_any("cam-1", index / 5, marks) == (known is not None)
        points, sure = np.zeros((1, 5, 2), np.float32), np.array([0.7], np.float32)
        camera.following.learn("cam-1", index / 5, BOX, points, points, face_landmarks(BOX), sure)
        assert camera.looks == before
    assert tried <= 8


def test_a_profile_that_only_the_detector_sees_stays_for_two_frames_where_it_was():
    camera = Camera(FollowingRules(every_unseen=3))
    for index in range(3):
        assert camera.frame(index / 5, BOX + 0, presence=0.01) == pytest.approx(BOX)
        assert camera.looks == 1
    assert camera.frame(0.6, BOX + 30, presence=0.01) == pytest.approx(BOX + 30)
    assert camera.looks == 2


def test_two_faces_that_run_together_become_one_and_the_detector_looks():
    pair = np.array([[100, 100, 160, 180], [300, 100, 360, 180]], np.float32)
    camera = Camera()
    camera.frame(0.0, pair)
    camera.frame(0.2, np.repeat(BOX, 2, axis=0))
    camera.frame(0.4, BOX)
    assert camera.looks == 2


def test_a_face_that_leaves_the_picture_makes_the_detector_look():
    camera = Camera()
    camera.frame(0.0, BOX)
    camera.frame(0.2, BOX - 300)
    assert camera.looks == 2


@pytest.mark.parametrize("at_s", [0.71, -0.2, 0.0])
def test_gaps_and_frames_out_of_order_are_detected_in_full(at_s):
    camera = Camera()
    camera.frame(0.0, BOX)
    camera.frame(0.2, BOX)
    camera.frame(at_s, BOX)
    assert camera.looks == 2


def test_a_late_frame_does_not_overwrite_what_is_known_of_a_newer_one():
    camera = Camera()
    camera.frame(1.0, BOX)
    camera.frame(0.5, BOX + 200)
    assert camera.frame(1.2, BOX) == pytest.approx(BOX)


def test_another_picture_size_begins_anew():
    camera = Camera()
    camera.frame(0.0, BOX)
    camera.frame(0.2, BOX, shape=(1080, 1920))
    assert camera.looks == 2


def test_frames_of_one_batch_are_answered_before_any_is_learnt():
    following = Following()
    points, sure = np.zeros((1, 5, 2), np.float32), np.array([0.7], np.float32)
    assert following.detections_for("cam-1", 0.0, SHAPE) is None
    following.learn("cam-1", 0.0, BOX, points, points, face_landmarks(BOX), sure)
    answers = [following.detections_for("cam-1", at_s, SHAPE) for at_s in (0.2, 0.4)]
    for at_s, answer in zip((0.2, 0.4), answers, strict=True):
        marks = face_landmarks(BOX + np.float32(at_s * 50))
        following.learn("cam-1", at_s, answer.boxes_xyxy, points, points, marks, sure)
    moved = following.detections_for("cam-1", 0.6, SHAPE)
    assert moved.boxes_xyxy == pytest.approx(BOX + 20)


def test_an_empty_room_is_not_detected_anew_at_each_frame_but_within_a_second():
    nobody = np.zeros((0, 4), np.float32)
    camera = Camera()
    for index in range(10):
        camera.frame(index / 5, nobody)
    assert camera.looks == 2


def test_pictures_without_a_source_and_landmarks_without_presence_are_never_followed():
    single = Camera(source="")
    for index in range(3):
        single.frame(index / 5, BOX)
    assert single.looks == 3
    following = Following()
    following.detections_for("cam-1", 0.0, SHAPE)
    marks = Landmarks(face_landmarks(BOX).points_xyz, None)
    points = np.zeros((1, 5, 2), np.float32)
    following.learn("cam-1", 0.0, BOX, points, points, marks, np.ones(1))
    assert following.detections_for("cam-1", 0.2, SHAPE) is None


def test_memory_is_bounded_however_many_sources_come():
    following = Following()
    for index in range(1000):
        following.detections_for(f"cam-{index}", 0.0, SHAPE)
    assert len(following._sources) == 256
