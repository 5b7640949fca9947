"""Simulated classrooms as single pictures, for tests and benchmarks that need no real people."""

import numpy as np

from tests.simulator_gallery import Pose, _draw


def classroom(seed: int) -> np.ndarray:
    """A simulated frame, 720 x 1280, of twelve heads turned this way and that."""
    rng = np.random.default_rng(seed)
    poses = [
        Pose(
            seed=int(rng.integers(10_000)),
            yaw_deg=float(rng.uniform(-60, 60)),
            pitch_deg=float(rng.uniform(-40, 15)),
            roll_deg=float(rng.uniform(-15, 15)),
            face_px=float(rng.uniform(26, 72)),
        )
        for _ in range(12)
    ]
    return _draw(poses)[0]


def large_classroom(seed: int) -> np.ndarray:
    """A frame in 1080p of about 27 heads: the same twelve, side by side."""
    return np.tile(classroom(seed), (2, 2, 1))[:1080, :1920].copy()
