"""Coverage and uptime: how much there was to see before anything is said about it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from aggregator.reports.document import Section, Table, Value
from aggregator.reports.figures.lessons import Totals
from aggregator.reports.figures.scope import Row, Scope, ask
from aggregator.reports.figures.wording import column, count, more_words, share

MOST_ROOMS: Final = 12

# Cameras of each room in the minutes of its lessons, the worst room first.
ROOMS: Final = text(
    """
    SELECT room, sum(planned_minutes) AS planned_minutes, sum(down_minutes) AS down_minutes,
           1.0 - sum(down_minutes)::numeric / nullif(sum(planned_minutes), 0) AS uptime,
           sum(frames_expected) AS frames_expected, sum(frames_analysed) AS frames_analysed,
           sum(frozen_s) AS frozen_s, sum(reconnects) AS reconnects,
           max(latency_p99_ms) / 1000.0 AS latency_p99_s
    FROM v_room_days
    WHERE site = :site AND local_date BETWEEN :first AND :last
      AND (CAST(:room AS text) IS NULL OR room = :room)
    GROUP BY room
    ORDER BY uptime NULLS LAST, reconnects DESC, room
    """.replace("::", r"\:\:")
)


class Uptime:
    """Cameras of a scope's rooms, in the minutes of lessons.

    Attributes:
        rooms: the worst first; minutes count once for each camera.
        planned, down: camera minutes of all rooms.
        share: of the planned minutes that were not down; None: no camera was heard of.
    """

    def __init__(self, rooms: list[Row]) -> None:
        self.rooms = rooms
        self.planned = int(sum(row["planned_minutes"] for row in rooms))
        self.down = int(sum(row["down_minutes"] for row in rooms))
        self.share = 1 - self.down / self.planned if self.planned else None


def uptime(connection: Connection, scope: Scope) -> Uptime:
    """The cameras of the scope's rooms, whatever class was in them."""
    return Uptime(ask(connection, ROOMS, scope))


def coverage_section(totals: Totals, cameras: Uptime | None) -> Section:
    """What was seen, before what it says.

    Args:
        totals: of the scope.
        cameras: of its rooms; None: it is about a class, and cameras belong to rooms.
    """
    paragraphs = ["No lesson of this period was held and closed."]
    if totals.lessons:
        paragraphs = [
            f"Of {count(totals.lessons, 'lesson')}, {totals.reported} have enough evidence to be "
            "reported. Coverage, the share of the students' time of presence in which their "
            f"heads were seen well enough, was {share(totals.coverage)}.",
        ]
    if cameras is None:
        if totals.lessons:
            paragraphs.append(
                f"For {share(totals.camera_down, 1)} of the lessons' time no camera worked."
            )
        return Section(name="coverage", heading="Coverage and uptime", paragraphs=tuple(paragraphs))
    paragraphs += [uptime_words(cameras), *more_words(len(cameras.rooms), MOST_ROOMS, "room")]
    return Section(
        name="coverage",
        heading="Coverage and uptime",
        paragraphs=tuple(paragraphs),
        tables=(rooms_table(cameras),),
    )


def uptime_words(cameras: Uptime) -> str:
    """A sentence about all cameras."""
    if cameras.share is None:
        return "No minute of a camera in a lesson is kept of this period."
    return (
        f"Cameras worked in {share(cameras.share, 1)} of the minutes of lessons "
        f"({cameras.down:,} of {count(cameras.planned, 'camera minute')} had no picture)."
    )


def rooms_table(cameras: Uptime) -> Table:
    """The rooms with the lowest uptime."""
    return Table(
        name="rooms",
        title="Cameras by room, lowest uptime first",
        columns=(
            column("room", "Room"),
            column("uptime", "Uptime", "share", 1),
            column("planned_minutes", "Camera minutes in lessons", "count"),
            column("down_minutes", "Of these without picture", "count"),
            column("analysed_share", "Frames analysed", "share", 1),
            column("frozen_s", "Picture stood still", "seconds"),
            column("reconnects", "Reconnects", "count"),
            column("latency_p99_s", "Worst delay", "seconds", 1),
        ),
        rows=tuple(_room(row) for row in cameras.rooms[:MOST_ROOMS]),
        empty="No camera was heard of in a lesson of this period.",
    )


def _room(row: Row) -> tuple[Value, ...]:
    expected = row["frames_expected"]
    return (
        row["room"],
        row["uptime"],
        int(row["planned_minutes"]),
        int(row["down_minutes"]),
        row["frames_analysed"] / expected if expected else None,
        int(row["frozen_s"]),
        int(row["reconnects"]),
        row["latency_p99_s"],
    )
