"""Follow faces from frame to frame of one camera: their last landmarks stand in for detection.

Between two detections a face's box moves with its landmarks. How the detector's box lies about
the landmarks is learnt where it was detected and kept, so the crops neither drift nor shrink.
Frames of one camera must come to one worker, in order.
"""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from workers.geometry.boxes import keep_best
from workers.stages import Detections, Floats, Landmarks

_MOST_SOURCES: Final = 256
_MOST_ISSUED: Final = 16
_TOLERANCE_S: Final = 1e-3
_FIRST_REST: Final = 2
_LONGEST_REST: Final = 32


@dataclass(frozen=True, slots=True)
class FollowingRules:
    """When the detector must look itself.

    Attributes:
        every: at least every so many frames, ...
        max_age_s: ... and when its last look is this old [s]: a newcomer waits no longer.
        max_gap_s: when the source's last frame is older than this [s]: people move.
        every_unseen: at least every so many frames while somebody is seen by the detector alone:
            such a face's box cannot move.
        min_presence: a face that falls below it is lost, and the detector looks at once.
        max_iou: two faces that share more than this have run together: one goes, and the detector
            looks at the next frame.
        max_growth: a face whose landmarks grow or shrink by more than this in one frame is lost.
    """

    every: int = 5
    every_unseen: int = 3
    max_age_s: float = 1.0
    max_gap_s: float = 0.5
    min_presence: float = 0.5
    max_iou: float = 0.5
    max_growth: float = 1.4


@dataclass(frozen=True, slots=True)
class _Faces:
    """What is known of N faces of one source.

    Attributes:
        boxes_xyxy: (N, 4) [px] where the detector would find them.
        points_xy: (N, 5, 2) [px].
        confidence: (N,) the detector's last.
        centre_xy: (N, 2) [px] of the landmarks' extent.
        side_px: (N,) its longer side.
        relation: (N, 4) the box relative to that centre, in sides.
        seen: (N,) whether the landmark network saw a face. Where it did not, but the detector was
            sure (a profile), the box stays where it was found.
    """

    boxes_xyxy: Floats
    points_xy: Floats
    confidence: Floats
    centre_xy: Floats
    side_px: Floats
    relation: Floats
    seen: NDArray[np.bool_]

    def __getitem__(self, chosen: NDArray[np.intp] | NDArray[np.bool_]) -> "_Faces":
        return _Faces(
            self.boxes_xyxy[chosen],
            self.points_xy[chosen],
            self.confidence[chosen],
            self.centre_xy[chosen],
            self.side_px[chosen],
            self.relation[chosen],
            self.seen[chosen],
        )


@dataclass(slots=True)
class _Source:
    """One camera's state.

    Attributes:
        shape: height and width of its pictures [px].
        at_s: its newest frame [s].
        detected_s: the newest at which the detector looked [s].
        frames: that were followed since.
        must_look: somebody may be missing.
        rest: frames for which the detector looks in any case, because following failed.
        next_rest: how many after the next failure.
        faces: in its newest frame.
        issued: by time, what stood in for a detection.
    """

    shape: tuple[int, int]
    at_s: float = float("-inf")
    detected_s: float = float("-inf")
    frames: int = 0
    must_look: bool = True
    rest: int = 0
    next_rest: int = _FIRST_REST
    faces: _Faces | None = None
    issued: "OrderedDict[float, _Faces]" = field(default_factory=OrderedDict)


