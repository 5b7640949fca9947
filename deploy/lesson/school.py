"""The site file of the simulated class: its seat plan, its exact calibration, its timetable."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

from deploy.lesson.classroom import ROOM_ID
from deploy.simulator.site_file import camera_block
from deploy.simulator.truth import Truth
from schemas.site import Site

TIME_ZONE: Final = "Europe/Amsterdam"
LESSON_START: Final = dt.datetime(2026, 3, 2, 7, 30, tzinfo=dt.UTC)  # a Monday, 08:30 there
CLASS_ID: Final = "class-1"
ACTIVITY: Final = "lecture"


def school_block(
    usual: Sequence[Truth], url_of: Callable[[str], str], *, minutes: int, analysis_fps: float
) -> dict[str, object]:
    """Describe the school as a site file does.

    Args:
        usual: of each camera, the truth about a lesson in which all sit in their own seats.
        url_of: camera id to its url.
        minutes: length of the lesson in the timetable.
        analysis_fps: frames a second to analyse.
    """
    start = dt.datetime.combine(dt.date.min, dt.time(8, 30))
    end = start + dt.timedelta(minutes=minutes)
    return {
        "version": 1,
        "site": {"id": "simulated-school", "name": "Simulated school", "time_zone": TIME_ZONE},
        "policy": {"profile": "demo", "expression": False},
        "rooms": [
            {
                "id": ROOM_ID,
                "name": "Classroom (simulated)",
                "capacity": len(usual[0].seats),
                "cameras": [
                    camera_block(truth, url_of(truth.camera_id), analysis_fps) for truth in usual
                ],
            }
        ],
        "timetable": [
            {
                "id": "lesson", "room": ROOM_ID, "weekdays": ["mon"], "class": CLASS_ID,
                "activity": ACTIVITY, "start": f"{start:%H:%M}", "end": f"{end:%H:%M}",
            }
        ],
    }  # fmt: skip


def read_school(block: dict[str, object]) -> Site:
    """The same, checked."""
    return Site.model_validate(block)
