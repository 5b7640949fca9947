"""A whole simulated lesson: rendered once, whole or not at all, as a camera would send it."""

import itertools

import av
import numpy as np
import pytest

from deploy.simulator import film as film_module
from deploy.simulator.film import build
from deploy.simulator.scene import build_room
from deploy.simulator.script import Behaviour
from deploy.simulator.site_file import write_site_file
from deploy.simulator.truth import read_truth
from schemas.site_file import load_site

TINY = (
    build_room(
        "tiny", "Tiny", rows=1, columns=3, camera_offsets_m=(-0.3, 0.3), width=384, height=216
    ),
)


@pytest.fixture(scope="module")
def simulation(weights, tmp_path_factory):
    return build(1.0, 3, tmp_path_factory.mktemp("films"), rooms=TINY, processes=2)


def test_every_camera_has_a_film_of_the_whole_lesson(simulation):
    assert [film.camera_id for film in simulation.films] == ["tiny-1", "tiny-2"]
    for film in simulation.films:
        with av.open(str(film.film_path)) as container:
            times = [float(packet.pts * packet.time_base)
                     for packet in container.demux(video=0) if packet.pts is not None]  # fmt: skip
        np.testing.assert_allclose(times, np.arange(600) / 10, atol=1e-3)


def test_films_are_what_a_camera_sends(simulation):
    with av.open(str(simulation.films[0].film_path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        frames = list(container.decode(stream))
    assert {frame.format.name for frame in frames} == {"yuv420p"}
    assert {int(frame.color_range) for frame in frames} == {1}, "limited range"
    bidirectional = 3  # AV_PICTURE_TYPE_B
    assert bidirectional not in {int(frame.pict_type) for frame in frames}
    keys = [index for index, frame in enumerate(frames) if frame.key_frame]
    assert max(b - a for a, b in itertools.pairwise(keys)) <= 20


def test_every_picture_says_that_it_is_simulated(simulation):
    with av.open(str(simulation.films[0].film_path)) as container:
        for frame in itertools.islice(container.decode(video=0), 0, None, 100):
            corner = frame.to_ndarray(format="rgb24")[-12:, -70:]
            assert corner.min() < 60, "a dark ground"
            assert corner.max() > 180, "light letters"


def test_two_cameras_agree_on_who_is_there_and_where_heads_point(simulation):
    one, other = (read_truth(film.truth_path) for film in simulation.films)
    np.testing.assert_array_equal(one.present, other.present)
    np.testing.assert_array_equal(one.openness, other.openness)
    upright = one.seated & (one.behaviour != int(Behaviour.HEAD_DOWN))
    upright &= one.front_deg[..., 1] > -60
    apart = np.abs(one.front_deg - other.front_deg)[upright]
    assert apart.max() <= 4, "each rounds to two degrees on its own"


def test_the_points_lie_in_the_box_that_was_drawn(simulation):
    from workers.geometry.canonical_mesh import load_canonical_mesh

    truth = read_truth(simulation.films[0].truth_path)
    frame, seat = (int(i[0]) for i in np.nonzero(truth.visible))
    points = truth.landmarks_xy(load_canonical_mesh(), frame, truth.labels[seat])
    x0, y0, x1, y1 = truth.box_xyxy[frame, seat]
    assert points.shape == (468, 2)
    inside = (points > (x0 - 3, y0 - 3)) & (points < (x1 + 3, y1 + 3))
    assert inside.all()


def test_a_second_call_renders_nothing(simulation):
    calls = []
    again = build(1.0, 3, simulation.folder.parent, lambda *step: calls.append(step), rooms=TINY)
    assert calls == []
    assert again == simulation


def test_a_render_that_dies_leaves_no_film_behind(weights, tmp_path, monkeypatch):
    def dies(*_args):
        raise KeyboardInterrupt

    monkeypatch.setattr(film_module, "join_films", dies)
    monkeypatch.setattr(film_module, "_draw_chunk", lambda chunk: {})
    monkeypatch.setattr(film_module, "write_truth", lambda *args, **kwargs: None)
    with pytest.raises(KeyboardInterrupt):
        build(1.0, 3, tmp_path, rooms=TINY, processes=1)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_a_killed_render_left_is_cleared_away(tmp_path):
    nobody = 2**22 + 1  # beyond the largest process id
    (tmp_path / f"rendering-{nobody}-abc").mkdir()
    film_module._clear_away(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_site_file_is_accepted_and_holds_every_seat_of_every_camera(simulation, tmp_path):
    path = tmp_path / "site.yaml"
    write_site_file(path, simulation, lambda camera: f"rtsp://127.0.0.1:8554/{camera}")
    site = load_site(path)
    cameras = [camera for _, camera in site.cameras()]
    assert [camera.url for camera in cameras] == [
        "rtsp://127.0.0.1:8554/tiny-1",
        "rtsp://127.0.0.1:8554/tiny-2",
    ]
    for camera in cameras:
        assert sorted(camera.seats) == ["A1", "A2", "A3"]
        assert all(seat.calibration is not None for seat in camera.seats.values())


def test_faces_stay_in_their_seats_polygons(simulation, tmp_path):
    path = tmp_path / "site.yaml"
    write_site_file(path, simulation, lambda camera: f"rtsp://127.0.0.1:8554/{camera}")
    for (_, camera), film in zip(load_site(path).cameras(), simulation.films, strict=True):
        truth = read_truth(film.truth_path)
        for index, label in enumerate(truth.labels):
            corners = np.array(camera.seats[label].polygon)
            boxes = truth.box_xyxy[truth.visible[:, index], index]
            centres = (boxes[:, :2] + boxes[:, 2:]) / 2 / (truth.width, truth.height)
            inside = (centres >= corners.min(0)) & (centres <= corners.max(0))
            assert inside.all(1).mean() > 0.98
