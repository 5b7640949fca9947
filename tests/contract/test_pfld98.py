"""PFLD-98 with random weights: layers, engines and refusals. There are no trained weights to judge.

The reference evaluation is plain torch functions on the checkpoint's tensors, in float64, written
from the published table of layers; it shares no code with the module.
"""

import io

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from schemas.analysis import ModelChoices
from workers.analyzer import FaceAnalyzer
from workers.engines import _fingerprint, openvino_engine, torch_engine
from workers.errors import WeightsFormatError, WeightsMissingError
from workers.models.pfld98 import LANDMARKER, MARGIN, SIDE_PX, SPEC
from workers.models.pfld98_net import Pfld98Net, load_pfld98
from workers.user_weights import MAX_BYTES, read_user_weights, weights_sha256

VARIABLE = "FACEPOSE_PFLD_CHECKPOINT"


def published_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of `plfd_backbone` as PFLD-pytorch saves them, written out by hand."""
    shapes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (64, 3, 3, 3),
        "conv2.weight": (64, 64, 3, 3),
        "conv7.0.weight": (32, 16, 3, 3),
        "conv8.weight": (128, 32, 7, 7),
        "conv8.bias": (128,),
        "fc.weight": (196, 176),
        "fc.bias": (196,),
    }
    for name, width in (("bn1", 64), ("bn2", 64), ("conv7.1", 32), ("bn8", 128)):
        shapes |= norm(name, width)
    blocks = {"conv3_1": (64, 64, 2), "conv4_1": (64, 128, 2), "conv5_1": (128, 128, 4)}
    blocks |= {f"block3_{i}": (64, 64, 2) for i in range(2, 6)}
    blocks |= {f"block5_{i}": (128, 128, 4) for i in range(2, 7)}
    blocks |= {"conv6_1": (128, 16, 2)}
    for name, (inputs, outputs, widen) in blocks.items():
        middle = inputs * widen
        shapes[f"{name}.conv.0.weight"] = (middle, inputs, 1, 1)
        shapes[f"{name}.conv.3.weight"] = (middle, 1, 3, 3)
        shapes[f"{name}.conv.6.weight"] = (outputs, middle, 1, 1)
        for place, width in ((1, middle), (4, middle), (7, outputs)):
            shapes |= norm(f"{name}.conv.{place}", width)
    return shapes


def norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (width,) for part in parts} | {f"{name}.num_batches_tracked": ()}


def random_state(seed: int = 4) -> dict[str, torch.Tensor]:
    """Weights of a size at which signals neither die nor explode on their way."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, shape in published_shapes().items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(7)
        elif name.endswith("running_var"):
            state[name] = torch.rand(shape, generator=generator) + 0.5
        elif len(shape) > 1:
            fan_in = int(np.prod(shape[1:]))
            state[name] = torch.randn(shape, generator=generator) * (2 / fan_in) ** 0.5
        else:
            offset = 1.0 if name.endswith("weight") else 0.0
            state[name] = offset + 0.1 * torch.randn(shape, generator=generator)
    return state


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Save an object as the user's checkpoint."""

    def save(checkpoint: object) -> None:
        path = tmp_path / "checkpoint.pth.tar"
        torch.save(checkpoint, path)
        monkeypatch.setenv(VARIABLE, str(path))

    return save


@pytest.fixture
def checkpoint(put, monkeypatch, tmp_path) -> dict[str, torch.Tensor]:
    monkeypatch.setenv("FACEPOSE_CACHE", str(tmp_path / "cache"))
    state = random_state()
    put({"epoch": 3, "plfd_backbone": state, "auxiliarynet": {"fc2.bias": torch.zeros(3)}})
    return state


def crops(n: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, SIDE_PX, SIDE_PX, 3), np.uint8)


