"""Posters are told from people by what they do for five minutes: nothing."""

import av
import cv2
import numpy as np
import pytest

from deploy.simulator.encoding import encode_film
from workers.geometry.crops import Crops, cut
from workers.static_faces import AFTER_S, MAX_FACES, StaticFaces, thumbnails

BOX = np.array([100, 80, 148, 140], np.float32)
POSE = np.array([5.0, -3.0, 1.0])
FRAME_S = 1.0


def portrait(seed: int = 0) -> np.ndarray:
    """Smooth shades, as of a face in 16 x 16."""
    small = np.random.default_rng(seed).uniform(40, 200, (5, 5)).astype(np.float32)
    return cv2.resize(small, (16, 16), interpolation=cv2.INTER_CUBIC)


class Camera:
    """One face under the noise of a camera; what moves is said frame by frame."""

    def __init__(self, faces: StaticFaces, name: str = "camera", seed: int = 0) -> None:
        self.faces, self.name = faces, name
        self.rng = np.random.default_rng(seed)

    def see(self, at_s, *, box=BOX, pose=POSE, picture=None, openness=None) -> bool:
        picture = portrait() if picture is None else picture
        found = self.faces.update(
            self.name,
            at_s,
            (box + self.rng.normal(0, 0.3, 4)).astype(np.float32)[None],
            (picture + self.rng.normal(0, 3, (16, 16))).astype(np.float32)[None],
            (pose + self.rng.normal(0, 0.7, 3))[None],
            None if openness is None else np.array([openness], np.float32),
        )
        return bool(found[0])

    def watch(self, until_s: float, start_s: float = 0.0, every_s: float = FRAME_S, **face) -> bool:
        """Show the face from start to end; return what was said last."""
        times = np.arange(start_s, until_s, every_s)
        return [self.see(float(at_s), **face) for at_s in times][-1]


def test_a_poster_is_static_after_five_minutes_and_not_before():
    camera = Camera(StaticFaces())
    assert not camera.watch(AFTER_S - 1)
    assert camera.watch(AFTER_S + 5, start_s=AFTER_S - 1)


@pytest.mark.parametrize(
    "moved",
    [
        {"box": BOX + 8},
        {"box": BOX + np.array([0, 0, 12, 15])},
        {"pose": POSE + np.array([20, 0, 0])},
        {"picture": portrait(1)},
    ],
    ids=["place", "size", "pose", "pixels"],
)
def test_any_motion_ends_it_at_once_and_starts_the_time_anew(moved):
    camera = Camera(StaticFaces())
    assert camera.watch(AFTER_S + 5)
    assert not camera.see(AFTER_S + 5, **moved)
    assert not camera.watch(2 * AFTER_S, start_s=AFTER_S + 6)
    assert camera.watch(2 * AFTER_S + 20, start_s=2 * AFTER_S)


@pytest.mark.parametrize("brightness", [0.7, 1.25])
def test_a_lamp_that_is_switched_does_not_wake_a_poster(brightness):
    camera = Camera(StaticFaces())
    camera.watch(AFTER_S / 2)
    assert camera.watch(AFTER_S + 5, start_s=AFTER_S / 2, picture=portrait() * brightness)


def test_a_sleeper_whose_head_sinks_by_a_twentieth_of_its_height_is_no_poster():
    camera = Camera(StaticFaces())
    height = BOX[3] - BOX[1]
    said = [
        camera.see(at_s, box=BOX + np.array([0, 1, 0, 1]) * height * 0.05 * at_s / AFTER_S)
        for at_s in np.arange(0, 2 * AFTER_S, FRAME_S)
    ]
    assert not any(said)


def test_a_face_with_closed_eyes_is_no_poster_however_still_it_is():
    assert not Camera(StaticFaces()).watch(2 * AFTER_S, openness=0.1)
    assert Camera(StaticFaces()).watch(2 * AFTER_S, openness=0.28)


def test_unknown_eyes_and_poses_do_not_stand_in_the_way():
    still = Camera(StaticFaces())
    assert still.watch(AFTER_S + 5, pose=np.full(3, np.nan), openness=np.nan)


@pytest.mark.parametrize("every_s", [0.2, 1.7, 5.0])
def test_a_worker_that_sees_only_some_of_the_frames_comes_to_the_same_answer(every_s):
    camera = Camera(StaticFaces())
    assert not camera.watch(AFTER_S - 1, every_s=every_s)
    assert camera.watch(AFTER_S + 20, start_s=AFTER_S - 1, every_s=every_s)


def test_a_poster_seen_too_seldom_is_not_judged():
    assert not Camera(StaticFaces()).watch(AFTER_S + 30, every_s=15)


def test_a_face_out_of_sight_for_over_a_minute_begins_anew():
    camera = Camera(StaticFaces())
    camera.watch(AFTER_S - 10)
    assert not camera.watch(AFTER_S + 100, start_s=AFTER_S + 60)


def test_frames_a_little_out_of_order_are_taken_as_they_come():
    camera = Camera(StaticFaces())
    times = np.arange(0, AFTER_S + 10, FRAME_S).reshape(-1, 2)[:, ::-1].ravel()
    assert [camera.see(float(at_s)) for at_s in times][-1]


def test_a_clock_set_back_begins_anew():
    camera = Camera(StaticFaces())
    assert camera.watch(2 * AFTER_S + 5, start_s=AFTER_S)
    assert not camera.see(AFTER_S)
    assert camera.watch(2 * AFTER_S + 5, start_s=AFTER_S)


