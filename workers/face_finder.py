"""Where the faces of pictures are, with landmarks: by the detector, or by following them."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from workers.following import Following
from workers.stages import Detections, Floats, Found, Image, Landmarks, View

_NOBODY = Detections(
    np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32)
)


class FaceFinder:
    """Finds all faces of several pictures and puts landmarks on them.

    Args:
        detect: one picture's detector.
        with_landmarks: landmarks for the detections of all pictures.
        five_points: landmarks (N, L, 3) to the detector's five points (N, 5, 2).
        following: stands in for the detector between its looks; None: it always looks.
    """

    def __init__(
        self,
        detect: Callable[[Image, View], Detections],
        with_landmarks: Callable[[Sequence[Image], list[Detections]], Found],
        five_points: Callable[[Floats], Floats],
        following: Following | None = None,
    ) -> None:
        self._detect = detect
        self._with_landmarks = with_landmarks
        self._five_points = five_points
        self._following = following

    def __call__(self, images: Sequence[Image], views: Sequence[View]) -> Found:
        """Return all faces, those of the first picture first."""
        following = self._following
        if following is None:
            found = map(self._detect, images, views)
            return self._with_landmarks(images, list(found))
        stood_in = [
            following.detections_for(view.source, view.at_s, (image.shape[0], image.shape[1]))
            for image, view in zip(images, views, strict=True)
        ]
        detected = [
            self._detect(image, view) if known is None else known
            for image, view, known in zip(images, views, stood_in, strict=True)
        ]
        located = self._with_landmarks(images, detected)
        located = self._look_again(following, images, views, located)
        return self._learn(following, located, views)

    def _look_again(
        self, following: Following, images: Sequence[Image], views: Sequence[View], found: Found
    ) -> Found:
        """Detect at once where somebody who was followed is not there any more."""
        again = [
            index
            for index, view in enumerate(views)
            if following.lost_any(view.source, view.at_s, found.landmarks[_of(found, index)])
        ]
        if not again:
            return found
        detected = [
            self._detect(image, view) if index in again else _NOBODY
            for index, (image, view) in enumerate(zip(images, views, strict=True))
        ]
        kept = found[~np.isin(found.image_index, again)]
        return _joined(kept, self._with_landmarks(images, detected))

    def _learn(self, following: Following, found: Found, views: Sequence[View]) -> Found:
        """Remember the faces for the next frames; those that were followed have moved."""
        boxes, points = found.boxes_xyxy.copy(), found.points_xy.copy()
        marked = self._five_points(found.landmarks.points_xyz)
        for index, view in enumerate(views):
            mine = _of(found, index)
            boxes[mine], points[mine] = following.learn(
                view.source,
                view.at_s,
                found.boxes_xyxy[mine],
                found.points_xy[mine],
                marked[mine],
                found.landmarks[mine],
                found.confidence[mine],
            )
        return replace(found, boxes_xyxy=boxes, points_xy=points)


def _of(found: Found, index: int) -> NDArray[np.intp]:
    """Which faces are in one picture."""
    return np.flatnonzero(found.image_index == index)


def _joined(a: Found, b: Found) -> Found:
    """Return the faces of both, in the order of their pictures."""
    order = np.argsort(np.concatenate((a.image_index, b.image_index)), kind="stable")
    presence = None
    if a.landmarks.presence is not None and b.landmarks.presence is not None:
        presence = np.concatenate((a.landmarks.presence, b.landmarks.presence))
    points_xyz = np.concatenate((a.landmarks.points_xyz, b.landmarks.points_xyz))
    both = Found(
        a.images,
        np.concatenate((a.image_index, b.image_index)),
        np.concatenate((a.boxes_xyxy, b.boxes_xyxy)),
        np.concatenate((a.points_xy, b.points_xy)),
        np.concatenate((a.confidence, b.confidence)),
        Landmarks(points_xyz, presence),
        np.concatenate((a.crops, b.crops)),
    )
    return both[order]