def reference(state: dict[str, torch.Tensor], pictures: np.ndarray) -> np.ndarray:
    """The published forward pass in float64."""
    w = {name: tensor.double() for name, tensor in state.items()}

    def conv(x, name, stride=1, padding=0, groups=1):
        bias = w.get(f"{name}.bias")
        return functional.conv2d(x, w[f"{name}.weight"], bias, stride, padding, 1, groups)

    def batch_norm(x, name):
        scale = w[f"{name}.weight"] / torch.sqrt(w[f"{name}.running_var"] + 1e-5)
        shift = w[f"{name}.bias"] - w[f"{name}.running_mean"] * scale
        return x * scale[:, None, None] + shift[:, None, None]

    def block(x, name, stride=1, shortcut=False):
        wide = torch.relu(batch_norm(conv(x, f"{name}.conv.0"), f"{name}.conv.1"))
        each = conv(wide, f"{name}.conv.3", stride, 1, wide.shape[1])
        each = torch.relu(batch_norm(each, f"{name}.conv.4"))
        narrow = batch_norm(conv(each, f"{name}.conv.6"), f"{name}.conv.7")
        return x + narrow if shortcut else narrow

    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).double() / 255
    x = torch.relu(batch_norm(conv(x, "conv1", 2, 1), "bn1"))
    x = torch.relu(batch_norm(conv(x, "conv2", 1, 1), "bn2"))
    x = block(x, "conv3_1", stride=2)
    for index in range(2, 6):
        x = block(x, f"block3_{index}", shortcut=True)
    x = block(block(x, "conv4_1", stride=2), "conv5_1")
    for index in range(2, 7):
        x = block(x, f"block5_{index}", shortcut=True)
    s1 = block(x, "conv6_1")
    s2 = torch.relu(batch_norm(conv(s1, "conv7.0", 2, 1), "conv7.1"))
    s3 = torch.relu(conv(s2, "conv8"))
    joined = torch.cat([s.mean((2, 3)) for s in (s1, s2, s3)], 1)
    return (joined @ w["fc.weight"].T + w["fc.bias"]).reshape(-1, 98, 2).numpy()


def test_the_module_has_the_names_and_shapes_of_published_checkpoints():
    ours = {name: tuple(tensor.shape) for name, tensor in Pfld98Net().state_dict().items()}
    assert ours == published_shapes()


def test_the_network_agrees_with_the_published_forward_pass(checkpoint):
    expected = reference(checkpoint, crops(3))
    (found,) = load_pfld98()(torch.from_numpy(crops(3)))
    assert np.ptp(expected) > 1, "weights this small would hide a missing layer"
    assert np.abs(found.numpy() - expected).max() <= 1e-5 * np.ptp(expected)


def test_both_engines_agree(checkpoint):
    by_torch = torch_engine("cpu", 1)(SPEC)
    by_openvino = openvino_engine(1)(SPEC)
    for n in (1, 5):
        (one,), (other,) = by_torch(crops(n)), by_openvino(crops(n))
        assert one.shape == other.shape == (n, 98, 2)
        assert np.abs(one - other).max() <= 1e-5 * np.ptp(one)


def test_another_checkpoint_is_another_conversion(checkpoint, put):
    first, converted = weights_sha256("pfld98"), _fingerprint(SPEC)
    put({"plfd_backbone": random_state(seed=5)})
    assert weights_sha256("pfld98") != first
    assert _fingerprint(SPEC) != converted


def test_points_come_back_in_the_pixels_of_the_picture():
    boxes = np.array([[100, 50, 200, 250]], np.float32)
    squares = LANDMARKER.crop(boxes, np.zeros((1, 5, 2), np.float32), np.array([0]))
    assert squares.side_px[0] == pytest.approx(200 * MARGIN)
    fractions = np.zeros((1, 98, 2), np.float32)
    fractions[0, 0] = 0.5
    found = LANDMARKER.read((fractions,), squares)
    assert found.presence is None
    assert found.points_xyz.shape == (1, 98, 3)
    assert found.points_xyz[0, 0] == pytest.approx((150, 150, 0), abs=1e-3)
    assert found.points_xyz[0, 1] == pytest.approx((40, 40, 0), abs=1e-3)


