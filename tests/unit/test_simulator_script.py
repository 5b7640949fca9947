"""The lesson's script: seeded, different for each student, of any length."""

from itertools import pairwise

import numpy as np
import pytest

from deploy.simulator.course import course
from deploy.simulator.scene import demo_rooms, small_room
from deploy.simulator.script import FPS, Behaviour, write_lesson

LENGTHS = (1.2, 2.0, 40.0)
ON_TASK = (Behaviour.BOARD, Behaviour.WRITING, Behaviour.DROWSY)


def lessons(seeds=range(4)):
    for seed in seeds:
        for minutes in LENGTHS:
            for room in (*demo_rooms(), small_room()):
                yield room, minutes, write_lesson(room, minutes, seed)


def on_task_share(student) -> float:
    on_s = sum(s.end_s - s.start_s for s in student.sections if s.behaviour in ON_TASK)
    return on_s / (student.leaves_s - student.arrives_s)


def test_the_same_seed_writes_the_same_lesson():
    room = demo_rooms()[0]
    assert write_lesson(room, 2, 5) == write_lesson(room, 2, 5)
    assert write_lesson(room, 2, 5) != write_lesson(room, 2, 6)


def test_sections_fill_each_students_time_without_gaps():
    for _, minutes, lesson in lessons():
        for student in lesson.students:
            sections = student.sections
            assert sections[0].start_s == student.arrives_s
            assert sections[-1].end_s == pytest.approx(student.leaves_s)
            assert all(a.end_s == pytest.approx(b.start_s) for a, b in pairwise(sections))
            assert lesson.duration_s == minutes * 60


def test_behaviours_last_long_enough_for_windows_of_ten_seconds():
    for _, minutes, lesson in lessons():
        shortest = min(s.end_s - s.start_s for t in lesson.students for s in t.sections)
        assert shortest >= (6.5 if minutes < 2 else 7.5)


def test_nobody_keeps_one_behaviour_for_the_whole_lesson():
    for _, _, lesson in lessons(range(30)):
        for student in lesson.students:
            assert len({section.behaviour for section in student.sections}) >= 2


def test_students_differ_but_not_wildly():
    for room in demo_rooms():
        for seed in range(10):
            shares = [100 * on_task_share(s) for s in write_lesson(room, 2, seed).students]
            assert 8 <= np.std(shares) <= 20


def test_most_are_to_be_seen_while_seats_lock():
    for room, _, lesson in lessons():
        steady = [
            student
            for student in lesson.students
            if student.arrives_s == 0
            and all(s.behaviour in ON_TASK for s in student.sections if s.start_s < 25)
        ]
        assert len(steady) >= len(room.seats) - 2


def test_somebody_comes_late_somebody_leaves_and_somebody_walks_past():
    for _, minutes, lesson in lessons():
        length_s = 60 * minutes
        late = [s for s in lesson.students if s.arrives_s > 0]
        assert 1 <= len(late) <= 2
        assert all(0.15 * length_s < s.arrives_s < 0.25 * length_s for s in late)
        assert sum(s.leaves_s < length_s for s in lesson.students) == 1
        assert 0 < lesson.passer.start_s < length_s


def test_a_lesson_too_short_for_scores_is_refused():
    with pytest.raises(ValueError, match=r"at least 1 minute, not 0\.5"):
        write_lesson(small_room(), 0.5, 1)


def test_a_course_turns_the_head_where_the_script_says():
    lesson = write_lesson(demo_rooms()[0], 2, 1)
    expected = {
        Behaviour.BOARD: lambda yaw, pitch: abs(yaw) < 12 and abs(pitch) < 8,
        Behaviour.WRITING: lambda yaw, pitch: abs(yaw) < 12 and -36 < pitch < -22,
        Behaviour.NEIGHBOUR: lambda yaw, pitch: 40 <= abs(yaw) <= 60,
        Behaviour.AWAY: lambda yaw, pitch: abs(yaw) > 50,
        Behaviour.HEAD_DOWN: lambda yaw, pitch: pitch < -76,
    }
    for student in lesson.students:
        played = course(student, lesson.duration_s)
        for section in student.sections:
            if section.behaviour in expected:
                frame = int((section.start_s + section.end_s) / 2 * FPS)
                yaw, pitch, _ = played.turn_deg[frame]
                assert expected[section.behaviour](yaw, pitch), section


def test_a_latecomer_walks_in_and_sits_down():
    lesson = write_lesson(demo_rooms()[0], 2, 1)
    student = next(s for s in lesson.students if s.arrives_s > 0)
    played = course(student, lesson.duration_s)
    arrival = int(student.arrives_s * FPS) + 1
    assert not played.present[: arrival - 100].any()
    assert played.present[arrival - 30]
    assert not played.seated[arrival - 30]
    assert played.seated[arrival:].all()


def test_eyes_blink_when_awake_and_stay_shut_when_drowsy():
    lesson = write_lesson(demo_rooms()[0], 2, 1)
    for student in lesson.students:
        played = course(student, lesson.duration_s)
        drowsy = played.behaviour == int(Behaviour.DROWSY)
        assert 0 < np.mean(played.openness[~drowsy] < 0.5) < 0.12
        if drowsy.any():
            assert np.mean(played.openness[drowsy] < 0.5) > 0.6
