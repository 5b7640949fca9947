"""Windows, minutes and what is kept to recompute them."""

from aggregator.cells import Cell
from aggregator.results import x100
from aggregator.score import Label, Reason
from aggregator.windows import MinuteSums, WindowSums, direction_bin, percentile


def cell(second, **values):
    return Cell(second=second, **{"x": 50.0, "label": int(Label.FRONT), **values})


def test_labels_and_eyes_are_counted_for_observed_seconds_only():
    sums = WindowSums()
    sums.add(cell(0, eye=1))
    sums.add(cell(1, eye=0, label=int(Label.AWAY)))
    sums.add(cell(2, eye=-1))
    sums.add(cell(3, reason=int(Reason.FACE_NOT_FOUND)))
    assert sums.labels == [2, 0, 0, 0, 1]
    assert (sums.eye_valid, sums.eye_closed, sums.no_face_s) == (2, 1, 1)


def test_the_commonest_reason_is_told_and_ties_go_to_the_smaller_code():
    sums = WindowSums()
    for second, reason in enumerate([Reason.NOT_ANALYSED, Reason.CAMERA_DOWN]):
        sums.add(cell(second, reason=int(reason)))
    assert sums.missing_reason == Reason.CAMERA_DOWN
    sums.add(cell(2, reason=int(Reason.NOT_ANALYSED)))
    assert sums.missing_reason == Reason.NOT_ANALYSED


def test_a_scored_window_still_tells_why_seconds_are_missing():
    sums = WindowSums()
    for second in range(9):
        sums.add(cell(second))
    sums.add(cell(9, reason=int(Reason.NOT_ANALYSED)))
    assert sums.score == 50.0
    assert sums.missing_reason == Reason.NOT_ANALYSED


def test_frames_that_came_late_are_told_from_frames_that_never_came():
    sums = WindowSums()
    sums.add(cell(7, reason=int(Reason.NOT_ANALYSED)))
    sums.add(cell(8, reason=int(Reason.FACE_NOT_FOUND)))
    sums.mark_late(7)
    sums.mark_late(8)
    assert sums.missing == {7: Reason.LATE_DATA, 8: Reason.FACE_NOT_FOUND}


def test_motion_is_the_median_turn_between_seconds():
    sums = WindowSums()
    for second, yaw in enumerate([0.0, 3.0, 3.0, 9.0]):
        sums.add(cell(second, yaw_deg=yaw, pitch_deg=0.0, face_px=80.0))
    assert sums.motion_deg == 3.0


def test_the_direction_histogram_has_72_counts_and_takes_outliers_in():
    sums = MinuteSums()
    sums.add(cell(0, dy_deg=0.0, dp_deg=0.0))
    sums.add(cell(1, dy_deg=-170.0, dp_deg=-90.0))
    sums.add(cell(2, dy_deg=170.0, dp_deg=90.0))
    hist = sums.direction_hist
    assert len(hist) == 72
    assert (hist[direction_bin(0, 0)], hist[0], hist[71]) == (1, 1, 1)


def test_rounding_is_half_to_even():
    assert [x100(value) for value in (0.005, 0.015, 0.025)] == [0, 2, 2]
    assert x100(None) is None


def test_percentiles_interpolate():
    assert percentile([10.0, 20.0, 30.0], 0.5) == 20
    assert percentile([10.0, 20.0], 0.25) == 12.5
