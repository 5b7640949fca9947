"""The device's path, on a CPU, gives the faces that the host's path gives through OpenVINO.

The only differences left are roundings: of OpenVINO against torch, and of averaged large faces.
"""

import cv2
import numpy as np
import pytest
import torch

from schemas.analysis import DetectionPlan, DetectionRegion, ModelChoices
from tests.agreement import Distance, distance
from tests.classroom_pictures import classroom
from workers.analysis import BatchAnalysis, Failure
from workers.analyzer import FaceAnalyzer
from workers.decode import decode_jpeg, unopened_jpeg
from workers.device.pipeline import DevicePipeline
from workers.errors import WeightsUnavailableError
from workers.stages import View
from workers.weights import pull

BUCKETS = (1, 2, 4, 8, 16, 32)
PLAIN = ModelChoices()
UNPLANNED = DetectionPlan()


def host_pipeline(models: ModelChoices):
    return FaceAnalyzer.load("cpu", models=models, threads=1)._pipeline


def device_pipeline(models: ModelChoices) -> DevicePipeline:
    torch.set_num_threads(1)
    return DevicePipeline.load("cpu", models, expression=True, min_presence=0.5, buckets=BUCKETS)


@pytest.fixture(scope="module")
def host(weights):
    return host_pipeline(PLAIN)


@pytest.fixture(scope="module")
def device(weights) -> DevicePipeline:
    return device_pipeline(PLAIN)


@pytest.fixture(scope="module")
def group(real_data) -> np.ndarray:
    """Five people, (667, 1000, 3)."""
    path = real_data("videos_mit_pyfeat/pyfeat_multi_face.jpg")
    return cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)


def compare(host, device, images, plan: DetectionPlan = UNPLANNED, *, faces: int):
    """Both ways through; at least so many faces, all of them the same."""
    views = [View(detection=plan)] * len(images)
    theirs, ours = host.measure(images, views), device.measure(images, views)
    assert len(theirs.confidence) >= faces
    apart = distance(theirs, ours)
    assert apart.alone == 0, apart
    assert apart.same_unknown, apart
    # Within a fifth of what was asked for: the host's engine chooses kernels that round otherwise.
    assert apart.box_px <= 0.1, apart
    assert apart.eyes <= 0.01, apart
    assert apart.expression <= 0.05, apart
    assert apart.quality <= 0.02, apart
    # A head of 5 px moves by a quarter of a degree when a pixel of its crop moves by a level.
    large = distance(theirs, ours, least_width_px=15)
    assert large.angle_deg <= 0.2, large
    assert large.landmarks <= 0.01, large
    return theirs, ours


def test_simulated_classrooms_agree(host, device):
    compare(host, device, [classroom(seed) for seed in range(2)], faces=15)


def test_real_people_agree_whatever_the_sizes_of_their_pictures(host, device, real_data):
    paths = sorted(real_data("dlib_faces").glob("*.jpg"))[:5]
    images = [cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in paths]
    assert len({image.shape for image in images}) > 2
    theirs, ours = compare(host, device, images, faces=20)
    assert theirs.image_index.tolist() == ours.image_index.tolist()
    assert theirs.confidence == pytest.approx(ours.confidence, abs=1e-4), "another order"


def test_turned_heads_agree(host, device, real_data):
    paths = sorted(real_data("pointing04").glob("Person0*/*.jpg"))[::80]
    compare(host, device, [cv2.imread(str(p), cv2.IMREAD_COLOR_RGB) for p in paths], faces=4)


