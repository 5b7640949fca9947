"""Track numbers and what a track comes to."""

import numpy as np
import pytest

from deploy.film.track_summary import TrackSummaries, TrackSummary
from deploy.film.tracks import TrackNumbers
from schemas.messages import EXPRESSIONS
from workers.face import Face


def a_face(x=100.0, y=100.0, *, size=60.0, **changes) -> Face:
    values = {
        "box_xyxy": (x, y, x + size, y + 1.2 * size),
        "confidence": 0.9,
        "landmarks_xy": np.full((478, 2), 30.0, np.float32),
        "yaw_deg": 0.0,
        "pitch_deg": 0.0,
        "roll_deg": 0.0,
        "eye_openness": (0.3, 0.3),
        "presence": 1.0,
        "expression_probs": None,
    }
    return Face(**{**values, **changes})


def numbers_of(frames, *, fps=25.0) -> list[list[int]]:
    tracks = TrackNumbers()
    return [tracks.number(i / fps, faces, 640, 360) for i, faces in enumerate(frames)]


def test_two_people_who_walk_keep_their_numbers_whatever_the_order_of_the_faces():
    frames = []
    for step in range(50):
        pair = [a_face(20 + 4 * step), a_face(400 - 2 * step, 200)]
        frames.append(pair if step % 2 else pair[::-1])
    numbers = numbers_of(frames)
    assert numbers[0] == [1, 2]
    assert all(sorted(both) == [1, 2] for both in numbers)
    assert numbers[-1] == numbers[1] == [2, 1]


def test_a_face_that_was_hidden_for_two_seconds_gets_its_number_back():
    frames = [[a_face()]] * 5 + [[]] * 48 + [[a_face(108)]]
    assert numbers_of(frames)[-1] == [1]


def test_a_face_that_was_away_for_longer_gets_a_new_number_and_the_old_is_never_used_again():
    frames = [[a_face()]] * 5 + [[]] * 60 + [[a_face()]]
    assert numbers_of(frames)[-1] == [2]


def test_a_doubtful_face_is_numbered_too():
    assert numbers_of([[a_face(confidence=0.35)]]) == [[1]]


def test_numbers_are_the_same_each_time():
    rng = np.random.default_rng(3)
    frames = [
        [a_face(*rng.uniform(0, 300, 2)) for _ in range(rng.integers(0, 6))] for _ in range(40)
    ]
    assert numbers_of(frames) == numbers_of(frames)


def test_a_summary_tells_when_and_how_a_face_was_seen():
    summary = TrackSummary(7, 1.0, 1.0)
    happy = tuple(float(name == "happiness") for name in EXPRESSIONS)
    neutral = tuple(float(name == "neutral") for name in EXPRESSIONS)
    for at_s, yaw, pitch, eyes, probs in [
        (1.0, 10.0, -5.0, 0.3, happy),
        (1.5, -20.0, -15.0, 0.1, neutral),
        (2.0, 30.0, 1.0, 0.3, happy),
    ]:
        face = a_face(
            yaw_deg=yaw, pitch_deg=pitch, eye_openness=(eyes, eyes), expression_probs=probs
        )
        summary.add(at_s, face)
    assert summary.as_record() == {
        "track": 7,
        "first_s": 1.0,
        "last_s": 2.0,
        "frames": 3,
        "mean_abs_yaw_deg": 20.0,
        "median_pitch_deg": -5.0,
        "expression": "happiness",
        "eyes_closed": 0.333,
    }


@pytest.mark.parametrize(
    "unjudged", [{"yaw_deg": 50.0}, {"size": 40.0}, {"eye_openness": None}, {"pitch_deg": -30.0}]
)
def test_eyes_that_cannot_be_judged_are_not_called_open_or_closed(unjudged):
    summary = TrackSummary(1, 0.0, 0.0)
    summary.add(0.0, a_face(**unjudged))
    assert summary.eyes_closed is None


def test_a_face_without_pose_or_expression_is_counted_all_the_same():
    summary = TrackSummary(1, 0.0, 0.0)
    summary.add(0.0, a_face(yaw_deg=None, pitch_deg=None, roll_deg=None))
    assert summary.frames == 1
    assert summary.mean_abs_yaw_deg is summary.median_pitch_deg is summary.expression is None


def test_summaries_are_kept_by_track_and_faces_without_one_are_left_out():
    summaries = TrackSummaries()
    summaries.add(0.0, [1, 2, 0], [a_face(), a_face(), a_face()])
    summaries.add(0.5, [2], [a_face()])
    assert [(s.track, s.frames, s.last_s) for s in summaries] == [(1, 1, 0.0), (2, 2, 0.5)]
