"""Faces that never move: posters, pictures on the wall, a paused screen.

A face is remembered by its place, size, pose and a thumbnail. It is static when for `after_s` no
single frame and no running mean of its frames has left the noise of a camera. The running mean's
bounds are tight: noise is averaged away there, leaning and slumping are not. Any motion starts the
time anew, so the answer errs towards "alive". Sleepers hardly move: a face whose eyes look closed
is never called static.

Time is an argument, and nothing is taken for granted about the frames between two calls: workers
that share a camera each remember their own share of it. A worker that starts has forgotten
everything and needs `after_s` again.
"""

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.stages import Floats

AFTER_S: Final = 300.0
"""AS-1: a face without motion for five minutes is none."""
THUMBNAIL_PX: Final = 16
MAX_SOURCES: Final = 256
MAX_FACES: Final = 64
"""Of one source; a face takes 2 kB."""

_FORGET_S: Final = 60.0
"""A face out of sight this long is a new one when it comes back."""
_CLOCK_BACK_S: Final = 10.0
"""Frames come this much out of order; further back, the source's clock was set anew."""
_MIN_FRAMES: Final = 30
_MEAN_S: Final = 10.0
"""Time constant of the running mean, and what the reference is the mean of: several groups of
pictures of a video stream, inside which noise stands still."""
_MAX_WEIGHT: Final = 0.2
"""Of the newest frame in the running mean, however long after the last it comes."""
_SETTLING_FRAMES: Final = 8
"""The reference is the mean of at least so many frames."""
_SAME_PLACE: Final = 0.5
"""Faces whose centres are closer than this many heights may be one."""
_CONTRAST_FLOOR: Final = 4.0
"""Grey levels; flat thumbnails must not have their noise blown up to a picture."""

# Place [heights], size [log], pose [deg], thumbnail [its own contrast]. A still of five people of
# 32 to 72 px under a camera's noise, as JPEG and as H.264, was at most .06, .10, 7, .52 away from
# its reference in a frame and .019, .035, 1.9, .18 in the mean of 10 s.
_FRAME_BOUNDS: Final = np.array([0.10, 0.15, 15.0, 0.70])
_MEAN_BOUNDS: Final = np.array([0.025, 0.04, 3.5, 0.20])
_CLOSED_EAR: Final = 0.13
"""Simulated closed eyes, up to 45 degrees of yaw and from 30 px: median .07, 95 % below .135. A
laugh on a small poster may have as little, and is then not called static."""


def thumbnails(crops: NDArray[np.uint8]) -> Floats:
    """Return grey thumbnails (N, 16, 16) float32 of crops (N, S, S, 3) uint8 RGB."""
    small = np.empty((len(crops), THUMBNAIL_PX, THUMBNAIL_PX), np.float32)
    size = (THUMBNAIL_PX, THUMBNAIL_PX)
    for crop, thumbnail in zip(crops, small, strict=True):
        # Grey first: averaging three channels takes five times as long.
        grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
        thumbnail[:] = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return small


@dataclass(slots=True)
class _Place:
    """One remembered face.

    Attributes:
        reference: (262,) its signature when it last moved.
        mean: (262,) running mean of its signatures since.
        since_s: when it last moved.
        seen_s: when it was last seen.
        eye_openness: running mean of the eye aspect ratio; NaN as long as none was told.
        frames: seen since it last moved.
    """

    reference: Floats
    mean: Floats
    since_s: float
    seen_s: float
    eye_openness: float
    frames: int = 1

    def is_static(self, at_s: float, after_s: float) -> bool:
        """Tell whether nothing has moved for long enough, and often enough seen."""
        asleep = self.eye_openness < _CLOSED_EAR
        return at_s - self.since_s >= after_s and self.frames >= _MIN_FRAMES and not asleep

    def see(self, signature: Floats, eye_openness: float, at_s: float) -> None:
        """Take one more frame; motion makes it the new reference."""
        weight = min(1.0 - math.exp(-max(at_s - self.seen_s, 0.0) / _MEAN_S), _MAX_WEIGHT)
        self.seen_s = max(self.seen_s, at_s)
        if np.isnan(self.eye_openness):
            self.eye_openness = eye_openness
        elif np.isfinite(eye_openness):
            self.eye_openness += weight * (eye_openness - self.eye_openness)
        # What a frame does not tell (no pose) stays as it was.
        known = np.where(np.isnan(signature), self.mean, signature)
        mean = self.mean + np.float32(weight) * (known - self.mean)
        settling = self.frames < _SETTLING_FRAMES or at_s - self.since_s < _MEAN_S
        if _beyond(self.reference, known, _FRAME_BOUNDS):
            self._restart(signature, at_s)
        elif settling:
            self.frames += 1
            self.reference = self.reference + (known - self.reference) / np.float32(self.frames)
            self.mean = self.reference
        elif _beyond(self.reference, mean, _MEAN_BOUNDS):
            self._restart(signature, at_s)
        else:
            self.frames += 1
            self.mean = mean

    def _restart(self, signature: Floats, at_s: float) -> None:
        self.reference = self.mean = signature
        self.since_s, self.frames = at_s, 1


