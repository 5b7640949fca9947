"""Head poses along a track: steady while the head is still, at hand when it turns.

Source: the 1€ filter of G. Casiez, N. Roussel, D. Vogel, CHI 2012, on rotations instead of
numbers: the error is the rotation vector from the smoothed to the measured head, so nothing jumps
where an angle wraps round or where yaw and roll trade places.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.geometry.head_pose import angles_from_rotations, rotation_from_angles

_Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PoseSmoothing:
    """How much is smoothed; measured in docs/studies/head-pose.md.

    Attributes:
        still_hz: cut-off for a head at rest; lower is steadier.
        gain: how much the cut-off rises with the speed of turning [Hz for a degree a second];
            higher lags less.
        speed_hz: cut-off for the speed itself.
        max_gap_s: a track not seen for longer starts afresh.
    """

    still_hz: float = 0.6
    gain: float = 0.05
    speed_hz: float = 2.0
    max_gap_s: float = 1.0


@dataclass(slots=True)
class _Track:
    at_s: float
    rotation: _Doubles
    speed_deg_s: _Doubles


class PoseSmoother:
    """Smooths the poses of any number of tracks of one film; about 0.1 ms a pose."""

    def __init__(self, smoothing: PoseSmoothing | None = None) -> None:
        self._smoothing = smoothing or PoseSmoothing()
        self._tracks: dict[int, _Track] = {}

    def update(
        self, track_id: int, at_s: float, yaw: float, pitch: float, roll: float, weight: float
    ) -> tuple[float, float, float]:
        """Return the smoothed yaw, pitch and roll [deg] of a track.

        Args:
            track_id: whose head it is.
            at_s: the frame's time in the film [s]; a time not after the last one starts afresh.
            yaw: measured [deg]; like pitch and roll NaN where unknown, and then returned as is.
            pitch: measured [deg].
            roll: measured [deg].
            weight: 0..1, how far the measurement is to be trusted (presence, quality); 0 holds
                the last pose.
        """
        self._forget_before(at_s - self._smoothing.max_gap_s)
        if not math.isfinite(yaw + pitch + roll):
            return yaw, pitch, roll
        measured = rotation_from_angles(yaw, pitch, roll)
        track = self._tracks.pop(track_id, None)
        if track is None or not 0 < at_s - track.at_s <= self._smoothing.max_gap_s:
            track = _Track(at_s, measured, np.zeros(3))
        else:
            self._follow(track, at_s, measured, min(max(weight, 0.0), 1.0))
        # Last in, last forgotten: the tracks stay in the order in which they were seen.
        self._tracks[track_id] = track
        pose = angles_from_rotations(track.rotation[None])
        return pose.yaw_deg.item(), pose.pitch_deg.item(), pose.roll_deg.item()

    def _follow(self, track: _Track, at_s: float, measured: _Doubles, weight: float) -> None:
        passed_s = at_s - track.at_s
        error_deg = rotation_vector_deg(measured @ track.rotation.T)
        trusted = weight * _share(self._smoothing.speed_hz, passed_s)
        track.speed_deg_s += trusted * (error_deg / passed_s - track.speed_deg_s)
        turning = float(np.linalg.norm(track.speed_deg_s))
        cutoff_hz = self._smoothing.still_hz + self._smoothing.gain * turning
        step = weight * _share(cutoff_hz, passed_s) * error_deg
        track.rotation = rotation_by_vector_deg(step) @ track.rotation
        track.at_s = at_s

    def _forget_before(self, at_s: float) -> None:
        for track_id, track in list(self._tracks.items()):
            if track.at_s >= at_s:
                break
            del self._tracks[track_id]


def rotation_vector_deg(rotation: _Doubles) -> _Doubles:
    """Return the axis (3,) of a rotation (3, 3), as long as its angle [deg]; below 180 degrees."""
    twist = np.array(
        [
            rotation[2, 1] - rotation[1, 2],
            rotation[0, 2] - rotation[2, 0],
            rotation[1, 0] - rotation[0, 1],
        ]
    )
    sine, cosine = np.linalg.norm(twist) / 2, (np.trace(rotation) - 1) / 2
    angle_deg = math.degrees(math.atan2(sine, cosine))
    along: _Doubles = twist * (angle_deg / (2 * sine) if sine > 1e-12 else 0.0)
    return along


def rotation_by_vector_deg(vector_deg: _Doubles) -> _Doubles:
    """Return the rotation (3, 3) about an axis by its length [deg] (Rodrigues' formula)."""
    angle = math.radians(float(np.linalg.norm(vector_deg)))
    x, y, z = np.radians(vector_deg) / (angle or 1.0)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turned: _Doubles = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return turned


def _share(cutoff_hz: float, passed_s: float) -> float:
    """Return the weight of a new value in a first-order low-pass."""
    return 1.0 / (1.0 + 1.0 / (2 * math.pi * cutoff_hz * passed_s))
