"""CenterFace and RetinaFace against onnxruntime: the networks, and the whole way to the boxes.

The reading that they are compared with is a loop over cells, written from the papers. YuNet's part
stands in `test_models_agree`.
"""

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from schemas.analysis import DetectionPlan
from workers import choices
from workers.detection import FaceDetector
from workers.engines import openvino_engine, torch_engine
from workers.errors import WeightsFormatError, WeightsUnavailableError
from workers.models import centerface, retinaface
from workers.models.centerface_net import centerface_from, load_centerface
from workers.models.retinaface_net import load_retinaface, retinaface_from
from workers.weights import pull, read_weights

WIDTH, HEIGHT = 992, 640
"""Of a group's picture: both are multiples of 32, so that nothing is padded."""


@pytest.fixture(scope="module", autouse=True)
def _both_weights() -> None:
    try:
        pull(("centerface", "retinaface"))
    except WeightsUnavailableError as exc:
        pytest.skip(f"the weights cannot be had: {exc}")


@pytest.fixture(scope="module")
def group(real_data) -> np.ndarray:
    """Five people."""
    path = real_data("videos_mit_pyfeat/pyfeat_multi_face.jpg")
    return cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)[:HEIGHT, :WIDTH].copy()


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    """Smooth colours without any face."""
    small = np.random.default_rng(1).integers(0, 256, (20, 20, 3), np.uint8)
    return cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(params=["noise", "group"])
def picture(request) -> np.ndarray:
    """Noise always, people where the real pictures are."""
    return request.getfixturevalue(request.param)


def native_centerface(image: np.ndarray) -> list[np.ndarray]:
    """The published graph, freed of its fixed sizes: heatmap, sizes, offsets, points."""
    model = onnx.load_from_string(read_weights("centerface"))
    for value in (*model.graph.input, *model.graph.output):
        if len(value.type.tensor_type.shape.dim) == 4:
            for axis in (0, 2, 3):
                value.type.tensor_type.shape.dim[axis].dim_param = f"{value.name}_{axis}"
    session = _session(model.SerializeToString())
    return session.run(None, {"input.1": image[None].transpose(0, 3, 1, 2).astype(np.float32)})


def native_retinaface(image: np.ndarray) -> list[np.ndarray]:
    """The exported graph: boxes (1, A, 4), classes (1, A, 2), points (1, A, 10)."""
    blue_first = image[:, :, ::-1].astype(np.float32) - np.array((104, 117, 123), np.float32)
    session = _session(read_weights("retinaface"))
    return session.run(None, {"input": blue_first[None].transpose(0, 3, 1, 2)})


def _session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options)


def test_centerface_agrees_with_onnxruntime(picture):
    heatmap, *geometry = native_centerface(picture)
    scores, ours = load_centerface()(torch.from_numpy(picture[None]))
    assert np.abs(scores.numpy() - heatmap[:, 0]).max() < 1e-5
    assert np.abs(ours.numpy() - np.concatenate(geometry, axis=1)).max() < 1e-4


def test_retinaface_agrees_with_onnxruntime(picture):
    boxes, classes, points = native_retinaface(picture)
    outputs = [output.numpy() for output in load_retinaface()(torch.from_numpy(picture[None]))]
    scores = np.concatenate([o.transpose(0, 2, 3, 1).ravel() for o in outputs[0::2]])
    geometry = np.concatenate([o.transpose(0, 3, 4, 1, 2).reshape(-1, 14) for o in outputs[1::2]])
    assert np.abs(scores - classes[0, :, 1]).max() < 1e-5
    assert np.abs(geometry[:, :4] - boxes[0]).max() < 1e-4
    assert np.abs(geometry[:, 4:] - points[0]).max() < 1e-4


def read_centerface_plainly(image: np.ndarray) -> list[np.ndarray]:
    """Rows of confidence, box and points; one cell after the other."""
    heatmap, sizes, offsets, points = (output[0] for output in native_centerface(image))
    rows = []
    for y, x in np.argwhere(heatmap[0] >= centerface.DETECTOR.min_confidence):
        height, width = np.exp(sizes[:, y, x]) * 4
        left = (x + offsets[1, y, x] + 0.5) * 4 - width / 2
        top = (y + offsets[0, y, x] + 0.5) * 4 - height / 2
        row = [heatmap[0, y, x], left, top, left + width, top + height]
        for point in range(5):
            row.append(left + points[2 * point + 1, y, x] * width)
            row.append(top + points[2 * point, y, x] * height)
        rows.append(np.array(row))
    return suppress_plainly(rows, centerface.NMS_IOU)


