"""Faces followed from frame to frame, at the few frames a second that cameras give."""

import math

import msgspec

from aggregator.tracking import Tracker
from tests.unit.room_log import HEIGHT, NS, WIDTH, face


def feed(tracker, at_s, *faces):
    return tracker.update(round(at_s * NS), faces, WIDTH, HEIGHT)


def test_a_still_face_keeps_its_track():
    tracker = Tracker()
    ids = [feed(tracker, k / 2, face(0.5, 0.5))[0] for k in range(20)]
    assert set(ids) == {1}


def test_a_face_that_moves_by_more_than_half_its_size_between_frames_is_followed():
    """80 px faces, 2 frames a second, 50 px a frame: boxes barely overlap."""
    tracker = Tracker()
    ids = [feed(tracker, k / 2, face(0.2 + k * 50 / WIDTH, 0.5))[0] for k in range(12)]
    assert set(ids) == {1}


def test_neighbours_who_sway_keep_their_own_tracks():
    tracker = Tracker()
    for k in range(40):
        sway = 0.02 * math.sin(k)
        faces = [face(0.2 + 0.1 * i + sway * (-1) ** i, 0.5) for i in range(6)]
        assert feed(tracker, k / 2, *faces) == [1, 2, 3, 4, 5, 6]


def test_an_occlusion_of_two_seconds_is_bridged_and_three_are_not():
    tracker = Tracker()
    feed(tracker, 0.0, face(0.5, 0.5))
    assert feed(tracker, 2.0, face(0.51, 0.5)) == [1]
    assert feed(tracker, 5.0, face(0.51, 0.5)) == [2]


def test_a_doubtful_face_continues_a_track_but_opens_none():
    tracker = Tracker()
    assert feed(tracker, 0.0, face(0.5, 0.5, confidence=0.4)) == [0]
    feed(tracker, 0.5, face(0.5, 0.5, confidence=0.9))
    assert feed(tracker, 1.0, face(0.5, 0.5, confidence=0.4)) == [1]


def test_the_confident_face_is_matched_before_the_doubtful_one():
    tracker = Tracker()
    feed(tracker, 0.0, face(0.5, 0.5))
    doubtful, sure = face(0.5, 0.5, confidence=0.3), face(0.515, 0.5, confidence=0.9)
    assert feed(tracker, 0.5, doubtful, sure) == [0, 1]


def test_two_faces_that_pass_each_other_keep_their_tracks():
    tracker = Tracker()
    for k in range(24):
        left = face(0.3 + 0.015 * k, 0.5)
        right = face(0.66 - 0.015 * k, 0.53)
        ids = feed(tracker, k / 5, left, right)
    assert ids == [1, 2]


def test_tracks_do_not_depend_on_the_order_of_faces_or_on_the_pictures_size():
    tracker = Tracker()
    feed(tracker, 0.0, face(0.2, 0.5), face(0.6, 0.5))
    assert feed(tracker, 0.5, face(0.6, 0.5), face(0.2, 0.5)) == [2, 1]
    half = [
        msgspec.structs.replace(f, box_xyxy=tuple(v / 2 for v in f.box_xyxy))
        for f in (face(0.2, 0.5), face(0.6, 0.5))
    ]
    assert tracker.update(NS, half, WIDTH // 2, HEIGHT // 2) == [1, 2]


def test_broken_boxes_belong_to_no_track():
    nan = float("nan")
    tracker = Tracker()
    flat = msgspec.structs.replace(face(0.5, 0.5), box_xyxy=(10.0, 10.0, 10.0, 20.0))
    assert feed(tracker, 0.0, face(nan, 0.5), flat, face(0.5, 0.5, px=1e9)) == [0, 0, 0]


def test_each_camera_counts_its_own_tracks():
    assert feed(Tracker(), 0.0, face(0.5, 0.5)) == feed(Tracker(), 0.0, face(0.5, 0.5)) == [1]