def test_grey_and_upside_down_pictures_agree(host, device, group):
    grey = cv2.cvtColor(cv2.cvtColor(group, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    upside_down = group[::-1, ::-1].copy()
    compare(host, device, [grey, upside_down, group], faces=10)


def test_large_faces_agree_that_the_detector_only_sees_reduced(host, device, group):
    large = cv2.resize(group[100:500, 100:800], None, fx=5.0, fy=5.0)
    compare(host, device, [large], faces=3)


def test_pictures_without_faces_have_none(device):
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    black = np.zeros((720, 1280, 3), np.uint8)
    assert device.measure([noise, black, black], [View()] * 3) is None
    assert device.measure([], []) is None


@pytest.mark.slow
def test_three_hundred_faces_agree(host, device, group):
    small = cv2.resize(group, (240, 160), interpolation=cv2.INTER_AREA)
    theirs, _ = compare(host, device, [np.tile(small, (8, 8, 1)), group], faces=300)
    assert (theirs.image_index == 1).sum() == 5


def test_a_plan_with_enlarged_regions_agrees(host, device):
    plan = DetectionPlan(
        regions=(
            DetectionRegion(box=(0.0, 0.0, 0.6, 0.5), enlarge=2.0),
            DetectionRegion(box=(0.5, 0.3, 1.0, 1.0), enlarge=1.5),
        ),
        min_confidence=0.5,
    )
    compare(host, device, [classroom(7)], plan, faces=8)


def test_a_second_look_at_the_landmarks_agrees(weights, group):
    twice = ModelChoices(second_landmark_pass=True)
    compare(host_pipeline(twice), device_pipeline(twice), [group], faces=5)


def test_the_corrected_mesh_agrees(weights):
    corrected = ModelChoices(pose="mesh_corrected")
    views = [View()]
    picture = classroom(5)
    theirs = host_pipeline(corrected).measure([picture], views)
    ours = device_pipeline(corrected).measure([picture], views)
    plain = device_pipeline(ModelChoices(pose="procrustes")).measure([picture], views)
    assert distance(theirs, ours).angle_deg <= 0.2
    assert distance(theirs, plain).angle_deg > 2, "nothing was corrected"


@pytest.mark.slow
def test_the_blend_with_the_second_network_agrees(weights, real_data):
    try:
        pull(["sixdrepnet360"])
    except WeightsUnavailableError as exc:
        pytest.skip(f"the weights cannot be had: {exc}")
    blend = ModelChoices(pose="blend")
    paths = sorted(real_data("pointing04").glob("Person0*/*.jpg"))[3::90]
    images = [cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in paths] + [classroom(5)]
    views = [View()] * len(images)
    theirs = host_pipeline(blend).measure(images, views)
    ours = device_pipeline(blend).measure(images, views)
    plain = device_pipeline(ModelChoices(pose="mesh_corrected")).measure(images, views)
    apart = distance(theirs, ours, least_width_px=15)
    assert apart.alone == 0, apart
    assert apart.same_unknown, apart
    assert apart.angle_deg <= 0.2, apart
    assert distance(plain, ours).angle_deg > 3, "nobody was asked"


@pytest.mark.slow
def test_a_poster_is_static_and_a_picture_by_itself_never(device, group):
    small = cv2.resize(group, (480, 320), interpolation=cv2.INTER_AREA)
    found = [device.measure([small, small], [View("camera", 10.0 * n), View()]) for n in range(32)]
    first, last = found[0], found[-1]
    assert not first.static.any()
    assert last.static[last.image_index == 0].any()
    assert not last.static[last.image_index == 1].any()


def test_the_analyser_takes_it_as_its_pipeline(device, group):
    analyzer = FaceAnalyzer(device, "networks-1")
    empty, people = analyzer.analyze([np.zeros((90, 160, 3), np.uint8), group])
    assert empty == []
    assert len(people) == 5
    for face in people:
        assert face.landmarks_xy.shape == (478, 2)
        assert sum(face.expression_probs) == pytest.approx(1, abs=1e-5)
        assert 0 < face.quality <= 1


def test_jpegs_give_what_their_pictures_give(device, group):
    ok, jpeg = cv2.imencode(".jpg", cv2.cvtColor(group, cv2.COLOR_RGB2BGR))
    assert ok
    decoded = device.measure([decode_jpeg(jpeg.tobytes())], [View()])
    assert distance(device.measure_jpegs([jpeg.tobytes()], [View()]), decoded) == Distance(0)


def test_a_worker_hands_its_jpegs_over_unopened_and_gets_the_faces_of_the_pictures(device, group):
    ok, jpeg = cv2.imencode(".jpg", cv2.cvtColor(group, cv2.COLOR_RGB2BGR))
    assert ok
    analyzer = FaceAnalyzer(device, "device")
    assert analyzer.unpacks_jpegs
    (faces,) = analyzer.analyze([unopened_jpeg(jpeg.tobytes())])
    (same,) = analyzer.analyze([decode_jpeg(jpeg.tobytes())])
    assert [face.box_xyxy for face in faces] == [face.box_xyxy for face in same]
    assert len(faces) == 5


def test_a_broken_jpeg_costs_its_neighbours_and_the_worker_nothing(device, group):
    ok, encoded = cv2.imencode(".jpg", cv2.cvtColor(group, cv2.COLOR_RGB2BGR))
    assert ok
    whole = encoded.tobytes()
    broken = unopened_jpeg(whole[: len(whole) // 3])
    analysis = BatchAnalysis(FaceAnalyzer(device, "device"), give_up_after=1)
    first, second = analysis.run([broken, unopened_jpeg(whole)], [View()] * 2)
    assert isinstance(first, Failure)
    assert "JPEG" in first.reason
    assert len(second) == 5


@pytest.mark.slow
def test_fast_is_near_exact(device, group):
    fast = device_pipeline(ModelChoices(precision="fast"))
    # Half floats take a CPU long: a small picture.
    views = [View(detection=DetectionPlan(long_side_px=480))]
    apart = distance(device.measure([group], views), fast.measure([group], views))
    assert apart.alone == 0, apart
    assert apart.median_landmarks <= 0.003, apart
    assert apart.median_angle_deg <= 0.1, apart