def read_retinaface_plainly(image: np.ndarray) -> list[np.ndarray]:
    """Rows of confidence, box and points; one anchor after the other."""
    boxes, classes, points = (output[0] for output in native_retinaface(image))
    anchors = [
        ((column + 0.5) * stride, (row + 0.5) * stride, side)
        for stride, sides in retinaface.ANCHORS_PX
        for row in range(HEIGHT // stride)
        for column in range(WIDTH // stride)
        for side in sides
    ]
    rows = []
    for n in np.flatnonzero(classes[:, 1] >= retinaface.DETECTOR.min_confidence):
        x, y, side = anchors[n]
        centre = np.array((x, y)) + boxes[n, :2] * 0.1 * side
        half = np.exp(boxes[n, 2:] * 0.2) * side / 2
        marks = np.array((x, y)) + points[n].reshape(5, 2) * 0.1 * side
        rows.append(np.array([classes[n, 1], *(centre - half), *(centre + half), *marks.ravel()]))
    return suppress_plainly(rows, retinaface.NMS_IOU)


def suppress_plainly(rows: list[np.ndarray], max_iou: float) -> list[np.ndarray]:
    kept: list[np.ndarray] = []
    for row in sorted(rows, key=lambda row: -row[0]):
        if all(_iou(row[1:5], other[1:5]) <= max_iou for other in kept):
            kept.append(row)
    return kept


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    sides = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    return sides.prod() / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - sides.prod())


@pytest.mark.parametrize(
    ("name", "read_plainly"),
    [("centerface", read_centerface_plainly), ("retinaface", read_retinaface_plainly)],
)
@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_the_whole_way_to_the_boxes_agrees_with_a_plain_reading(name, read_plainly, engine, group):
    model = choices.detector(name)
    load = torch_engine("cpu", 1) if engine == "torch" else openvino_engine(1)
    plan = DetectionPlan(long_side_px=WIDTH)
    ours = FaceDetector(model, load(model.spec)).detect(group, plan)
    plain = np.array(read_plainly(group))
    assert len(ours.confidence) == len(plain) == 5
    assert np.abs(ours.confidence - plain[:, 0]).max() < 1e-5
    assert np.abs(ours.boxes_xyxy - plain[:, 1:5]).max() < 1e-3
    assert np.abs(ours.points_xy.reshape(-1, 10) - plain[:, 5:]).max() < 1e-3


@pytest.mark.parametrize("name", ["yunet", "centerface", "retinaface"])
def test_the_five_points_come_in_the_same_order_from_every_detector(name, group, weights):
    model = choices.detector(name)
    seen = FaceDetector(model, openvino_engine(1)(model.spec)).detect(group, DetectionPlan())
    eyes, nose, mouth = seen.points_xy[:, :2], seen.points_xy[:, 2], seen.points_xy[:, 3:]
    assert (eyes[:, 0, 0] < eyes[:, 1, 0]).all()
    assert (mouth[:, 0, 0] < mouth[:, 1, 0]).all()
    assert (eyes[:, :, 1].max(axis=1) < nose[:, 1]).all()
    assert (nose[:, 1] < mouth[:, :, 1].min(axis=1)).all()


@pytest.mark.parametrize("name", ["centerface", "retinaface"])
@pytest.mark.parametrize("shape", [(1, 256, 480, 3), (2, 736, 1280, 3), (1, 32, 64, 3)])
def test_the_converted_detectors_take_any_batch_and_size(name, shape):
    spec = choices.detector(name).spec
    image = np.random.default_rng(4).integers(0, 256, shape, np.uint8)
    native, converted = torch_engine("cpu", 1)(spec)(image), openvino_engine(1)(spec)(image)
    for ours, theirs in zip(converted, native, strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < 1e-3


@pytest.mark.parametrize("name", ["centerface", "retinaface"])
def test_a_picture_is_read_the_same_alone_and_among_others(name, group, noise):
    network = torch_engine("cpu", 1)(choices.detector(name).spec)
    together = network(np.stack((noise, group)))
    for alone, among in zip(network(group[None]), together, strict=True):
        assert np.abs(alone[0] - among[1]).max() < 1e-3


@pytest.mark.parametrize(
    ("build", "name", "other"),
    [
        (centerface_from, "centerface", "retinaface"),
        (retinaface_from, "retinaface", "centerface"),
    ],
)
def test_another_networks_file_is_refused_by_name(build, name, other):
    with pytest.raises(WeightsFormatError, match=f"{name}: "):
        build(read_weights(other))


@pytest.mark.parametrize(
    ("build", "name"), [(centerface_from, "centerface"), (retinaface_from, "retinaface")]
)
def test_a_tensor_of_another_shape_is_refused(build, name):
    model = onnx.load_from_string(read_weights(name))
    tensor = next(t for t in model.graph.initializer if list(t.dims)[2:] == [3, 3])
    smaller = onnx.numpy_helper.to_array(tensor)[:, :, :2]
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(smaller), tensor.name))
    with pytest.raises(WeightsFormatError, match=rf"{name}: tensor \d+ has shape"):
        build(model.SerializeToString())
