"""How far two analyses of the same pictures are apart, face by face."""

from dataclasses import dataclass

import numpy as np

from workers.geometry.boxes import box_iou
from workers.measured import Measured


@dataclass(frozen=True)
class Distance:
    """Largest differences over the faces that both found (NaN beside NaN is none).

    Attributes:
        alone: faces that only one of the two found.
        box_px: [px].
        landmarks: the farthest point of a face, over the width of its box.
        angle_deg: of yaw, pitch and roll.
        eyes: eye openness.
        expression: probability.
        quality: of 0..1.
        same_unknown: whether what one does not know the other does not know either.
        median_landmarks: as `landmarks`, the median over faces.
        median_angle_deg: as `angle_deg`, the median over faces.
    """

    alone: int
    box_px: float = 0.0
    landmarks: float = 0.0
    angle_deg: float = 0.0
    eyes: float = 0.0
    expression: float = 0.0
    same_unknown: bool = True
    quality: float = 0.0
    median_landmarks: float = 0.0
    median_angle_deg: float = 0.0


def distance(
    one: Measured | None, other: Measured | None, *, least_width_px: float = 0
) -> Distance:
    """Match faces by picture and box, and compare.

    Args:
        one: an analysis.
        other: another, of the same pictures.
        least_width_px: differences of smaller faces are not counted, only that they were found.
    """
    if one is None or other is None:
        alone = sum(len(measured.confidence) for measured in (one, other) if measured is not None)
        return Distance(alone)
    left, right = _matches(one, other)
    alone = len(one.confidence) + len(other.confidence) - 2 * len(left)
    width = (one.boxes_xyxy[:, 2] - one.boxes_xyxy[:, 0])[left]
    large = width >= least_width_px
    left, right, width = left[large], right[large], width[large]
    angles = np.abs(_angles(one)[left] - _angles(other)[right]).max(axis=1)
    marks = np.abs(one.landmarks_xy[left] - other.landmarks_xy[right]).max(axis=(1, 2)) / width
    expression = np.abs(one.expression_probs[left] - other.expression_probs[right])
    return Distance(
        alone=alone,
        box_px=float(np.abs(one.boxes_xyxy[left] - other.boxes_xyxy[right]).max()),
        landmarks=float(marks.max()),
        angle_deg=float(np.nanmax(angles)),
        eyes=float(np.nanmax(np.abs(one.eye_openness[left] - other.eye_openness[right]))),
        expression=float(np.nanmax(expression, initial=0.0)),
        quality=float(np.abs(one.quality[left] - other.quality[right]).max()),
        same_unknown=np.array_equal(_unknown(one)[left], _unknown(other)[right]),
        median_landmarks=float(np.median(marks)),
        median_angle_deg=float(np.nanmedian(angles)),
    )


def _matches(one: Measured, other: Measured) -> tuple[np.ndarray, np.ndarray]:
    iou = box_iou(one.boxes_xyxy, other.boxes_xyxy)
    iou *= one.image_index[:, None] == other.image_index
    mutual = (iou > 0.7) & (iou == iou.max(axis=1, keepdims=True))
    left, right = np.nonzero(mutual & (iou == iou.max(axis=0, keepdims=True)))
    return left, right


def _angles(measured: Measured) -> np.ndarray:
    poses = measured.poses
    return np.stack((poses.yaw_deg, poses.pitch_deg, poses.roll_deg), axis=1)


def _unknown(measured: Measured) -> np.ndarray:
    return np.isnan(np.concatenate((_angles(measured), measured.expression_probs), axis=1))
