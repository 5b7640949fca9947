"""Modes, planes and bumps: SCORE §3's C1 to C5 and BU, and what must hold for any cloud."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.calibration.angles import distance_deg, middle_yaw_deg, wrapped_deg
from aggregator.calibration.drift import find_bump
from aggregator.calibration.looks import (
    MAX_LOOKS,
    LessonLooks,
    Looks,
    cells_from,
    cells_of,
    encode,
)
from aggregator.calibration.modes import front_mode
from aggregator.calibration.plane import fit_plane

property_test = settings(max_examples=40, deadline=None)
FRONT, DESK, WINDOW = (18.0, -5.0), (18.0, -40.0), (-50.0, 0.0)


def cloud(count, centre, spread=2.5, seed=0):
    """Looks round a direction, each with its mirror image, so that the middle is exact."""
    half = np.random.default_rng(seed).normal(0.0, spread, (count // 2, 2))
    around = np.concatenate([half, -half, np.zeros((count % 2, 2))]) + centre
    return [tuple(pose) for pose in around.tolist()]


def mode_of(*clouds):
    poses = [pose for each in clouds for pose in each]
    return front_mode(cells_from([y for y, _ in poses], [p for _, p in poses]))


def test_c1_the_board_is_looked_at_most():
    mode = mode_of(cloud(600, FRONT), cloud(250, DESK), cloud(150, WINDOW))
    assert (mode.pose, mode.mass, mode.cells) == ((18.0, -5.0), 0.6, 1000)


def test_c2_the_desk_is_looked_at_most_and_is_not_the_front():
    mode = mode_of(cloud(250, FRONT), cloud(600, DESK), cloud(150, WINDOW))
    assert (mode.pose, mode.mass) == ((18.0, -5.0), 0.25)


def test_a_neighbour_as_high_as_the_board_is_not_the_front_when_the_board_holds_more():
    """SCORE's "highest peak" alone would take what happens to lie a degree higher."""
    for higher in (-3.0, 0.0, 3.0, 9.0):
        neighbour = (70.0, FRONT[1] + higher)
        mode = mode_of(cloud(500, FRONT), cloud(250, DESK), cloud(250, neighbour))
        assert mode.pose == FRONT


def test_c3_one_cell_too_few_is_none():
    assert mode_of(cloud(599, FRONT)) is None
    assert mode_of(cloud(600, FRONT)).pose == FRONT


def test_c4_yaw_goes_round():
    mode = mode_of(cloud(700, (179.0, -5.0)))
    assert mode.pose == (179.0, -5.0)


def test_c5_who_looks_everywhere_looks_nowhere():
    chance = random.Random(5)
    poses = [(chance.uniform(-60, 60), chance.uniform(-40, 20)) for _ in range(2000)]
    assert mode_of(poses) is None


def test_bu_a_bumped_camera_and_the_seat_that_moved_otherwise():
    bump = find_bump([(dy, 0.0) for dy in (11, 12, 12, 13, 12, 12, 11, 30)])
    assert (bump.shift_deg, bump.mad_deg, bump.odd) == (12.0, 0.5, (7,))


@pytest.mark.parametrize(
    "shifts",
    [
        [(4.9, 0.0)] * 8,  # too little
        [(10.0 * i, 0.0) for i in range(8)],  # everybody moved, but not together
        [(12.0, 0.0)] * 3,  # too few to tell a camera from its students
        [],
    ],
)
def test_what_is_no_bump(shifts):
    assert find_bump(shifts) is None


def test_seats_that_turned_over_the_back_bump_too():
    bump = find_bump([(-174.0, 1.0), (-176.0, 1.0), (178.0, 1.0), (-178.0, 1.0)])
    assert bump.yaw_deg == pytest.approx(-177.0)


@property_test
@given(turn=st.integers(-180, 179), tilt=st.integers(-30, 30))
def test_a_turned_cloud_has_a_turned_mode(turn, tilt):
    """Whole degrees, so that the same looks fall into the same squares."""
    here = mode_of(cloud(400, FRONT), cloud(300, DESK))
    there = mode_of(
        *([(y + turn, p + tilt) for y, p in cloud(n, at)] for n, at in ((400, FRONT), (300, DESK)))
    )
    expected = (wrapped_deg(here.yaw_deg + turn), here.pitch_deg + tilt)
    # the 2 degree histogram lies elsewhere on the cloud
    assert distance_deg(there.pose, expected) < 0.5


