"""The truth file: written, read, asked."""

import json

import numpy as np
import pytest

from deploy.simulator.moment import Moment, in_grey_zone
from deploy.simulator.script import Behaviour
from deploy.simulator.site_file import seat_polygons
from deploy.simulator.truth import SeatTruth, read_truth, stack, write_truth

SEATS = (SeatTruth("A1", (3.0, -9.0), 11, 3.5), SeatTruth("A2", (-2.0, -8.0), 12, 3.5))


def moment(frame: int) -> Moment:
    """A1 sits and turns away slowly; A2 is not there."""
    now = Moment.empty(2)
    now.present[0] = now.seated[0] = True
    now.behaviour[0] = int(Behaviour.BOARD)
    now.seen_deg[0] = (2.0 * frame, -8.0, 0.0)
    now.front_deg[0] = (2.0 * frame - 3, 1.0, 0.0)
    now.neck_xy[0] = (100, 120)
    now.box_xyxy[0] = (80, 60, 120, 110)
    now.openness[0] = float(frame % 2)
    return now


@pytest.fixture
def path(tmp_path):
    target = tmp_path / "cam.npz"
    write_truth(
        target,
        camera_id="room-1",
        room_id="room",
        fps=10,
        size=(640, 360),
        seats=SEATS,
        arrays=stack([moment(frame) for frame in range(40)]),
    )
    return target


def test_what_was_written_is_read_back(path):
    truth = read_truth(path)
    assert (truth.camera_id, truth.room_id, truth.fps) == ("room-1", "room", 10)
    assert truth.seats == SEATS
    assert truth.duration_s == 4
    np.testing.assert_array_equal(truth.seen_deg[7, 0], (14, -8, 0))
    assert np.isnan(truth.seen_deg[7, 1]).all()


def test_no_half_written_file_is_left(path):
    assert [file.name for file in path.parent.iterdir()] == ["cam.npz"]


def test_samples_stand_at_the_analysis_rate(path):
    samples = list(read_truth(path).samples("A1", fps=2))
    assert [sample.time_s for sample in samples] == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5]
    assert [sample.yaw_deg for sample in samples] == [0, 10, 20, 30, 40, 50, 60, 70]
    assert [sample.visible for sample in samples] == [True] * 7 + [False]
    assert all(sample.face_px == 50 for sample in samples)


def test_absent_students_are_neither_present_nor_visible(path):
    assert not any(s.present or s.visible for s in read_truth(path).samples("A2"))


def test_closed_eyes_are_told(path):
    truth = read_truth(path)
    assert truth.closed[:2, 0].tolist() == [True, False]
    assert not truth.closed[:, 1].any(), "nobody there has no closed eyes"


def test_an_unknown_seat_is_named(path):
    with pytest.raises(KeyError, match="room-1: no seat 'Z9'"):
        list(read_truth(path).samples("Z9"))


def test_another_version_is_refused(path):
    with np.load(path) as file:
        arrays = dict(file)
    arrays["head"] = np.array(json.dumps(json.loads(str(arrays["head"])) | {"version": 99}))
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="truth version 99, this program reads 1"):
        read_truth(path)


def test_heads_half_down_and_faces_mostly_hidden_are_not_to_be_scored():
    now = Moment.empty(6)
    now.seen_deg[:, 1] = (-44, -46, -79, -82, 0, 0)
    now.occluded[:] = (0, 0, 0, 0, 0.7, 0.95)
    assert in_grey_zone(now).tolist() == [False, True, True, False, True, False]


def test_polygons_of_neighbours_whose_faces_come_close_do_not_overlap(tmp_path):
    frames = [moment(0) for _ in range(3)]
    for index, now in enumerate(frames):
        now.present[:] = now.seated[:] = True
        now.behaviour[:] = int(Behaviour.BOARD)
        now.box_xyxy[:] = [(80, 60, 120, 110), (110 + 5 * index, 62, 150, 112)]
    write_truth(
        tmp_path / "t.npz", camera_id="c", room_id="r", fps=10, size=(640, 360), seats=SEATS,
        arrays=stack(frames),
    )  # fmt: skip
    one, other = (np.array(p) for p in seat_polygons(read_truth(tmp_path / "t.npz")))
    assert one[:, 0].max() <= other[:, 0].min()
    assert one[:, 0].min() < 100 / 640 < one[:, 0].max()
    assert other[:, 0].min() < 130 / 640 < other[:, 0].max()
