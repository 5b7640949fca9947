"""Faces in buckets: places without a face change nothing; what is no number never leaves."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from workers import quality, static_faces
from workers.device.detect import Candidates
from workers.device.measure import bucket_of, eye_openness, gather_faces
from workers.device.networks import DeviceNetworks, load_device_networks
from workers.device.pipeline import DevicePipeline
from workers.device.quality import grey, sharpness, thumbnails
from workers.geometry import eyes as host_eyes
from workers.models import mediapipe478
from workers.stages import View

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def networks(weights) -> DeviceNetworks:
    torch.set_num_threads(1)
    return load_device_networks(CPU, "exact", expression=True)


@pytest.fixture(scope="module")
def group(real_data) -> np.ndarray:
    path = real_data("videos_mit_pyfeat/pyfeat_multi_face.jpg")
    return cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)


def candidates(kept: list[list[bool]]) -> Candidates:
    """Boxes whose left edge tells picture and place: 100 · picture + place."""
    stays = torch.tensor(kept)
    left = torch.arange(len(kept))[:, None] * 100.0 + torch.arange(len(kept[0]))
    boxes = left[..., None] + torch.tensor((0.0, 0, 10, 10))
    points = left[..., None, None].expand(-1, -1, 5, 2)
    return Candidates(boxes, points, left, stays, torch.ones(len(kept), dtype=torch.bool))


def test_faces_are_gathered_by_picture_and_best_first():
    found = candidates([[True, False, True], [False] * 3, [False, True, True]])
    faces = gather_faces(found, first=0, size=4)
    assert faces.image_index.tolist() == [0, 0, 2, 2]
    assert faces.boxes_xyxy[:, 0].tolist() == [0, 2, 201, 202]
    assert gather_faces(found, first=3, size=1).confidence.tolist() == [202]


def test_a_bucket_larger_than_all_places_is_filled_up():
    faces = gather_faces(candidates([[True, False]]), first=0, size=8)
    assert faces.boxes_xyxy.shape == (8, 4)
    assert faces.confidence[0] == 0


def test_the_smallest_bucket_that_holds_all_is_taken():
    assert [bucket_of(n, (32, 64)) for n in (1, 32, 33, 64, 900)] == [32, 32, 64, 64, 64]


def test_empty_places_in_a_bucket_do_not_leak_into_the_faces(networks, group):
    tight = DevicePipeline(networks, CPU, min_presence=0.5, buckets=(5,))
    loose = DevicePipeline(networks, CPU, min_presence=0.5, buckets=(16,))
    split = DevicePipeline(networks, CPU, min_presence=0.5, buckets=(2,))
    one = tight.measure([group], [View()])
    for other in (loose.measure([group], [View()]), split.measure([group], [View()])):
        assert len(other.confidence) == 5
        assert np.abs(one.landmarks_xy - other.landmarks_xy).max() < 5e-3
        assert np.abs(one.poses.yaw_deg - other.poses.yaw_deg).max() < 5e-3
        assert np.abs(one.expression_probs - other.expression_probs).max() < 1e-4


class Spoils(nn.Module):
    """A landmark network that answers the first face with values that are no numbers."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.weight = nn.Parameter(torch.zeros(1), requires_grad=False)

    def forward(self, crops: torch.Tensor):
        points, presence = self.network(crops)
        points[0, 7] = torch.nan
        return points, presence


def test_a_face_whose_landmarks_are_no_numbers_is_left_out_and_spoils_no_other(networks, group):
    spoilt = DeviceNetworks(networks.detector, Spoils(networks.landmarks), networks.expression)
    found = DevicePipeline(spoilt, CPU, min_presence=0.5, buckets=(8,)).measure([group], [View()])
    assert len(found.confidence) == 4
    for values in (found.landmarks_xy, found.poses.yaw_deg, found.eye_openness):
        assert np.isfinite(values).all()


def test_without_permission_no_expression_is_read(networks, group):
    silent = DeviceNetworks(networks.detector, networks.landmarks, None)
    found = DevicePipeline(silent, CPU, min_presence=0.5, buckets=(8,)).measure([group], [View()])
    assert np.isnan(found.expression_probs).all()
    assert all(face.expression_probs is None for face in found.faces(1)[0])


def test_grey_is_opencvs_grey():
    colours = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), np.uint8)
    theirs = np.stack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in colours])
    assert np.array_equal(grey(torch.from_numpy(colours)).numpy(), theirs)


def test_sharpness_and_thumbnails_are_the_hosts():
    rng = np.random.default_rng(2)
    crops = np.stack(
        [
            cv2.resize(
                rng.integers(0, 256, (side, side, 3), np.uint8),
                (256, 256),
                interpolation=cv2.INTER_CUBIC,
            )
            for side in (8, 30, 90, 256)
        ]
    )
    crops[0] //= 2
    on_device = torch.from_numpy(crops)
    theirs = quality.sharpness(crops, mediapipe478.MARGIN)
    assert sharpness(on_device, mediapipe478.MARGIN).numpy() == pytest.approx(theirs, rel=1e-4)
    difference = thumbnails(on_device).numpy() - static_faces.thumbnails(crops)
    assert np.abs(difference).max() <= 1


def test_eye_openness_is_the_hosts():
    points = np.random.default_rng(1).uniform(0, 200, (20, 478, 3)).astype(np.float32)
    eyes = mediapipe478.LANDMARKER.eyes
    ours = eye_openness(torch.from_numpy(points), torch.from_numpy(eyes)).numpy()
    assert ours == pytest.approx(host_eyes.eye_openness(points, eyes), rel=1e-5)
