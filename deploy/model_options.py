"""Command-line options that choose the networks; one definition for every command that has them."""

from __future__ import annotations

from typing import Annotated

import typer

from schemas.analysis import (
    DetectorName,
    ExpressionName,
    LandmarksName,
    ModelChoices,
    PoseName,
    Precision,
)

_DEFAULTS = ModelChoices()
_PANEL = "Networks"

Detector = Annotated[DetectorName, typer.Option(help="Finds the faces.", rich_help_panel=_PANEL)]
LandmarksOption = Annotated[
    LandmarksName, typer.Option("--landmarks", help="Puts points on them.", rich_help_panel=_PANEL)
]
Pose = Annotated[PoseName, typer.Option(help="Measures the angles.", rich_help_panel=_PANEL)]
ExpressionNet = Annotated[
    ExpressionName, typer.Option(help="Reads the expressions.", rich_help_panel=_PANEL)
]
PrecisionOption = Annotated[
    Precision,
    typer.Option("--precision", help="f32, or bf16 where it is faster.", rich_help_panel=_PANEL),
]
SecondPass = Annotated[
    bool, typer.Option("--second-pass", help="Look at each face twice.", rich_help_panel=_PANEL)
]

DETECTOR = _DEFAULTS.detector
LANDMARKS = _DEFAULTS.landmarks
POSE = _DEFAULTS.pose
EXPRESSION_NET = _DEFAULTS.expression
PRECISION = _DEFAULTS.precision
