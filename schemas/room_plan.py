"""The parts of a room's plan, as the messages `RoomPlan` and `CalibrationSet` carry them.

All of it is what a site file and the database say of one room: cameras and seats, lessons, who sits
where. Fields are only added, with defaults: see `messages`.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from schemas.wire_types import Label, Point, Slug


class Direction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A calibration: the head direction, as the camera sees it, of somebody facing the front."""

    yaw_deg: float
    pitch_deg: float
    method: Literal["manual", "geometric", "modal_seat", "plane_fit", "camera_mode"] = "manual"
    factor: float = 1.0  # f_cal of SCORE §1


class SeatPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, cache_hash=True):
    """Where one camera sees one seat; polygon in fractions of the picture's width and height."""

    label: Label
    polygon: tuple[Point, ...]
    calibration: Direction | None = None


class DatedSeats(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, cache_hash=True):
    """A plan that replaces a camera's seats from a local day on."""

    valid_from: str  # "2027-03-01"
    seats: tuple[SeatPlan, ...]


class CameraPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, cache_hash=True):
    """One camera of a room, as the aggregator needs it."""

    camera_id: Slug
    mask_bit: Annotated[int, msgspec.Meta(ge=0, le=30)]  # its bit in cam_mask, never reused
    analysis_fps: float
    calibration: Direction | None = None
    seats: tuple[SeatPlan, ...] = ()
    seat_plans: tuple[DatedSeats, ...] = ()  # sorted by `valid_from`


class Seating(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From a local day on a class sits anew in the room: its seats are other students."""

    class_id: str
    valid_from: str  # "2027-03-01"


class SeatedStudent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who of the roster has a seat while a class has its lesson, as far as policy lets us know.

    Consent and enrolment are in the days already; where there is none, there is no entry.
    """

    class_id: str
    seat: Label
    student_id: int
    valid_from: int = 0  # Unix seconds
    valid_until: int | None = None  # exclusive; None: it has no end yet


class StoredDirection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A direction of the front that the database holds and the site file does not."""

    camera_id: Slug
    label: str  # seat; "": the whole camera
    direction: Direction


class Occurrence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One lesson of a calendar, already expanded; Unix seconds, end exclusive."""

    source_key: str  # "ical:UID:2027-03-01T07:30:00Z", when it was first to begin: moved, it stays
    start: int
    end: int
    class_id: str = ""
    activity: str = "unknown"


class Lesson(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A weekly timetable rule in the site's local time."""

    rule_id: Slug
    weekdays: tuple[int, ...]  # 0 = Monday
    start: str  # "08:30"
    end: str
    class_id: str = ""
    activity: str = "unknown"
    valid_from: str = ""  # "2026-09-01"; empty: always
    valid_until: str = ""  # last day, inclusive


class RecordedMeeting(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The one meeting of a recording's run: from the film's first second to its last."""

    start: Annotated[int, msgspec.Meta(ge=0)]  # Unix seconds
    class_id: str = ""
    activity: str = "unknown"


class SeatDirection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the head of one seat's student pointed when told to look at the board."""

    label: str  # seat; "": the whole camera
    yaw_deg: float
    pitch_deg: float
    n: int = 0  # faces behind it
