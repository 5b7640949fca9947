"""Each network against its native runtime, and each engine against the other.

Tolerances are what was reached when the networks were rewritten, not what would be convenient. The
expression networks have a file of their own, `test_expression_agrees.py`.
"""

import io
import zipfile

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter

from schemas.analysis import DetectionPlan
from workers.detection import FaceDetector
from workers.engines import NetworkSpec, openvino_engine, torch_engine
from workers.models import mediapipe478, mini_xception, yunet
from workers.models.mediapipe478_net import load_mediapipe478
from workers.models.yunet_net import load_yunet
from workers.weights import read_weights, weight_path

pytestmark = pytest.mark.usefixtures("weights")


@pytest.fixture(scope="module")
def group(real_data) -> np.ndarray:
    """Five people, (667, 1000, 3) RGB."""
    path = real_data("videos_mit_pyfeat/pyfeat_multi_face.jpg")
    return cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    """Smooth colours without any face, (640, 640, 3)."""
    small = np.random.default_rng(1).integers(0, 256, (20, 20, 3), np.uint8)
    return cv2.resize(small, (640, 640), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(params=["noise", "group"])
def picture(request) -> np.ndarray:
    """(640, 640, 3): noise always, people where the real pictures are."""
    return cv2.resize(request.getfixturevalue(request.param), (640, 640))


def test_yunet_agrees_with_onnxruntime(picture):
    session = onnxruntime.InferenceSession(read_weights("yunet"))
    names = [output.name for output in session.get_outputs()]
    blue_first = picture[None, :, :, ::-1].transpose(0, 3, 1, 2).astype(np.float32)
    native = dict(zip(names, session.run(None, {"input": blue_first}), strict=True))
    ours = load_yunet()(torch.from_numpy(picture[None]))
    for place, stride in enumerate(yunet.STRIDES):
        scores = native[f"cls_{stride}"] * native[f"obj_{stride}"]
        geometry = np.concatenate([native[f"bbox_{stride}"], native[f"kps_{stride}"]], axis=2)
        assert ours[2 * place].numpy().ravel() ** 2 == pytest.approx(scores.ravel(), abs=6e-6)
        flat = ours[2 * place + 1].numpy().reshape(14, -1).T
        scale = max(1.0, np.abs(geometry).max())
        assert np.abs(flat - geometry[0]).max() <= 6e-6 * scale


def test_yunet_boxes_agree_with_opencv(group):
    height, width = group.shape[:2]
    native = cv2.FaceDetectorYN.create(
        str(weight_path("yunet")), "", (width, height), 0.6, yunet.NMS_IOU
    )
    _, faces = native.detect(np.ascontiguousarray(group[:, :, ::-1]))
    network = torch_engine("cpu", 1)(yunet.SPEC)
    ours = FaceDetector(yunet.DETECTOR, network).detect(group, DetectionPlan(long_side_px=width))
    assert len(ours.confidence) == len(faces) == 5
    faces = faces[np.argsort(-faces[:, 14])]
    native_boxes = np.concatenate((faces[:, :2], faces[:, :2] + faces[:, 2:4]), axis=1)
    assert np.abs(ours.boxes_xyxy - native_boxes).max() < 9e-5
    assert np.abs(ours.points_xy.reshape(-1, 10) - faces[:, 4:14]).max() < 9e-5
    assert ours.confidence == pytest.approx(faces[:, 14], abs=6e-6)


def native_landmarks(crop: np.ndarray) -> tuple[np.ndarray, float]:
    with zipfile.ZipFile(io.BytesIO(read_weights("face_landmarker"))) as archive:
        interpreter = Interpreter(model_content=archive.read("face_landmarks_detector.tflite"))
    interpreter.allocate_tensors()
    values = crop[None].astype(np.float32) / 255
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    found = {
        detail["name"]: interpreter.get_tensor(detail["index"])
        for detail in interpreter.get_output_details()
    }
    return found["Identity"].reshape(478, 3), found["Identity_1"].item()


def test_landmarks_agree_with_litert_on_faces(group):
    # The woman in front, and the man with sunglasses.
    crops = [group[180:420, 250:490], group[0:220, 150:370]]
    crops = np.stack([cv2.resize(crop, (256, 256)) for crop in crops])
    points, presence = load_mediapipe478()(torch.from_numpy(crops))
    for n, crop in enumerate(crops):
        native_points, native_presence = native_landmarks(crop)
        assert np.abs(points[n].numpy() - native_points).max() < 4e-4
        assert presence[n].item() == pytest.approx(native_presence, abs=1e-3)
    assert presence[0] > 3


def test_landmarks_agree_with_litert_on_anything(noise):
    crop = noise[:256, :256].copy()
    points, presence = load_mediapipe478()(torch.from_numpy(crop[None]))
    native_points, native_presence = native_landmarks(crop)
    # Points of no face lie far outside the crop: relative to where they are.
    assert (
        np.abs(points[0].numpy() - native_points).max() < 4e-6 * np.abs(native_points).max() + 4e-4
    )
    assert presence[0].item() == pytest.approx(native_presence, abs=1e-3)


def inputs_for(spec: NetworkSpec) -> np.ndarray:
    rng = np.random.default_rng(3)
    shape = spec.example_shape
    small = rng.integers(0, 256, (shape[0], 16, 16, 3), np.uint8)
    batch = np.stack([cv2.resize(image, shape[2:0:-1]) for image in small])
    return batch if len(shape) == 4 else batch[..., 0].copy()


@pytest.mark.parametrize(
    ("spec", "tolerance"),
    [(yunet.SPEC, 1e-5), (mediapipe478.SPEC, 1e-3), (mini_xception.SPEC, 2e-6)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_openvino_agrees_with_torch(spec, tolerance):
    batch = inputs_for(spec)
    native = torch_engine("cpu", 1)(spec)(batch)
    converted = openvino_engine(1)(spec)(batch)
    for ours, theirs in zip(converted, native, strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < tolerance


def test_openvino_landmarks_of_a_face_agree_with_torch_to_a_thousandth_of_a_pixel(group):
    crop = cv2.resize(group[180:420, 250:490], (256, 256))[None]
    native, _ = torch_engine("cpu", 1)(mediapipe478.SPEC)(crop)
    converted, _ = openvino_engine(1)(mediapipe478.SPEC)(crop)
    assert np.abs(converted - native).max() < 4e-4


@pytest.mark.parametrize("shape", [(1, 256, 480, 3), (2, 736, 1280, 3), (1, 32, 64, 3)])
def test_the_converted_detector_takes_any_batch_and_size(shape):
    image = np.random.default_rng(4).integers(0, 256, shape, np.uint8)
    native = torch_engine("cpu", 1)(yunet.SPEC)(image)
    converted = openvino_engine(1)(yunet.SPEC)(image)
    for ours, theirs in zip(converted, native, strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < 2e-5


@pytest.mark.parametrize("faces", [1, 3, 8, 11])
def test_a_face_is_read_the_same_alone_and_among_others(faces):
    network = openvino_engine(1)(mediapipe478.SPEC)
    crops = np.random.default_rng(5).integers(0, 256, (faces, 256, 256, 3), np.uint8)
    together, _ = network(crops)
    alone, _ = network(crops[-1:])
    assert np.abs(together[-1] - alone[0]).max() < 2e-3
