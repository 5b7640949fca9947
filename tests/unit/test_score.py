"""SCORE §3's numbers. Rows B, L's report, C and BU belong to the aggregator's own issue."""

import math

import numpy as np
import pytest

from aggregator.cells import Cell, FaceSample, Gaze
from aggregator.fusion import fused, taking_part
from aggregator.people import ClassMinute
from aggregator.results import early_and_late
from aggregator.score import (
    Label,
    Reason,
    attention,
    closed_threshold,
    eye_factor,
    eyes_can_be_judged,
    is_scored,
    orientation,
    quality,
    synchrony,
    wrap_deg,
)
from aggregator.windows import Display, State, Sums, WindowSums, class_score
from schemas.room_plan import Direction

NS = 1_000_000_000
CAL = Direction(yaw_deg=12.0, pitch_deg=-4.0)


def sample(at_s, yaw=12.0, pitch=-4.0, *, ear=0.3, px=80.0, conf=1.0, bit=0, front=CAL):
    return FaceSample(
        at_ns=round(at_s * NS),
        camera_bit=bit,
        yaw_deg=yaw,
        pitch_deg=pitch,
        ear=ear,
        height_px=px,
        confidence=conf,
        front=front,
    )


def scored(second, x, q=0.9, f=1.0):
    return Cell(second=second, x=x, quality=q, confidence=q * f)


def missing(second, reason=Reason.FACE_NOT_FOUND):
    return Cell(second=second, reason=int(reason))


def window(*cells):
    sums = WindowSums()
    for cell in cells:
        sums.add(cell)
    return sums


def test_e1_facing_the_front():
    seen = orientation(20, -6, CAL)
    assert (seen.dy_deg, seen.dp_deg, seen.o_front) == (8, -2, 1.0)
    assert attention("lecture", seen, recent=True) == (1.0, Label.FRONT)


def test_e2_twenty_degrees_outside_the_box_keep_a_quarter():
    seen = orientation(52, -4, CAL)
    assert seen.o_front == pytest.approx(0.25)
    assert attention("lecture", seen, recent=False)[0] == pytest.approx(0.25)


def test_e3_desk_shortly_after_the_front():
    seen = orientation(42, -24, CAL)
    assert seen.o_front == pytest.approx(0.542893, abs=1e-6)
    assert seen.o_desk == 1.0
    assert attention("lecture", seen, recent=True) == (0.8, Label.DESK_RECENT)


@pytest.mark.parametrize(
    ("front_s_ago", "o", "label"),
    [(20, 0.8, Label.DESK_RECENT), (60, 0.8, Label.DESK_RECENT), (90, 0.4, Label.DESK_STALE)],
    ids=["E4a", "E4a at the limit", "E4b"],
)
def test_e4_the_desk_is_worth_more_after_a_recent_look_to_the_front(front_s_ago, o, label):
    gaze = Gaze()
    gaze.cell(1000, [sample(1000)], "lecture")
    cell = gaze.cell(1000 + front_s_ago, [sample(1000 + front_s_ago, 17, -42)], "lecture")
    assert (cell.x, cell.label) == (pytest.approx(100 * o), label)


def test_e4c_and_e4d_seatwork_prefers_the_desk():
    desk = attention("seatwork", orientation(17, -42, CAL), recent=False)
    front = attention("seatwork", orientation(12, -4, CAL), recent=True)
    assert (desk[0], front[0]) == (1.0, 0.8)


def test_e5_turned_away():
    assert attention("lecture", orientation(-60, -4, CAL), recent=True) == (0.0, Label.AWAY)


@pytest.mark.parametrize("activity", ["groupwork", "break", "discussion", "exam"])
def test_e5b_activities_that_version_1_does_not_score(activity):
    assert not is_scored(activity)
    cell = Gaze().cell(1000, [sample(1000)], activity)
    assert cell.reason == Reason.NOT_SCORED_ACTIVITY
    assert window(*[cell] * 10).score is None


def test_e6_angles_wrap():
    seen = orientation(-175, -4, Direction(yaw_deg=178.0, pitch_deg=-4.0))
    assert seen.dy_deg == pytest.approx(7)
    assert attention("lecture", seen, recent=True)[0] == 1.0
    assert wrap_deg(180) == -180


@pytest.mark.parametrize(("dy", "o"), [(25, 1.0), (35, 0.5), (45, 0.0)])
def test_e7_the_edge_of_the_front_is_soft(dy, o):
    assert orientation(12 + dy, -4, CAL).o_front == pytest.approx(o)


