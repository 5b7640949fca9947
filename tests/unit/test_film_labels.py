"""Which frames are analysed, and what is said and drawn about each."""

import json

import numpy as np
import pytest

from deploy.film.film_reader import FilmFrame
from deploy.film.labels import Labeller, Labels, Pace
from deploy.film.track_summary import TrackSummaries
from tests.unit.test_film_tracks import a_face

IMAGE = np.full((360, 640, 3), 90, np.uint8)


def a_frame(index: int, fps: float = 25.0) -> FilmFrame:
    return FilmFrame(index=index, at_s=index / fps, pts=index, duration=1, image=IMAGE)


class OneFace:
    """An analyzer that sees one face, turned by what it is told."""

    def __init__(self, yaws) -> None:
        self.yaws = iter(yaws)
        self.views = []

    def analyze(self, images, views=None):
        self.views += views
        return [[a_face(yaw_deg=next(self.yaws))] for _ in images]


def taken(pace: Pace, frames: int, fps: float) -> list[int]:
    return [index for index in range(frames) if pace.takes(a_frame(index, fps))]


def test_all_frames_are_analysed_unless_told_otherwise():
    assert taken(Pace(), 5, 25) == [0, 1, 2, 3, 4]


def test_one_of_so_many_frames_from_the_first_on():
    assert taken(Pace(every=3), 8, 25) == [0, 3, 6]


@pytest.mark.parametrize("film_fps", [25.0, 29.97, 60.0])
def test_so_many_frames_a_second_also_where_the_films_rate_is_no_multiple(film_fps):
    count = len(taken(Pace(fps=10), round(10 * film_fps), film_fps))
    assert count == pytest.approx(100, abs=1)


def test_a_film_slower_than_wished_is_analysed_whole():
    assert taken(Pace(fps=30), 10, 5) == list(range(10))


def test_after_a_gap_in_the_film_no_frames_are_made_up_for():
    pace = Pace(fps=1)
    frames = [a_frame(index) for index in (0, 1000, 1001, 1002)]
    assert [pace.takes(frame) for frame in frames] == [True, True, False, False]


def test_json_keeps_raw_angles_and_adds_smoothed_ones():
    labeller = Labeller(OneFace([0.0] * 20 + [6.0]), "film.mp4", TrackSummaries())
    for index in range(20):
        labeller.label(a_frame(index))
    record = labeller.label(a_frame(20)).as_record(points=False)
    (face,) = record["faces"]
    assert (record["frame"], record["time_s"], face["track"]) == (20, 0.8, 1)
    assert face["yaw_deg"] == 6.0
    assert 0.0 < face["smoothed"]["yaw_deg"] < 6.0
    assert "landmarks_xy" not in face
    assert json.loads(json.dumps(record)) == record


def test_without_smoothing_json_says_nothing_of_it_and_landmarks_come_when_asked_for():
    labels = Labeller(OneFace([5.0]), "film.mp4", TrackSummaries(), smooth=False).label(a_frame(0))
    (face,) = labels.as_record(points=True)["faces"]
    assert "smoothed" not in face
    assert len(face["landmarks_xy"]) == 478


def test_a_face_without_pose_is_not_smoothed():
    labels = Labeller(OneFace([None]), "film.mp4", TrackSummaries()).label(a_frame(0))
    assert labels.smoothed == [(None, 0.0, 0.0)]
    assert labels.as_record(points=False)["faces"][0]["smoothed"]["yaw_deg"] is None


def test_the_analyzer_learns_which_film_and_what_time_it_is():
    analyzer = OneFace([0.0, 0.0])
    labeller = Labeller(analyzer, "film.mp4", TrackSummaries())
    labeller.label(a_frame(0))
    labeller.label(a_frame(5))
    assert [(view.source, view.at_s) for view in analyzer.views] == [
        ("film.mp4", 0.0),
        ("film.mp4", 0.2),
    ]


def test_labels_are_drawn_into_a_copy_in_the_colour_of_the_track():
    faces = [a_face()]
    first = Labels(0, 0.0, [1], faces, None).drawn(IMAGE)
    second = Labels(0, 0.0, [2], faces, None).drawn(IMAGE)
    assert (IMAGE == 90).all()
    assert first.shape == (720, 1280, 3)
    assert (first != second).any()