@property_test
@given(seed=st.integers(0, 2**32))
def test_the_order_of_cells_does_not_matter(seed):
    poses = cloud(400, FRONT) + cloud(300, DESK) + cloud(100, WINDOW)
    expected = mode_of(poses)
    random.Random(seed).shuffle(poses)
    assert mode_of(poses) == expected


@property_test
@given(
    st.lists(
        st.tuples(st.floats(-720, 720), st.floats(-120, 120), st.integers(1, 400)),
        min_size=1,
        max_size=12,
    )
)
def test_any_cloud_has_a_sane_mode_or_none(groups):
    mode = mode_of([(yaw, pitch) for yaw, pitch, n in groups for _ in range(n)])
    if mode is not None:
        assert -180 <= mode.yaw_deg < 180
        assert -91 <= mode.pitch_deg <= 91
        assert 0 < mode.mass <= 1


@pytest.mark.parametrize("seconds", [1, MAX_LOOKS, MAX_LOOKS + 1, 2700, 14_400])
def test_a_lesson_of_any_length_is_a_bounded_sample_of_itself(seconds):
    looks = Looks()
    for second in range(seconds):
        if looks.is_due():
            looks.add(30.0 if second < seconds / 3 else -30.0, -5.0)
    lesson = looks.close(1000)
    assert len(lesson.codes) <= 2 * MAX_LOOKS
    assert lesson.seconds == pytest.approx(seconds, abs=2 * lesson.stride)
    cells = cells_of([lesson])
    share = cells.weight[cells.yaw_deg > 0].sum() / cells.weight.sum()
    assert share == pytest.approx(1 / 3, abs=0.02 if seconds > 1 else 0.7)


def test_looks_of_several_lessons_count_for_their_seconds():
    long = LessonLooks(0, 10, encode([10.0] * 30, [0.0] * 30))
    short = LessonLooks(0, 1, encode([40.0] * 100, [0.0] * 100))
    cells = cells_of([long, short])
    assert cells.seconds == 400
    assert dict(zip(cells.yaw_deg, cells.weight, strict=True)) == {10.5: 300.0, 40.5: 100.0}
    assert cells_of([]).seconds == 0


def row_of_seats(count=12, slope=60.0):
    points = [(0.1 + 0.8 * (i % 6) / 5, 0.3 + 0.4 * (i // 6)) for i in range(count)]
    return points, [(slope * (u - 0.5), -4.0 + 10.0 * v) for u, v in points]


def test_a_plane_is_found_through_seats_of_which_some_look_elsewhere():
    points, poses = row_of_seats()
    poses[2], poses[7] = (75.0, 0.0), (-60.0, -30.0)
    plane = fit_plane(points, poses)
    for point, pose in zip(*row_of_seats(), strict=True):
        assert distance_deg(plane.at(point), pose) < 4.0
    assert distance_deg(plane.at(points[2]), poses[2]) > 15.0


def test_a_plane_goes_on_behind_180_degrees():
    points, poses = row_of_seats()
    behind = [(wrapped_deg(yaw + 175.0), pitch) for yaw, pitch in poses]
    plane = fit_plane(points, behind)
    for point, pose in zip(points, behind, strict=True):
        assert distance_deg(plane.at(point), pose) < 0.2


def test_three_seats_make_no_plane_and_a_single_row_has_no_slope_upwards():
    points, poses = row_of_seats(6)
    assert fit_plane(points[:3], poses[:3]) is None
    plane = fit_plane(points, poses)
    above, below = plane.at((0.5, 0.1)), plane.at((0.5, 0.9))
    assert distance_deg(above, below) < 0.1


@property_test
@given(st.lists(st.floats(-179, 179), min_size=1, max_size=9), st.floats(-179, 179))
def test_a_circular_mean_turns_with_its_angles(yaws, turn):
    radians = np.radians(yaws)
    length = math.hypot(np.sin(radians).mean(), np.cos(radians).mean())
    if length > 0.1:  # else there is no middle
        turned = middle_yaw_deg([yaw + turn for yaw in yaws])
        assert wrapped_deg(turned - middle_yaw_deg(yaws) - turn) == pytest.approx(0.0, abs=1e-6)