@pytest.mark.parametrize(
    ("closed", "valid", "e"),
    [(2, 40, 1), (10, 40, 0.714286), (13, 40, 0.5), (20, 40, 0), (28, 40, 0), (12, 12, 1)],
)
def test_e8_closed_eyes(closed, valid, e):
    assert eye_factor(closed, valid) == pytest.approx(e, abs=1e-6)


def test_e9_a_third_of_the_time_with_closed_eyes_halves_the_score():
    gaze = Gaze()
    ears = [0.1] * 13 + [0.3] * 27
    cells = [gaze.cell(1000 + i, [sample(1000 + i, ear=e)], "lecture") for i, e in enumerate(ears)]
    assert cells[-1].x == pytest.approx(50.0)


def test_closed_is_relative_to_the_persons_own_open_level_once_that_is_known():
    assert closed_threshold([0.2] * 59) == 0.20
    assert closed_threshold([0.1] * 30 + [0.2] * 30) == pytest.approx(0.65 * 0.2)


def test_eyes_are_remembered_for_a_minute_only():
    gaze = Gaze()
    for i in range(30):
        gaze.cell(1000 + i, [sample(1000 + i, ear=0.1)], "lecture")
    assert gaze.cell(1029, [sample(1029, ear=0.1)], "lecture").x == 0.0
    assert gaze.cell(1130, [sample(1130)], "lecture").x == 100.0


@pytest.mark.parametrize(
    ("px", "yaw", "dp", "conf", "valid"),
    [
        (64, 30, -20, 0.6, True),
        (63, 0, 0, 1, False),
        (80, 31, 0, 1, False),
        (80, 0, -21, 1, False),
        (80, 0, 0, 0.5, False),
    ],
)
def test_when_eyes_can_be_judged(px, yaw, dp, conf, valid):
    assert eyes_can_be_judged(px, yaw, dp, conf) == valid


@pytest.mark.parametrize(
    ("px", "conf", "yaw", "q"),
    [
        (64, 1, 0, 1),
        (44, 0.9, 0, 0.45),
        (44, 0.9, 60, 0.3375),
        (24, 0.9, 0, 0),
        (80, 0.95, 75, 0.475),
    ],
)
def test_q_quality_of_a_face(px, conf, yaw, q):
    assert quality(px, conf, yaw) == pytest.approx(q)


@pytest.mark.parametrize(
    ("views", "o"),
    [([(0.9, 1), (0.3, 0.4)], 0.85), ([(0.9, 1), (0.2, 0)], 1.0), ([(0.2, 0.5), (0.1, 1)], 0.5)],
)
def test_f_fusion_of_cameras(views, o):
    q, value = np.array(views, float).T
    student = np.zeros(len(q), int)
    used = taking_part(q, np.ones(len(q), bool), student, 1)
    assert fused(q * used, value, student, 1) == pytest.approx(o)


def test_f_two_cameras_make_one_cell():
    # q .9 towards the front, q .3 half way out of it
    both = [sample(1000, px=60, bit=0), sample(1000.2, 12 - 35, px=36, bit=1)]
    cell = Gaze().cell(1000, both, "lecture")
    assert cell.x == pytest.approx(100 * (0.9 * 1 + 0.3 * 0.5) / 1.2)
    assert cell.cam_mask == 0b11


def test_w1_four_of_ten_seconds_are_missing():
    xs = [100, 100, 80, 80, 40, 0]
    sums = window(*[scored(i, x) for i, x in enumerate(xs)], *[missing(i) for i in range(6, 10)])
    assert sums.score == pytest.approx(66.67, abs=0.005)
    assert (sums.sum_x, sums.coverage) == (400, 0.6)
    assert sums.bounds == pytest.approx((40.0, 80.0))
    assert sums.confidence == pytest.approx(0.54)
    assert sums.missing_reason == Reason.FACE_NOT_FOUND


def test_w2_too_little_observed_is_null_with_bounds():
    sums = window(*[scored(i, 100) for i in range(4)], *[missing(i) for i in range(4, 10)])
    assert sums.score is None
    assert sums.bounds == pytest.approx((40, 100))


def test_w3_nothing_observed():
    sums = window(*[missing(i, Reason.CAMERA_DOWN) for i in range(10)])
    assert sums.score is None
    assert sums.bounds == (0, 100)
    assert sums.missing_reason == Reason.CAMERA_DOWN


def test_w4_who_leaves_is_scored_over_the_seconds_of_presence():
    sums = window(*[scored(i, x) for i, x in enumerate([100, 100, 50, 50])])
    assert (sums.score, sums.coverage) == (75.0, 1.0)


