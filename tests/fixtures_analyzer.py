"""A small deterministic analyzer for the faults that a real one shows only by accident."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

POISON_LEVEL = 250  # a picture this bright makes the analysis raise


@dataclass(frozen=True)
class StandInFace:
    """As `workers.analyzer.Face`, as far as the runner looks at it."""

    box_xyxy: tuple[float, float, float, float] = (1.0, 2.0, 31.0, 42.0)
    confidence: float = 0.9
    yaw_deg: float | None = 10.123456
    pitch_deg: float | None = -5.0
    roll_deg: float | None = 0.0
    eye_openness: tuple[float, float] | None = (0.31, 0.29)
    presence: float | None = 0.8
    expression_probs: tuple[float, ...] | None = None
    quality: float = 0.7
    static: bool = False


@dataclass
class StandInAnalyzer:
    """One face for each picture; its box tells the picture's mean grey level.

    Attributes:
        before: called with the images before each analysis; may raise or wait.
        expression: whether faces carry expressions, as a careless analyzer's would.
    """

    before: Callable[[Sequence[np.ndarray]], None] = lambda images: None
    expression: bool = False
    model_version: str = "stand-in-1"
    unpacks_jpegs: bool = False
    warmed_up: bool = False
    batch_sizes: list[int] = field(default_factory=list)
    started: threading.Event = field(default_factory=threading.Event)

    def warm_up(self) -> None:
        self.warmed_up = True

    def analyze(self, images: Sequence[np.ndarray], views=None) -> list[list[StandInFace]]:
        assert self.warmed_up, "the first read came before the warm-up"
        self.batch_sizes.append(len(images))
        self.started.set()
        self.before(images)
        levels = [float(image.mean()) for image in images]
        if any(level >= POISON_LEVEL for level in levels):
            raise ValueError("a poison picture")
        return [[self._face(level)] for level in levels]

    def _face(self, level: float) -> StandInFace:
        probs = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0) if self.expression else None
        return StandInFace(box_xyxy=(0.0, 0.0, level, level), expression_probs=probs)
