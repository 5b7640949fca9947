"""Frames and faces a second of the analyser, by stage, over several batch sizes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Final

import numpy as np

from deploy.bench.stage_clock import StageClock
from workers.analyzer import FaceAnalyzer
from workers.decode import decode_jpeg

_WARM_UP_ROUNDS: Final = 2
_LEAST_ROUNDS: Final = 5
REST: Final = "rest"


@dataclass(frozen=True, slots=True)
class Round:
    """One batch, from JPEG to faces: faces found, and milliseconds for one frame of it."""

    faces: int
    frame_ms: float
    stage_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What was measured at one batch size; times are medians over the rounds.

    Attributes:
        batch: frames analysed at once.
        rounds: how often.
        frames_per_s, faces_per_s: from JPEG to faces.
        faces_per_frame: that were found, on average.
        frame_ms: for one frame.
        frame_ms_quartiles: 25 % and 75 % of the rounds took at most this.
        stage_ms: the same by stage; the stages' medians need not add up to `frame_ms`.
    """

    batch: int
    rounds: int
    frames_per_s: float
    faces_per_s: float
    faces_per_frame: float
    frame_ms: float
    frame_ms_quartiles: tuple[float, float]
    stage_ms: dict[str, float]


def sweep(
    analyzer: FaceAnalyzer,
    clock: StageClock,
    jpegs: Sequence[bytes],
    batches: Sequence[int],
    seconds: float,
) -> list[BatchResult]:
    """Measure the batch sizes in turn, round by round, so that a disturbance meets all of them.

    Args:
        analyzer: loaded with `clock` as its timer.
        clock: that timer.
        jpegs: pictures, taken in turn.
        batches: frames at once.
        seconds: to measure for, all sizes together.
    """
    pictures = cycle(jpegs)
    rounds: dict[int, list[Round]] = {batch: [] for batch in batches}
    for batch in [*batches] * _WARM_UP_ROUNDS:
        _one_round(analyzer, clock, list(islice(pictures, batch)))
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s or len(rounds[batches[0]]) < _LEAST_ROUNDS:
        for batch in batches:
            rounds[batch].append(_one_round(analyzer, clock, list(islice(pictures, batch))))
    return [summary(batch, rounds[batch]) for batch in batches]


def summary(batch: int, rounds: Sequence[Round]) -> BatchResult:
    """Return the medians of several rounds (at least one) of one batch size."""
    frame_ms = np.array([r.frame_ms for r in rounds])
    low, median, high = (float(v) for v in np.percentile(frame_ms, (25, 50, 75)))
    faces = float(np.mean([r.faces for r in rounds])) / batch
    stages = list(rounds[0].stage_ms)
    return BatchResult(
        batch=batch,
        rounds=len(rounds),
        frames_per_s=1000 / median,
        faces_per_s=1000 / median * faces,
        faces_per_frame=faces,
        frame_ms=median,
        frame_ms_quartiles=(low, high),
        stage_ms={s: float(np.median([r.stage_ms.get(s, 0.0) for r in rounds])) for s in stages},
    )


def _one_round(analyzer: FaceAnalyzer, clock: StageClock, jpegs: list[bytes]) -> Round:
    clock.take()
    start_ns = time.perf_counter_ns()
    with clock("decode"):
        images = [decode_jpeg(jpeg) for jpeg in jpegs]
    found = analyzer.analyze(images)
    total_ms = (time.perf_counter_ns() - start_ns) / 1e6
    stages = clock.take()
    stages[REST] = total_ms - sum(stages.values())
    n = len(jpegs)
    return Round(
        sum(map(len, found)), total_ms / n, {stage: ms / n for stage, ms in stages.items()}
    )
