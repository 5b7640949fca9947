"""What a fault cost: figures out of what was seen of its camera, and of the healthy ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from deploy.bench.fault_cameras import ANALYSIS_FPS
from deploy.bench.fault_watch import SeenFrame
from deploy.bench.faults import CameraRecord

_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class FaultFigures:
    """How ingest got on with one fault; None where there was nothing of the kind.

    Attributes:
        noticed_s: from its beginning to the first status that tells of trouble.
        causes: that were told, in order, each once.
        retry_s: from the end of the first connection to the next one, as the camera saw it.
        back_s: from the end of the fault (from its beginning, where it passes by itself) to the
            first frame after it.
        lost: sampled frames that an undisturbed camera would have given from beginning to end.
        epochs: connections that gave frames.
    """

    fault: str
    description: str
    expected: str
    noticed_s: float | None
    causes: tuple[str, ...]
    retry_s: float | None
    back_s: float | None
    lost: int
    epochs: int


@dataclass(frozen=True, slots=True)
class HealthyFigures:
    """How a camera without a fault got on beside the others.

    Attributes:
        change_percent: of its rate while the faults lasted and healed.
        lost: sampled frames that are missing.
    """

    camera: str
    change_percent: float
    lost: int


def fault_figures(record: CameraRecord) -> FaultFigures:
    """Sum up one camera."""
    fault = record.fault
    noticed_s = _noticed_s(record)
    return FaultFigures(
        fault=fault.name,
        description=fault.description,
        expected=fault.cause,
        noticed_s=None if noticed_s is None else noticed_s - record.began_s,
        causes=causes(record),
        retry_s=_retry_s(record),
        back_s=_back_s(record, noticed_s),
        lost=lost(_touched(record)),
        epochs=len({frame.epoch for frame in record.seen.frames}),
    )


def healthy_figures(record: CameraRecord) -> HealthyFigures:
    """Sum up a camera without a fault."""
    frames = record.seen.frames
    before = [frame for frame in frames if record.quiet_s <= frame.at_s < record.began_s]
    during = _from(frames, record.began_s)
    return HealthyFigures(
        camera=record.camera_id,
        change_percent=100 * (rate(during) / rate(before) - 1),
        lost=lost(during),
    )


def causes(record: CameraRecord) -> tuple[str, ...]:
    """Every cause that was told since the fault began, in order, each once."""
    told: dict[str, None] = {}
    for status in record.seen.statuses:
        if status.at >= record.began_s * _NS:
            told |= dict.fromkeys(status.ended)
            if status.state == "down":
                told[status.cause] = None
    return tuple(told)


def lost(frames: Sequence[SeenFrame]) -> int:
    """Grid points without a frame between the first and the last one."""
    return sum(max(0, round((b.at_s - a.at_s) * ANALYSIS_FPS) - 1) for a, b in pairwise(frames))


def rate(frames: Sequence[SeenFrame]) -> float:
    """Frames a second by their own time; 0 without two of them."""
    if len(frames) < 2:
        return 0.0
    return (len(frames) - 1) / (frames[-1].at_s - frames[0].at_s)


def _noticed_s(record: CameraRecord) -> float | None:
    for status in record.seen.statuses:
        is_trouble = status.state == "down" or status.ended
        if is_trouble and status.at >= record.began_s * _NS:
            return status.at / _NS
    return None


def _retry_s(record: CameraRecord) -> float | None:
    """Knocks do not count: they ask for no mount. A closed port sees nobody."""
    if record.fault.closes_port:
        return None
    left_s: float | None = None
    for entry in record.journal:
        if entry.at_s < record.began_s or entry.mount in {"", "*"}:
            continue
        if entry.what == "left":
            left_s = entry.at_s if left_s is None else left_s
        elif left_s is not None:
            return entry.at_s - left_s
    return None


def _back_s(record: CameraRecord, noticed_s: float | None) -> float | None:
    """A frame that was captured before does not count, nor one of a connection that ended."""
    good_s = record.healed_s
    if record.fault.passes:
        good_s = record.began_s + record.fault.holds_s
    epoch = _epoch_at(record.seen.frames, record.began_s)
    for frame in _from(record.seen.frames, good_s):
        if not record.fault.passes or noticed_s is None or frame.epoch != epoch:
            return frame.came_s - good_s
    return None


def _touched(record: CameraRecord) -> list[SeenFrame]:
    """The frames from just before the fault to the end of its consequences."""
    frames = _from(record.seen.frames, record.began_s - 1.0)
    if not record.fault.passes:
        return frames
    return [frame for frame in frames if frame.at_s < record.healed_s]  # healing is a change, too


def _epoch_at(frames: Sequence[SeenFrame], at_s: float) -> str:
    return max((frame.epoch for frame in frames if frame.came_s <= at_s), default="")


def _from(frames: Sequence[SeenFrame], at_s: float) -> list[SeenFrame]:
    return [frame for frame in frames if frame.at_s >= at_s]
