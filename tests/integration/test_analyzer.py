"""The whole analyzer on real pictures, and what it may and may not load."""

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from schemas.analysis import DetectionPlan
from workers import FaceAnalyzer
from workers.engines import _fingerprint, torch_engine
from workers.errors import EngineError, WeightsMissingError
from workers.models import mediapipe478, mini_xception, yunet
from workers.stages import View
from workers.weights import cache_folder, manifest

ALL_SPECS = (yunet.SPEC, mediapipe478.SPEC, mini_xception.SPEC)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def analyzer(weights) -> FaceAnalyzer:
    return FaceAnalyzer.load("cpu", threads=1)


@pytest.fixture(scope="module")
def group(real_data) -> np.ndarray:
    """Five people, (667, 1000, 3) RGB."""
    return read(real_data("videos_mit_pyfeat/pyfeat_multi_face.jpg"))


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)


def film(path: Path, every: int) -> list[np.ndarray]:
    ok, frames = cv2.imreadmulti(str(path), flags=cv2.IMREAD_COLOR_RGB)
    assert ok
    return list(frames[::every])


def centres(faces) -> np.ndarray:
    boxes = np.array([face.box_xyxy for face in faces])
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def by_column(faces) -> list:
    return sorted(faces, key=lambda face: face.box_xyxy[0])


def test_all_five_faces_of_the_group_are_found_and_measured(analyzer, group):
    (faces,) = analyzer.analyze([group])
    assert len(faces) == 5
    for face in faces:
        x0, y0, x1, y1 = face.box_xyxy
        assert 60 < x1 - x0 < 150
        inside = (face.landmarks_xy > (x0 - 30, y0 - 40)) & (face.landmarks_xy < (x1 + 30, y1 + 40))
        assert inside.all()
        # Point 33 is of the first eye of `eye_openness`: the image-left one.
        assert face.landmarks_xy[33, 0] < face.landmarks_xy[263, 0]
        assert 0.6 <= face.confidence <= 1
        assert face.presence > 0.9
        assert abs(face.yaw_deg) < 15
        assert sum(face.expression_probs) == pytest.approx(1, abs=1e-5)


def test_a_smiling_group_looks_happy_in_the_projects_order(analyzer, group):
    (faces,) = analyzer.analyze([group])
    happiness = [face.expression_probs[3] for face in faces]
    assert sorted(happiness)[1] > 0.9


def test_a_leaning_head_has_positive_roll_when_it_leans_clockwise(analyzer, group):
    level = analyzer.analyze([group])[0]
    height, width = group.shape[:2]
    for turn_deg in (-25, 25):
        # OpenCV turns counter-clockwise for positive angles.
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -turn_deg, 1.0)
        turned = analyzer.analyze([cv2.warpAffine(group, matrix, (width, height))])[0]
        moved = centres(level) @ matrix[:, :2].T + matrix[:, 2]
        for face, place in zip(turned, centres(turned), strict=True):
            before = level[int(np.argmin(np.linalg.norm(moved - place, axis=1)))]
            assert face.roll_deg - before.roll_deg == pytest.approx(turn_deg, abs=6)


def test_a_mirrored_picture_mirrors_yaw_roll_and_eyes_but_not_pitch(analyzer, group):
    plain = by_column(analyzer.analyze([group])[0])
    mirrored = by_column(analyzer.analyze([group[:, ::-1].copy()])[0])[::-1]
    for one, other in zip(plain, mirrored, strict=True):
        assert one.yaw_deg == pytest.approx(-other.yaw_deg, abs=5)
        assert one.roll_deg == pytest.approx(-other.roll_deg, abs=4)
        assert one.pitch_deg == pytest.approx(other.pitch_deg, abs=5)
    # The median: behind sunglasses nobody knows.
    swapped = [
        one.eye_openness[0] - other.eye_openness[1]
        for one, other in zip(plain, mirrored, strict=True)
    ]
    assert np.median(np.abs(swapped)) < 0.04


@pytest.fixture(scope="module")
def turned_heads(analyzer, real_data) -> np.ndarray:
    """(N, 4): tilt up and pan to the image's left as asked for, yaw and pitch as found."""
    rows = []
    for path in sorted(real_data("pointing04").glob("Person0*/*.jpg"))[::9]:
        tilt, pan = map(int, re.findall(r"[+-]\d+", path.stem))
        (faces,) = analyzer.analyze([read(path)])
        if faces and faces[0].yaw_deg is not None:
            rows.append((tilt, pan, faces[0].yaw_deg, faces[0].pitch_deg))
    return np.array(rows)


