"""What the analyzer says about one face."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.messages import EXPRESSIONS


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face of one picture. Coordinates are pixels of the original picture.

    Attributes:
        box_xyxy: (x0, y0, x1, y1), may reach beyond the picture's edge.
        confidence: the detector's score, 0..1.
        landmarks_xy: (L, 2) float32: MediaPipe's 478 points, or WFLW's 98.
        yaw_deg: + = nose to image right; None, like pitch and roll, when no pose fits.
        pitch_deg: + = up.
        roll_deg: + = clockwise in the image.
        eye_openness: EAR of the image-left and the image-right eye (of an upright face: the
            person's right eye comes first); None where it cannot be told.
        presence: the landmark network's own opinion that this is a face, 0..1; None where it has
            none.
        expression_probs: seven probabilities in the order of `schemas.messages.EXPRESSIONS`;
            None when no expression network is loaded or the face is too small for it.
        quality: how much the measurements can be trusted, 0..1.
        static: nothing about it has moved for minutes: a poster or a screen.
    """

    box_xyxy: tuple[float, float, float, float]
    confidence: float
    landmarks_xy: NDArray[np.float32]
    yaw_deg: float | None
    pitch_deg: float | None
    roll_deg: float | None
    eye_openness: tuple[float, float] | None
    presence: float | None
    expression_probs: tuple[float, ...] | None
    quality: float = 1.0
    static: bool = False

    def __post_init__(self) -> None:
        if self.landmarks_xy.ndim != 2 or self.landmarks_xy.shape[1] != 2:
            raise ValueError(f"expected (L, 2) landmarks, got {self.landmarks_xy.shape = }")
        if self.expression_probs is not None and len(self.expression_probs) != len(EXPRESSIONS):
            raise ValueError(f"expected 7 probabilities, got {len(self.expression_probs)}")

    @property
    def height_px(self) -> float:
        """Height of the box."""
        return self.box_xyxy[3] - self.box_xyxy[1]
