"""The tracks of one camera as a table: one column a quantity, so that a frame costs no loop.

The table's memory is what a snapshot holds: nothing is converted, nothing can be out of date.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

NS: Final = 1_000_000_000
MANY: Final = 8  # sightings after which their number does not matter any more
_LENGTHS: Final = ("x", "y", "w", "h", "vx", "vy", "anchor_x", "anchor_y", "born_x", "born_y")
_WHOLES: Final = ("track_id", "seen_ns", "born_ns", "sightings")

Floats = NDArray[np.float64]
Wholes = NDArray[np.int64]


class Track(msgspec.Struct, frozen=True):
    """One face over time; all lengths are fractions of the picture's width and height.

    A copy of the table's row; the history is the row's own list.
    """

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
    history: list[str] = []  # seat of each second, newest last: only version 1 wrote it
    sightings: int = MANY  # in how many frames it was seen

    def seen_in(self, second: int) -> bool:
        """Whether the face was seen in this second (the newest one)."""
        return self.seen_ns // NS >= second


class TrackTable(msgspec.Struct):
    """N tracks, in the order in which they were opened."""

    whole_bytes: bytearray = msgspec.field(default_factory=bytearray)
    length_bytes: bytearray = msgspec.field(default_factory=bytearray)
    histories: list[list[str]] = []

    def __post_init__(self) -> None:
        """Refuse a damaged table."""
        rows = len(self.histories)
        sizes = len(self.whole_bytes), len(self.length_bytes)
        if sizes != (8 * rows * len(_WHOLES), 8 * rows * len(_LENGTHS)):
            raise ValueError(f"{rows} tracks cannot have {sizes[0]} + {sizes[1]} bytes")

    def __len__(self) -> int:
        return len(self.histories)

    @property
    def wholes(self) -> Wholes:
        """(4, N) track id, when seen last and first [ns], how often; writing changes the table."""
        return np.frombuffer(self.whole_bytes, "<i8").reshape(len(_WHOLES), -1)

    @property
    def lengths(self) -> Floats:
        """(10, N) centre, size, speed a second, anchor, birthplace; writing changes the table."""
        return np.frombuffer(self.length_bytes, "<f8").reshape(len(_LENGTHS), -1)

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Forget the other rows."""
        self.whole_bytes = bytearray(self.wholes[:, rows].tobytes())
        self.length_bytes = bytearray(self.lengths[:, rows].tobytes())
        self.histories = [h for h, kept in zip(self.histories, rows, strict=True) if kept]

    def add(self, track_ids: Wholes, at_ns: int, boxes: Floats) -> None:
        """Open tracks.

        Args:
            track_ids: (K,)
            at_ns: when their faces were seen.
            boxes: (4, K) centre x, centre y, width, height.
        """
        now = np.full(len(track_ids), at_ns, np.int64)
        whole = np.stack([track_ids, now, now, np.ones_like(now)])
        still = np.zeros((2, len(track_ids)))
        length = np.concatenate([boxes, still, boxes[:2], boxes[:2]])
        self.whole_bytes = bytearray(np.concatenate([self.wholes, whole], axis=1).tobytes())
        self.length_bytes = bytearray(np.concatenate([self.lengths, length], axis=1).tobytes())
        self.histories += [[] for _ in range(len(track_ids))]

    def views(self) -> list[Track]:
        """Each row as a track."""
        rows = zip(self.wholes.T.tolist(), self.lengths.T.tolist(), self.histories, strict=True)
        return [
            Track(
                number, x, y, w, h, seen, born, born_x, born_y, at_x, at_y, vx, vy, history, often
            )
            for (number, seen, born, often), lengths, history in rows
            for x, y, w, h, vx, vy, at_x, at_y, born_x, born_y in (lengths,)
        ]

    @classmethod
    def of(cls, tracks: list[Track]) -> TrackTable:
        """The table of tracks that version 1 of the snapshot wrote one by one."""
        whole = np.array([[getattr(t, name) for t in tracks] for name in _WHOLES], "<i8")
        once = whole[1] == whole[2]
        whole[3, once] = 1
        length = np.array([[getattr(t, name) for t in tracks] for name in _LENGTHS], "<f8")
        return cls(
            bytearray(whole.tobytes()), bytearray(length.tobytes()), [t.history for t in tracks]
        )
