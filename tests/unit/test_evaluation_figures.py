"""Landmark and expression figures worked out by hand, and intervals that tell how sure they are."""

import numpy as np
import pytest

from schemas.messages import EXPRESSIONS
from workers.evaluation.bins import HEIGHTS, YAWS
from workers.evaluation.bootstrap import Bootstrap
from workers.evaluation.errors import EvaluationError
from workers.evaluation.examples import Examples, Place
from workers.evaluation.metrics_expression import confusion_counts, overall, recalls
from workers.evaluation.metrics_landmarks import (
    area_under_curve,
    landmark_figures,
    normalised_errors,
    normaliser,
)
from workers.evaluation.points68 import TABLES, to_68
from workers.geometry.canonical_mesh import load_canonical_mesh

INF = float("inf")


@pytest.fixture
def face() -> np.ndarray:
    """68 points in a box of 100 by 64 px, outer eye corners 60 px apart, pupils 40."""
    points = np.full((68, 2), (50.0, 30.0))
    points[0], points[16], points[8] = (0, 0), (100, 0), (50, 64)
    points[36:42], points[42:48] = (35, 20), (65, 20)
    points[36], points[45] = (20, 20), (80, 20)
    points[39], points[42] = (40, 20), (60, 20)
    points[37:39], points[43:45] = (30, 20), (70, 20)
    points[40:42], points[46:48] = (30, 20), (70, 20)
    return points


def test_normalisers_are_eye_corners_pupils_and_box(face):
    assert normaliser(face, "inter-ocular") == pytest.approx(60)
    assert normaliser(face, "inter-pupil") == pytest.approx(40)
    assert normaliser(face, "box") == pytest.approx(80)  # √(100 × 64)


def test_points_all_five_pixels_off_are_five_over_the_eye_corners_off(face):
    assert normalised_errors(face + np.array([3, 4]), face, "inter-ocular") == pytest.approx(
        (5 / 60, 5 / 60)
    )


def test_a_jaw_that_is_off_does_not_touch_the_inner_points(face):
    moved = face.copy()
    moved[:17] += (0, 6)
    whole, inner = normalised_errors(moved, face, "inter-ocular")
    assert whole == pytest.approx(6 * 17 / 68 / 60)
    assert inner == 0


def test_a_face_not_found_is_a_failure_but_has_no_error():
    errors = np.array([0.02, 0.09, 0.12, INF])
    mean, above_8, above_10, area = landmark_figures(errors, np.ones(4))
    assert mean == pytest.approx((0.02 + 0.09 + 0.12) / 3)
    assert (above_8, above_10) == (0.75, 0.5)
    assert area == pytest.approx(0.75 / 4)


def test_the_area_under_the_curve_is_its_mean_height():
    assert area_under_curve(np.array([0.0, 0.04, INF]), np.ones(3), 0.08) == pytest.approx(0.5)


def test_the_table_of_478_points_is_symmetric_on_the_canonical_face(weights):
    points = load_canonical_mesh().vertices[TABLES[478]]
    mirrored = points * (-1, 1, 1)
    other_side = [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31]
    other_side += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
    other_side += [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65]
    assert np.abs(mirrored[other_side] - points).max() < 0.01


@pytest.mark.parametrize("n", [98, 478])
def test_every_one_of_the_68_has_its_own_point(n):
    assert len(set(TABLES[n].tolist())) == 68
    assert to_68(np.zeros((n, 2), np.float32)).shape == (68, 2)


def test_landmarks_without_a_table_are_refused():
    with pytest.raises(EvaluationError, match=r"no table from 5 landmarks.*478 and 98"):
        to_68(np.zeros((5, 2), np.float32))


def test_accuracy_and_mean_recall_by_hand():
    happiness, anger, none = EXPRESSIONS.index("happiness"), EXPRESSIONS.index("anger"), 7
    labelled = np.array([happiness] * 4 + [anger] * 2)
    answered = np.array([happiness, happiness, happiness, anger, anger, none])
    counts = confusion_counts(labelled, answered, np.ones(6))
    accuracy, mean_recall, strict = overall(counts)
    assert accuracy == pytest.approx(4 / 5)
    assert mean_recall == pytest.approx((3 / 4 + 1 / 1) / 2)
    assert strict == pytest.approx(4 / 6)
    assert recalls(counts)[happiness] == 0.75
    assert np.isnan(recalls(counts)[EXPRESSIONS.index("fear")])


def test_a_picture_drawn_twice_counts_twice():
    counts = confusion_counts(np.array([0, 1]), np.array([0, 0]), np.array([3.0, 1.0]))
    assert overall(counts)[0] == 0.75


def mean_of(values):
    return lambda weights: np.array([values @ weights / weights.sum()])


def test_the_interval_of_a_mean_is_about_two_standard_errors_either_side():
    values = np.random.default_rng(1).normal(10, 3, 400)
    (estimate,) = Bootstrap(2000).estimate(mean_of(values), [str(n) for n in range(400)])
    assert estimate.value == values.mean()
    assert estimate.n == 400
    standard_error = values.std() / 20
    assert estimate.high - estimate.value == pytest.approx(1.96 * standard_error, rel=0.15)
    assert estimate.value - estimate.low == pytest.approx(1.96 * standard_error, rel=0.15)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    values, groups = np.arange(30.0), [str(n) for n in range(30)]
    one, same, other = (
        Bootstrap(200, seed).estimate(mean_of(values), groups)[0] for seed in (1, 1, 2)
    )
    assert one == same
    assert (one.low, one.high) != (other.low, other.high)


def test_pictures_of_one_person_are_drawn_together_so_the_interval_is_wider():
    values = np.repeat([1.0, 2, 3, 4, 5, 6], 20)
    by_picture = Bootstrap(500).estimate(mean_of(values), [str(n) for n in range(120)])[0]
    by_person = Bootstrap(500).estimate(mean_of(values), [str(int(v)) for v in values])[0]
    assert by_person.high - by_person.low > 3 * (by_picture.high - by_picture.low)


def test_fewer_than_five_groups_get_no_interval():
    (estimate,) = Bootstrap(100).estimate(mean_of(np.arange(8.0)), list("aabbccdd"))
    assert estimate.value == 3.5
    assert np.isnan(estimate.low)


def test_every_face_is_in_one_class_of_size_and_one_of_yaw_and_unknown_ones_in_none():
    values = np.array([0.0, 19.9, 20, 29.9, 30, 59.9, 60, 160, 500])
    assert (sum(b.holds(values).astype(int) for b in HEIGHTS) == 1).all()
    assert (sum(b.holds(values).astype(int) for b in YAWS) == 1).all()
    assert not any(b.holds(np.array([np.nan])).any() for b in (*HEIGHTS, *YAWS))


def test_groups_are_told_only_where_there_are_examples():
    examples = Examples()
    examples.add((1.0,), Place("a", yaw_deg=-50, height_px=90))
    examples.add((2.0,), Place("b", yaw_deg=float("nan"), height_px=90))
    masks = examples.masks()
    assert list(masks) == ["all", "|yaw| 30–60°", "height 80–160 px"]
    assert masks["|yaw| 30–60°"].tolist() == [True, False]
