"""One pass over all students of a second gives what each would get alone."""

import random
from statistics import median

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.cells import Gaze, cells_of_second
from aggregator.eyes import EyeMemory, judge_eyes
from aggregator.score import MIN_FUSED_QUALITY, closed_threshold, eye_factor, quality
from aggregator.views import joined, medians, views_of_faces
from schemas.messages import Face
from schemas.room_plan import Direction

NS = 1_000_000_000
FRONT = Direction(yaw_deg=5.0, pitch_deg=-4.0)
ACTIVITIES = ["lecture", "seatwork", "unknown", "groupwork", "exam"]

angle = st.floats(-179, 179)
faces = st.builds(
    lambda px, yaw, pitch, ear, conf: Face(
        box_xyxy=(0.0, 0.0, px, px),
        confidence=conf,
        yaw_deg=yaw,
        pitch_deg=pitch,
        eye_openness=None if ear is None else (ear, ear),
    ),
    px=st.floats(20, 120),
    yaw=angle,
    pitch=st.floats(-89, 89),
    ear=st.none() | st.floats(0, 0.5),
    conf=st.floats(0.1, 1),
)
# By second, student and camera: the faces of one view.
views_of_one = st.lists(st.lists(faces, max_size=3), min_size=2, max_size=2)
lessons = st.lists(st.lists(views_of_one, min_size=1, max_size=4), min_size=1, max_size=4)


def camera(second, students, bit, *, clock_off=False, calibrated=True):
    """The views of one camera, and the index of each student's."""
    per_student = [student[bit] for student in students]
    flat = [each for found in per_student for each in found]
    at_ns = [second * NS + k * NS // 5 + bit for found in per_student for k in range(len(found))]
    place = np.repeat(np.arange(len(students)), [len(found) for found in per_student])
    fronts = [FRONT if calibrated else None] * len(students)
    return views_of_faces(
        flat, np.array(at_ns, np.int64), place, fronts, bit=bit, clock_off=clock_off
    )


def cells(second, gazes, students, activity, **camera_2):
    """Cells of those who have a view."""
    cameras = [camera(second, students, 0), camera(second, students, 1, **camera_2)]
    start = len(cameras[0][0].counts)
    wanted = [
        (i, view + bit * start)
        for i in range(len(students))
        for bit, (_, index) in enumerate(cameras)
        if (view := index[i]) >= 0
    ]
    who = sorted({i for i, _ in wanted})
    if not who:
        return {}
    views = joined([views for views, _ in cameras]).taken(np.array([view for _, view in wanted]))
    student = np.array([who.index(i) for i, _ in wanted])
    found = cells_of_second(second, [gazes[i] for i in who], views, student, activity)
    return dict(zip(who, found, strict=True))


@settings(max_examples=60, deadline=None)
@given(lessons, st.sampled_from(ACTIVITIES), st.booleans(), st.booleans(), st.integers(1, 400))
def test_students_do_not_touch_each_others_cells(seconds, activity, off, calibrated, step):
    n = min(map(len, seconds))
    options = {"clock_off": off, "calibrated": calibrated}
    together, alone = [Gaze() for _ in range(n)], [Gaze() for _ in range(n)]
    for k, students in enumerate(seconds):
        second = 1000 + k * step
        found = cells(second, together, students[:n], activity, **options)
        for i in range(n):
            own = cells(second, [alone[i]], [students[i]], activity, **options).get(0)
            assert found.get(i) == own
    assert together == alone


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(-180, 180)), min_size=1, max_size=30))
def test_medians_of_groups_are_those_of_each_group(pairs):
    pairs.sort(key=lambda pair: pair[0])
    group = np.array([g for g, _ in pairs])
    values = np.array([[v for _, v in pairs]])
    found = medians(values, group, np.bincount(group, minlength=4))[0]
    for g in range(4):
        own = [v for at, v in pairs if at == g]
        assert np.isnan(found[g]) if not own else found[g] == pytest.approx(median(own))


@given(st.lists(faces, min_size=1, max_size=6))
def test_a_places_direction_is_the_median_of_its_good_faces(found):
    views, index = camera(1000, [[found]], 0)
    good = [
        f for f in found if quality(f.box_xyxy[3], f.confidence, f.yaw_deg) >= MIN_FUSED_QUALITY
    ]
    yaw, pitch = views.good_med[index[0]].tolist()
    if good:
        expected = median(f.yaw_deg for f in good), median(f.pitch_deg for f in good)
        assert (yaw, pitch) == pytest.approx(expected)
    else:
        assert np.isnan(yaw)


def test_faces_without_a_pose_are_no_view():
    face = Face(box_xyxy=(0, 0, 80, 80), confidence=0.9)
    nowhere = msgspec.structs.replace(face, yaw_deg=float("nan"), pitch_deg=0.0)
    posed = msgspec.structs.replace(face, yaw_deg=1.0, pitch_deg=2.0)
    views, index = camera(1000, [[[face, nowhere]], [[]], [[face, posed]]], 0)
    assert index == [-1, -1, 0]
    assert views.pose.tolist() == [[1.0, 2.0]]


class ListsOfEyes:
    """SCORE §1's eyes, written with lists: the newest 300 s before now, and the newest 60 s."""

    def __init__(self):
        self.second, self.ears, self.closed = 0, [], []

    def judge(self, second, ear):
        skipped = [-1] * (min(second - self.second - 1, 301) if self.ears else 0)
        self.ears, self.closed = [*self.ears, *skipped], [*self.closed, *skipped]
        self.second = second
        eye = milli = -1
        if ear is not None:
            milli = round(1000 * ear)
            known = [e / 1000 for e in [*self.ears[-300:], milli] if e >= 0]
            eye = int(milli / 1000 < closed_threshold(known))
        self.ears, self.closed = [*self.ears, milli][-300:], [*self.closed, eye][-60:]
        valid = [c for c in self.closed if c >= 0]
        return eye, float(eye_factor(sum(valid), len(valid)))


@pytest.mark.parametrize("seed", range(8))
def test_rings_of_eyes_are_the_last_minutes_whatever_was_skipped(seed):
    chance = random.Random(seed)
    skips, taken_over_at = 0.02 * (seed % 2), chance.randrange(400)
    memory, lists, second = EyeMemory(), ListsOfEyes(), 1000
    for step in range(420):
        second += 1 if chance.random() >= skips else chance.choice([2, 70, 299, 300, 301, 1000])
        ear = chance.choice([None, 0.1, 0.2, 0.28, 0.3, 0.31])
        seen = np.array([ear is not None])
        eye, factor = judge_eyes(second, [memory], np.array([ear or 0.0]), seen)
        assert (eye[0], factor[0]) == lists.judge(second, ear)
        if step == taken_over_at:  # as a snapshot of version 1 held it
            memory = EyeMemory.of_lists(lists.second, lists.ears, lists.closed)


def test_a_gaze_of_an_old_snapshot_goes_on_with_its_eyes():
    old = {"front_ns": 7, "eye_second": 1002, "ears": [300, -1, 100], "closed": [0, -1, 1]}
    gaze = msgspec.msgpack.decode(msgspec.msgpack.encode(old), type=Gaze)
    assert gaze == Gaze(front_ns=7, eyes=EyeMemory.of_lists(1002, [300, -1, 100], [0, -1, 1]))
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(gaze), type=Gaze)
    assert again == gaze
