"""How pictures are analysed: which networks by name, and what a camera's detector looks at.

Only names and numbers stand here, so that a site file can be checked without torch. What a name
means stands in `workers/models/NAME.py` (detectors, landmarks, expressions) and
`workers/poses/NAME.py`.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

DetectorName = Literal["yunet", "centerface", "retinaface"]
LandmarksName = Literal["mediapipe478", "pfld98"]
PoseName = Literal["procrustes", "mesh_corrected", "pfld_linear", "pnp", "sixdrepnet360", "blend"]
ExpressionName = Literal["mini_xception", "xception_blend"]
Precision = Literal["exact", "fast"]

DETECTORS: Final[tuple[str, ...]] = get_args(DetectorName)
LANDMARKS: Final[tuple[str, ...]] = get_args(LandmarksName)
POSES: Final[tuple[str, ...]] = get_args(PoseName)
EXPRESSION_NETS: Final[tuple[str, ...]] = get_args(ExpressionName)
PRECISIONS: Final[tuple[str, ...]] = get_args(Precision)

_Fraction = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelChoices(_Part):
    """Which network does each step.

    Attributes:
        detector: finds the faces.
        landmarks: puts points on them.
        pose: turns points, or the picture, into angles.
        expression: reads the seven expressions, where policy permits them.
        precision: `exact` is f32; `fast` takes bf16 where the CPU has it, f16 on a GPU.
        second_landmark_pass: cut each face out again by its own landmarks and look twice.
        follow: let a face's last landmarks stand in for detection in the next frame of the same
            camera; all frames of a camera must then come to one worker.
    """

    detector: DetectorName = "yunet"
    landmarks: LandmarksName = "mediapipe478"
    pose: PoseName = "mesh_corrected"
    expression: ExpressionName = "mini_xception"
    precision: Precision = "exact"
    second_landmark_pass: bool = False
    follow: bool = False


class DetectionRegion(_Part):
    """A part of the picture that the detector sees once more, enlarged.

    Attributes:
        box: left, top, right, bottom in fractions of the picture.
        enlarge: by this factor.
    """

    box: tuple[_Fraction, _Fraction, _Fraction, _Fraction]
    enlarge: float = Field(default=2.0, gt=0, le=8)

    @model_validator(mode="after")
    def _check_box(self) -> Self:
        left, top, right, bottom = self.box
        if left >= right or top >= bottom:
            raise ValueError("a region's box is left, top, right, bottom, and has an area")
        return self


class DetectionPlan(_Part):
    """What one camera's detector looks at; without any of it, rules by the picture's size apply.

    Attributes:
        long_side_px: the detector sees the picture with this longer side.
        regions: parts that it sees again, enlarged: the back rows.
        min_confidence: the detector's threshold; by default the detector's own.
    """

    long_side_px: int | None = Field(default=None, ge=64, le=8192)
    regions: tuple[DetectionRegion, ...] = Field(default=(), max_length=16)
    min_confidence: float | None = Field(default=None, gt=0, lt=1)
