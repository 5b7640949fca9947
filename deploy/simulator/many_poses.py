"""Head poses of many moments at once: `head` and `scene` for arrays of them (F of each)."""

import numpy as np

from deploy.simulator.head import Floats


def rotations(angles_deg: Floats) -> Floats:
    """(F, 3, 3) of yaw, pitch and roll (F, 3): `head.rotation`."""
    yaw, pitch, roll = np.radians(angles_deg * (1.0, -1.0, -1.0)).T
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in (yaw, pitch, roll))
    rows = [
        [cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def angles_deg(matrices: Floats) -> Floats:
    """(F, 3) yaw, pitch and roll of rotations (F, 3, 3): `head.angles_deg`."""
    yaw = np.arctan2(matrices[:, 0, 2], matrices[:, 2, 2])
    pitch = np.arcsin(np.clip(matrices[:, 1, 2], -1.0, 1.0))
    roll = -np.arctan2(matrices[:, 1, 0], matrices[:, 1, 1])
    angles: Floats = np.degrees(np.stack([yaw, pitch, roll], axis=1))
    return angles


def axes(towards: Floats, up: Floats) -> Floats:
    """(F, 3, 3) orthonormal rows right, up, towards, of directions (F, 3) and one `up` (3,)."""
    z = towards / np.linalg.norm(towards, axis=1, keepdims=True)
    x = np.cross(up, z)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], axis=1)
