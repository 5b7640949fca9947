"""Cameras of machines whose clock is off do not take part in fusion."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.cells import Gaze
from aggregator.fusion import by_one_clock
from aggregator.room import Room
from aggregator.rows import AttentionWindowRow
from aggregator.score import Reason
from tests.unit.room_log import centre, entries, face, plan, timed_log
from tests.unit.test_score import sample

AWAY_DEG = 75.0


class View(msgspec.Struct, frozen=True):
    name: int
    quality: float
    clock_off: bool
    usable: bool


views = st.lists(
    st.builds(
        View,
        name=st.integers(0, 99),
        quality=st.floats(0, 1),
        clock_off=st.booleans(),
        usable=st.booleans(),
    ),
    max_size=6,
)


@given(views)
def test_a_camera_whose_clock_is_off_is_never_beside_another(seen):
    kept = by_one_clock(seen)
    assert len(kept) == 1 or not any(view.clock_off for view in kept)


@given(views)
def test_nothing_changes_while_all_clocks_are_good(seen):
    good = [msgspec.structs.replace(view, clock_off=False) for view in seen]
    assert by_one_clock(good) == good


@given(views)
def test_a_usable_view_is_never_given_up_for_one_that_is_not(seen):
    kept = by_one_clock(seen)
    assert any(view.usable for view in kept) == any(view.usable for view in seen)
    assert bool(kept) == bool(seen)


@given(views)
def test_good_clocks_go_before_better_pictures(seen):
    good = [view for view in seen if not view.clock_off]
    if any(view.usable for view in good):
        assert by_one_clock(seen) == good


def cell(*samples):
    return Gaze().cell(100, sorted(samples, key=lambda s: (s.at_ns, s.camera_bit)), "lecture")


def off(at_s, **fields):
    return msgspec.structs.replace(sample(at_s, **fields), clock_off=True)


def test_two_good_clocks_are_fused():
    both = cell(sample(100.1, bit=0), sample(100.2, yaw=AWAY_DEG, bit=1))
    assert both.cam_mask == 0b11
    assert both.x == pytest.approx(100 * 1.0 / 1.5)  # the one turned away has half the quality


def test_a_clock_that_is_off_changes_nothing_beside_a_good_one():
    alone = cell(sample(100.1, bit=0))
    assert cell(sample(100.1, bit=0), off(100.2, yaw=AWAY_DEG, bit=1)) == alone


def test_a_camera_whose_clock_is_off_serves_where_no_other_sees_the_student_well():
    far = sample(100.1, px=25.0, bit=0)
    near = off(100.2, yaw=AWAY_DEG, bit=1)
    assert cell(far).reason == Reason.LOW_QUALITY
    assert cell(far, near) == cell(near)
    assert cell(near).cam_mask == 0b10


def test_a_camera_without_a_calibration_is_no_reason_to_leave_the_student_out():
    blind = sample(100.1, front=None, bit=0)
    assert cell(blind).reason == Reason.NO_CALIBRATION
    assert cell(blind, off(100.2, bit=1)) == cell(off(100.2, bit=1))


def test_of_two_clocks_that_are_off_the_better_picture_serves_alone():
    good, poor = off(100.1, bit=1), off(100.2, px=40.0, yaw=AWAY_DEG, bit=0)
    assert cell(good, poor) == cell(good)


def two_cameras(clock_ms):
    """A lesson with one student: the first camera sees them attentive, the second turned away."""
    log = timed_log(
        plan(seats=1, cameras=("cam-1", "cam-2")),
        80,
        lambda at_s, camera: [face(*centre(0), AWAY_DEG if camera == "cam-2" else 5.0)],
    )
    for at_s, message in log:
        told = type(message).__name__ == "CameraStatus" and message.camera_id == "cam-2"
        change = {"clock_offset_ms": clock_ms} if told else {}
        yield at_s, msgspec.structs.replace(message, **change)


@pytest.mark.parametrize(("clock_ms", "mask"), [(250, 0b11), (-260, 0b01), (None, 0b11)])
def test_by_ingests_word_a_room_fuses_or_does_not(clock_ms, mask):
    room, rows = Room.new("room-1"), []
    for entry_id, message in entries(list(two_cameras(clock_ms))):
        rows += room.feed(entry_id, message)
    windows = [row for row in rows if isinstance(row, AttentionWindowRow)]
    assert {row.cam_mask for row in windows} == {mask}
    scores = {row.score for row in windows if row.score is not None}
    assert (scores == {10_000}) is (mask == 0b01)
