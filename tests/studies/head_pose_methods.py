"""The ways to a rotation that `head_pose` compares, as functions of what the networks said.

Each takes what `Networks.measured` returns, stacked for N heads, and returns (N, 3, 3).
"""

from collections.abc import Callable

import numpy as np

from workers.geometry.canonical_mesh import load_canonical_mesh
from workers.geometry.head_pose import (
    angles_from_rotations,
    blend_rotations,
    nearest_rotations,
    rotations_from_poses,
)
from workers.poses.blend import RULE
from workers.poses.mesh_corrected import corrected

Seen = dict[str, np.ndarray]
_UPRIGHT = np.array([1.0, -1.0, -1.0])


def angles(rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    poses = angles_from_rotations(rotations)
    return poses.yaw_deg, poses.pitch_deg, poses.roll_deg


def geodesic_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the angle between rotations (N, 3, 3) [deg]."""
    cosine = (np.einsum("nij,nij->n", a, b) - 1) / 2
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def halves(first: str, second: str) -> Callable[[Seen], np.ndarray]:
    return lambda seen: blend_rotations(seen[first], seen[second], np.full(len(seen[first]), 0.5))


def blend(seen: Seen) -> np.ndarray:
    """As `workers.poses.blend`, from rotations that are there already."""
    poses = corrected(angles_from_rotations(seen["mesh"]))
    share = RULE.share(poses.yaw_deg, seen["presence"], seen["height"])
    return blend_rotations(rotations_from_poses(poses), seen["six"], share)


def mesh_corrected(seen: Seen) -> np.ndarray:
    return rotations_from_poses(corrected(angles_from_rotations(seen["mesh"])))


def flat(seen: Seen) -> np.ndarray:
    """Procrustes without the depths found: an affine fit in the picture, made a rotation."""
    mesh = load_canonical_mesh()
    used = np.flatnonzero(mesh.procrustes_weights)
    weights = mesh.procrustes_weights[used] / mesh.procrustes_weights.sum()
    model = mesh.vertices[used] - weights @ mesh.vertices[used]
    points = seen["points"][:, used, :2].astype(float) * _UPRIGHT[:2]
    points -= np.einsum("l,nli->ni", weights, points)[:, None]
    spread = np.einsum("l,li,lj->ij", weights, model, model)
    rows = np.einsum("l,nli,lj->nij", weights, points, model) @ np.linalg.inv(spread)
    left, _, right = np.linalg.svd(rows, full_matrices=False)
    square = left @ right
    third = np.cross(square[:, 0], square[:, 1])
    return np.concatenate((square, third[:, None]), axis=1)


def visible_half(seen: Seen) -> np.ndarray:
    """Procrustes over all points, those turned away counting less; reweighted four times."""
    mesh = load_canonical_mesh()
    rotations = seen["mesh"]
    for _ in range(4):
        facing = np.einsum("nj,lj->nl", rotations[:, 2], _normals())
        weights = 1 / (1 + np.exp(-facing / 0.2)) + 1e-6
        rotations = _weighted_fit(seen["points"], mesh.vertices, weights)
    return rotations


def by_residual(seen: Seen) -> np.ndarray:
    """Procrustes over all points, those that fit badly counting less; reweighted six times."""
    mesh = load_canonical_mesh()
    model = mesh.vertices - mesh.vertices.mean(axis=0)
    points = seen["points"].astype(float) * _UPRIGHT
    points -= points.mean(axis=1, keepdims=True)
    rotations = seen["mesh"]
    for _ in range(6):
        turned = np.einsum("nij,lj->nli", rotations, model)
        scale = (points * turned).sum(axis=(1, 2)) / (turned**2).sum(axis=(1, 2))
        misses_cm = np.linalg.norm(points / scale[:, None, None] - turned, axis=2)
        rotations = _weighted_fit(seen["points"], mesh.vertices, 1 / (0.5 + misses_cm))
    return rotations


METHODS: dict[str, Callable[[Seen], np.ndarray]] = {
    "mesh": lambda seen: seen["mesh"],
    "mesh, second pass": lambda seen: seen["second"],
    "mesh and its mirror image": halves("mesh", "mirrored"),
    "mesh without depths": flat,
    "mesh, visible half": visible_half,
    "mesh, by residual": by_residual,
    "mesh_corrected": mesh_corrected,
    "sixdrepnet360": lambda seen: seen["six"],
    "half and half": halves("mesh", "six"),
    "blend": blend,
}


def _weighted_fit(points: np.ndarray, model: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted Procrustes with weights (N, L) of each head's own."""
    weights = weights / weights.sum(axis=1, keepdims=True)
    seen = points.astype(float) * _UPRIGHT
    seen -= np.einsum("nl,nli->ni", weights, seen)[:, None]
    own = model[None] - np.einsum("nl,li->ni", weights, model)[:, None]
    return nearest_rotations(np.einsum("nl,nli,nlj->nij", weights, seen, own))


def _normals() -> np.ndarray:
    """Outward normals (468, 3) of the canonical face."""
    mesh = load_canonical_mesh()
    corners = mesh.vertices[mesh.triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(mesh.vertices)
    for corner in range(3):
        np.add.at(normals, mesh.triangles[:, corner], faces)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    nose_tip = 1
    return normals * np.sign(normals[nose_tip, 2])