def test_yaw_is_positive_when_the_nose_points_to_the_image_right(turned_heads):
    tilt, pan, yaw, _ = turned_heads.T
    clear = (np.abs(pan) >= 30) & (np.abs(tilt) <= 60)
    assert clear.sum() > 30
    assert (np.sign(yaw[clear]) == -np.sign(pan[clear])).mean() > 0.97
    near = np.abs(pan) <= 45
    assert np.abs(yaw[near] + pan[near]).mean() < 9


def test_pitch_is_positive_when_the_nose_points_up(turned_heads):
    tilt, pan, _, pitch = turned_heads.T
    clear = (np.abs(tilt) >= 30) & (np.abs(pan) <= 45)
    assert clear.sum() > 10
    assert (np.sign(pitch[clear]) == np.sign(tilt[clear])).mean() > 0.9
    assert np.corrcoef(pitch[clear], tilt[clear])[0, 1] > 0.85


def test_four_small_students_are_found_in_every_frame(analyzer, real_data):
    frames = film(real_data("videos_ccby_intel/intel_classroom.gif"), every=8)
    assert [len(faces) for faces in analyzer.analyze(frames)] == [4] * len(frames)


def test_two_people_who_turn_their_heads_are_found(analyzer, real_data):
    name = "videos_ccby_intel/intel_head-pose-face-detection-female-and-male.gif"
    frames = film(real_data(name), every=8)
    found = [len(faces) for faces in analyzer.analyze(frames)]
    assert found.count(2) >= len(found) - 1
    assert max(found) == 2


def test_a_face_that_fills_a_very_large_picture_is_found(analyzer, group):
    (faces,) = analyzer.analyze([group])
    x, y = centres(faces)[0]
    crop = cv2.getRectSubPix(group, (180, 220), (x, y))
    large = cv2.resize(crop, None, fx=9, fy=9, interpolation=cv2.INTER_CUBIC)
    (found,) = analyzer.analyze([large])
    assert max(face.height_px for face in found) > 900


def test_coordinates_are_the_original_pictures_whatever_size_the_detector_sees(analyzer, group):
    small = cv2.resize(group, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA)
    for long_side in (640, 1300):
        views = [View(detection=DetectionPlan(long_side_px=long_side))]
        (large_faces,) = analyzer.analyze([group], views)
        (small_faces,) = analyzer.analyze([small], views)
        assert len(large_faces) == len(small_faces) == 5
        for one, other in zip(by_column(large_faces), by_column(small_faces), strict=True):
            assert np.array(one.box_xyxy) * 0.4 == pytest.approx(other.box_xyxy, abs=5)


def test_pictures_of_different_sizes_go_through_together_and_keep_their_order(analyzer, group):
    empty = np.zeros((300, 200, 3), np.uint8)
    half = np.ascontiguousarray(group[:, 500:])
    found = analyzer.analyze([empty, group, half, empty])
    assert [len(faces) for faces in found] == [0, 5, 2, 0]
    alone = analyzer.analyze([group])[0]
    for one, other in zip(found[1], alone, strict=True):
        assert one.box_xyxy == pytest.approx(other.box_xyxy, abs=1e-2)
        assert one.yaw_deg == pytest.approx(other.yaw_deg, abs=1e-2)


def test_no_pictures_and_a_single_pixel_give_no_faces(analyzer):
    assert analyzer.analyze([]) == []
    assert analyzer.analyze([np.zeros((1, 1, 3), np.uint8)]) == [[]]


@pytest.mark.parametrize(
    "image",
    [np.zeros((10, 10), np.uint8), np.zeros((10, 10, 4), np.uint8), np.zeros((10, 10, 3))],
)
def test_other_arrays_than_rgb_pictures_are_refused(analyzer, image):
    with pytest.raises(ValueError, match=r"expected \(H, W, 3\) uint8 RGB, got image.shape"):
        analyzer.analyze([image])