def test_the_newer_spelling_and_missing_counters_are_accepted(checkpoint, put):
    plain = {k: v for k, v in checkpoint.items() if not k.endswith("num_batches_tracked")}
    put({"pfld_backbone": plain})
    (found,) = load_pfld98()(torch.from_numpy(crops(1)))
    expected = reference(checkpoint, crops(1))
    assert np.abs(found.numpy() - expected).max() <= 1e-5 * np.ptp(expected)


def changed(state, **changes):
    return {"plfd_backbone": {**state, **{k.replace("__", "."): v for k, v in changes.items()}}}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: changed(s, fc__weight=torch.zeros(136, 176)), r"fc\.weight \(136, 176\) inst"),
        (lambda s: changed(s, extra=torch.zeros(1)), "unknown: extra"),
        (lambda s: {"plfd_backbone": {k: s[k] for k in s if k != "bn8.bias"}}, "missing: bn8.bias"),
        (lambda s: changed(s, fc__bias=torch.full((196,), np.nan)), "not finite: fc.bias"),
        (lambda s: {"state_dict": s}, "expected a dictionary of tensors.*state_dict"),
        (lambda s: [1, 2], "the checkpoint is a list"),
        (lambda s: {"plfd_backbone": {"fc.bias": 3}}, "expected a dictionary of tensors"),
    ],
)
def test_another_network_is_refused_and_the_difference_told(checkpoint, put, spoil, message):
    put(spoil(checkpoint))
    with pytest.raises(WeightsFormatError, match=message):
        load_pfld98()


class Harmful:
    """What a pickle could run."""

    def __reduce__(self):
        return (print, ("this ran",))


def test_a_checkpoint_that_would_run_code_is_refused_and_does_not_run_it(put, capsys):
    put({"plfd_backbone": Harmful()})
    with pytest.raises(WeightsFormatError, match="not a torch checkpoint of tensors"):
        load_pfld98()
    assert "this ran" not in capsys.readouterr().out


@pytest.mark.parametrize("data", [b"", b"no checkpoint at all", b"PK\x03\x04 half a zip"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, monkeypatch, data):
    (tmp_path / "weights.pth").write_bytes(data)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "weights.pth"))
    with pytest.raises(WeightsFormatError, match="not a torch checkpoint"):
        load_pfld98()


def test_without_a_checkpoint_the_error_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("FACEPOSE_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissingError, match=r"weights/pfld98\.pth.*98 WFLW.*" + VARIABLE):
        load_pfld98()


def test_the_file_in_the_cache_folder_is_found_without_a_setting(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("FACEPOSE_CACHE", str(tmp_path))
    (tmp_path / "weights").mkdir()
    buffer = io.BytesIO()
    torch.save({"plfd_backbone": random_state()}, buffer)
    (tmp_path / "weights" / "pfld98.pth").write_bytes(buffer.getvalue())
    assert isinstance(load_pfld98(), Pfld98Net)


def test_a_file_beyond_the_bound_is_not_read(tmp_path, monkeypatch):
    path = tmp_path / "huge.pth"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    monkeypatch.setenv(VARIABLE, str(path))
    with pytest.raises(WeightsFormatError, match="more than"):
        read_user_weights("pfld98")


@pytest.mark.usefixtures("weights")
@pytest.mark.parametrize("pose", ["pfld_linear", "pnp"])
def test_the_whole_chain_runs_on_98_points(put, real_data, pose):
    put({"plfd_backbone": random_state()})
    image = cv2.imread(
        str(real_data("videos_mit_pyfeat/pyfeat_multi_face.jpg")), cv2.IMREAD_COLOR_RGB
    )
    # torch, so that random weights leave nothing in the user's cache.
    analyzer = FaceAnalyzer.load(
        "cpu",
        engine="torch",
        threads=1,
        expression=False,
        models=ModelChoices(landmarks="pfld98", pose=pose),
    )
    faces = analyzer.analyze([image])[0]
    assert len(faces) == 5
    assert weights_sha256("pfld98")[:8] in analyzer.model_version
    for face in faces:
        assert face.landmarks_xy.shape == (98, 2)
        assert face.presence is None
        assert face.eye_openness is not None
