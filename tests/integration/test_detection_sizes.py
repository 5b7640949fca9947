"""Faces of every size in pictures of every shape, found by the real detectors."""

import cv2
import numpy as np
import pytest

from schemas.analysis import DetectionPlan, DetectionRegion
from tests.studies import detection_pictures
from workers import choices, looks
from workers.detection import FaceDetector
from workers.engines import openvino_engine
from workers.errors import WeightsUnavailableError
from workers.evaluation.matching import match_faces
from workers.geometry.boxes import box_iou
from workers.weights import pull

NO_PLAN = DetectionPlan()


@pytest.fixture(scope="module", params=["yunet", "centerface", "retinaface"])
def detector(request) -> FaceDetector:
    return load(request.param)


@pytest.fixture(scope="module")
def yunet() -> FaceDetector:
    return load("yunet")


def load(name: str) -> FaceDetector:
    model = choices.detector(name)
    try:
        pull((model.spec.weights,))
    except WeightsUnavailableError as exc:
        pytest.skip(f"the weights cannot be had: {exc}")
    return FaceDetector(model, openvino_engine(1)(model.spec))


@pytest.fixture(scope="module")
def group(real_data) -> np.ndarray:
    """Five people, (667, 1000, 3) RGB."""
    path = real_data("videos_mit_pyfeat/pyfeat_multi_face.jpg")
    return cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)


@pytest.fixture(scope="module")
def data(real_data):
    for name in ("videos_ccby_intel", "dlib_faces", "pointing04"):
        folder = real_data(name).parent
    return folder


def scaled(image: np.ndarray, width: int) -> np.ndarray:
    height = round(image.shape[0] * width / image.shape[1])
    how = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_CUBIC
    return cv2.resize(image, (width, height), interpolation=how)


def boxes_of(detector: FaceDetector, image: np.ndarray, plan=NO_PLAN) -> np.ndarray:
    seen = detector.detect(image, plan)
    for array in (seen.boxes_xyxy, seen.points_xy, seen.confidence):
        assert array.dtype == np.float32
        assert np.isfinite(array).all()
    assert (np.diff(seen.confidence) <= 0).all()
    return seen.boxes_xyxy


def recall(detector: FaceDetector, pictures, plan=NO_PLAN) -> float:
    found = [
        match_faces(p.faces, boxes_of(detector, p.image, plan).astype(float)) for p in pictures
    ]
    return float((np.concatenate(found) >= 0).mean())


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_even_picture_holds_nobody(detector, level):
    assert len(boxes_of(detector, np.full((720, 1280, 3), level, np.uint8))) == 0


@pytest.mark.parametrize("width", [320, 640, 1280, 3840])
def test_five_people_are_found_at_every_size_and_at_the_same_place(detector, group, width):
    boxes = boxes_of(detector, scaled(group, width))
    reference = boxes_of(detector, group)
    assert len(boxes) == len(reference) == 5
    assert (box_iou(boxes * (1000 / width), reference).max(axis=1) > 0.6).all()


def test_five_people_are_found_without_colour_and_in_any_shape_of_picture(detector, group):
    grey = cv2.cvtColor(cv2.cvtColor(group, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    four_to_three = np.pad(group, ((0, 83), (0, 0), (0, 0)))
    upright = np.pad(group, ((500, 500), (0, 0), (0, 0)))
    assert [len(boxes_of(detector, image)) for image in (grey, four_to_three, upright)] == [5] * 3


def test_an_upside_down_picture_is_survived(detector, group):
    assert len(boxes_of(detector, np.ascontiguousarray(group[::-1, ::-1]))) <= 5


@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (2000, 1), (7, 5)])
def test_a_picture_of_hardly_any_pixels_holds_nobody(detector, shape):
    assert len(boxes_of(detector, np.full((*shape, 3), 90, np.uint8))) == 0


def test_three_hundred_faces_are_found(detector, group):
    faces = boxes_of(detector, group)
    crops = [
        cv2.resize(cv2.getRectSubPix(group, (150, 150), ((x0 + x1) / 2, (y0 + y1) / 2)), (96, 96))
        for x0, y0, x1, y1 in faces.tolist()
    ]
    rows = [np.hstack([crops[(row + n) % 5] for n in range(20)]) for row in range(15)]
    assert 297 <= len(boxes_of(detector, np.vstack(rows))) <= 303


def test_faces_of_eight_pixels_are_lost_at_native_size_and_found_when_a_plan_enlarges(yunet, data):
    frames = list(detection_pictures.frames_of(list(detection_pictures.snapshots(data)), 8))
    assert recall(yunet, frames) <= 0.6
    assert recall(yunet, frames, DetectionPlan(long_side_px=1920)) >= 0.95


def test_an_enlarged_region_finds_the_students_that_the_whole_picture_loses(yunet, data):
    frames = detection_pictures.classroom_frames(data, 0.5)[:4]
    whole = DetectionPlan(long_side_px=240)
    region = DetectionRegion(box=(0.1, 0.4, 0.75, 0.7), enlarge=3.0)
    assert recall(yunet, frames, whole) <= 0.75
    assert recall(yunet, frames, whole.model_copy(update={"regions": (region,)})) == 1.0


def test_a_face_across_a_regions_edge_is_one_face(detector, group):
    x0, y0, x1, y1 = boxes_of(detector, group)[0] / np.array([1000, 667, 1000, 667])
    middle_x, middle_y = float(x0 + x1) / 2, float(y0 + y1) / 2
    regions = tuple(
        DetectionRegion(box=box, enlarge=2.0)
        for box in (
            (0.0, 0.0, middle_x, 1.0),
            (middle_x, 0.0, 1.0, 1.0),
            (0.0, middle_y, 1.0, 1.0),
        )
    )
    boxes = boxes_of(detector, group, DetectionPlan(regions=regions))
    assert len(boxes) == 5
    assert (box_iou(boxes, boxes_of(detector, group)).max(axis=1) > 0.6).all()


def test_tiles_give_the_faces_that_one_large_look_gives(yunet, group, monkeypatch):
    crowd = np.tile(scaled(group, 700), (3, 4, 1))
    plan = DetectionPlan(long_side_px=2 * crowd.shape[1])
    tiled = boxes_of(yunet, crowd, plan)
    assert len(looks.looks_at(crowd.shape[1], crowd.shape[0], plan)) > 6
    monkeypatch.setattr(looks, "TILE_PX", 10_000)
    at_once = boxes_of(yunet, crowd, plan)
    assert len(tiled) == len(at_once) == 60
    assert (box_iou(tiled, at_once).max(axis=1) > 0.8).all()


@pytest.mark.parametrize("face_px", [300, 900, 1200])
def test_portraits_of_very_large_faces_are_found_once(yunet, data, face_px):
    for picture in detection_pictures.portraits(data, face_px, every=5):
        assert recall(yunet, [picture]) == 1.0
        assert len(boxes_of(yunet, picture.image)) == 1
