"""What a yaw learnt from 6DRepNet360 would reach on a person that it never saw.

Linear regressions on features that cost nothing, mirrored so that every head looks to the right;
each person is left out in turn.
"""

import numpy as np

from tests.studies.head_pose_methods import Seen, angles

_RIDGE = 1e-3


def held_out_yaws(seen: Seen, groups: np.ndarray) -> dict[str, np.ndarray]:
    """Return the yaws (N,) [deg] of each set of features."""
    mesh, six = angles(seen["mesh"])[0], angles(seen["six"])[0]
    side = np.where(mesh < 0, -1.0, 1.0)
    turned = np.abs(mesh)
    bends = np.stack([turned, *(np.maximum(turned - at, 0) for at in (30, 45, 55))], axis=1)
    five = _five_point_features(seen["five"])
    five[:, 0] *= side
    logit = np.log(np.maximum(seen["presence"], 1e-6))[:, None]
    both = np.concatenate((five, five**2), axis=1)
    sets = {
        "five points, learnt": both,
        "mesh, learnt": bends,
        "mesh and presence, learnt": np.concatenate((bends, logit, logit**2), axis=1),
        "mesh and five points, learnt": np.concatenate((bends, both), axis=1),
    }
    return {name: side * _held_out(rows, six * side, groups) for name, rows in sets.items()}


def held_out_stretches(seen: Seen, groups: np.ndarray) -> str:
    """Fit the stretch of `mesh_corrected` to six on all persons but one, in turn."""
    mesh, six = angles(seen["mesh"])[0], angles(seen["six"])[0]
    beyond = np.maximum(np.abs(mesh) - 30.0, 0.0) * np.sign(mesh)
    candidates = np.arange(0.0, 0.61, 0.05)
    fits = []
    for person in sorted(set(groups)):
        others, own = groups != person, (groups == person) & (np.abs(six) > 60)
        misses = [np.abs(mesh + k * beyond - six)[others].mean() for k in candidates]
        best = candidates[np.argmin(misses)]
        before, after = (np.abs(mesh + k * beyond - six)[own].mean() for k in (0.0, best))
        fits.append(f"without {person} {best:.2f} (on {person} {before:.1f} to {after:.1f})")
    return "; ".join(fits)


def _held_out(features: np.ndarray, target: np.ndarray, groups: np.ndarray) -> np.ndarray:
    answers = np.empty(len(target))
    for group in set(groups):
        others = groups != group
        middle, spread = features[others].mean(axis=0), features[others].std(axis=0)
        rows = np.concatenate(((features - middle) / spread, np.ones((len(target), 1))), axis=1)
        known = rows[others]
        ridge = _RIDGE * len(known) * np.eye(rows.shape[1])
        weights = np.linalg.solve(known.T @ known + ridge, known.T @ target[others])
        answers[~others] = rows[~others] @ weights
    return answers


def _five_point_features(points: np.ndarray) -> np.ndarray:
    """Nose, eyes and mouth in a frame that is upright in the face and as high as eyes to mouth."""
    eyes, mouth = points[:, :2].mean(axis=1), points[:, 3:].mean(axis=1)
    down = mouth - eyes
    height = np.linalg.norm(down, axis=1, keepdims=True)
    down = down / height
    across = np.stack((down[:, 1], -down[:, 0]), axis=1)
    spans = (points[:, 2] - eyes, points[:, 1] - points[:, 0], points[:, 4] - points[:, 3])
    sideways = [(span * across).sum(axis=1) / height[:, 0] for span in spans]
    nose_down = (spans[0] * down).sum(axis=1) / height[:, 0]
    return np.stack((*sideways, nose_down), axis=1).astype(float)
