"""`fast` (bf16) against `exact` (f32) through the whole chain, on drawn and on real faces.

On a CPU without bf16 both are the same and the tests pass trivially: they skip, saying so.
"""

import cv2
import numpy as np
import openvino
import pytest

from deploy.bench.scene import drawn_class, tiled_pictures
from schemas.analysis import ModelChoices
from tests.simulator_gallery import overlap
from workers.analyzer import FaceAnalyzer
from workers.decode import decode_jpeg, read_picture
from workers.face import Face
from workers.openvino_tuning import has_bf16

pytestmark = [
    pytest.mark.usefixtures("weights"),
    pytest.mark.skipif(not has_bf16(openvino.Core()), reason="this CPU has no bf16"),
]

ANGLES = ("yaw_deg", "pitch_deg", "roll_deg")
Pairs = list[tuple[Face, Face]]


@pytest.fixture(scope="module")
def analyzers(weights) -> list[FaceAnalyzer]:
    return [
        FaceAnalyzer.load("cpu", models=ModelChoices(precision=precision), threads=1)
        for precision in ("exact", "fast")
    ]


@pytest.fixture(scope="module")
def drawn(analyzers) -> Pairs:
    """Faces of 35 to 85 px in a simulated class at 1080p."""
    jpegs = drawn_class(30, 1920, 1080, 4)
    return in_both(analyzers, [decode_jpeg(jpeg) for jpeg in jpegs])


@pytest.fixture(scope="module")
def real(analyzers, real_data) -> Pairs:
    """Faces of real people: snapshots as they are, and single faces laid out at about 60 px."""
    snapshots = [read_picture(path) for path in sorted(real_data("dlib_faces").glob("*.jpg"))]
    folder = real_data("muxspace_expr/images")
    class_like = [decode_jpeg(jpeg) for jpeg in tiled_pictures(folder, 60, 1920, 1080, 4)]
    return in_both(analyzers, snapshots + class_like)


@pytest.fixture(params=["drawn", "real"])
def pairs(request) -> Pairs:
    return request.getfixturevalue(request.param)


def in_both(analyzers: list[FaceAnalyzer], images: list[np.ndarray]) -> Pairs:
    """Faces that both found, those that only one found being at the detector's threshold."""
    cv2.setNumThreads(1)
    pairs = []
    for image in images:
        exact, fast = (analyzer.analyze([image])[0] for analyzer in analyzers)
        for face in exact:
            same = [f for f in fast if overlap(np.array(face.box_xyxy), np.array(f.box_xyxy)) > 0.6]
            pairs += [(face, same[0])] if same else []
            assert same or face.confidence < 0.63 or abs(face.presence - 0.5) < 0.3
    return pairs


def test_boxes_agree_to_a_pixel(pairs):
    shifts = [np.abs(np.subtract(a.box_xyxy, b.box_xyxy)).max() for a, b in pairs]
    heights = np.array([a.height_px for a, _ in pairs])
    # Of a face taller than 100 px, to a hundredth of its height.
    assert (np.array(shifts) <= np.maximum(1.0, heights / 100)).all()


@pytest.mark.parametrize("name", ANGLES)
def test_angles_agree_to_a_fifth_of_a_degree_and_99_of_100_to_one(pairs, name):
    both = [(getattr(a, name), getattr(b, name)) for a, b in pairs]
    off = np.array([abs(a - b) for a, b in both if a is not None and b is not None])
    assert len(off) >= 100
    assert np.median(off) <= 0.2
    assert np.percentile(off, 99) <= 1.0


def test_expressions_agree_to_a_twentieth(pairs):
    both = [(a.expression_probs, b.expression_probs) for a, b in pairs]
    off = [np.abs(np.subtract(a, b)).max() for a, b in both if a is not None and b is not None]
    assert len(off) >= 100
    assert np.percentile(off, 99) <= 0.05
