"""Faces of one camera, followed from frame to frame.

ByteTrack's two stages (Zhang et al. 2022, arXiv:2110.06864: confident faces first, doubtful ones
may only continue a track) over the buffered IoU of C-BIoU (Yang et al. 2023, arXiv:2211.14317): at
2 frames a second heads move by more than their own size, so boxes grow with the time since the
track was seen. Positions are fractions of the picture, so a changed resolution breaks no track.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from schemas.messages import Face

NS: Final = 1_000_000_000
BRIDGE_NS: Final = 2 * NS  # an occlusion up to this long does not end a track
HIGH_CONFIDENCE: Final = 0.6
LOW_CONFIDENCE: Final = 0.1
ANCHOR_TIME_S: Final = 5.0
HISTORY_S: Final = 10
MAX_TRACKS: Final = 512
_MIN_OVERLAP: Final = 0.05
_POSITION_GAIN: Final = 0.8
_VELOCITY_GAIN: Final = 0.2
_SIZE_GAIN: Final = 0.5
_MAX_SPEED: Final = 2.0  # face sizes a second

Boxes = NDArray[np.float64]  # (N, 4): centre x, centre y, width, height


class Track(msgspec.Struct):
    """One face over time; all lengths are fractions of the picture's width and height."""

    track_id: int
    x: float
    y: float
    w: float
    h: float
    seen_ns: int
    born_ns: int
    born_x: float
    born_y: float
    anchor_x: float  # exponential mean of the centre over 5 s
    anchor_y: float
    vx: float = 0.0  # a second
    vy: float = 0.0
    history: list[str] = []  # seat of each of the last 10 s, "" for none; newest last

    def predicted(self, at_ns: int) -> tuple[float, float, float, float]:
        """Where the face should be now; a lost one is not believed to fly on for long."""
        dt_s = min((at_ns - self.seen_ns) / NS, 1.0)
        return self.x + self.vx * dt_s, self.y + self.vy * dt_s, self.w, self.h

    def seen_in(self, second: int) -> bool:
        """Whether the face was seen in this second (the newest one)."""
        return self.seen_ns // NS >= second

    def follow(self, at_ns: int, x: float, y: float, w: float, h: float) -> None:
        """Correct the constant-velocity filter by what was seen."""
        dt_s = (at_ns - self.seen_ns) / NS
        expected_x, expected_y, _, _ = self.predicted(at_ns)
        off_x, off_y = x - expected_x, y - expected_y
        self.x, self.y = expected_x + _POSITION_GAIN * off_x, expected_y + _POSITION_GAIN * off_y
        self.w += _SIZE_GAIN * (w - self.w)
        self.h += _SIZE_GAIN * (h - self.h)
        if dt_s > 0.02:
            self.vx = _limit(self.vx + _VELOCITY_GAIN * off_x / dt_s, _MAX_SPEED * self.w)
            self.vy = _limit(self.vy + _VELOCITY_GAIN * off_y / dt_s, _MAX_SPEED * self.h)
        share = 1.0 - math.exp(-max(dt_s, 0.0) / ANCHOR_TIME_S)
        self.anchor_x += share * (x - self.anchor_x)
        self.anchor_y += share * (y - self.anchor_y)
        self.seen_ns = at_ns


