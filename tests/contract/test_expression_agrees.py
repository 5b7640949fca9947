"""The expression networks against evaluations of their files' own words, and engine to engine.

Neither Keras nor TensorFlow.js is here: the Keras files describe their layers themselves; for
face-api's the layers are written down once more below, apart from the torch module, in float64.
"""

import json

import cv2
import numpy as np
import pytest
import torch

from schemas.analysis import DetectionPlan
from schemas.messages import EXPRESSIONS
from tests.contract.keras_in_numpy import KerasInNumpy, softmax, windows
from workers import choices
from workers.detection import FaceDetector
from workers.engines import openvino_engine, torch_engine
from workers.errors import WeightsUnavailableError
from workers.models import big_xception, faceapi_expression, mini_xception, xception_blend
from workers.models.big_xception_net import load_big_xception
from workers.models.faceapi_expression_net import load_faceapi_expression
from workers.models.mini_xception_net import load_mini_xception
from workers.weights import pull, read_weights

SPECS = [mini_xception.SPEC, big_xception.SPEC, faceapi_expression.SPEC]


@pytest.fixture(scope="module", autouse=True)
def expression_weights():
    try:
        return pull(["yunet", "mini_xception", "big_xception", "faceapi_expression"])
    except WeightsUnavailableError as exc:
        pytest.skip(f"the weights cannot be had: {exc}")


@pytest.mark.parametrize(
    ("name", "load"), [("mini_xception", load_mini_xception), ("big_xception", load_big_xception)]
)
def test_an_xception_agrees_with_the_keras_files_own_layers(name, load):
    crops = np.random.default_rng(2).integers(0, 256, (3, 64, 64), np.uint8)
    crops[0] = 128
    crops[1] = cv2.GaussianBlur(crops[1], None, 4) * 3
    (ours,) = load()(torch.from_numpy(crops))
    native = KerasInNumpy(read_weights(name))
    for n, crop in enumerate(crops):
        image = crop[:, :, None].astype(np.float64) / 127.5 - 1.0
        assert ours[n].numpy() == pytest.approx(native(image), abs=2e-6)


class FaceApiInNumpy:
    """face-api's layers by their names in the file; TensorFlow's "same" padding throughout."""

    def __init__(self) -> None:
        data, self.tensors = read_weights("faceapi_expression"), {}
        (group,) = json.loads(read_weights("faceapi_expression_layout"))
        offset = 0
        for entry in group["weights"]:
            size = int(np.prod(entry["shape"]))
            coding = entry.get("quantization")
            raw = np.frombuffer(data, np.uint8 if coding else np.float32, size, offset)
            offset += raw.nbytes
            values = raw.astype(np.float64)
            values = values * coding["scale"] + coding["min"] if coding else values
            self.tensors[entry["name"]] = values.reshape(entry["shape"])
        assert offset == len(data)

    def __call__(self, rgb: np.ndarray) -> np.ndarray:
        x = (rgb.astype(np.float64) - [122.782, 117.001, 104.298]) / 255
        for block in ("dense0", "dense1", "dense2", "dense3"):
            one = np.maximum(self.convolve(x, f"{block}/conv0", 2), 0)
            two = self.convolve(one, f"{block}/conv1", 1)
            three = self.convolve(np.maximum(one + two, 0), f"{block}/conv2", 1)
            four = self.convolve(np.maximum(one + two + three, 0), f"{block}/conv3", 1)
            x = np.maximum(one + two + three + four, 0)
        assert x.shape == (7, 7, 256)
        return softmax(x.mean(axis=(0, 1)) @ self.tensors["fc/weights"] + self.tensors["fc/bias"])

    def convolve(self, x: np.ndarray, name: str, stride: int) -> np.ndarray:
        seen = windows(x, (3, 3), (stride, stride), "same")
        if f"{name}/filters" in self.tensors:
            out = np.einsum("hwcij,ijco->hwo", seen, self.tensors[f"{name}/filters"])
        else:
            depth = np.einsum("hwcij,ijcm->hwc", seen, self.tensors[f"{name}/depthwise_filter"])
            out = depth @ self.tensors[f"{name}/pointwise_filter"][0, 0]
        return out + self.tensors[f"{name}/bias"]


def test_face_apis_network_agrees_with_its_layers_in_float64():
    crops = np.random.default_rng(6).integers(0, 256, (3, 112, 112, 3), np.uint8)
    crops[0] = 128
    crops[1] = cv2.GaussianBlur(crops[1], None, 6)
    (ours,) = load_faceapi_expression()(torch.from_numpy(crops))
    native = FaceApiInNumpy()
    for n, crop in enumerate(crops):
        assert ours[n].numpy() == pytest.approx(native(crop), abs=1e-5)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_openvino_reads_expressions_as_torch_does(spec):
    shape = (5, *spec.example_shape[1:])
    batch = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    (native,) = torch_engine("cpu", 1)(spec)(batch)
    (converted,) = openvino_engine(1)(spec)(batch)
    assert converted.shape == native.shape == (5, 7)
    assert np.abs(converted - native).max() < 1e-5


@pytest.fixture(scope="module")
def smiles(real_data) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Press pictures in which a student saw happiness, with the detector's boxes and points."""
    folder = real_data("muxspace_expr")
    lines = (folder / "labels.csv").read_text().splitlines()
    names = [line.split(",")[0] for line in lines if line.endswith("_0001.jpg,happiness")][:40]
    model = choices.detector("yunet")
    detector = FaceDetector(model, openvino_engine(1)(model.spec))
    images, boxes, points = [], [], []
    for name in names:
        image = cv2.imread(str(folder / "images" / name), cv2.IMREAD_COLOR_RGB)
        found = detector.detect(image, DetectionPlan())
        if len(found.confidence):
            images.append(image)
            boxes.append(found.boxes_xyxy[0])
            points.append(found.points_xy[0])
    assert len(images) > 30
    return images, np.array(boxes), np.array(points)


@pytest.mark.parametrize(
    "model",
    [
        mini_xception.EXPRESSION,
        big_xception.EXPRESSION,
        faceapi_expression.EXPRESSION,
        xception_blend.EXPRESSION,
    ],
    ids=lambda model: model.name,
)
def test_smiling_faces_are_called_happiness(smiles, model):
    """A wrong order of the classes, colours or crops would not survive this."""
    images, boxes, points = smiles
    read = model.build(openvino_engine(1))
    probs = read(images, boxes, points, np.arange(len(images)))
    assert probs.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert np.mean(probs.argmax(axis=1) == EXPRESSIONS.index("happiness")) > 0.75
