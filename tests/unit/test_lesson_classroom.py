"""The class that `facepose lesson` plays: who does what, and where."""

import numpy as np
import pytest

from deploy.lesson.classroom import build_classroom
from deploy.simulator.script import Behaviour
from deploy.simulator.walk import walk

CASES = [(seats, minutes, seed) for seats in (6, 12, 30) for minutes in (2, 45) for seed in (1, 7)]


@pytest.mark.parametrize(("seats", "minutes", "seed"), CASES)
def test_every_lesson_has_all_that_goes_wrong(seats, minutes, seed):
    classroom = build_classroom(seats, minutes, seed)
    students, roles = classroom.lesson.students, classroom.roles
    length_s = 60 * minutes
    late = [s for s in students if 0 < s.arrives_s < length_s]
    early = [s for s in students if s.leaves_s < length_s]
    assert 1 <= len(late) <= 2
    assert len(early) == 1
    assert students[roles.absent].arrives_s > length_s
    assert {students[i].moves[0].seat for i in roles.swapped} == {
        students[i].seat for i in roles.swapped
    }
    assert all(
        any(s.behaviour is Behaviour.HEAD_DOWN for s in students[i].sections)
        for i in roles.heads_down
    )
    assert len({*roles.swapped, roles.absent, *roles.heads_down}) >= min(5, seats - 3)
    assert len(classroom.lesson.walkers) == 2
    assert len(classroom.lesson.posters) == 1
    assert 0.5 * length_s < classroom.swapped_at_s < 0.5 * length_s + 25


def test_both_cameras_see_every_seat():
    for seats in (6, 12, 30, 42):
        room = build_classroom(seats, 2, 7).room
        for camera in room.cameras:
            necks = np.array([seat.neck_m for seat in room.seats])
            x, y, _ = camera.project(necks).T
            face_px = 20 * np.array([camera.px_per_cm(neck) for neck in necks])
            assert (x > face_px / 2).all()
            assert (x < camera.width - face_px / 2).all()
            assert (y > face_px).all()
            assert (y < camera.height).all()


def test_a_way_to_another_seat_is_walked_at_one_speed_without_jumps():
    classroom = build_classroom(30, 6, 7)
    student = classroom.lesson.students[classroom.roles.swapped[0]]
    times = np.arange(0, 360, 0.1)
    played = walk(student, times)
    steps = np.linalg.norm(np.diff(played.shift_m, axis=0), axis=1)
    assert steps.max() < 0.13
    np.testing.assert_allclose(played.shift_m[-1], student.moves[0].way_m[-1])
    assert not played.seated[int(10 * student.moves[0].start_s) + 10]
    assert played.seated[-1]
    assert 1 < np.isfinite(played.heading_deg).sum() / 10 < 20


def test_the_same_seed_gives_the_same_lesson():
    assert build_classroom(30, 45, 3) == build_classroom(30, 45, 3)
    assert build_classroom(30, 45, 3).roles != build_classroom(30, 45, 4).roles


def test_classes_too_small_or_too_large_are_refused():
    for seats in (3, 60):
        with pytest.raises(ValueError, match=f"6 to 42 seats, not {seats}"):
            build_classroom(seats, 5, 7)
