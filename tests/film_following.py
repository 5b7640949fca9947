"""A film analysed twice, with and without following, frame by frame in turn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np

from schemas.analysis import ModelChoices
from tests.simulator_gallery import overlap
from workers.analyzer import FaceAnalyzer
from workers.face import Face
from workers.stages import View

SAME_FACE_IOU = 0.4
ANGLES = ("yaw_deg", "pitch_deg", "roll_deg")


@dataclass
class Comparison:
    """What following changed.

    Attributes:
        frames: analysed.
        looks: of the detector with following.
        detected: faces found without following.
        kept: of those, found with it.
        extra: faces found only with it.
        turned_deg: largest of the three angles' differences, of each face kept.
        cpu_s: without and with following.
    """

    frames: int = 0
    looks: int = 0
    detected: int = 0
    kept: int = 0
    extra: int = 0
    turned_deg: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=lambda: [0.0, 0.0])

    @property
    def recall(self) -> float:
        return self.kept / max(self.detected, 1)


def sampled(path: Path, fps: float, most: int) -> Iterator[tuple[float, np.ndarray]]:
    """Yield (seconds, picture) of a film, about `fps` times a second."""
    with av.open(str(path)) as container:
        due_s, given = 0.0, 0
        for frame in container.decode(video=0):
            if given < most and frame.time is not None and frame.time >= due_s - 1e-6:
                due_s, given = frame.time + 1 / fps, given + 1
                yield frame.time, frame.to_ndarray(format="rgb24")


def watch(path: Path, fps: float = 5.0, most: int = 200, precision: str = "exact") -> Comparison:
    """Analyse a film both ways."""
    analyzers = [
        FaceAnalyzer.load("cpu", models=ModelChoices(follow=follow, precision=precision), threads=1)
        for follow in (False, True)
    ]
    looks = _count_looks(analyzers[1])
    seen = Comparison()
    for at_s, image in sampled(path, fps, most):
        found: list[list[Face]] = []
        for way, analyzer in enumerate(analyzers):
            start = time.process_time()
            found += analyzer.analyze([image], [View(source="film", at_s=at_s)])
            # The engine compiles shapes in the first frames.
            seen.cpu_s[way] += (time.process_time() - start) * (seen.frames >= 10)
        seen.frames += 1
        _compare(seen, *found)
    seen.looks = len(looks)
    return seen


def _count_looks(analyzer: FaceAnalyzer) -> list[None]:
    detector, looks = analyzer._pipeline._steps.detector, []
    detect = detector.detect

    def counted(*arguments):
        looks.append(None)
        return detect(*arguments)

    detector.detect = counted
    return looks


def _compare(seen: Comparison, detected: list[Face], followed: list[Face]) -> None:
    free = list(followed)
    seen.detected += len(detected)
    for face in detected:
        ious = [overlap(np.array(face.box_xyxy), np.array(other.box_xyxy)) for other in free]
        if not ious or max(ious) < SAME_FACE_IOU:
            continue
        other = free.pop(int(np.argmax(ious)))
        seen.kept += 1
        angles = [(getattr(face, name), getattr(other, name)) for name in ANGLES]
        if all(a is not None and b is not None for a, b in angles):
            seen.turned_deg.append(max(abs(a - b) for a, b in angles))
    seen.extra += len(free)
