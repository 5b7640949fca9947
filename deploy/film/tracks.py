"""Which face is whose, along a film: numbers from 1 on that are never used again."""

from __future__ import annotations

from collections.abc import Sequence

from aggregator.tracking import HIGH_CONFIDENCE, NS, Tracker
from schemas.messages import Face as Seen
from workers.face import Face


class TrackNumbers:
    """The same following of faces as in a classroom (`aggregator.tracking`), for one film.

    It looks at places only: a face that was away for up to 2 s gets its number back near where it
    was lost; after a cut in the film, a face in the same place as another one inherits its number.
    """

    def __init__(self) -> None:
        self._tracker = Tracker()

    def number(self, at_s: float, faces: Sequence[Face], width: int, height: int) -> list[int]:
        """Return each face's track number.

        A film has no second camera and no seat to fall back on, so that every face found opens a
        track, however doubtful: the detector's own threshold has decided.

        Args:
            at_s: the frame's time in the film; must not decrease.
            faces: of that frame.
            width: of the frame [px].
            height: of the frame [px].
        """
        seen = [
            Seen(box_xyxy=face.box_xyxy, confidence=max(face.confidence, HIGH_CONFIDENCE))
            for face in faces
        ]
        return self._tracker.update(round(at_s * NS), seen, width, height)