def test_a_small_face_has_no_expression_but_a_pose(analyzer, group):
    small = cv2.resize(group, None, fx=0.2, fy=0.2, interpolation=cv2.INTER_AREA)
    (faces,) = analyzer.analyze([small])
    tiny = [face for face in faces if face.height_px < 32]
    assert tiny
    assert all(face.expression_probs is None and face.yaw_deg is not None for face in tiny)


def test_torch_and_openvino_tell_the_same_faces(analyzer, group):
    other = FaceAnalyzer.load("cpu", engine="torch", threads=1)
    for one, two in zip(analyzer.analyze([group])[0], other.analyze([group])[0], strict=True):
        assert one.box_xyxy == pytest.approx(two.box_xyxy, abs=1e-3)
        assert np.abs(one.landmarks_xy - two.landmarks_xy).max() < 0.02
        assert one.yaw_deg == pytest.approx(two.yaw_deg, abs=0.05)
        assert one.expression_probs == pytest.approx(two.expression_probs, abs=2e-3)


def test_the_model_version_names_each_loaded_network(analyzer, weights):
    assert re.fullmatch(
        r"yunet-\w{8}\+mediapipe478-\w{8}\+mini_xception-\w{8}", analyzer.model_version
    )
    without = FaceAnalyzer.load("cpu", threads=1, expression=False)
    assert "mini_xception" not in without.model_version


def test_openvino_on_cuda_is_refused_with_a_way_out(weights):
    with pytest.raises(EngineError, match="use engine='torch'"):
        FaceAnalyzer.load("cuda", engine="openvino")


def test_a_missing_gpu_is_an_error_that_says_so(weights):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(EngineError, match="torch sees no CUDA device"):
        torch_engine("cuda", 1)


WATCH_OPENED_FILES = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from workers import FaceAnalyzer
assert "torch" not in sys.modules, "importing workers imported torch"
analyzer = FaceAnalyzer.load("cpu", threads=1, expression={expression})
analyzer.warm_up()
print("torch" in sys.modules, any({file!r} in path for path in opened))
"""


def run_watched(*, expression: bool) -> list[str]:
    file = manifest()["mini_xception"].file
    done = subprocess.run(
        [sys.executable, "-c", WATCH_OPENED_FILES.format(expression=expression, file=file)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_without_expression_its_weights_are_not_even_opened(analyzer):
    assert run_watched(expression=True)[1] == "True"
    assert run_watched(expression=False)[1] == "False"


def test_once_converted_the_cpu_engine_needs_no_torch(analyzer):
    assert run_watched(expression=True)[0] == "False"


def test_without_expression_its_weights_need_not_be_there(analyzer, tmp_path, monkeypatch):
    source = cache_folder()
    (tmp_path / "weights").mkdir()
    (tmp_path / "openvino").symlink_to(source / "openvino")
    for name in ("yunet", "face_landmarker"):
        file = manifest()[name].file
        os.link(source / "weights" / file, tmp_path / "weights" / file)
    monkeypatch.setenv("FACEPOSE_CACHE", str(tmp_path))
    FaceAnalyzer.load("cpu", threads=1, expression=False)
    with pytest.raises(WeightsMissingError, match="mini_xception"):
        FaceAnalyzer.load("cpu", threads=1, expression=True)


@pytest.mark.slow
def test_a_spoilt_converted_network_is_converted_anew(analyzer, tmp_path, monkeypatch):
    source = cache_folder()
    (tmp_path / "weights").symlink_to(source / "weights")
    monkeypatch.setenv("FACEPOSE_CACHE", str(tmp_path))
    folders = {spec.name: f"{spec.name}-{_fingerprint(spec)}" for spec in ALL_SPECS}
    converted = source / "openvino" / folders.pop("mini_xception") / "net.bin"
    spoilt = tmp_path / "openvino" / converted.parent.name
    spoilt.mkdir(parents=True)
    for file in converted.parent.iterdir():
        (spoilt / file.name).write_bytes(file.read_bytes())
    (spoilt / "net.bin").write_bytes(b"\0" * converted.stat().st_size)
    for folder in folders.values():
        (tmp_path / "openvino" / folder).symlink_to(source / "openvino" / folder)
    (faces,) = FaceAnalyzer.load("cpu", threads=1).analyze([np.zeros((64, 64, 3), np.uint8)])
    assert faces == []
    assert (spoilt / "net.bin").read_bytes() == converted.read_bytes()
