"""A lesson as a script of one line, and weeks of such lessons."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Lesson:
    """One lesson as it went.

    Attributes:
        day, start: in the site's zone.
        level: points in the first 25 minutes.
        lost: points less after minute 25.
        students: present, in seats S1, S2, …
        scored: how many of them have a score; None: all.
        coverage: share of their seconds that was observed.
        camera_down_min: first minutes without a camera.
        reconnects: of its camera, in the first minute.
        events: kinds of what happened at its start, with severity 3.
        status: `held`; `planned`: nobody came and no camera saw it; `running`: not closed.
        offsets: points of each student against the class; missing ones are 0.
    """

    day: dt.date
    start: dt.time = dt.time(9, 0)
    class_id: str = "3b"
    room: str = "room-1"
    minutes: int = 45
    level: float = 70.0
    lost: float = 0.0
    students: int = 12
    scored: int | None = None
    coverage: float = 0.85
    camera_down_min: int = 0
    reconnects: int = 0
    stale: bool = False
    events: tuple[str, ...] = ()
    status: str = "held"
    offsets: tuple[float, ...] = ()


def weeks_of(
    first_monday: dt.date,
    weeks: int,
    classes: Sequence[str] = ("3b", "4a"),
    *,
    rise: float = 0.0,
    **changes: Any,
) -> list[Lesson]:
    """One lesson a day and class, Monday to Friday; each class in a room and at an hour of its own.

    The first lesson of class n starts at 9:00 + n hours, in room-(n+1); levels differ by day and
    class by a few points and rise by `rise` points a week.
    """
    lessons = []
    for week in range(weeks):
        for weekday in range(5):
            for number, class_id in enumerate(classes):
                wave = (weekday * 7 + number * 3 + week * 5) % 5 - 2
                lessons.append(
                    replace(
                        Lesson(day=first_monday + dt.timedelta(weeks=week, days=weekday)),
                        class_id=class_id,
                        room=f"room-{number + 1}",
                        start=dt.time(9 + number % 8, 0),
                        level=70.0 + wave - 4 * number + rise * week,
                        **changes,
                    )
                )
    return lessons
