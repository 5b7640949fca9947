"""The real networks must find, measure and read the simulated heads: figures of the issue."""

import numpy as np
import pytest

from tests.simulator_gallery import Pose, Seen, show

HEADS = 240
CLOSED_EAR = 0.18


@pytest.fixture(scope="module")
def analyzer(weights):
    from workers.analyzer import FaceAnalyzer

    return FaceAnalyzer.load("cpu", expression=False, threads=1)


@pytest.fixture(scope="module")
def seen(analyzer, tmp_path_factory) -> Seen:
    """Heads of many students, turned and sized at random within what must be found."""
    rng = np.random.default_rng(5)
    poses = [
        Pose(
            seed=int(rng.integers(10_000)),
            yaw_deg=2 * int(rng.integers(-30, 31)),
            pitch_deg=2 * int(rng.integers(-20, 8)),
            roll_deg=2 * int(rng.integers(-7, 8)),
            face_px=float(rng.uniform(26, 72)),
        )
        for _ in range(HEADS)
    ]
    return show(poses, tmp_path_factory.mktemp("gallery") / "turned.mp4", analyzer)


@pytest.fixture(scope="module")
def eyes(analyzer, tmp_path_factory) -> Seen:
    """Nearly frontal heads of 45 px and more, every second one with closed eyes."""
    rng = np.random.default_rng(6)
    poses = [
        Pose(
            seed=int(rng.integers(10_000)),
            yaw_deg=2 * int(rng.integers(-15, 16)),
            pitch_deg=2 * int(rng.integers(-10, 5)),
            roll_deg=2 * int(rng.integers(-3, 4)),
            face_px=float(rng.uniform(45, 72)),
            openness=float(index % 2),
        )
        for index in range(HEADS // 2)
    ]
    return show(poses, tmp_path_factory.mktemp("gallery") / "eyes.mp4", analyzer)


def test_nearly_all_visible_faces_are_found(seen):
    assert seen.found(lambda pose: True) >= 0.98


def test_nothing_else_is_taken_for_a_face(seen, eyes):
    # At most one in 50 frames of twelve heads; these are 30.
    assert seen.false_positives + eyes.false_positives <= 1


def test_heads_face_down_on_the_desk_are_hardly_ever_found(analyzer, tmp_path):
    down = [Pose(seed, 2 * (seed % 11 - 5), -82 - 2 * (seed % 4), 0.0, 60.0) for seed in range(48)]
    assert show(down, tmp_path / "down.mp4", analyzer).found(lambda pose: True) <= 0.10


def test_pose_is_measured_as_drawn(seen):
    errors = np.array([_errors(s) for s in seen.sightings if _measured(s)])
    assert len(errors) > HEADS / 2
    yaw, pitch, roll = np.abs(errors).mean(0)
    assert yaw <= 3
    assert pitch <= 4
    assert roll <= 2


@pytest.mark.parametrize(
    ("turned", "name"),
    [((30, 0, 0), "yaw_deg"), ((0, 14, 0), "pitch_deg"), ((0, 0, 14), "roll_deg")],
)
def test_each_axis_has_the_sign_that_was_drawn(analyzer, tmp_path, turned, name):
    there = [Pose(seed, *turned, face_px=64.0) for seed in range(12)]
    back = [Pose(seed, *(-angle for angle in turned), face_px=64.0) for seed in range(12)]
    plus = show(there, tmp_path / "plus.mp4", analyzer).sightings
    minus = show(back, tmp_path / "minus.mp4", analyzer).sightings
    for one, other in zip(plus, minus, strict=True):
        assert getattr(one.face, name) > 5
        assert getattr(other.face, name) < -5


def test_open_and_closed_eyes_are_told_apart(eyes):
    rows = [(s.pose.openness > 0.5, np.mean(s.face.eye_openness)) for s in eyes.sightings if s.face]
    is_open, ear = (np.array(column) for column in zip(*rows, strict=True))
    right_open = np.mean(ear[is_open] >= CLOSED_EAR)
    right_closed = np.mean(ear[~is_open] < CLOSED_EAR)
    assert (right_open + right_closed) / 2 >= 0.95


def _measured(sighting) -> bool:
    pose = sighting.pose
    return sighting.face is not None and pose.face_px >= 30 and abs(pose.yaw_deg) <= 45


def _errors(sighting) -> tuple[float, float, float]:
    face, pose = sighting.face, sighting.pose
    return (
        face.yaw_deg - pose.yaw_deg,
        face.pitch_deg - pose.pitch_deg,
        face.roll_deg - pose.roll_deg,
    )
