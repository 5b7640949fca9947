"""Head pose on the device: the closest rotation as the dominant eigenvector of a 4 x 4 matrix.

Source: P. Davenport's q-method, as B. Horn, "Closed-form solution of absolute orientation using
unit quaternions", 1987, gives it. It cannot return a mirrored face, and the eigenvector comes out
of squaring the matrix again and again: only products, where a batched SVD on a GPU would let the
host wait to learn that it converged.
"""

import torch
from torch import Tensor

SQUARINGS = 24
"""2^24 steps of the power method: a gap of 1e-6 between the two largest eigenvalues is resolved.
Faces have a tenth and more."""


def closest_rotations(covariance: Tensor) -> Tensor:
    """Return the rotations R (N, 3, 3) that make trace(R^T C) largest.

    Args:
        covariance: C (N, 3, 3) float64, seen points times model points; finite.
    """
    scale = covariance.abs().amax(dim=(1, 2), keepdim=True).clamp_min(1e-300)
    key = _key_matrix(covariance / scale)
    # No eigenvalue is below -|key|: shifted by that, the largest is also largest in size.
    norm = torch.linalg.matrix_norm(key, keepdim=True).clamp_min(1e-12)
    power = key / norm + torch.eye(4, dtype=key.dtype, device=key.device)
    for _ in range(SQUARINGS):
        power = power @ power
        power = power / power.diagonal(dim1=1, dim2=2).sum(dim=1)[:, None, None]
    # All columns are multiples of the eigenvector; the one with the largest diagonal is safest.
    column = power.diagonal(dim1=1, dim2=2).argmax(dim=1)
    quaternion = power.gather(2, column[:, None, None].expand(-1, 4, 1))[:, :, 0]
    return _rotation(quaternion / quaternion.norm(dim=1, keepdim=True).clamp_min(1e-300))


def fit_rotations(seen_xyz: Tensor, model_xyz: Tensor, weights: Tensor) -> Tensor:
    """Return the rotations (N, 3, 3) that best turn the model into what is seen; NaN where none.

    Args:
        seen_xyz: (N, L, 3) float64, y up and z towards the camera.
        model_xyz: (L, 3) float64, its weighted mean at 0.
        weights: (L,) float64.
    """
    centre = (seen_xyz * weights[:, None]).sum(dim=1, keepdim=True) / weights.sum()
    covariance = (seen_xyz - centre).transpose(1, 2) @ (model_xyz * weights[:, None])
    fits = covariance.isfinite().all(dim=(1, 2)) & (covariance != 0).any(dim=(1, 2))
    stand_in = torch.eye(3, dtype=covariance.dtype, device=covariance.device)
    safe = torch.where(fits[:, None, None], covariance, stand_in)
    return torch.where(fits[:, None, None], closest_rotations(safe), torch.nan)


def angles_deg(rotations: Tensor) -> Tensor:
    """Return yaw, pitch and roll (N, 3) [deg] of rotations (N, 3, 3).

    The maths of `workers.geometry.head_pose.angles_from_rotations`.
    """
    yaw = torch.atan2(rotations[:, 0, 2], rotations[:, 2, 2])
    pitch = torch.asin(rotations[:, 1, 2].clamp(-1.0, 1.0))
    roll = -torch.atan2(rotations[:, 1, 0], rotations[:, 1, 1])
    return torch.rad2deg(torch.stack((yaw, pitch, roll), dim=1))


def _key_matrix(c: Tensor) -> Tensor:
    """Return Davenport's K (N, 4, 4): q^T K q is trace(R(q)^T C) for q = (w, x, y, z)."""
    trace = c.diagonal(dim1=1, dim2=2).sum(dim=1)
    turn = torch.stack(
        (c[:, 2, 1] - c[:, 1, 2], c[:, 0, 2] - c[:, 2, 0], c[:, 1, 0] - c[:, 0, 1]), dim=1
    )
    eye = torch.eye(3, dtype=c.dtype, device=c.device)
    block = c + c.transpose(1, 2) - trace[:, None, None] * eye
    top = torch.cat((trace[:, None], turn), dim=1)[:, None]
    return torch.cat((top, torch.cat((turn[:, :, None], block), dim=2)), dim=1)


def _rotation(quaternion: Tensor) -> Tensor:
    w, x, y, z = quaternion.unbind(dim=1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)