def test_w5_two_seconds_are_too_few():
    sums = window(scored(0, 100), scored(1, 100))
    assert sums.score is None
    assert sums.missing_reason == Reason.OUT_OF_SEAT


def test_r_rollups_are_sums_of_sums():
    total = Sums()
    for sum_x, n_obs in [(600, 10), (200, 5), (0, 0), (900, 10)]:
        total.sum_x += sum_x
        total.n_obs += n_obs
    assert total.mean == 68.0


def shown(scores):
    display = Display()
    states = [display.update(1000 + 10 * i, 10, score) for i, score in enumerate(scores)]
    return display, states


def test_h1_states_follow_slowly():
    display = Display()
    emas, states = [], []
    for i, score in enumerate([90] * 3 + [20] * 15 + [90] * 8):
        states.append(display.update(1000 + 10 * i, 10, score))
        emas.append(display.ema)
    assert [round(ema, 2) for ema in emas[3:9]] == [75.56, 64.10, 55.00, 47.78, 42.05, 37.50]
    changes = [i for i in range(1, 26) if states[i] != states[i - 1]]
    assert changes == [2, 7, 13, 22, 25]
    assert [states[i] for i in changes] == [
        State.HIGH,
        State.MIXED,
        State.LOW,
        State.MIXED,
        State.HIGH,
    ]


def test_h2_null_windows_freeze_the_counters():
    display, states = shown([80, 80, None, None, None, 60])
    assert display.ema == pytest.approx(67.94, abs=0.005)
    assert states[-1] == State.MIXED


def test_h3_more_than_a_minute_without_a_score_starts_over():
    display, states = shown([80] * 3 + [None] * 7 + [40])
    assert states[2:9] == [State.HIGH] * 7
    assert states[9] == State.UNKNOWN
    assert display.ema == 40.0


def test_h4_middling_stays_mixed():
    assert set(shown([45] * 10)[1]) == {State.MIXED}


def test_h5_low_needs_a_minute_of_evidence_across_a_gap():
    states = shown([30] * 5 + [None] * 3 + [30] * 2)[1]
    assert states.index(State.LOW) == 8


def test_an_absence_without_any_window_also_starts_over():
    display = Display()
    display.update(1000, 10, 90)
    display.update(1080, 10, 20)
    assert display.ema == 20


@pytest.mark.parametrize(
    ("shares", "s"), [([1, 1, 1], 1.0), ([0.9, 0.8, 0.1], 0.733), ([0.5] * 3, 0.0)]
)
def test_sy_synchrony(shares, s):
    assert synchrony(shares) == pytest.approx(s, abs=5e-4)


def test_k_four_scored_of_thirty_are_no_class():
    assert class_score([50.0] * 4, 30) is None
    assert class_score([50.0] * 5, 10) == 50.0
    assert class_score([50.0] * 5, 11) is None


def test_k_of_a_policy_without_student_figures_counts_too():
    assert class_score([50.0] * 9, 9, k=10) is None


def test_l_lesson_loss_compares_two_medians():
    scores = [78] * 10 + [74] * 10 + [66] * 12 + [62] * 8
    minutes = [ClassMinute(5 + i, float(s), "lecture") for i, s in enumerate(scores)]
    assert early_and_late(minutes, 60) == (76, 66)


def test_l_needs_ten_minutes_of_each_part_and_one_activity():
    short = [ClassMinute(5 + i, 70.0, "lecture") for i in range(29)]
    assert early_and_late(short, 60) == (None, None)
    mixed = [ClassMinute(5 + i, 70.0, "lecture" if i < 20 else "seatwork") for i in range(40)]
    assert early_and_late(mixed, 60) == (None, None)


def test_a_face_without_calibration_gives_its_angles_but_no_score():
    cell = Gaze().cell(1000, [sample(1000, 30, 5, front=None)], "lecture")
    assert (cell.reason, cell.yaw_deg, cell.pitch_deg) == (Reason.NO_CALIBRATION, 30, 5)


def test_a_tiny_face_is_low_quality():
    assert Gaze().cell(1000, [sample(1000, px=26)], "lecture").reason == Reason.LOW_QUALITY


def test_unknown_activity_lowers_the_confidence_only():
    known = Gaze().cell(1000, [sample(1000)], "lecture")
    unknown = Gaze().cell(1000, [sample(1000)], "unknown")
    assert known.x == unknown.x
    assert unknown.confidence == pytest.approx(0.7 * known.confidence)


def test_an_unheard_of_activity_counts_as_unknown_and_never_fails():
    assert Gaze().cell(1000, [sample(1000)], "singing").x == 100.0
    assert math.isclose(attention("singing", orientation(12, -4, CAL), recent=True)[0], 1.0)
