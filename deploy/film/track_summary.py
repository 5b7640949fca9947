"""What a film's tracks come to, for a table at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

import numpy as np
from rich.table import Table

from aggregator.score import closed_threshold, eyes_can_be_judged
from schemas.messages import EXPRESSIONS
from workers.face import Face


@dataclass(slots=True)
class TrackSummary:
    """One track over the whole film; 24 bytes a frame, so that an hour is no matter.

    Attributes:
        track: its number.
        first_s: when it was first seen in the film [s].
        last_s: when it was last seen [s].
        frames: analysed frames in which it was.
    """

    track: int
    first_s: float
    last_s: float
    frames: int = 0
    _yaws_deg: list[float] = field(default_factory=list)
    _pitches_deg: list[float] = field(default_factory=list)
    _ears: list[float] = field(default_factory=list)
    _expressions: Counter[str] = field(default_factory=Counter)

    def add(self, at_s: float, face: Face) -> None:
        """Count a face of this track."""
        self.last_s = at_s
        self.frames += 1
        if face.expression_probs is not None:
            self._expressions[EXPRESSIONS[int(np.argmax(face.expression_probs))]] += 1
        if face.yaw_deg is None or face.pitch_deg is None:
            return
        self._yaws_deg.append(face.yaw_deg)
        self._pitches_deg.append(face.pitch_deg)
        # The classroom's rule; without a calibration, the camera's height stands for the front.
        if face.eye_openness is not None and eyes_can_be_judged(
            face.height_px, face.yaw_deg, face.pitch_deg, face.confidence
        ):
            self._ears.append(fmean(face.eye_openness))

    @property
    def mean_abs_yaw_deg(self) -> float | None:
        """How far it was turned aside on average."""
        return fmean(map(abs, self._yaws_deg)) if self._yaws_deg else None

    @property
    def median_pitch_deg(self) -> float | None:
        """How it was inclined mostly."""
        return median(self._pitches_deg) if self._pitches_deg else None

    @property
    def expression(self) -> str | None:
        """Return its most frequent likeliest expression; of equals, the one seen first."""
        return self._expressions.most_common(1)[0][0] if self._expressions else None

    @property
    def eyes_closed(self) -> float | None:
        """Return the share of frames with closed eyes, among those where eyes can be judged.

        Closed is less than 65 % of the person's own open level, once that is known (SCORE §1).
        """
        if not self._ears:
            return None
        limit = closed_threshold(self._ears)
        return sum(ear < limit for ear in self._ears) / len(self._ears)

    def as_record(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "track": self.track,
            "first_s": round(self.first_s, 3),
            "last_s": round(self.last_s, 3),
            "frames": self.frames,
            "mean_abs_yaw_deg": _rounded(self.mean_abs_yaw_deg),
            "median_pitch_deg": _rounded(self.median_pitch_deg),
            "expression": self.expression,
            "eyes_closed": _rounded(self.eyes_closed, 3),
        }


class TrackSummaries:
    """All tracks of a film, in the order of their numbers."""

    def __init__(self) -> None:
        self._tracks: dict[int, TrackSummary] = {}

    def add(self, at_s: float, tracks: Iterable[int], faces: Iterable[Face]) -> None:
        """Count a frame's faces."""
        for track, face in zip(tracks, faces, strict=True):
            if track:
                summary = self._tracks.setdefault(track, TrackSummary(track, at_s, at_s))
                summary.add(at_s, face)

    def __iter__(self) -> Iterator[TrackSummary]:
        return iter(self._tracks.values())

    def __len__(self) -> int:
        return len(self._tracks)


def summary_table(tracks: Iterable[TrackSummary]) -> Table:
    """Return the tracks as a table for people: mean |yaw|, median pitch, share of closed eyes."""
    table = Table()
    for name in ("track", "from", "to", "frames", "|yaw|", "pitch", "expression", "eyes closed"):
        table.add_column(name, justify="left" if name in {"track", "expression"} else "right")
    for row in tracks:
        table.add_row(
            f"#{row.track}",
            f"{row.first_s:.1f} s",
            f"{row.last_s:.1f} s",
            str(row.frames),
            _told(row.mean_abs_yaw_deg, "{:.0f}°"),
            _told(row.median_pitch_deg, "{:+.0f}°"),
            row.expression or "-",
            _told(row.eyes_closed, "{:.0%}"),
        )
    return table


def _told(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _rounded(value: float | None, digits: int = 2) -> float | None:
    return None if value is None else round(value, digits)
