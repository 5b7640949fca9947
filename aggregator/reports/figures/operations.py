"""A day's work for whoever looks after rooms and cameras."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from aggregator.reports.document import Section, Table
from aggregator.reports.figures.scope import Row, Scope, ask
from aggregator.reports.figures.wording import column, count, local_time, more_words

MOST_CAMERAS: Final = 20
MOST_EVENTS: Final = 25
TO_ACT_ON: Final = 3
_URGENCY: Final = {1: "to know", 2: "to look at", 3: "to act on"}

# Cameras in the minutes of lessons, those with trouble first.
CAMERAS: Final = text(
    """
    SELECT camera, max(room) AS room, sum(planned_minutes) AS planned_minutes,
           sum(down_minutes) AS down_minutes,
           1.0 - CAST(sum(down_minutes) AS numeric) / nullif(sum(planned_minutes), 0) AS uptime,
           sum(frames_expected) AS frames_expected, sum(frames_analysed) AS frames_analysed,
           max(dropped_share) AS dropped_share, sum(frozen_s) AS frozen_s,
           sum(reconnects) AS reconnects, max(worst_gap_ms) / 1000.0 AS worst_gap_s,
           max(latency_p99_ms) / 1000.0 AS latency_p99_s
    FROM v_camera_days
    WHERE site = :site AND local_date BETWEEN :first AND :last
      AND (CAST(:room AS text) IS NULL OR room = :room)
    GROUP BY camera
    ORDER BY uptime NULLS FIRST, dropped_share DESC NULLS LAST, reconnects DESC, camera
    """
)

# What a person should look at or act on, the gravest first.
EVENTS: Final = text(
    """
    SELECT local_at, room, camera, kind, severity
    FROM v_events
    WHERE site = :site AND at >= :start AND at < :end AND severity >= 2
      AND (CAST(:room AS text) IS NULL OR room = :room)
    ORDER BY severity DESC, at DESC, room, camera, kind
    """
)


def cameras_section(connection: Connection, scope: Scope) -> Section:
    """Each camera's day."""
    rows = ask(connection, CAMERAS, scope)
    return Section(
        name="cameras",
        heading="Cameras",
        paragraphs=(
            "Only minutes of lessons count. A frame that was sampled but not analysed in time is "
            "dropped behind the camera: expired, damaged, lost, refused or too late.",
            *more_words(len(rows), MOST_CAMERAS, "camera"),
        ),
        tables=(_cameras(rows[:MOST_CAMERAS]),),
    )


def events(connection: Connection, scope: Scope) -> list[Row]:
    """What happened that a person should look at."""
    return ask(connection, EVENTS, scope)


def events_section(rows: list[Row]) -> Section:
    """Events to act on, then those to look at."""
    urgent = sum(row["severity"] >= TO_ACT_ON for row in rows)
    return Section(
        name="events",
        heading="Events to look at",
        paragraphs=(
            f"{count(urgent, 'event')} to act on, {len(rows) - urgent} to look at.",
            *more_words(len(rows), MOST_EVENTS, "event"),
        ),
        tables=(
            Table(
                name="events",
                title="Events, those to act on first",
                columns=(
                    column("local_at", "When", "time"),
                    column("urgency", "Urgency"),
                    column("what", "What happened"),
                    column("room", "Room"),
                    column("camera", "Camera"),
                ),
                rows=tuple(_event(row) for row in rows[:MOST_EVENTS]),
                empty="Nothing happened that needs anybody.",
            ),
        ),
    )


def _event(row: Row) -> tuple[str | None, ...]:
    return (
        local_time(row["local_at"]),
        _URGENCY[row["severity"]],
        row["kind"].replace("_", " "),
        row["room"],
        row["camera"],
    )


def _cameras(rows: list[Row]) -> Table:
    return Table(
        name="cameras",
        title="Cameras, those with trouble first",
        columns=(
            column("camera", "Camera"),
            column("room", "Room"),
            column("uptime", "Uptime", "share", 1),
            column("down_minutes", "Minutes without picture", "count"),
            column("frames_expected", "Frames expected", "count"),
            column("frames_analysed", "Analysed", "count"),
            column("dropped_share", "Dropped", "share", 1),
            column("frozen_s", "Picture stood still", "seconds"),
            column("reconnects", "Reconnects", "count"),
            column("worst_gap_s", "Longest gap", "seconds", 1),
            column("latency_p99_s", "Worst delay", "seconds", 1),
        ),
        rows=tuple(
            (
                row["camera"],
                row["room"],
                row["uptime"],
                int(row["down_minutes"]),
                int(row["frames_expected"]),
                int(row["frames_analysed"]),
                row["dropped_share"],
                int(row["frozen_s"]),
                int(row["reconnects"]),
                row["worst_gap_s"],
                row["latency_p99_s"],
            )
            for row in rows
        ),
        empty="No camera was heard of in a lesson of this period.",
    )
