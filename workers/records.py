"""What a worker tells about a frame: one `FrameFaces` for every frame that it took.

Numbers are rounded for the wire: .01 px and .01 degrees are far below what the networks can tell,
and a fifth of the bytes. A NaN never travels: the value becomes None, "not known".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, Literal, Protocol, cast

from schemas.messages import MAX_FACES, Face, Frame, FrameFaces
from schemas.wire_types import Box

MAX_REASON_CHARS: Final = 500

Seven = tuple[float, float, float, float, float, float, float]


class AnalysedFace(Protocol):
    """What the runner needs to know of one face; `workers.analyzer.Face` is one."""

    @property
    def box_xyxy(self) -> Sequence[float]:
        """(x0, y0, x1, y1) in pixels of the frame."""

    @property
    def confidence(self) -> float:
        """The detector's score, 0 to 1."""

    @property
    def yaw_deg(self) -> float | None:
        """Nose to image right; None when the pose fit was refused."""

    @property
    def pitch_deg(self) -> float | None:
        """Up; None when the pose fit was refused."""

    @property
    def roll_deg(self) -> float | None:
        """Clockwise in the image; None when the pose fit was refused."""

    @property
    def eye_openness(self) -> Sequence[float] | None:
        """EAR of the image-left and image-right eye."""

    @property
    def presence(self) -> float | None:
        """The landmark network's own opinion, 0 to 1."""

    @property
    def expression_probs(self) -> Sequence[float] | None:
        """Seven probabilities in the order of `schemas.messages.EXPRESSIONS`, or None."""

    @property
    def quality(self) -> float:
        """How much the measurements can be trusted, 0 to 1."""

    @property
    def static(self) -> bool:
        """Nothing about it has moved for minutes: a poster or a screen."""


def analysed_record(
    frame: Frame,
    faces: Iterable[AnalysedFace],
    *,
    at_ns: int,
    model_version: str,
    with_expression: bool,
) -> FrameFaces:
    """The record of an analysed frame, also of one without a face: "seen and empty"."""
    wire = [
        wire_face(face, with_expression=with_expression, left=frame.left, top=frame.top)
        for face in faces
    ]
    kept = sorted((f for f in wire if f is not None), key=lambda f: -f.confidence)[:MAX_FACES]
    return _record(frame, "analysed", at_ns, faces=tuple(kept), model_version=model_version)


def expired_record(frame: Frame, *, at_ns: int, max_age_s: float, model_version: str) -> FrameFaces:
    """The record of a frame that was too old to be worth analysing."""
    age_s = (at_ns - frame.captured_at) / 1e9
    reason = f"{age_s:.1f} s old, more than {max_age_s:g} s"
    return _record(frame, "expired", at_ns, reason=reason, model_version=model_version)


def dead_record(frame: Frame, reason: str, *, at_ns: int, model_version: str) -> FrameFaces:
    """The record of a frame that could not be decoded or analysed."""
    return _record(frame, "dead", at_ns, reason=reason, model_version=model_version)


def wire_face(
    face: AnalysedFace, *, with_expression: bool, left: int = 0, top: int = 0
) -> Face | None:
    """`face` as it travels, or None when its box or confidence is not a number.

    Args:
        face: as the analyser found it in the frame.
        with_expression: whether policy permits it.
        left: where the frame lies in the camera's whole picture, pixels: a box travels in those.
        top: the same.
    """
    x0, y0, x1, y1 = face.box_xyxy
    box = _rounded((x0 + left, y0 + top, x1 + left, y1 + top), 2)
    if box is None or not math.isfinite(face.confidence):
        return None
    pose = _pose(face)
    eyes = None if face.eye_openness is None else _rounded(face.eye_openness, 4)
    probs = face.expression_probs if with_expression else None
    expression = None if probs is None else _rounded(probs, 4)
    return Face(
        box_xyxy=cast("Box", box),
        confidence=_probability(face.confidence),
        yaw_deg=pose[0],
        pitch_deg=pose[1],
        roll_deg=pose[2],
        eye_openness=cast("tuple[float, float] | None", eyes),
        presence=None if _unknown(face.presence) else _probability(cast("float", face.presence)),
        expression=cast("Seven | None", expression),
        quality=None if _unknown(face.quality) else _probability(face.quality),
        static=bool(face.static),
    )


def _pose(face: AnalysedFace) -> tuple[float, float, float] | tuple[None, None, None]:
    """(yaw, pitch, roll), or three times None unless all three are known."""
    angles = (face.yaw_deg, face.pitch_deg, face.roll_deg)
    known = [angle for angle in angles if angle is not None]
    rounded = _rounded(known, 2)
    if rounded is None or len(rounded) < 3:
        return (None, None, None)
    return rounded[0], rounded[1], rounded[2]


def _rounded(values: Iterable[float], digits: int) -> tuple[float, ...] | None:
    """`values` as plain floats, or None when one of them is not finite."""
    floats = [float(value) for value in values]
    if not all(math.isfinite(value) for value in floats):
        return None
    return tuple(round(value, digits) for value in floats)


def _unknown(value: float | None) -> bool:
    return value is None or not math.isfinite(value)


def _probability(value: float) -> float:
    return round(min(1.0, max(0.0, float(value))), 4)


def _record(
    frame: Frame,
    outcome: Literal["analysed", "expired", "dead"],
    at_ns: int,
    *,
    faces: tuple[Face, ...] = (),
    reason: str = "",
    model_version: str,
) -> FrameFaces:
    return FrameFaces(
        room_id=frame.room_id,
        camera_id=frame.camera_id,
        epoch=frame.epoch,
        seq=frame.seq,
        captured_at=frame.captured_at,
        width=frame.whole_width or frame.width,
        height=frame.whole_height or frame.height,
        outcome=outcome,
        faces=faces,
        reason=reason[:MAX_REASON_CHARS],
        analysed_at=at_ns,
        model_version=model_version,
        run_id=frame.run_id,
    )
