"""Lessons before the demo: three of them, played into a real database."""

from __future__ import annotations

import datetime as dt
import threading
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console
from sqlalchemy import text

from deploy.demo.history import SEED, HistoryOptions, ensure_history, last_week, prepare
from deploy.demo.history_plan import HistoryLesson, plan_history
from deploy.demo.history_room import play_room
from deploy.demo.weekly import write_weekly
from deploy.simulator.scene import demo_rooms
from deploy.simulator.script import write_lesson
from deploy.simulator.site_file import camera_block
from deploy.simulator.undrawn import Undrawn
from schemas.database import create_engine
from schemas.site import Site
from workers.geometry.canonical_mesh import load_canonical_mesh

SATURDAY = dt.date(2026, 3, 7)
LESSONS = text(
    """
    SELECT class, to_char(local_start, 'Dy HH24:MI') AS at, reason, lost_points >= 8 AS is_lost,
           camera_down_s
    FROM v_lessons ORDER BY started_at
    """
)
COUNTS = """
    SELECT (SELECT count(*) FROM meetings), (SELECT count(*) FROM attention_windows),
           (SELECT count(*) FROM participation_summaries), (SELECT count(*) FROM camera_minutes),
           (SELECT sum(n_lessons) FROM site_day_curves)
"""


def demo_site() -> Site:
    """The demo's, its seat plan from a minute's truth."""
    mesh, rooms = load_canonical_mesh(), []
    for room in demo_rooms():
        undrawn = Undrawn(mesh, room, write_lesson(room, 1, 7), 1.0)
        cameras = [
            camera_block(undrawn.film(camera).students, "rtsp://127.0.0.1:1/c", 2.0)
            for camera in room.cameras
        ]
        rooms.append({"id": room.id, "name": room.name, "cameras": cameras})
    return Site.model_validate(
        {
            "version": 1,
            "site": {"id": "simulated-school", "time_zone": "Europe/Amsterdam"},
            "policy": {"profile": "demo", "expression": False},
            "rooms": rooms,
        }
    )


def lessons_of(today: dt.date) -> tuple[HistoryLesson, ...]:
    """Of the last week's five: one that no camera saw, one that lost its class, a usual one."""
    lessons = plan_history(today, ZoneInfo("Europe/Amsterdam"), SEED, weeks=1)
    return tuple(lesson for lesson in lessons if lesson.start.weekday() in {1, 2, 3})


@pytest.mark.timeout(600)
def test_a_broken_off_history_is_played_to_its_end_once_and_the_live_rooms_know_nothing_of_it(
    database_url, tmp_path
):
    options = HistoryOptions(demo_site(), demo_rooms(), lessons_of(SATURDAY))
    console = Console(file=StringIO())
    engine = create_engine(database_url, pooled=False)
    prepare(options, engine, database_url)
    play_room(options.tasks(database_url)[1], lambda written: written < 1)
    with engine.connect() as connection:
        assert connection.execute(text(COUNTS)).one()[0] == 1

    ensure_history(options, database_url, console, threading.Event())
    with engine.connect() as connection:
        counts = connection.execute(text(COUNTS)).one()
        lessons = [tuple(row) for row in connection.execute(LESSONS)]
        runs = connection.execute(text("SELECT DISTINCT run_id FROM room_state")).scalars().all()
        plans = connection.execute(text("SELECT DISTINCT source FROM calibrations")).scalars().all()
    assert lessons == [
        ("class-8b", "Tue 09:15", "camera_down", None, 38 * 60),
        ("class-7a", "Wed 10:15", "ok", True, 0),
        ("class-8b", "Thu 14:15", "ok", False, 0),
    ]
    assert (runs, plans) == (["history"], ["site_file"])

    month_later = lessons_of(SATURDAY + dt.timedelta(days=30))
    later = HistoryOptions(options.site, options.rooms, month_later)
    ensure_history(later, database_url, console, threading.Event())
    with engine.connect() as connection:
        assert connection.execute(text(COUNTS)).one() == counts

    first, after = last_week(engine, options.site) or ()
    assert (first.date(), after.date()) == (dt.date(2026, 2, 23), dt.date(2026, 3, 2))
    page, paper = write_weekly(engine, options.site, tmp_path / "demo-weekly.html")
    engine.dispose()
    assert "class-7a" in page.read_text(encoding="utf-8")
    assert paper.read_bytes().startswith(b"%PDF-")
