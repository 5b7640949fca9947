"""When the device's memory runs out: smaller batches, the same faces, one log line.

A CPU never raises that error, so here a network does in its place.
"""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from structlog.testing import capture_logs
from torch import nn

from schemas.analysis import DetectionPlan, ModelChoices
from workers.device.batches import Limits
from workers.device.networks import DeviceNetworks, load_device_networks
from workers.device.pipeline import DevicePipeline, supports
from workers.stages import View

CPU = torch.device("cpu")
BUCKETS = (1, 2, 4, 8)
VIEWS = [View(detection=DetectionPlan(long_side_px=320))] * 5


class Fails(nn.Module):
    """A network that finds no memory for inputs that `too_large` refuses."""

    def __init__(self, network: nn.Module, too_large: Callable[[torch.Tensor], bool]) -> None:
        super().__init__()
        self.network = network
        self.too_large = too_large
        self.failures = 0

    def forward(self, batch: torch.Tensor):
        if self.too_large(batch):
            self.failures += 1
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self.network(batch)


@pytest.fixture(scope="module")
def networks(weights) -> DeviceNetworks:
    torch.set_num_threads(1)
    return load_device_networks(CPU, "exact", expression=True)


@pytest.fixture(scope="module")
def pictures(real_data) -> list[np.ndarray]:
    path = real_data("videos_mit_pyfeat/pyfeat_multi_face.jpg")
    group = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    small = cv2.resize(group, (480, 320), interpolation=cv2.INTER_AREA)
    return [np.roll(small, 20 * shift, axis=1) for shift in range(5)]


def pipeline(networks: DeviceNetworks, **replaced: nn.Module) -> DevicePipeline:
    parts = {name: getattr(networks, name) for name in ("detector", "landmarks", "expression")}
    return DevicePipeline(
        DeviceNetworks(**(parts | replaced)), CPU, min_presence=0.5, buckets=BUCKETS
    )


@pytest.fixture(scope="module")
def undisturbed(networks, pictures):
    return pipeline(networks).measure(pictures, VIEWS)


def same(one, other) -> bool:
    return (
        one.image_index.tolist() == other.image_index.tolist()
        and np.allclose(one.boxes_xyxy, other.boxes_xyxy, atol=1e-3)
        and np.allclose(one.landmarks_xy, other.landmarks_xy, atol=1e-2)
    )


def test_too_many_pictures_at_once_are_halved_until_they_fit(networks, pictures, undisturbed):
    detector = Fails(networks.detector, lambda batch: len(batch) > 1)
    tried = pipeline(networks, detector=detector)
    with capture_logs() as logs:
        found = tried.measure(pictures, VIEWS)
    assert same(found, undisturbed)
    short = [log for log in logs if log["action"] == "device_memory_short"]
    assert len(short) == detector.failures == 2  # 4 pictures, 2, then 1
    tried.measure(pictures, VIEWS)
    assert detector.failures == 2, "it did not remember what fits"


def test_too_many_faces_at_once_are_halved_and_pictures_already_done_stay(
    networks, pictures, undisturbed
):
    landmarks = Fails(networks.landmarks, lambda crops: len(crops) > 2)
    found = pipeline(networks, landmarks=landmarks).measure(pictures, VIEWS)
    assert landmarks.failures == 2  # 8 faces, 4, then 2
    assert same(found, undisturbed)


def test_a_bucket_that_does_not_fit_is_given_up_with_the_larger_ones():
    limits = Limits(pixels=1000, buckets=(32, 64, 128))
    assert limits.stay_below(64)
    assert limits.buckets == (32,)
    assert not limits.stay_below(32)
    assert limits.buckets == (32,)


def test_warming_up_runs_everything_once(networks):
    pipeline(networks).warm_up()


def test_what_does_not_fit_at_all_is_an_error(networks, pictures):
    nothing_fits = Fails(networks.landmarks, lambda crops: True)
    with pytest.raises(torch.cuda.OutOfMemoryError, match="Tried to allocate"):
        pipeline(networks, landmarks=nothing_fits).measure(pictures, VIEWS)


def test_the_default_choices_run_on_the_device_and_others_do_not():
    assert supports(ModelChoices())
    assert supports(ModelChoices(precision="fast", second_landmark_pass=True))
    assert supports(ModelChoices(pose="mesh_corrected"))
    assert not supports(ModelChoices(detector="centerface"))
    assert supports(ModelChoices(pose="blend"))
    assert not supports(ModelChoices(pose="pnp"))
    assert not supports(ModelChoices(follow=True))
