"""Looks, joins and readings of detectors, without any network."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.analysis import DETECTORS, DetectionPlan, DetectionRegion
from workers import choices
from workers.detection import FaceDetector, is_cut, join
from workers.geometry.boxes import MAX_CANDIDATES, box_iou, box_share_of_smaller, keep_best
from workers.looks import MAX_SIDE_PX, OVERLAP_PX, RULES, TILE_PX, Look, looks_at
from workers.models.grid_detector import scale_and_pad
from workers.stages import Detections, DetectorModel

NO_PLAN = DetectionPlan()
SIDES = st.integers(1, 5000)


def detections(*boxes: tuple[float, float, float, float], confidence: float = 0.9) -> Detections:
    n = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(n, 4),
        np.zeros((n, 5, 2), np.float32),
        np.full(n, confidence, np.float32),
    )


# Looks


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080)])
def test_a_cameras_picture_is_seen_as_it_is_and_once_more_for_very_large_faces(width, height):
    scales = [look.scale for look in looks_at(width, height, NO_PLAN)]
    assert scales == [1.0, RULES.second_look_px / width]


def test_a_smaller_picture_is_enlarged_to_the_size_of_720p():
    assert looks_at(960, 540, NO_PLAN)[0].scale == 1280 / 960


def test_a_low_picture_cannot_hold_a_face_too_large_to_be_seen():
    assert [look.scale for look in looks_at(1280, 240, NO_PLAN)] == [1.0]


def test_a_4k_picture_is_reduced():
    assert [look.scale for look in looks_at(3840, 2160, NO_PLAN)] == [0.5, 320 / 3840]


def test_a_small_picture_is_enlarged_twice_at_most():
    assert looks_at(320, 240, NO_PLAN)[0].scale == RULES.max_enlargement


def test_a_plan_sets_the_longer_side_and_adds_its_regions():
    region = DetectionRegion(box=(0.25, 0.5, 0.75, 1.0), enlarge=3.0)
    looks = looks_at(640, 480, DetectionPlan(long_side_px=640, regions=(region,)))
    assert looks == [Look(0, 0, 640, 480, 1.0), Look(160, 240, 480, 480, 3.0)]


def test_a_region_of_less_than_a_pixel_is_a_pixel():
    region = DetectionRegion(box=(0.999, 0.999, 1.0, 1.0), enlarge=8.0)
    last = looks_at(3, 3, DetectionPlan(regions=(region,)))[-1]
    assert (last.left, last.top, last.right, last.bottom) == (2, 2, 3, 3)


@pytest.mark.parametrize("width", range(1000, 3000, 7))
def test_a_picture_that_just_fills_the_detector_is_one_look(width):
    assert len(looks_at(width, 100, DetectionPlan(long_side_px=TILE_PX))) == 1


@given(SIDES, SIDES, st.integers(64, 8192), st.floats(0.1, 8))
def test_whatever_the_picture_and_the_plan_looks_cover_it_and_stay_small(w, h, long_side, enlarge):
    region = DetectionRegion(box=(0.0, 0.0, 1.0, 1.0), enlarge=enlarge)
    looks = looks_at(w, h, DetectionPlan(long_side_px=long_side, regions=(region,)))
    assert len(looks) <= 3 * (MAX_SIDE_PX // (TILE_PX - OVERLAP_PX) + 1) ** 2
    for scale in {look.scale for look in looks}:
        tiles = [look for look in looks if look.scale == scale]
        assert (min(n.left for n in tiles), min(n.top for n in tiles)) == (0, 0)
        assert (max(n.right for n in tiles), max(n.bottom for n in tiles)) == (w, h)
        for tile in tiles:
            assert 0 < (tile.right - tile.left) * scale <= TILE_PX + scale + 1
            assert 0 < (tile.bottom - tile.top) * scale <= TILE_PX + scale + 1


@given(st.integers(400, 5000), st.integers(1500, 8192), st.data())
def test_a_face_smaller_than_the_overlap_is_whole_in_one_tile(width, long_side, data):
    looks = looks_at(width, 300, DetectionPlan(long_side_px=long_side))
    tiles = [look for look in looks if look.scale == looks[0].scale]
    side = int((OVERLAP_PX - 16) / looks[0].scale)
    left = data.draw(st.integers(0, max(width - side, 0)))
    assert any(n.left <= left and left + side <= n.right for n in tiles) or side >= width


# Joining


LEFT_HALF = Look(0, 0, 100, 100, 1.0)


def test_a_box_at_an_inner_edge_of_a_look_is_cut_and_one_at_the_pictures_edge_is_not():
    boxes = np.array([(60, 40, 99, 80), (0, 40, 30, 80), (10, 80, 40, 110)], np.float32)
    assert is_cut(boxes, LEFT_HALF, width=200, height=100).tolist() == [True, False, False]


def test_half_a_face_gives_way_to_the_whole_one_even_when_it_is_surer():
    half = detections((80, 40, 100, 80), confidence=0.95)
    whole = detections((80, 40, 120, 80), confidence=0.7)
    joined = join([half, whole], np.array([True, False]), nms_iou=0.3)
    assert joined.boxes_xyxy.tolist() == [[80, 40, 120, 80]]


def test_half_a_face_stays_where_nobody_saw_the_whole():
    half, other = detections((80, 40, 100, 80)), detections((10, 10, 30, 30), confidence=0.8)
    joined = join([half, other], np.array([True, False]), nms_iou=0.3)
    assert joined.confidence.tolist() == pytest.approx([0.9, 0.8])


def test_a_face_seen_in_two_looks_is_one_face_best_first():
    one = detections((10, 10, 30, 30), (60, 60, 80, 80), confidence=0.7)
    other = detections((11, 11, 31, 31), confidence=0.9)
    joined = join([one, other], np.zeros(3, bool), nms_iou=0.3)
    assert joined.confidence.tolist() == pytest.approx([0.9, 0.7])


def test_an_eye_taken_for_a_face_goes_with_the_face_it_is_in():
    eye = detections((125, 105, 175, 160), confidence=0.7)
    face = detections((100, 100, 200, 240), confidence=0.9)
    joined = join([eye, face], np.zeros(2, bool), nms_iou=0.3)
    assert joined.confidence.tolist() == pytest.approx([0.9])


def test_a_face_half_hidden_behind_a_nearer_one_stays():
    behind = detections((180, 100, 220, 150), confidence=0.7)
    nearer = detections((100, 100, 200, 240), confidence=0.9)
    joined = join([behind, nearer], np.zeros(2, bool), nms_iou=0.3)
    assert joined.confidence.tolist() == pytest.approx([0.9, 0.7])


def test_looks_that_see_nobody_join_to_nobody():
    assert len(join([detections(), detections()], np.zeros(0, bool), 0.3).confidence) == 0


# Suppression


boxes_st = st.lists(
    st.tuples(*(st.integers(0, 60) for _ in range(2)), *(st.integers(1, 40) for _ in range(2))),
    max_size=40,
)


@given(boxes_st, st.floats(0.1, 0.9))
def test_the_boxes_that_stay_do_not_overlap_and_cover_those_that_go(found, max_iou):
    corners = np.array(found, np.float32).reshape(-1, 4)
    boxes = np.concatenate((corners[:, :2], corners[:, :2] + corners[:, 2:]), axis=1)
    confidence = np.linspace(0.2, 1, len(boxes), dtype=np.float32)
    kept = keep_best(boxes, confidence, max_iou)
    shared = box_iou(boxes[kept], boxes)
    assert (np.count_nonzero(shared[:, kept] > max_iou, axis=1) == 1).all()
    assert (shared > max_iou).any(axis=0).all()
    assert (np.diff(confidence[kept]) < 0).all()


def test_of_tens_of_thousands_of_candidates_only_the_best_are_compared():
    rng = np.random.default_rng(0)
    corners = np.arange(20_000, dtype=np.float32)[:, None] * 10
    boxes = np.concatenate((corners, corners, corners + 5, corners + 5), axis=1)
    confidence = rng.permutation(np.linspace(0, 1, len(boxes))).astype(np.float32)
    kept = keep_best(boxes, confidence, 0.3)
    assert len(kept) == MAX_CANDIDATES
    assert confidence[kept].min() > np.delete(confidence, kept).max()


def test_a_box_inside_another_shares_all_of_the_smaller():
    inside = np.array([(2, 2, 4, 4)], np.float32)
    around = np.array([(0, 0, 10, 10), (3, 0, 10, 10)], np.float32)
    assert box_share_of_smaller(inside, around)[0].tolist() == [1.0, 0.5]


# Models


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detectors_constant_carries_the_name_it_is_chosen_by(name):
    model = choices.detector(name)
    assert model.name == model.spec.name == name
    assert 0 < model.nms_iou < 1
    assert 0 < model.min_confidence <= model.sure_confidence


def test_choosing_any_detector_imports_no_torch():
    program = (
        "import sys; from workers import choices; from schemas.analysis import DETECTORS;"
        "[choices.detector(name) for name in DETECTORS]; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def outputs_of(model: DetectorModel, rng: np.random.Generator) -> list[np.ndarray]:
    """Outputs with the shapes of a 64 x 96 picture; one confident cell in each of the first two."""
    shapes = {
        "yunet": [s for n in (8, 16, 32) for s in ((), (14,)) for s in [(*s, 64 // n, 96 // n)]],
        "centerface": [(16, 24), (14, 16, 24)],
        "retinaface": [(2, *s, 64 // n, 96 // n) for n in (8, 16, 32) for s in ((), (14,))],
    }[model.name]
    return [rng.uniform(0, 0.1, shape).astype(np.float32) for shape in shapes]


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -np.inf, 1e30, -1e30, 500.0])
def test_what_is_not_a_number_never_leaves_a_detector(name, rubbish):
    model = choices.detector(name)
    rng = np.random.default_rng(1)
    for _ in range(20):
        outputs = outputs_of(model, rng)
        for output in outputs:
            output[rng.random(output.shape) < 0.2] = rubbish
        outputs[0].flat[rng.integers(outputs[0].size)] = 0.99
        seen = model.read_answer(outputs, (1.5, 0.5), model.min_confidence)
        for array in (seen.boxes_xyxy, seen.points_xy, seen.confidence):
            assert np.isfinite(array).all()
        assert (seen.confidence <= 1).all()


@pytest.mark.parametrize("name", DETECTORS)
def test_a_sane_face_beside_rubbish_is_still_found(name):
    model = choices.detector(name)
    outputs = outputs_of(model, np.random.default_rng(2))
    outputs[0].flat[0] = 0.99
    outputs[0].flat[-1] = 0.99
    outputs[1][..., -1, -1] = np.nan
    seen = model.read_answer(outputs, (1.0, 1.0), model.min_confidence)
    assert len(seen.confidence) == 1
    assert seen.boxes_xyxy.max() < 64


@given(st.integers(1, 300), st.integers(1, 300), st.floats(0.05, 4))
def test_a_prepared_picture_is_whole_multiples_and_says_its_scale(width, height, scale):
    image = np.full((height, width, 3), 200, np.uint8)
    prepared, (scale_x, scale_y) = scale_and_pad(image, scale)
    assert prepared.shape[0] % 32 == prepared.shape[1] % 32 == 0
    inside = prepared[: round(height * scale_y), : round(width * scale_x)]
    assert (inside == 200).all()
    assert prepared.sum() == inside.sum()


class WhiteSquare:
    """A network and a reading that find a white square, wherever a look shows it."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, batch: np.ndarray) -> tuple[np.ndarray, ...]:
        self.shapes.append(batch.shape)
        return (batch[..., 0].astype(np.float32),)

    @staticmethod
    def read(outputs, scale_xy, threshold) -> Detections:
        rows, columns = np.nonzero(outputs[0] > 200)
        if not len(rows):
            return detections()
        box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        seen = detections(tuple(np.array(box) / np.tile(scale_xy, 2)))
        return Detections(seen.boxes_xyxy, seen.points_xy + 0.0, seen.confidence)


