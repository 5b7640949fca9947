"""The tables, by subject; importing this package declares all of them in `metadata`."""

from schemas.tables.attendance import meeting_activities, meetings, participations, students
from schemas.tables.base import metadata
from schemas.tables.measurements import (
    attention_minutes,
    attention_windows,
    expression_minutes,
    meeting_minutes,
    meeting_summaries,
    participation_summaries,
)
from schemas.tables.operations import camera_minutes, events, room_leases, room_state
from schemas.tables.reference import (
    calibrations,
    cameras,
    classes,
    orgs,
    rooms,
    score_versions,
    seat_regions,
    seats,
    sites,
)

__all__ = [
    "attention_minutes",
    "attention_windows",
    "calibrations",
    "camera_minutes",
    "cameras",
    "classes",
    "events",
    "expression_minutes",
    "meeting_activities",
    "meeting_minutes",
    "meeting_summaries",
    "meetings",
    "metadata",
    "orgs",
    "participation_summaries",
    "participations",
    "room_leases",
    "room_state",
    "rooms",
    "score_versions",
    "seat_regions",
    "seats",
    "sites",
    "students",
]