class Tracker(msgspec.Struct):
    """The tracks of one camera; feed frames in order of time."""

    next_id: int = 1
    tracks: list[Track] = []

    def update(self, at_ns: int, faces: Sequence[Face], width: int, height: int) -> list[int]:
        """The track id of each face; 0 for a face that belongs to none.

        Args:
            at_ns: capture time of the frame.
            faces: their boxes in pixels of a picture of `width` x `height`.
            width: [px]
            height: [px]
        """
        self.expire(at_ns)
        boxes = np.array([_centred(face, width, height) for face in faces], float).reshape(-1, 4)
        usable = [i for i, box in enumerate(boxes) if _is_box(box)]
        high = [i for i in usable if faces[i].confidence >= HIGH_CONFIDENCE]
        low = [i for i in usable if LOW_CONFIDENCE <= faces[i].confidence < HIGH_CONFIDENCE]
        ids = [0] * len(faces)
        free = list(self.tracks)
        for stage in (high, low):
            for track, i in _match(free, stage, boxes, at_ns):
                track.follow(at_ns, *map(float, boxes[i]))
                ids[i] = track.track_id
            free = [track for track in free if track.track_id not in ids]
        for i in high:
            if ids[i] == 0 and len(self.tracks) < MAX_TRACKS:
                ids[i] = self._open(at_ns, boxes[i])
        return ids

    def expire(self, at_ns: int) -> None:
        """Forget the tracks that were not seen for longer than an occlusion may last."""
        self.tracks = [track for track in self.tracks if at_ns - track.seen_ns <= BRIDGE_NS]

    def find(self, track_id: int) -> Track | None:
        """The living track of that id."""
        return next((track for track in self.tracks if track.track_id == track_id), None)

    def _open(self, at_ns: int, box: Boxes) -> int:
        x, y, w, h = map(float, box)
        track_id, self.next_id = self.next_id, self.next_id + 1
        self.tracks.append(
            Track(
                track_id=track_id,
                x=x,
                y=y,
                w=w,
                h=h,
                seen_ns=at_ns,
                born_ns=at_ns,
                born_x=x,
                born_y=y,
                anchor_x=x,
                anchor_y=y,
            )
        )
        return track_id


def solve(cost: NDArray[np.float64], limit: float) -> list[tuple[int, int]]:
    """One-to-one pairs (row, column) of the smallest total cost, without those above `limit`."""
    if cost.size == 0:
        return []
    rows, columns = linear_sum_assignment(np.where(cost <= limit, cost, 1e6))
    return [
        (int(row), int(column))
        for row, column in zip(rows, columns, strict=True)
        if cost[row, column] <= limit
    ]


def buffered_iou(a: Boxes, b: Boxes, buffer: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, M) overlap of boxes (cx, cy, w, h) after both grew by `buffer` (N, 1) on each side."""
    grown_a = a[:, None, 2:] * (1.0 + 2.0 * buffer[..., None])
    grown_b = b[None, :, 2:] * (1.0 + 2.0 * buffer[..., None])
    low = np.maximum(a[:, None, :2] - grown_a / 2, b[None, :, :2] - grown_b / 2)
    high = np.minimum(a[:, None, :2] + grown_a / 2, b[None, :, :2] + grown_b / 2)
    shared: NDArray[np.float64] = np.prod(np.clip(high - low, 0.0, None), axis=-1)
    total = np.prod(grown_a, axis=-1) + np.prod(grown_b, axis=-1) - shared
    overlap: NDArray[np.float64] = shared / total
    return overlap


def _match(
    tracks: Sequence[Track], candidates: Sequence[int], boxes: Boxes, at_ns: int
) -> list[tuple[Track, int]]:
    """Pairs of track and index into `boxes`."""
    if not tracks or not candidates:
        return []
    expected = np.array([track.predicted(at_ns) for track in tracks], float)
    lost_s = np.array([[(at_ns - track.seen_ns) / NS] for track in tracks])
    buffer = np.minimum(1.0, 0.3 + 0.5 * lost_s)
    overlap = buffered_iou(expected, boxes[list(candidates)], buffer)
    pairs = solve(1.0 - overlap, 1.0 - _MIN_OVERLAP)
    return [(tracks[row], candidates[column]) for row, column in pairs]


def _centred(face: Face, width: int, height: int) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = face.box_xyxy
    return (
        (x0 + x1) / 2 / width,
        (y0 + y1) / 2 / height,
        (x1 - x0) / width,
        (y1 - y0) / height,
    )


def _is_box(box: NDArray[Any]) -> bool:
    """Whether these are the numbers of a real box, near the picture."""
    return bool(np.isfinite(box).all() and (box[2:] > 1e-4).all() and (np.abs(box) < 4).all())


def _limit(value: float, bound: float) -> float:
    return min(max(value, -bound), bound)