def white_square_detector() -> tuple[FaceDetector, WhiteSquare]:
    network = WhiteSquare()
    spec = choices.detector("yunet").spec
    model = DetectorModel("white", spec, scale_and_pad, network.read, 0.5, 0.3, 2.0)
    return FaceDetector(model, network), network


@pytest.mark.parametrize("at", [(3, 2), (700, 300), (1880, 1040), (940, 520)])
def test_coordinates_are_the_pictures_whichever_look_saw_the_face(at):
    image = np.zeros((1080, 1920, 3), np.uint8)
    x, y = at
    image[y : y + 40, x : x + 40] = 255
    regions = (
        DetectionRegion(box=(0.0, 0.0, 0.5, 0.5), enlarge=2.0),
        DetectionRegion(box=(0.48, 0.4, 1.0, 1.0), enlarge=3.0),
    )
    detector, network = white_square_detector()
    seen = detector.detect(image, DetectionPlan(long_side_px=3840, regions=regions))
    assert len(network.shapes) > 6
    assert seen.boxes_xyxy[0] == pytest.approx((x, y, x + 40, y + 40), abs=1.5)
    assert len(seen.confidence) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1), (2, 3), (1080, 1)])
def test_pictures_a_pixel_wide_are_looked_at_without_complaint(shape):
    detector, network = white_square_detector()
    seen = detector.detect(np.zeros((*shape, 3), np.uint8), NO_PLAN)
    assert len(seen.confidence) == 0
    assert all(min(shape[1:3]) >= 32 for shape in network.shapes)