class Following:
    """The faces last seen by each source. Not for several threads.

    Args:
        rules: when the detector must look itself.
    """

    def __init__(self, rules: FollowingRules | None = None) -> None:
        self._rules = rules or FollowingRules()
        self._sources: OrderedDict[str, _Source] = OrderedDict()

    def detections_for(
        self, source: str, at_s: float, image_shape: tuple[int, int]
    ) -> Detections | None:
        """Return what stands in for the detector's answer, or None: it must look itself.

        Args:
            source: the camera; empty for a picture by itself, which is never followed.
            at_s: the frame's time in its source [s].
            image_shape: height and width [px].
        """
        if not source:
            return None
        known = self._source(source, image_shape)
        if known.faces is None or self._must_look(known, at_s):
            known.issued.pop(at_s, None)
            return None
        known.frames += 1
        known.issued[at_s] = known.faces
        if len(known.issued) > _MOST_ISSUED:
            known.issued.popitem(last=False)
        faces = known.faces
        return Detections(faces.boxes_xyxy, faces.points_xy, faces.confidence)

    def lost_any(self, source: str, at_s: float, landmarks: Landmarks) -> bool:
        """Whether somebody who stood in for a detection is not there: the detector must look.

        Args:
            source: the camera.
            at_s: the frame's time [s].
            landmarks: of the frame's faces, in the order of `detections_for`'s answer.
        """
        known = self._sources.get(source)
        before = None if known is None else known.issued.get(at_s)
        if known is None or before is None or landmarks.presence is None:
            return False
        now = _located(
            before.boxes_xyxy,
            before.points_xy,
            landmarks,
            before.confidence,
            self._rules.min_presence,
        )
        if not self._lost(known, before, now).any():
            return False
        del known.issued[at_s]
        # Faces too small or too quick to be followed: trying costs more than it saves.
        known.rest, known.next_rest = known.next_rest, min(2 * known.next_rest, _LONGEST_REST)
        return True

    def learn(
        self,
        source: str,
        at_s: float,
        boxes_xyxy: Floats,
        points_xy: Floats,
        marked_xy: Floats,
        landmarks: Landmarks,
        confidence: Floats,
    ) -> tuple[Floats, Floats]:
        """Remember the faces of a frame for which `detections_for` was asked before.

        Args:
            source: the camera.
            at_s: the frame's time [s].
            boxes_xyxy: (N, 4) [px] of all faces that were detected or stood in, in that order,
                also those that were not believed afterwards.
            points_xy: (N, 5, 2) [px], likewise.
            marked_xy: (N, 5, 2) [px], the same five points by the landmarks.
            landmarks: of the N faces; without presence nobody can be followed.
            confidence: (N,) the detector's.

        Returns:
            Boxes (N, 4) and points (N, 5, 2) as they are to be reported: those of followed faces
            are moved to where the faces are now, all others are as given.
        """
        known = self._sources.get(source)
        if known is None or landmarks.presence is None:
            return boxes_xyxy, points_xy
        before = known.issued.pop(at_s, None)
        now = _located(boxes_xyxy, marked_xy, landmarks, confidence, self._rules.min_presence)
        moved = now if before is None else _moved(before, now)
        if at_s > known.at_s:  # an older frame, come late, says nothing about now
            known.at_s = at_s
            if before is None:
                if known.frames + 1 >= self._rules.every:
                    known.next_rest = _FIRST_REST
                known.rest = max(0, known.rest - 1)
                known.detected_s, known.frames, known.must_look = at_s, 0, False
                known.faces = now
            else:
                self._keep(known, before, now, moved)
        if before is None:
            return boxes_xyxy, points_xy
        return moved.boxes_xyxy, moved.points_xy

    def _source(self, source: str, shape: tuple[int, int]) -> _Source:
        known = self._sources.get(source)
        if known is None or known.shape != shape:
            known = self._sources[source] = _Source(shape)
        self._sources.move_to_end(source)
        if len(self._sources) > _MOST_SOURCES:
            self._sources.popitem(last=False)
        return known

    def _must_look(self, known: _Source, at_s: float) -> bool:
        rules = self._rules
        return (
            known.must_look
            or known.rest > 0
            or not 0 < at_s - known.at_s <= rules.max_gap_s + _TOLERANCE_S
            or at_s - known.detected_s >= rules.max_age_s - _TOLERANCE_S
            or known.frames + 1 >= rules.every
            or (known.frames + 1 >= rules.every_unseen and self._has_unseen(known))
        )

    def _has_unseen(self, known: _Source) -> bool:
        return known.faces is not None and not known.faces.seen.all()

    def _keep(self, known: _Source, before: _Faces, now: _Faces, moved: _Faces) -> None:
        """Remember the moved faces; what is lost or doubtful makes the detector look."""
        lost = self._lost(known, before, now)
        kept = np.flatnonzero(~lost)
        alone = keep_best(moved.boxes_xyxy[kept], moved.confidence[kept], self._rules.max_iou)
        known.must_look = bool(lost.any()) or len(alone) < len(kept)
        known.faces = moved[kept[np.sort(alone)]]

    def _lost(self, known: _Source, before: _Faces, now: _Faces) -> NDArray[np.bool_]:
        growth = now.side_px / np.maximum(before.side_px, 1.0)
        steady = (growth < self._rules.max_growth) & (growth > 1 / self._rules.max_growth)
        height, width = known.shape
        inside = ((now.centre_xy >= 0) & (now.centre_xy < (width, height))).all(axis=1)
        lost: NDArray[np.bool_] = before.seen & ~(now.seen & steady & inside)
        return lost


def _located(
    boxes: Floats, points: Floats, landmarks: Landmarks, confidence: Floats, min_presence: float
) -> _Faces:
    """Say where the boxes lie relative to the landmarks."""
    marks = landmarks.points_xyz[:, :, :2]
    finite = np.asarray(np.isfinite(marks).all(axis=(1, 2)))
    marks = np.where(finite[:, None, None], marks, 0.0).astype(np.float32)
    low, high = marks.min(axis=1), marks.max(axis=1)
    centre, side = (low + high) / 2, np.maximum((high - low).max(axis=1), 1.0)
    presence = landmarks.presence
    seen = finite if presence is None else finite & (presence >= min_presence)
    corners = boxes.reshape(-1, 2, 2)
    relation = (corners - centre[:, None]) / side[:, None, None]
    return _Faces(boxes, points, confidence, centre, side, relation.reshape(-1, 4), seen)


def _moved(before: _Faces, now: _Faces) -> _Faces:
    """Lay the boxes about the landmarks as they lay when detected."""
    corners = before.relation.reshape(-1, 2, 2) * now.side_px[:, None, None]
    boxes = (corners + now.centre_xy[:, None]).reshape(-1, 4).astype(np.float32)
    follow = before.seen & now.seen
    return replace(
        now,
        boxes_xyxy=np.where(follow[:, None], boxes, before.boxes_xyxy),
        points_xy=np.where(follow[:, None, None], now.points_xy, before.points_xy),
        confidence=before.confidence,
        relation=before.relation,
        seen=before.seen,
    )
