"""The part of the site file that can change a row of one room, as a control event."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from aggregator.errors import UnknownPlaceError
from schemas.messages import RoomPlan
from schemas.room_plan import (
    CameraPlan,
    DatedSeats,
    Direction,
    Lesson,
    Occurrence,
    RecordedMeeting,
    Seating,
    SeatPlan,
)
from schemas.site import WEEKDAYS, Calibration, Camera, Room, Seat, Site, TimetableRule


def build_plan(
    site: Site,
    room: Room,
    mask_bits: Mapping[str, int],
    at_ns: int,
    run_id: str = "",
    recording: RecordedMeeting | None = None,
    occurrences: tuple[Occurrence, ...] = (),
) -> RoomPlan:
    """The plan of `room`, in force from `at_ns` on.

    Args:
        site: the whole site file.
        room: one of its rooms.
        mask_bits: bit in `cam_mask` of each camera, from the database.
        at_ns: Unix time.
        run_id: of a recording; empty: live.
        recording: the run's one meeting; then neither timetable nor calendar opens any.
        occurrences: the room's lessons by its calendar files.

    Raises:
        UnknownPlaceError: the database does not know a camera yet.
    """
    cameras = [camera for camera in room.cameras if camera.enabled]
    unknown = sorted(camera.id for camera in cameras if camera.id not in mask_bits)
    if unknown:
        raise UnknownPlaceError(
            f"room {room.id!r}: the database does not know {', '.join(unknown)} yet; "
            "run `facepose db sync` with this site file"
        )
    return RoomPlan(
        room_id=room.id,
        at=at_ns,
        site_id=site.site.id,
        time_zone=site.site.time_zone,
        policy=site.rules,
        cameras=tuple(_camera(camera, mask_bits[camera.id]) for camera in cameras),
        lessons=() if recording else _lessons(site, room.id),
        recording=recording,
        run_id=run_id,
        seatings=_seatings(site, room.id),
        occurrences=() if recording else occurrences,
        follows_calendar=not recording and any(c.room == room.id for c in site.calendars),
    )


def says_the_same(one: RoomPlan, other: RoomPlan) -> bool:
    """Whether two plans differ in nothing but their time.

    What the database holds of calibrations comes from the room itself, and says nothing to it.
    """
    one, other = (msgspec.structs.replace(plan, at=0, calibrations=()) for plan in (one, other))
    return one == other


def _camera(camera: Camera, mask_bit: int) -> CameraPlan:
    return CameraPlan(
        camera_id=camera.id,
        mask_bit=mask_bit,
        analysis_fps=camera.analysis_fps,
        calibration=_direction(camera.calibration),
        seats=_seats(camera.seats),
        seat_plans=tuple(
            DatedSeats(valid_from=plan.valid_from.isoformat(), seats=_seats(plan.seats))
            for plan in camera.seat_plans
        ),
    )


def _seats(seats: Mapping[str, Seat]) -> tuple[SeatPlan, ...]:
    return tuple(
        SeatPlan(label=label, polygon=seat.polygon, calibration=_direction(seat.calibration))
        for label, seat in sorted(seats.items())
    )


def _seatings(site: Site, room_id: str) -> tuple[Seating, ...]:
    """When classes sat anew in the room, the earliest first."""
    seatings = [
        Seating(class_id=seating.class_id, valid_from=seating.valid_from.isoformat())
        for seating in site.seatings
        if seating.room == room_id
    ]
    return tuple(sorted(seatings, key=lambda seating: (seating.valid_from, seating.class_id)))


def _direction(calibration: Calibration | None) -> Direction | None:
    if calibration is None:
        return None
    return Direction(yaw_deg=calibration.yaw_deg, pitch_deg=calibration.pitch_deg)


def _lessons(site: Site, room_id: str) -> tuple[Lesson, ...]:
    return tuple(_lesson(rule) for rule in site.timetable if rule.room == room_id)


def _lesson(rule: TimetableRule) -> Lesson:
    return Lesson(
        rule_id=rule.id,
        weekdays=tuple(WEEKDAYS.index(day) for day in rule.weekdays),
        start=rule.start.isoformat("minutes"),
        end=rule.end.isoformat("minutes"),
        class_id=rule.class_id or "",
        activity=rule.activity,
        valid_from=rule.valid_from.isoformat() if rule.valid_from else "",
        valid_until=rule.valid_until.isoformat() if rule.valid_until else "",
    )
