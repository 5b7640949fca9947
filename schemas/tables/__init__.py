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
    site_day_curves,
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
from schemas.tables.reports import report_defs, report_deliveries, report_files, report_runs
from schemas.tables.rosters import consents, enrolments, identities, seating
from schemas.tables.safeguards import audit_log, erasure_requests, retention

__all__ = [
    "attention_minutes",
    "attention_windows",
    "audit_log",
    "calibrations",
    "camera_minutes",
    "cameras",
    "classes",
    "consents",
    "enrolments",
    "erasure_requests",
    "events",
    "expression_minutes",
    "identities",
    "meeting_activities",
    "meeting_minutes",
    "meeting_summaries",
    "meetings",
    "metadata",
    "orgs",
    "participation_summaries",
    "participations",
    "report_defs",
    "report_deliveries",
    "report_files",
    "report_runs",
    "retention",
    "room_leases",
    "room_state",
    "rooms",
    "score_versions",
    "seat_regions",
    "seating",
    "seats",
    "site_day_curves",
    "sites",
    "students",
]
