"""Quality says how far landmarks are off: by hand, by property, and on spoilt real pictures."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.geometry.crops import Crops, cut
from workers.quality import expected_displacement, face_quality, sharpness

fraction = st.floats(0, 1, width=32)
height = st.floats(1, 2000, width=32)


def one(value: float) -> np.ndarray:
    return np.array([value], np.float32)


def quality(px=80.0, sharp=0.1, presence=0.999, yaw=0.0, confidence=0.92) -> float:
    seen = None if presence is None else one(presence)
    return float(face_quality(one(px), one(sharp), seen, one(yaw), one(confidence))[0])


def checkerboard(contrast: int, side: int = 256, cell: int = 8) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side] // cell
    grey = 128 + contrast * (((rows + columns) % 2) * 2 - 1)
    return np.repeat(grey[:, :, None], 3, axis=2).astype(np.uint8)


@given(
    px=height, sharp=st.floats(0, 100, width=32), presence=fraction,
    yaw=st.floats(-180, 180, width=32), confidence=fraction,
)  # fmt: skip
def test_quality_is_between_nothing_and_one_whatever_comes(px, sharp, presence, yaw, confidence):
    assert 0 <= quality(px, sharp, presence, yaw, confidence) <= 1
    assert 0 <= quality(px, sharp, None, yaw, confidence) <= 1


@given(px=height, more=st.floats(1, 4))
def test_a_larger_face_is_not_worse(px, more):
    assert quality(px=px * more) >= quality(px=px)


@given(sharp=fraction, more=st.floats(1, 10))
def test_a_sharper_face_is_not_worse(sharp, more):
    assert quality(sharp=sharp * more) >= quality(sharp=sharp)


@given(yaw=st.floats(0, 90), more=st.floats(0, 90))
def test_a_face_turned_further_is_not_better_and_both_sides_count_alike(yaw, more):
    assert quality(yaw=yaw + more) <= quality(yaw=yaw)
    assert quality(yaw=-yaw) == quality(yaw=yaw)


def test_quality_is_a_half_where_landmarks_are_expected_to_be_off_by_three_percent():
    sharp = np.geomspace(1e-3, 1, 200).astype(np.float32)
    same = [np.full(200, value, np.float32) for value in (24, 0.9, 0.85)]
    expected = expected_displacement(same[0], sharp, same[1], same[2])
    found = face_quality(same[0], sharp, same[1], np.zeros(200), same[2])
    assert expected.min() < 0.03 < expected.max()
    assert ((found > 0.5) == (expected < 0.03)).all()


def test_a_face_without_a_pose_counts_as_a_profile():
    assert quality(yaw=np.nan) == quality(yaw=90)
    assert quality(yaw=np.nan) < 0.5 * quality()


def test_a_network_without_presence_and_one_without_an_opinion_are_treated_alike():
    assert quality(presence=None) == quality(presence=np.nan)
    assert quality(presence=None) > 0.8


def test_no_faces_have_no_quality():
    none = np.zeros(0, np.float32)
    assert face_quality(none, none, none, none, none).shape == (0,)
    assert sharpness(np.zeros((0, 256, 256, 3), np.uint8)).shape == (0,)


def test_a_flat_face_has_no_sharpness():
    assert sharpness(np.full((1, 256, 256, 3), 90, np.uint8))[0] == 0


def test_blur_takes_sharpness_away():
    crop = checkerboard(60)
    levels = [crop] + [cv2.GaussianBlur(crop, (0, 0), sigma) for sigma in (2, 4, 8)]
    found = sharpness(np.stack(levels))
    assert (np.diff(found) < 0).all()


def test_a_face_of_low_contrast_is_as_sharp_as_one_of_high_contrast():
    pale, strong = sharpness(np.stack([checkerboard(30), checkerboard(90)]))
    assert pale == pytest.approx(strong, rel=0.05)


def test_what_lies_around_the_face_does_not_count():
    busy = checkerboard(90)
    busy[43:213, 43:213] = 120
    assert sharpness(busy[None])[0] == 0
    assert sharpness(busy[None], margin=1.0)[0] > 0.1
    each = sharpness(np.stack([busy, busy]), margin=np.array([1.5, 1.0], np.float32))
    assert each[0] == 0
    assert each[1] > 0.1


def test_the_size_of_the_crop_does_not_change_the_sharpness_of_a_face():
    picture = cv2.GaussianBlur(checkerboard(90, 512, 32), (0, 0), 4)
    sides = [cv2.resize(picture, (s, s), interpolation=cv2.INTER_AREA)[None] for s in (512, 256)]
    large, small = (sharpness(side)[0] for side in sides)
    assert small == pytest.approx(large, rel=0.1)


@pytest.fixture(scope="module")
def analyzer(weights):
    from workers.analyzer import FaceAnalyzer

    return FaceAnalyzer.load("cpu", expression=False, threads=1)


@pytest.mark.slow
def test_quality_follows_the_landmarks_displacement_in_spoilt_pictures(analyzer, real_data):
    path = real_data("videos_mit_pyfeat/pyfeat_multi_face.jpg")
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    clean = analyzer.analyze([image])[0]
    assert len(clean) == 5
    rows = []
    for scale in (0.5, 0.3, 0.2, 0.14):
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        for spoilt in (small, cv2.GaussianBlur(small, (0, 0), 1.2), compressed(small)):
            for face in analyzer.analyze([spoilt])[0]:
                rows += judged(face, spoilt, clean, scale)
    measured, off = np.array(rows).T
    assert len(rows) >= 40
    assert spearman(measured, -off) >= 0.7
    assert np.median(off[measured >= 0.8]) < 0.02
    assert np.median(off[measured < 0.5]) > 0.02


def compressed(image: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 25])[1], 1)


def judged(face, image, clean, scale) -> list[tuple[float, float]]:
    """Quality of a face, and how far its landmarks are off, if it is among the clean ones."""
    box = np.array(face.box_xyxy, np.float32)
    middle = (box[:2] + box[2:]) / 2
    away = [np.linalg.norm(middle / scale - np.mean(f.landmarks_xy, axis=0)) for f in clean]
    true = clean[int(np.argmin(away))]
    if min(away) > true.height_px / 2:
        return []
    off = np.linalg.norm(face.landmarks_xy / scale - true.landmarks_xy, axis=1).mean()
    side = one(1.5 * max(box[2:] - box[:2]))
    crops = cut([image], Crops(np.array([0]), middle[None], side, one(0)), 256)
    yaw = np.nan if face.yaw_deg is None else face.yaw_deg
    found = face_quality(
        one(face.height_px), sharpness(crops), one(face.presence), one(yaw), one(face.confidence)
    )
    return [(float(found[0]), off / true.height_px)]


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    ranks = [np.argsort(np.argsort(values)) for values in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])
