"""The room's log as ingest and workers would have written it, each entry under its time's id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from deploy.lesson.degrade import Answers, faces_of
from deploy.simulator.truth import Truth
from schemas.messages import (
    CameraStatus,
    EndOfStream,
    Face,
    FrameFaces,
    RoomMessage,
    RoomPlan,
    Tick,
)

NS: Final = 1_000_000_000
MS: Final = 1_000_000
Entry = tuple[str, RoomMessage]

_LATENCY_S: Final = (0.12, 0.45)  # from capture to the log
_PHASE_S: Final = 0.07  # cameras do not take their pictures at the same moment
_TICKS_S: Final = 30  # after the cameras ended: the watermark passes the lesson's end
_MODEL: Final = "noise model"


@dataclass(frozen=True)
class CameraAnswers:
    """What one camera's worker told.

    Attributes:
        truth: for its times and sizes.
        students, bystanders: what was told of them.
        false_faces: (F) of nobody.
    """

    truth: Truth
    students: Answers
    bystanders: Answers
    false_faces: Sequence[tuple[Face, ...]]


def write_log(
    plan: RoomPlan, cameras: Sequence[CameraAnswers], start_ns: int, seed: int
) -> Iterator[Entry]:
    """The log of a whole lesson, in the order of its entries' times."""
    rng = np.random.default_rng([seed, 0x106])
    frames = len(cameras[0].truth.present)
    fps = cameras[0].truth.fps
    n_bits = len(cameras)
    latency = rng.uniform(*_LATENCY_S, (frames, n_bits))
    yield _id(start_ns - NS, 0), plan
    pending: list[tuple[int, int, RoomMessage]] = []
    for second in range(int(np.ceil(frames / fps))):
        first, last = round(second * fps), min(round((second + 1) * fps), frames)
        for bit, camera in enumerate(cameras):
            for frame in range(first, last):
                captured = start_ns + round((frame / fps + bit * _PHASE_S) * NS)
                came = captured + round(float(latency[frame, bit]) * NS)
                pending.append((came, bit, _frame(plan, camera, frame, captured, came)))
            at = start_ns + second * NS + (bit + 1) * NS // 4
            pending.append((at, bit, _status(plan, camera, last - 1, at)))
        pending.sort(key=_order)
        upto = start_ns + second * NS
        ready = [entry for entry in pending if entry[0] < upto]
        pending = pending[len(ready) :]
        yield from _numbered(ready)
    yield from _numbered(pending)
    yield from _numbered(_ending(plan, cameras, start_ns + round(frames / fps * NS) + NS))


def _ending(
    plan: RoomPlan, cameras: Sequence[CameraAnswers], at: int
) -> list[tuple[int, int, RoomMessage]]:
    ends: list[tuple[int, int, RoomMessage]] = [
        (at, bit, EndOfStream(room_id=plan.room_id, camera_id=c.truth.camera_id, at=at))
        for bit, c in enumerate(cameras)
    ]
    ticks = [(at + s * NS, 0, Tick(room_id=plan.room_id)) for s in range(1, _TICKS_S)]
    return [*ends, *ticks]


def _numbered(entries: list[tuple[int, int, RoomMessage]]) -> Iterator[Entry]:
    before, number = -1, 0
    for at, _, message in entries:
        number = number + 1 if at // MS == before else 0
        before = at // MS
        yield _id(at, number), message


def _id(at_ns: int, number: int) -> str:
    return f"{at_ns // MS}-{number}"


def _order(entry: tuple[int, int, RoomMessage]) -> tuple[int, int]:
    return entry[0] // MS, entry[1]


def _frame(
    plan: RoomPlan, camera: CameraAnswers, frame: int, captured: int, came: int
) -> FrameFaces:
    faces = (
        *faces_of(camera.students, frame),
        *faces_of(camera.bystanders, frame),
        *camera.false_faces[frame],
    )
    return FrameFaces(
        room_id=plan.room_id,
        camera_id=camera.truth.camera_id,
        epoch="1",
        seq=frame,
        captured_at=captured,
        width=camera.truth.width,
        height=camera.truth.height,
        outcome="analysed",
        faces=faces,
        analysed_at=came,
        model_version=_MODEL,
    )


def _status(plan: RoomPlan, camera: CameraAnswers, last_seq: int, at: int) -> CameraStatus:
    return CameraStatus(
        room_id=plan.room_id,
        camera_id=camera.truth.camera_id,
        at=at,
        state="up",
        epoch="1",
        last_seq=last_seq,
    )
