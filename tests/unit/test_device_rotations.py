"""The rotation from a quaternion's eigenvector is the one from the singular value decomposition."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.device.rotations import angles_deg, closest_rotations, fit_rotations
from workers.geometry.head_pose import angles_from_rotations, rotation_from_angles

ANGLES = st.floats(-80, 80)


def by_svd(covariance: np.ndarray) -> np.ndarray:
    left, _, right = np.linalg.svd(covariance)
    left[:, :, 2] *= np.sign(np.linalg.det(left @ right))[:, None]
    return left @ right


def test_it_agrees_with_the_singular_value_decomposition_mirrored_or_not():
    covariance = np.random.default_rng(0).normal(size=(5000, 3, 3))
    ours = closest_rotations(torch.from_numpy(covariance)).numpy()
    assert np.abs(ours - by_svd(covariance)).max() < 1e-10
    assert np.linalg.det(ours) == pytest.approx(1)


@settings(deadline=None, max_examples=100)
@given(ANGLES, ANGLES, st.floats(-179, 179), st.floats(1e-3, 1e3))
def test_a_turned_and_scaled_face_gives_its_angles_back(yaw, pitch, roll, scale):
    rng = np.random.default_rng(1)
    face, weights = rng.normal(size=(33, 3)) * (6, 8, 4), rng.uniform(0.1, 1, 33)
    face -= weights @ face / weights.sum()
    seen = scale * face @ rotation_from_angles(yaw, pitch, roll).T + (3, -2, 9)
    rotations = fit_rotations(
        torch.from_numpy(seen[None]), torch.from_numpy(face), torch.from_numpy(weights)
    )
    assert angles_deg(rotations)[0].numpy() == pytest.approx((yaw, pitch, roll), abs=1e-5)


def test_angles_are_those_of_the_host():
    rotations = by_svd(np.random.default_rng(2).normal(size=(500, 3, 3)))
    host = angles_from_rotations(rotations)
    ours = angles_deg(torch.from_numpy(rotations)).numpy()
    theirs = np.stack((host.yaw_deg, host.pitch_deg, host.roll_deg), axis=1)
    assert np.abs(ours - theirs).max() < 1e-10


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, 0.0])
def test_points_that_are_no_face_have_no_pose_and_spoil_no_other(spoilt):
    face = torch.from_numpy(np.random.default_rng(3).normal(size=(33, 3)))
    face = face - face.mean(dim=0)
    seen = torch.stack((torch.full_like(face, spoilt), face))
    angles = angles_deg(fit_rotations(seen, face, torch.ones(33, dtype=torch.float64)))
    assert angles[0].isnan().all()
    assert angles[1].abs().max() < 1e-6