@dataclass(slots=True)
class _Memory:
    """The faces of one source."""

    at_s: float
    places: list[_Place] = field(default_factory=list)


class StaticFaces:
    """Tells static faces by what was seen of each source so far. One thread at a time.

    Args:
        after_s: without motion for this long a face is static.
        max_sources: sources remembered; beyond, the one not heard of for longest is forgotten.
        max_faces: faces remembered of each source.
    """

    def __init__(
        self,
        after_s: float = AFTER_S,
        *,
        max_sources: int = MAX_SOURCES,
        max_faces: int = MAX_FACES,
    ) -> None:
        self._after_s = after_s
        self._max_sources = max_sources
        self._max_faces = max_faces
        self._sources: OrderedDict[str, _Memory] = OrderedDict()

    def update(
        self,
        source: str,
        at_s: float,
        boxes_xyxy: Floats,
        thumbnails: Floats,
        angles_deg: NDArray[np.floating],
        eye_openness: Floats | None = None,
    ) -> NDArray[np.bool_]:
        """Take one frame's faces and tell which of them (N,) are static.

        Args:
            source: the camera.
            at_s: the frame's time in its source [s].
            boxes_xyxy: (N, 4) [px].
            thumbnails: (N, 16, 16) grey, of crops that are cut out alike each time.
            angles_deg: (N, 3) yaw, pitch, roll; NaN where unknown.
            eye_openness: (N,) mean eye aspect ratio; NaN where unknown.
        """
        memory = self._memory(source, at_s)
        signatures = _signatures(boxes_xyxy, thumbnails, angles_deg)
        eyes = np.full(len(signatures), np.nan) if eye_openness is None else eye_openness
        static = np.zeros(len(signatures), bool)
        for n, place in enumerate(_match(memory.places, signatures)):
            if place is None:
                memory.places.append(
                    _Place(signatures[n], signatures[n], at_s, at_s, float(eyes[n]))
                )
            else:
                place.see(signatures[n], float(eyes[n]), at_s)
                static[n] = place.is_static(at_s, self._after_s)
        # The least recently seen go first: posters are seen all the time.
        memory.places.sort(key=lambda place: place.seen_s)
        del memory.places[: -self._max_faces]
        return static

    def _memory(self, source: str, at_s: float) -> _Memory:
        """Return what is known of a source, without what is too old."""
        memory = self._sources.get(source)
        if memory is None or at_s < memory.at_s - _CLOCK_BACK_S:
            memory = self._sources[source] = _Memory(at_s)
        memory.at_s = max(memory.at_s, at_s)
        memory.places = [p for p in memory.places if memory.at_s - p.seen_s <= _FORGET_S]
        self._sources.move_to_end(source)
        if len(self._sources) > self._max_sources:
            self._sources.popitem(last=False)
        return memory


def _signatures(boxes_xyxy: Floats, thumbnails: Floats, angles_deg: NDArray[np.floating]) -> Floats:
    """Return (N, 262): centre [px], log height, angles [deg], thumbnail without its brightness."""
    flat = np.asarray(thumbnails, np.float32).reshape(len(boxes_xyxy), THUMBNAIL_PX**2)
    contrast = flat.std(axis=1, keepdims=True) + np.float32(_CONTRAST_FLOOR)
    plain = (flat - flat.mean(axis=1, keepdims=True)) / contrast
    centres = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
    heights = np.log(np.maximum(boxes_xyxy[:, 3:] - boxes_xyxy[:, 1:2], 1.0))
    angles = np.where(np.isfinite(angles_deg).all(axis=1, keepdims=True), angles_deg, np.nan)
    return np.concatenate((centres, heights, angles, plain), axis=1).astype(np.float32)


def _differences(reference: Floats, other: Floats) -> NDArray[np.float64]:
    """Return how far a signature is from another: place, size, pose, thumbnail."""
    d = (other - reference).astype(np.float64)
    turned = 0.0 if np.isnan(d[3:6]).any() else float(np.abs(d[3:6]).max())
    away = float(np.hypot(d[0], d[1]) / np.exp(float(reference[2])))
    return np.array([away, abs(d[2]), turned, np.sqrt(np.mean(d[6:] ** 2))])


def _beyond(reference: Floats, other: Floats, bounds: NDArray[np.float64]) -> bool:
    return bool((_differences(reference, other) > bounds).any())


def _match(places: list[_Place], signatures: Floats) -> list[_Place | None]:
    """Return the place that each face is at, or None; each place once, the nearest face first."""
    found: list[_Place | None] = [None] * len(signatures)
    if not places or not len(signatures):
        return found
    references = np.stack([place.reference[:3] for place in places])
    across = signatures[:, None, :2] - references[None, :, :2]
    away = np.hypot(across[..., 0], across[..., 1]) / np.exp(references[:, 2])
    for _ in range(min(away.shape)):
        face, place = divmod(int(np.argmin(away)), len(places))
        if away[face, place] >= _SAME_PLACE:
            break
        found[face] = places[place]
        away[face], away[:, place] = np.inf, np.inf
    return found
