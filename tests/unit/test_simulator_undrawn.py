"""The truth from geometry alone is the truth that drawing gives."""

import numpy as np
import pytest

from deploy.lesson.classroom import build_classroom
from deploy.simulator.stage import Stage
from deploy.simulator.undrawn import Undrawn
from workers.geometry.canonical_mesh import load_canonical_mesh

EXACT = ("present", "seated", "seen_deg", "front_deg", "neck_xy", "box_xyxy", "openness", "smile")


@pytest.fixture(scope="module")
def classroom():
    return build_classroom(6, 2, 7)


@pytest.fixture(scope="module")
def undrawn(classroom):
    return Undrawn(load_canonical_mesh(), classroom.room, classroom.lesson, 5)


def frames_of(classroom) -> list[int]:
    """The opening, the walkers, the change of seats, after it, and the leaver; all even."""
    lesson = classroom.lesson
    changes = int(classroom.swapped_at_s * 10)
    walkers = [int((w.start_s + 2) * 10) for w in (*lesson.walkers, lesson.passer)]
    leaver = min(s.leaves_s for s in lesson.students)
    moments = [0, 150, *walkers, changes - 60, changes - 20, changes + 50, int(leaver * 10) + 20]
    return [frame - frame % 2 for frame in moments]


def test_poses_boxes_and_eyes_are_those_of_the_drawn_film(classroom, undrawn):
    camera = classroom.room.cameras[1]
    truth = undrawn.film(camera).students
    stage = Stage(load_canonical_mesh(), classroom.room, camera, classroom.lesson)
    errors = []
    for frame in frames_of(classroom):
        _, moment = stage.draw(frame, 10)
        for name in EXACT:
            drawn, reckoned = getattr(moment, name), getattr(truth, name)[frame // 2]
            np.testing.assert_allclose(
                reckoned.astype(float), drawn.astype(float), atol=2e-3, err_msg=f"{name} {frame}"
            )
        here = moment.present
        assert (truth.behaviour[frame // 2] == moment.behaviour)[here].all()
        errors += (truth.occluded[frame // 2] - moment.occluded)[here].tolist()
    assert np.mean(np.abs(errors)) < 0.05
    assert abs(np.mean(errors)) < 0.03


def test_a_frame_rate_that_does_not_divide_the_films_is_refused(classroom):
    with pytest.raises(ValueError, match="3 frames a second are not a whole part of 10"):
        Undrawn(load_canonical_mesh(), classroom.room, classroom.lesson, 3)


def test_bystanders_are_told_apart_from_students(undrawn, classroom):
    film = undrawn.film(classroom.room.cameras[0])
    names = [seat.label for seat in film.bystanders.seats]
    assert names == ["walker-1", "walker-2", "passer", "poster-1"]
    there = film.bystanders.present
    assert there[:, 3].all()  # a poster does not leave
    assert 10 < there[:, 0].sum() < 40  # somebody who walks past is gone after 4.4 s
    assert not film.bystanders.seated.any()


def test_whoever_walks_in_front_hides_faces(undrawn, classroom):
    lesson = classroom.lesson
    truth = undrawn.film(classroom.room.cameras[0]).students
    for passer in (lesson.passer, *lesson.walkers):
        start = int(passer.start_s * 5)
        during = truth.occluded[start : start + 22].max(axis=0)
        before = truth.occluded[start - 22 : start].max(axis=0)
        assert ((during > 0.8) & (before < 0.3)).any()


def test_two_students_sit_in_each_others_seats_at_the_end(undrawn, classroom):
    one, other = classroom.roles.swapped
    truth = undrawn.film(classroom.room.cameras[0]).students
    seats = classroom.seat_of(truth.seated, 5)
    assert (seats[10, one], seats[10, other]) == (one, other)
    assert (seats[-1, one], seats[-1, other]) == (other, one)
    sat = int(classroom.swapped_at_s * 5)
    assert -1 in (seats[sat - 3, one], seats[sat - 3, other])
    assert (seats[sat + 3, one], seats[sat + 3, other]) == (other, one)
    places = truth.neck_xy[:, [one, other]]
    assert np.linalg.norm(places[-1, 0] - places[10, 1]) < 40
    assert np.linalg.norm(places[-1, 1] - places[10, 0]) < 40


def test_the_absent_student_never_comes(undrawn, classroom):
    truth = undrawn.film(classroom.room.cameras[0]).students
    assert not truth.present[:, classroom.roles.absent].any()
    assert truth.present.any(axis=0).sum() == len(classroom.room.seats) - 1
