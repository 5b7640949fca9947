"""At a meeting's close: whether a seat's or a camera's directions are no longer what they were.

A camera that was moved shifts the modes of all its seats alike: known after one meeting, and from
then on all its directions are shifted. One seat's mode that moved is known after two meetings that
agree (a single odd lesson says nothing); the seat is stale until three meetings there have given
it a new direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from aggregator.calibration.angles import Pose, distance_deg, shift, shifted
from aggregator.calibration.drift import MOVED_DEG, SETTLED_DEG, Bump, find_bump
from aggregator.calibration.looks import LessonLooks, cells_of
from aggregator.calibration.modes import Mode, front_mode
from aggregator.calibration.state import CAMERA, CameraCalibration, Known, SeatCalibration
from aggregator.meetings import hash_id
from aggregator.people import Meeting
from aggregator.rows import EventRow, Row, Rows
from schemas.messages import RoomPlan

MIN_LESSON_MODE_CELLS: Final = 200  # a third of what a calibration needs
STALE: Final = "calibration_stale"
BUMPED: Final = "calibration_bumped"


@dataclass(frozen=True, slots=True)
class Noticed:
    """What the meeting says of earlier measurements.

    Attributes:
        events: to tell.
        is_stale: the meeting was judged by a stale calibration.
        seats_to_measure: of the others there is nothing new.
    """

    events: Rows
    is_stale: bool
    seats_to_measure: set[str]


def notice(
    known: CameraCalibration,
    fresh: Mapping[str, LessonLooks],
    camera_id: str,
    plan: RoomPlan,
    meeting: Meeting,
    second: int,
) -> Noticed:
    """Compare the meeting's modes with those before.

    Args:
        known: the camera's seats; what moved is noted there.
        fresh: the meeting's looks by seat, put away already.
        camera_id: slug.
        plan: of the room.
        meeting: the one that closes.
        second: of its close.

    """
    modes = {
        label: mode
        for label, looks in sorted(fresh.items())
        if label != CAMERA
        and known.seats[label].mode is not None
        and (mode := front_mode(cells_of([looks]), MIN_LESSON_MODE_CELLS)) is not None
    }
    bump = _bump(known, modes)
    if bump is not None:
        odd = [list(modes)[i] for i in bump.odd]
        _move_all(known, fresh, bump)
        payload = {"yaw_deg": bump.yaw_deg, "pitch_deg": bump.pitch_deg, "mad_deg": bump.mad_deg}
        event = _event(BUMPED, 2, camera_id, plan, meeting, second, odd, payload)
        return Noticed([event], is_stale=True, seats_to_measure=set())
    stale = [
        label
        for label, mode in modes.items()
        if _drifts(known.seats[label], mode, fresh[label].start)
    ]
    is_stale = any(seat.stale for seat in known.seats.values())
    events = [_event(STALE, 1, camera_id, plan, meeting, second, stale, {})] if stale else []
    as_before = {label for label in modes if _is_as_before(known.seats[label], modes[label])}
    return Noticed(events, is_stale=is_stale, seats_to_measure=fresh.keys() - as_before)


def _bump(known: CameraCalibration, modes: Mapping[str, Mode]) -> Bump | None:
    """A common shift of at least half of the seats that could show it."""
    measured = sum(seat.mode is not None for seat in known.seats.values())
    if 2 * len(modes) < measured:
        return None
    before = {label: known.seats[label].mode for label in modes}
    return find_bump([shift(old.pose, modes[la].pose) for la, old in before.items() if old])


def _move_all(known: CameraCalibration, fresh: Mapping[str, LessonLooks], bump: Bump) -> None:
    """New directions for all seats; older looks were those of another picture."""
    by = bump.yaw_deg, bump.pitch_deg
    for label, seat in known.seats.items():
        base = seat.command or seat.measured
        if base is not None:
            seat.measured = _shifted(base, seat.measured, by)
        seat.command = seat.moved = None
        seat.mode = seat.mode and seat.mode.moved(by)
        seat.stale = False
        seat.lessons = [fresh[label]] if label in fresh else []


def _shifted(base: Known, measured: Known | None, by: Pose) -> Known:
    """A direction after the bump; what a person had set is measured from now on."""
    yaw, pitch = shifted((base.direction.yaw_deg, base.direction.pitch_deg), by)
    like = measured.direction if measured is not None else base.direction
    method = "modal_seat" if like.method == "manual" else like.method
    direction = msgspec.structs.replace(like, yaw_deg=yaw, pitch_deg=pitch, method=method)
    return Known(direction, "measured", base.mass, base.n)


def _is_as_before(seat: SeatCalibration, mode: Mode) -> bool:
    """Whether measuring the seat again would give the same direction."""
    return seat.mode is not None and distance_deg(seat.mode.pose, mode.pose) <= SETTLED_DEG


def _drifts(seat: SeatCalibration, mode: Mode, start: int) -> bool:
    """Note where the seat's mode of this meeting is; whether it became stale just now."""
    if seat.mode is None or distance_deg(seat.mode.pose, mode.pose) <= MOVED_DEG:
        if seat.moved is not None:  # a single odd lesson, which would teach what is not so
            seat.lessons = [lesson for lesson in seat.lessons if lesson.start != seat.moved_in]
        seat.moved, seat.stale = None, False
        return False
    agrees = seat.moved is not None and distance_deg(seat.moved, mode.pose) <= MOVED_DEG
    is_new = agrees and not seat.stale
    if is_new:
        seat.lessons = seat.lessons[-2:]
    elif seat.stale and not agrees:
        seat.lessons = seat.lessons[-1:]
    seat.stale = seat.stale or agrees
    seat.moved, seat.moved_in = mode.pose, start
    return is_new


def _event(
    kind: str,
    severity: int,
    camera_id: str,
    plan: RoomPlan,
    meeting: Meeting,
    second: int,
    seats: list[str],
    payload: dict[str, Any],
) -> Row:
    """Where policy has no figures of single students, only the number of seats is told."""
    told = {"n_seats": len(seats)} | ({"seats": seats} if meeting.per_student else {})
    return EventRow(
        ts=second,
        event_id=hash_id(kind, plan.site_id, plan.room_id, camera_id, str(meeting.meeting_id)),
        kind=kind,
        severity=severity,
        site=plan.site_id,
        room=plan.room_id,
        camera=camera_id,
        meeting_id=meeting.meeting_id,
        payload=payload | told,
    )
