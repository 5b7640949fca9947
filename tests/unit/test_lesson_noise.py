"""Degrading the truth by the noise model, and fitting the model to what came out, are inverse."""

import msgspec
import numpy as np
import pytest

from deploy.lesson.classroom import build_classroom
from deploy.lesson.degrade import Degrader, faces_of
from deploy.lesson.matching import People, match_boxes
from deploy.lesson.noise_model import load_noise
from deploy.simulator.undrawn import Undrawn
from tests.studies.lesson_looks import FalseFace, Looks
from tests.studies.lesson_noise_fit import fit
from workers.geometry.canonical_mesh import load_canonical_mesh


@pytest.fixture(scope="module")
def model():
    """The committed model, but faces are missed often enough to tell how often."""
    recall = ((0.9, 0.85, 0.8, 0.6, 0.3),) * 6
    return msgspec.structs.replace(load_noise(), recall=recall, recall_memory=0.8)


@pytest.fixture(scope="module")
def film():
    classroom = build_classroom(12, 6, 5)
    undrawn = Undrawn(load_canonical_mesh(), classroom.room, classroom.lesson, 5)
    return undrawn.film(classroom.room.cameras[0])


def degraded(film, model, seed=3) -> tuple[Looks, list[FalseFace]]:
    """What a study would see of a film that the model has degraded."""
    degrader = Degrader(model, seed)
    parts = [degrader.answers(film.students), degrader.answers(film.bystanders)]
    looks = Looks.of(People(film.students, film.bystanders), 0.2)
    looks.found = np.concatenate([part.found for part in parts], axis=1)

    def seen(name):
        values = np.concatenate([getattr(part, name) for part in parts], axis=1)
        hide = ~looks.found.reshape(*looks.found.shape, *[1] * (values.ndim - 2))
        return np.where(hide, np.nan, values)

    looks.box, looks.confidence = seen("box_xyxy"), seen("confidence")
    looks.pose_deg, looks.ear = seen("pose_deg")[..., :2], seen("ear")
    faces = [face for frame in degrader.false_faces(film.students) for face in frame]
    return looks, [
        FalseFace(f.box_xyxy[3] - f.box_xyxy[1], f.confidence, f.box_xyxy) for f in faces
    ]


def test_a_fit_of_degraded_truth_gives_the_model_back(film, model):
    looks, false = degraded(film, model)
    again = fit([looks], false, model.origin)
    heights, turns = looks.height, looks.turn
    clear = looks.present & ~looks.down & (looks.hidden < 0.1)
    compared = 0
    for height, row in enumerate(model.recall):
        for turn, recall in enumerate(row):
            if (clear & (heights == height) & (turns == turn)).sum() > 2000:
                assert again.recall[height][turn] == pytest.approx(recall, abs=0.08)
                compared += 1
    assert compared >= 3
    assert again.recall_memory == pytest.approx(model.recall_memory, abs=0.15)
    assert again.box_shift == pytest.approx(model.box_shift, abs=0.03)
    assert again.box_growth == pytest.approx(model.box_growth, abs=0.05)
    common = np.bincount(heights[looks.found]).argmax()
    for name in ("yaw", "pitch", "box"):
        was, now = getattr(model, name), getattr(again, name)
        assert now.sd[common] == pytest.approx(was.sd[common], rel=0.3), name
        assert now.memory == pytest.approx(was.memory, abs=0.12), name
    # A dozen faces differ among themselves by .04.
    assert again.ear_open[common] == pytest.approx(model.ear_open[common], abs=0.06)
    assert again.ear_closed[common] == pytest.approx(model.ear_closed[common], abs=0.06)


def test_the_same_seed_degrades_alike_and_another_does_not(film, model):
    one, again, other = (Degrader(model, seed).answers(film.students) for seed in (4, 4, 5))
    assert (one.found == again.found).all()
    np.testing.assert_array_equal(one.box_xyxy, again.box_xyxy)
    assert (one.found != other.found).any()


def test_nobody_is_found_who_is_not_there(film, model):
    answers = Degrader(model, 1).answers(film.students)
    assert not (answers.found & ~film.students.present).any()


def test_faces_carry_what_was_told_and_no_more(film, model):
    answers = Degrader(model, 1).answers(film.students)
    faces = faces_of(answers, 700)
    assert len(faces) == answers.found[700].sum()
    assert all(0 <= face.confidence <= 1 for face in faces)
    assert all((face.yaw_deg is None) == (face.pitch_deg is None) for face in faces)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(faces[0]), type=type(faces[0])) == faces[0]


def test_a_poster_is_static_after_five_minutes_and_students_never(film, model):
    degrader = Degrader(model, 2)
    assert not degrader.answers(film.students).static.any()
    static = degrader.answers(film.bystanders).static
    assert not static[: 300 * 5].any()
    assert static[305 * 5 :, -1].any()
    assert not static[:, :-1].any()  # people who walk past


def test_false_faces_are_as_frequent_as_the_model_says(film, model):
    often = msgspec.structs.replace(
        model, false_faces=msgspec.structs.replace(model.false_faces, per_frame=0.5)
    )
    frames = Degrader(often, 1).false_faces(film.students)
    assert sum(map(len, frames)) / len(frames) == pytest.approx(0.5, rel=0.15)


def test_boxes_are_matched_one_to_one_by_overlap():
    true = np.array([[0, 0, 10, 10], [20, 0, 30, 10], [100, 0, 110, 10]], float)
    found = np.array([[21, 0, 31, 10], [1, 1, 11, 11], [60, 60, 70, 70]], float)
    assert sorted(match_boxes(found, true)) == [(0, 1), (1, 0)]
    assert match_boxes(found[:0], true) == []
