"""`facepose video` on real films, with the real networks: labels, tracks, sound, and its end."""

import json
import resource
import signal
import threading
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from deploy.film.video import run_video
from deploy.simulator.encoding import encode_film
from deploy.simulator.scene import demo_rooms
from deploy.simulator.script import write_lesson
from deploy.simulator.stage import Stage
from schemas.messages import EXPRESSIONS
from tests.made_films import cut_off, make_film, pictures, stamps
from workers.geometry.canonical_mesh import load_canonical_mesh


@pytest.fixture(scope="module")
def analyzer(weights):
    from workers.analyzer import FaceAnalyzer

    return FaceAnalyzer.load("cpu", threads=1)


class Stopping:
    """An analyzer that lets something happen at its so-manieth picture, and finds no faces."""

    def __init__(self, at: int = -1, happens=lambda: None) -> None:
        self.at, self.happens, self.count = at, happens, 0

    def analyze(self, images, views=None):
        self.count += len(images)
        if self.count == self.at:
            self.happens()
        return [[] for _ in images]


def interrupt() -> None:
    raise KeyboardInterrupt


def run(path, capsys, **options) -> tuple[int, list[dict], dict]:
    """Return the exit status, the frames' JSON, and the summary's."""
    status = run_video(path, as_json=True, threads=1, **options)
    *frames, last = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    return status, frames, last["summary"]


