"""Processor time for a sampled frame: rounds of each contestant in turn, and their medians."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

MS = 1000.0


@dataclass(frozen=True, slots=True)
class IngestRound:
    """What one contestant did in one round.

    Attributes:
        ms: processor time for a sampled frame, of all its threads.
        share: of the frames that should have been sampled; well below 1 it did not keep up.
        stage_ms: `ms` by stage, where the contestant tells.
        decoded_share: of the pictures that came; None where it does not tell.
        decoding: which pictures are decoded, in words; "" where it does not tell.
    """

    ms: float
    share: float
    stage_ms: dict[str, float] = field(default_factory=dict)
    decoded_share: float | None = None
    decoding: str = ""

    @classmethod
    def between(cls, before: Mapping[str, Any], after: Mapping[str, Any], expected: float) -> Self:
        """From a contestant's counters before and after, and the frames expected in between."""
        sampled = max(after["sampled"] - before["sampled"], 1)
        packets = after.get("packets", 0) - before.get("packets", 0)
        stages = {
            stage: (spent_s - before["stage_s"].get(stage, 0.0)) * MS / sampled
            for stage, spent_s in after.get("stage_s", {}).items()
        }
        return cls(
            ms=(after["cpu_s"] - before["cpu_s"]) * MS / sampled,
            share=sampled / expected,
            stage_ms=stages,
            decoded_share=(after["decoded"] - before["decoded"]) / packets if packets else None,
            decoding=after.get("decoding", ""),
        )


@dataclass(frozen=True, slots=True)
class ContestantResult:
    """Medians over a contestant's rounds.

    Attributes:
        ms: processor time for a sampled frame.
        ms_range: the cheapest and the dearest round's.
        cameras_per_core: that a core's whole time would be enough for.
        share: of the frames that should have been sampled.
    """

    ms: float
    ms_range: tuple[float, float]
    cameras_per_core: float
    share: float


def summary(rounds: Sequence[IngestRound], analysis_fps: float) -> ContestantResult:
    """The medians of at least one round."""
    times = [each.ms for each in rounds]
    ms = float(np.median(times))
    return ContestantResult(
        ms=ms,
        ms_range=(min(times), max(times)),
        cameras_per_core=MS / (ms * analysis_fps),
        share=float(np.median([each.share for each in rounds])),
    )


def ratio(above: Sequence[IngestRound], below: Sequence[IngestRound]) -> float:
    """The median of the ratios of two contestants' times, round by round."""
    return float(np.median([a.ms / b.ms for a, b in zip(above, below, strict=True)]))


def stages(rounds: Sequence[IngestRound]) -> dict[str, float]:
    """The medians of a contestant's stages, and what is left of its time."""
    names = dict.fromkeys(name for each in rounds for name in each.stage_ms)
    told = {
        name: float(np.median([each.stage_ms.get(name, 0.0) for each in rounds])) for name in names
    }
    rest = [each.ms - sum(each.stage_ms.values()) for each in rounds]
    return {**told, "rest": float(np.median(rest))}