def test_cameras_do_not_mix():
    faces = StaticFaces()
    one, other = Camera(faces, "one"), Camera(faces, "other", seed=1)
    for at_s in np.arange(0, AFTER_S + 5, FRAME_S):
        still = one.see(at_s)
        moving = other.see(at_s, box=BOX + (at_s % 60))
    assert still
    assert not moving


def test_of_two_faces_in_one_picture_only_the_poster_is_static_whatever_their_order():
    faces, rng = StaticFaces(), np.random.default_rng(2)
    person = BOX + 200
    for at_s in np.arange(0, AFTER_S + 5, FRAME_S):
        rows = [BOX, person + rng.uniform(-9, 9)]
        order = rng.permutation(2)
        found = faces.update(
            "camera",
            at_s,
            np.array(rows, np.float32)[order],
            np.stack([portrait(0), portrait(1)])[order],
            np.tile(POSE, (2, 1)),
        )
    assert found.tolist() == [index == 0 for index in order]


def test_a_picture_without_faces_is_a_picture():
    none = np.zeros((0, 4), np.float32)
    found = StaticFaces().update("c", 0.0, none, np.zeros((0, 16, 16)), np.zeros((0, 3)))
    assert found.shape == (0,)


def test_memory_is_bounded_and_posters_are_the_last_to_be_forgotten():
    faces, rng = StaticFaces(max_sources=3), np.random.default_rng(3)
    for at_s in np.arange(0, AFTER_S + 5, 2.0):
        passing = rng.uniform(0, 4000, (20, 2)).astype(np.float32) + 300
        boxes = np.concatenate((BOX[None], np.concatenate((passing, passing + 50), axis=1)))
        pictures = np.stack([portrait(0), *(portrait(7) for _ in passing)])
        found = faces.update("a", at_s, boxes, pictures, np.tile(POSE, (21, 1)))
    assert found[0]
    assert not found[1:].any()
    assert len(faces._sources["a"].places) == MAX_FACES
    for name in "bcd":
        Camera(faces, name).see(0.0)
    assert list(faces._sources) == ["b", "c", "d"]


def test_thumbnails_are_grey_and_small():
    crops = np.zeros((2, 256, 256, 3), np.uint8)
    crops[1, :128] = (255, 0, 0)
    found = thumbnails(crops)
    assert found.shape == (2, 16, 16)
    assert found[0].max() == 0
    assert found[1, 0] == pytest.approx(76, abs=1)  # red's share of grey
    assert found[1, 15].max() == 0


@pytest.fixture(scope="module")
def analyzer(weights):
    from workers.analyzer import FaceAnalyzer

    return FaceAnalyzer.load("cpu", expression=False, threads=1)


def update(faces: StaticFaces, analyzer, image: np.ndarray, at_s: float) -> list[bool]:
    found = analyzer.analyze([image])[0]
    boxes = np.array([face.box_xyxy for face in found], np.float32).reshape(-1, 4)
    sides = 1.5 * (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    squares = Crops(np.zeros(len(found), np.intp), middles, sides, np.zeros_like(sides))
    angles = [
        [np.nan if a is None else a for a in (f.yaw_deg, f.pitch_deg, f.roll_deg)] for f in found
    ]
    small = thumbnails(cut([image], squares, 256))
    return faces.update("c", at_s, boxes, small, np.array(angles).reshape(-1, 3)).tolist()


@pytest.fixture(scope="module")
def wall(real_data) -> np.ndarray:
    """A photograph of five people with faces of about 50 px, even sides."""
    path = real_data("videos_mit_pyfeat/pyfeat_multi_face.jpg")
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    return cv2.resize(image, (400, 266), interpolation=cv2.INTER_AREA)


def noisy(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


@pytest.mark.slow
def test_a_real_photograph_on_the_wall_is_static_through_noise_and_jpeg(analyzer, wall):
    faces, rng = StaticFaces(), np.random.default_rng(4)
    for at_s in np.arange(0, AFTER_S + 10, 5.0):
        coded = cv2.imencode(".jpg", noisy(wall, rng), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
        said = update(faces, analyzer, cv2.imdecode(coded, 1), float(at_s))
    assert said == [True] * 5


@pytest.mark.slow
def test_a_real_photograph_on_the_wall_is_static_through_h264(analyzer, wall, tmp_path):
    """Inside a group of pictures a codec lets the noise stand still, and then lets it jump."""
    rng, path = np.random.default_rng(5), tmp_path / "wall.mp4"
    fps, seconds = 5, int(AFTER_S) + 10
    pictures = (noisy(wall, rng) for _ in range(fps * seconds))
    encode_film(path, pictures, width=400, height=266, fps=fps)
    faces = StaticFaces()
    with av.open(str(path)) as film:
        for index, frame in enumerate(film.decode(video=0)):
            if index % (4 * fps) == 0:  # at another place of its group of 7 each time
                said = update(faces, analyzer, frame.to_ndarray(format="rgb24"), index / fps)
    assert said == [True] * 5


@pytest.mark.slow
def test_a_living_person_is_not_static_even_by_a_rule_of_fifteen_seconds(analyzer, real_data):
    """In this film of 19 s the woman holds still for 10 s at most."""
    faces, said = StaticFaces(after_s=15.0), []
    film = real_data("videos_mit_pyfeat/pyfeat_WolfgangLanger_Pexels.mp4")
    with av.open(str(film)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index % 6 == 0:
                picture = cv2.resize(frame.to_ndarray(format="rgb24"), (480, 270))
                said += update(faces, analyzer, picture, float(frame.time))
    assert len(said) > 60
    assert not any(said)