def sound_packets(path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_four_seated_students_are_labelled_under_four_numbers_all_the_time(
    analyzer, real_data, tmp_path, capsys
):
    path, out = real_data("videos_ccby_intel/intel_classroom.gif"), tmp_path / "out.mp4"
    status, frames, summary = run(path, capsys, out=out, analyzer=analyzer)
    assert status == 0
    assert [frame["frame"] for frame in frames] == list(range(45))
    assert all({face["track"] for face in frame["faces"]} == {1, 2, 3, 4} for frame in frames)
    assert [track["frames"] for track in summary["tracks"]] == [45] * 4
    assert (summary["width"], summary["height"], summary["out"]) == (480, 270, str(out))
    assert stamps(out) == stamps(path)
    drawn = pictures(out)
    plain = cv2.resize(pictures(path)[20], (1280, 720), interpolation=cv2.INTER_CUBIC)
    assert drawn[20].shape == (720, 1280, 3)
    changed = np.abs(drawn[20].astype(int) - plain).max(axis=-1) > 60
    for face in frames[20]["faces"]:
        x0, y0, x1, y1 = (round(value * 1280 / 480) for value in face["box_xyxy"])
        assert changed[y0:y1, x0:x1].mean() > 0.05
    # Nothing but labels: the wall far from them is as it was.
    assert changed[:200].mean() < 0.01


def test_people_who_walk_up_keep_their_numbers(analyzer, real_data, capsys):
    path = real_data("videos_ccby_intel/intel_face-demographics-walking-and-pause.gif")
    status, frames, summary = run(path, capsys, analyzer=analyzer, every=2)
    assert status == 0
    assert [frame["frame"] for frame in frames] == list(range(0, 41, 2))
    assert [(track["track"], track["frames"]) for track in summary["tracks"]] == [
        (1, 21),
        (2, 21),
        (3, 21),
    ]
    middle = [{face["track"]: face["box_xyxy"][0] for face in frame["faces"]} for frame in frames]
    order = {tuple(sorted(places, key=places.__getitem__)) for places in middle}
    assert len(order) == 1  # nobody changed places with anybody


def test_sound_and_times_of_a_phones_film_are_kept_and_a_face_that_leaves_is_gone(
    analyzer, real_data, tmp_path, capsys
):
    path, out = real_data("videos_mit_pyfeat/pyfeat_face_noface.mov"), tmp_path / "out.mp4"
    status, frames, summary = run(path, capsys, out=out, analyzer=analyzer, fps=3.0)
    assert status == 0
    assert summary["sound"] == ["copied"]
    assert sound_packets(out) == sound_packets(path)
    assert stamps(out) == stamps(path)
    assert (summary["frames"], summary["analysed"]) == (169, len(frames))
    assert len(frames) == pytest.approx(3 * 6.36, abs=1.5)
    assert [len(frame["faces"]) for frame in frames[:6]] == [1] * 6
    assert [len(frame["faces"]) for frame in frames[-6:]] == [0] * 6
    assert summary["tracks"][0]["last_s"] == pytest.approx(2.4, abs=0.7)


def test_a_turned_phones_film_gives_the_same_faces_as_the_upright_one(
    analyzer, real_data, tmp_path, capsys
):
    source = pictures(real_data("videos_mit_pyfeat/pyfeat_single_face.mp4"))[:8:4]
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"crf": "10"})
        stream.height, stream.width = source[0].shape[1::-1]
        stream.set_display_rotation(-90)
        for index, picture in enumerate(source):
            lying = np.ascontiguousarray(np.rot90(picture))
            frame = av.VideoFrame.from_ndarray(lying, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    status, frames, summary = run(path, capsys, analyzer=analyzer)
    ((expected,),) = analyzer.analyze(source[:1])
    (found,) = frames[0]["faces"]
    assert (status, summary["width"], summary["height"]) == (0, 640, 360)
    # A face of 200 px; the film was compressed once more.
    assert found["box_xyxy"] == pytest.approx(expected.box_xyxy, abs=8)
    assert found["roll_deg"] == pytest.approx(expected.roll_deg, abs=3)


def test_json_of_a_face_is_that_of_a_picture_with_track_and_smoothed_angles(
    analyzer, real_data, capsys
):
    path = real_data("videos_mit_pyfeat/pyfeat_single_face.mp4")
    _, frames, _ = run(path, capsys, analyzer=analyzer, every=36, points=True)
    assert [frame["time_s"] for frame in frames] == [0.0, 1.2]
    (face,) = frames[1]["faces"]
    assert list(face) == [
        "track",
        "box_xyxy",
        "confidence",
        "quality",
        "static",
        "yaw_deg",
        "pitch_deg",
        "roll_deg",
        "eye_openness",
        "expression",
        "landmarks_xy",
        "smoothed",
    ]
    assert set(face["expression"]) == set(EXPRESSIONS)
    assert set(face["smoothed"]) == {"yaw_deg", "pitch_deg", "roll_deg"}


def test_a_simulated_class_keeps_its_numbers_for_three_seconds(analyzer, tmp_path, capsys):
    room = demo_rooms()[0]
    lesson = write_lesson(room, minutes=1, seed=7)
    stage = Stage(load_canonical_mesh(), room, room.cameras[0], lesson)
    path = tmp_path / "class.mp4"
    drawn = [stage.draw(frame, 10.0)[0] for frame in range(0, 30, 3)]
    encode_film(path, drawn, width=drawn[0].shape[1], height=drawn[0].shape[0], fps=3)
    status, frames, summary = run(path, capsys, analyzer=analyzer, out=tmp_path / "out.mp4")
    assert status == 0
    most = max(len(frame["faces"]) for frame in frames)
    assert most >= 8
    assert len(summary["tracks"]) <= most + 3
    assert all(len({f["track"] for f in frame["faces"]}) == len(frame["faces"]) for frame in frames)


def test_without_json_a_table_tells_each_track(analyzer, real_data, capsys):
    path = real_data("videos_mit_pyfeat/pyfeat_single_face.mp4")
    assert run_video(path, every=12, threads=1, analyzer=analyzer) == 0
    out, err = capsys.readouterr()
    assert "640 x 360, 72 frames in 2.37 s, 6 analysed, 1 tracks" in out
    assert "#1" in out
    assert "happiness" in out
    assert err == ""


@pytest.mark.parametrize("how", ["asked to stop", "interrupted"])
def test_what_was_done_before_a_stop_is_kept(tmp_path, capsys, how):
    path, out = make_film(tmp_path / "long.mp4", times=range(60), sound="aac"), tmp_path / "o.mp4"
    stop = threading.Event()
    analyzer = Stopping(21, stop.set if how == "asked to stop" else interrupt)
    status, frames, summary = run(path, capsys, out=out, stop=stop, analyzer=analyzer)
    assert status == 130
    assert summary["interrupted"]
    assert summary["out"] == str(out)
    assert len(pictures(out)) == summary["frames"] in {20, 21}
    assert len(frames) == summary["frames"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_film_that_breaks_off_is_labelled_up_to_there_and_the_place_is_told(tmp_path, capsys):
    path = make_film(
        tmp_path / "cut.mp4", times=range(60), sound="aac", options={"movflags": "faststart"}
    )
    cut_off(path, 0.6)
    out = tmp_path / "out.mp4"
    status = run_video(path, out=out, threads=1, analyzer=Stopping())
    told = capsys.readouterr().err
    kept = stamps(out)
    assert status == 1
    assert 5 < len(kept) < 60
    assert f"breaks off at {float(kept[-1]):.2f} s, after frame {len(kept) - 1}" in told
    assert f"the first {len(kept)} frames are in {out}" in told
    assert len(told.splitlines()) == 2


@pytest.mark.parametrize("content", [None, b"", b"a text\n" * 99])
def test_what_is_no_film_is_one_line_of_error_and_nothing_is_written(tmp_path, capsys, content):
    path = tmp_path / "film.mp4"
    if content is not None:
        path.write_bytes(content)
    before = list(tmp_path.iterdir())
    status = run_video(path, out=tmp_path / "out.mp4", threads=1, analyzer=Stopping())
    out, err = capsys.readouterr()
    assert status == 1
    assert out == ""
    assert err.startswith(f"{path}: ")
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == before


def test_an_error_stands_in_the_last_line_of_json_too(tmp_path, capsys):
    status, frames, summary = run(tmp_path / "absent.mp4", capsys, analyzer=Stopping())
    assert (status, frames, summary["frames"], summary["tracks"]) == (1, [], 0, [])
    assert summary["error"].endswith("no such file")


def test_a_full_disk_is_an_error_and_leaves_the_older_film_alone(tmp_path, capsys):
    path, out = make_film(tmp_path / "film.mp4", times=range(40)), tmp_path / "out.mp4"
    out.write_text("older")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        status, _, summary = run(path, capsys, out=out, analyzer=Stopping())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert status == 1
    assert f"{out}: cannot be written: " in summary["error"]
    assert summary["out"] is None
    assert out.read_text() == "older"
    assert len(list(tmp_path.iterdir())) == 2


def test_the_film_itself_is_never_overwritten(tmp_path, capsys):
    path = make_film(tmp_path / "film.mp4")
    (tmp_path / "other.mp4").symlink_to(path)
    before = path.read_bytes()
    for out in (path, tmp_path / "other.mp4", tmp_path / "." / "film.mp4"):
        status, _, summary = run(path, capsys, out=out, analyzer=Stopping())
        assert status == 1
        assert "would overwrite the film itself" in summary["error"]
    assert path.read_bytes() == before


def test_labels_are_held_in_the_frames_that_are_not_analysed(analyzer, real_data, tmp_path, capsys):
    path, out = real_data("videos_mit_pyfeat/pyfeat_single_face.mp4"), tmp_path / "out.mp4"
    short = tmp_path / "short.mp4"
    encode_film(short, pictures(path)[:4], width=640, height=360, fps=30)
    _, (frame,), summary = run(short, capsys, out=out, analyzer=analyzer, every=10)
    assert (summary["frames"], summary["analysed"]) == (4, 1)
    x0, y0, x1, _ = (round(2 * value) for value in frame["faces"][0]["box_xyxy"])
    for picture in pictures(out):
        edge = picture[y0 + 60 : y0 + 80, x0 - 2 : x0 + 3].astype(int)
        assert (edge[..., 0] - edge[..., 2]).max() > 60  # track 1 is amber
    assert x1 > x0
