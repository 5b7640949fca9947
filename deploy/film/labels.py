"""The faces of a film, frame by frame: measured in some frames, held in those between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from deploy.film.film_reader import FilmFrame, Image
from deploy.film.track_summary import TrackSummaries
from deploy.film.tracks import TrackNumbers
from schemas.analysis import DetectionPlan
from workers.drawing import draw_faces
from workers.face import Face
from workers.geometry.pose_smoothing import PoseSmoother
from workers.image import face_record
from workers.stages import DEFAULT_PLAN, View

Angles = tuple[float | None, float | None, float | None]
_SAME_MOMENT_S = 1e-6


class Analyzer(Protocol):
    """What a film needs of `workers.analyzer.FaceAnalyzer`."""

    def analyze(
        self, images: Sequence[Image], views: Sequence[View] | None = None
    ) -> list[list[Face]]:
        """Return the faces of each picture."""


class Pace:
    """Which frames are analysed: every so many, or so many a second; the first one always."""

    def __init__(self, every: int = 1, fps: float | None = None) -> None:
        self._every = every
        self._gap_s = 0.0 if fps is None else 1.0 / fps
        self._next_s = -math.inf

    def takes(self, frame: FilmFrame) -> bool:
        """Whether to analyse this frame; ask once for each, in their order."""
        if frame.index % self._every or frame.at_s < self._next_s - _SAME_MOMENT_S:
            return False
        # From the wished time, not the frame's: else a film of 25 at 10 a second gives 8.3.
        on_time = frame.at_s < self._next_s + self._gap_s
        self._next_s = (self._next_s if on_time else frame.at_s) + self._gap_s
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The faces of one analysed frame.

    Attributes:
        frame: its number in the film.
        at_s: its time in the film [s].
        tracks: each face's track number.
        faces: as the analyzer found them.
        smoothed: each face's yaw, pitch, roll [deg] smoothed along its track; None: not asked for.
    """

    frame: int
    at_s: float
    tracks: Sequence[int]
    faces: Sequence[Face]
    smoothed: Sequence[Angles] | None

    def drawn(self, image: Image) -> Image:
        """Return a picture with these labels, angles smoothed where they are."""
        faces = list(self.faces)
        if self.smoothed is not None:
            faces = [
                replace(face, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll)
                for face, (yaw, pitch, roll) in zip(faces, self.smoothed, strict=True)
            ]
        return draw_faces(image, faces, self.tracks, points=False)

    def as_record(self, *, points: bool) -> dict[str, Any]:
        """Return the JSON form of the frame."""
        smoothed: Sequence[Angles | None] = self.smoothed or [None] * len(self.faces)
        return {
            "frame": self.frame,
            "time_s": round(self.at_s, 6),
            "faces": [
                {"track": track or None}
                | face_record(face, points=points)
                | ({} if angles is None else _smoothed_record(angles))
                for track, face, angles in zip(self.tracks, self.faces, smoothed, strict=True)
            ],
        }


class Labeller:
    """Measures the frames of one film, and enters them into `summaries`."""

    def __init__(
        self,
        analyzer: Analyzer,
        source: str,
        summaries: TrackSummaries,
        *,
        detection: DetectionPlan = DEFAULT_PLAN,
        smooth: bool = True,
    ) -> None:
        self._analyzer = analyzer
        self._source = source
        self._detection = detection
        self._numbers = TrackNumbers()
        self._smoother = PoseSmoother() if smooth else None
        self._summaries = summaries

    def label(self, frame: FilmFrame) -> Labels:
        """Analyse a frame; frames come in their order."""
        view = View(source=self._source, at_s=frame.at_s, detection=self._detection)
        (faces,) = self._analyzer.analyze([frame.image], [view])
        height, width = frame.image.shape[:2]
        tracks = self._numbers.number(frame.at_s, faces, width, height)
        self._summaries.add(frame.at_s, tracks, faces)
        smoothed = None
        if self._smoother is not None:
            smoothed = [
                self._smooth(track, frame.at_s, face)
                for track, face in zip(tracks, faces, strict=True)
            ]
        return Labels(frame.index, frame.at_s, tracks, faces, smoothed)

    def _smooth(self, track: int, at_s: float, face: Face) -> Angles:
        angles = (face.yaw_deg, face.pitch_deg, face.roll_deg)
        if self._smoother is None or not track or None in angles:
            return angles
        yaw, pitch, roll = (float(angle or 0.0) for angle in angles)
        return self._smoother.update(track, at_s, yaw, pitch, roll, face.quality)


def _smoothed_record(angles: Angles) -> dict[str, Any]:
    names = ("yaw_deg", "pitch_deg", "roll_deg")
    rounded = (None if angle is None else round(angle, 2) for angle in angles)
    return {"smoothed": dict(zip(names, rounded, strict=True))}
