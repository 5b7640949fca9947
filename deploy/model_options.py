"""Command-line options that choose the networks; one definition for every command that has them."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from schemas import analysis
from schemas.analysis import ModelChoices

_PANEL: Final = "Networks"


def _option(*names: str, help: str, **bounds: Any) -> Any:  # noqa: A002, ANN401  typer's own words
    return typer.Option(*names, help=help, rich_help_panel=_PANEL, **bounds)


Detector = Annotated[analysis.DetectorName, _option(help="Finds the faces.")]
Landmarks = Annotated[
    analysis.LandmarksName, _option("--landmarks", help="Puts points on each of them.")
]
Pose = Annotated[analysis.PoseName, _option("--pose", help="Measures the angles.")]
ExpressionNet = Annotated[analysis.ExpressionName, _option(help="Reads the seven expressions.")]
Precision = Annotated[
    analysis.Precision, _option(help="exact: f32; fast: bf16 where the processor has it.")
]
SecondPass = Annotated[bool, _option("--second-pass", help="Look at each face twice.")]
LongSide = Annotated[
    int | None,
    _option(min=64, max=8192, help="Longer side in pixels of what the detector sees."),
]
MinConfidence = Annotated[
    float | None, _option(min=0.01, max=0.99, help="The detector's threshold; else its own.")
]

_DEFAULTS: Final = ModelChoices()
DETECTOR: Final = _DEFAULTS.detector
LANDMARKS: Final = _DEFAULTS.landmarks
POSE: Final = _DEFAULTS.pose
EXPRESSION_NET: Final = _DEFAULTS.expression
PRECISION: Final = _DEFAULTS.precision
