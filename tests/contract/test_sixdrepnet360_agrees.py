"""6DRepNet360 against its exported file, between engines, and on heads whose turn can be seen.

Slow: 94 MB of weights are fetched and converted once.
"""

import cv2
import numpy as np
import onnxruntime
import pytest
import torch

from workers.engines import openvino_engine, torch_engine
from workers.errors import WeightsFormatError, WeightsUnavailableError
from workers.geometry.crops import Crops
from workers.geometry.head_pose import angles_from_rotations, rotation_from_angles
from workers.models import sixdrepnet360_net
from workers.models.sixdrepnet360 import SIDE_PX, SPEC, head_crops, head_rotations, rotations_of
from workers.models.sixdrepnet360_net import load_sixdrepnet360
from workers.weights import pull, read_weights

pytestmark = pytest.mark.slow

# Of Pointing'04: tilt + = up, pan + = image left; where the face stands, and the turn in the
# project's signs as anybody sees it in the picture.
HEADS = [
    ("Person01/person01142+0-60.jpg", "yaw", +1),
    ("Person01/person01150+0+60.jpg", "yaw", -1),
    ("Person03/person03142+0-60.jpg", "yaw", +1),
    ("Person03/person03150+0+60.jpg", "yaw", -1),
    ("Person03/person03185+60+0.jpg", "pitch", +1),
    ("Person03/person03107-60+0.jpg", "pitch", -1),
]


@pytest.fixture(scope="module", autouse=True)
def head_pose_weights() -> None:
    try:
        pull(["sixdrepnet360"])
    except WeightsUnavailableError as exc:
        pytest.skip(f"the weights cannot be had: {exc}")


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """Colours without a face, (3, 224, 224, 3)."""
    small = np.random.default_rng(1).integers(0, 256, (3, 9, 9, 3), np.uint8)
    return np.stack([cv2.resize(one, (SIDE_PX, SIDE_PX)) for one in small])


@pytest.fixture(scope="module")
def network():
    return openvino_engine(1)(SPEC)


def native_rotation(crop: np.ndarray, session: onnxruntime.InferenceSession) -> np.ndarray:
    mean, std = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))
    values = ((crop / 255 - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)
    return session.run(None, {"face": values})[0][0]


def test_the_rotations_agree_with_onnxruntime(crops):
    session = onnxruntime.InferenceSession(read_weights("sixdrepnet360"))
    with torch.inference_mode():
        (six,) = load_sixdrepnet360()(torch.from_numpy(crops))
    for ours, crop in zip(rotations_of(six.numpy()), crops, strict=True):
        # The file's matrix turns the other way round: see `rotations_of`.
        assert np.abs(ours.T - native_rotation(crop, session)).max() < 2e-6


def test_openvino_agrees_with_torch_whatever_the_batch(crops, network):
    (native,) = torch_engine("cpu", 1)(SPEC)(crops)
    (converted,) = network(crops)
    (alone,) = network(crops[1:2])
    assert np.abs(converted - native).max() < 2e-5
    assert np.abs(alone - native[1:2]).max() < 2e-5


def test_another_networks_file_is_refused(monkeypatch):
    monkeypatch.setattr(sixdrepnet360_net, "read_weights", lambda _name: read_weights("yunet"))
    with pytest.raises(WeightsFormatError, match="sixdrepnet360: expected"):
        load_sixdrepnet360()


@pytest.fixture(scope="module")
def head(real_data):
    """Read a picture of Pointing'04 and the box of the head in it, from the label beside it."""

    def read(name: str) -> tuple[np.ndarray, np.ndarray]:
        path = real_data(f"pointing04/{name}")
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        words = path.with_suffix(".txt").read_text(encoding="ascii").split()
        x, y, width, height = (float(word) for word in words[-4:])
        box = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return image, np.array([box], np.float32)

    return read


def upright_crop(box: np.ndarray, roll_deg: float = 0.0) -> Crops:
    """The square about a head whose eyes stand on a line that rolls by so much."""
    points = np.zeros((1, 5, 2), np.float32)
    points[0, 1] = 100 * np.cos(np.radians(roll_deg)), 100 * np.sin(np.radians(roll_deg))
    return head_crops(box, points, np.array([0]))


@pytest.mark.parametrize(("name", "angle", "sign"), HEADS)
def test_a_head_turned_to_the_image_right_or_up_has_a_positive_angle(
    name, angle, sign, head, network
):
    image, box = head(name)
    pose = angles_from_rotations(head_rotations(network, [image], upright_crop(box)))
    assert sign * getattr(pose, f"{angle}_deg")[0] > 20.0


@pytest.mark.parametrize("clockwise_deg", [-30.0, 30.0])
@pytest.mark.parametrize("level", [False, True])
def test_a_picture_turned_clockwise_adds_to_the_roll(clockwise_deg, level, head, network):
    image, box = head("Person01/person01146+0+0.jpg")
    middle = (box[0, :2] + box[0, 2:]) / 2
    turn = cv2.getRotationMatrix2D(middle.astype(float).tolist(), -clockwise_deg, 1.0)
    turned = cv2.warpAffine(image, turn, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    crop = upright_crop(box, clockwise_deg if level else 0.0)
    upright = head_rotations(network, [image], upright_crop(box))[0]
    rolled = head_rotations(network, [turned], crop)[0]
    expected = rotation_from_angles(0.0, 0.0, clockwise_deg) @ upright
    difference = np.degrees(np.arccos((np.trace(rolled @ expected.T) - 1) / 2))
    assert difference < (3.0 if level else 10.0)


def test_no_heads_have_no_rotations(network):
    none = head_crops(
        np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32), np.empty(0, np.intp)
    )
    assert head_rotations(network, [], none).shape == (0, 3, 3)
