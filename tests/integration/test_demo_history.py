"""Weeks of lessons before the demo: one of them, played into a real database."""

from __future__ import annotations

import datetime as dt
import threading
from io import StringIO

import pytest
from rich.console import Console
from sqlalchemy import text

from deploy.demo.history import HistoryOptions, ensure_history, last_week
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


@pytest.mark.timeout(300)
def test_a_broken_off_history_is_played_to_its_end_once_and_the_live_rooms_know_nothing_of_it(
    database_url, tmp_path
):
    options = HistoryOptions(demo_site(), demo_rooms(), SATURDAY, weeks=1)
    console, stopped = Console(file=StringIO()), threading.Event()
    stopped.set()
    ensure_history(options, database_url, console, stopped)
    engine = create_engine(database_url, pooled=False)
    with engine.connect() as connection:
        meetings, *_ = connection.execute(text(COUNTS)).one()
    assert meetings < 5
    ensure_history(options, database_url, console, threading.Event())
    with engine.connect() as connection:
        counts = connection.execute(text(COUNTS)).one()
        lessons = [tuple(row) for row in connection.execute(LESSONS)]
        runs = connection.execute(text("SELECT DISTINCT run_id FROM room_state")).scalars().all()
        plans = connection.execute(text("SELECT DISTINCT source FROM calibrations")).scalars().all()
    assert lessons == [
        ("class-7a", "Mon 08:30", "ok", False, 0),
        ("class-8b", "Tue 09:15", "camera_down", None, 38 * 60),
        ("class-7a", "Wed 10:15", "ok", True, 0),
        ("class-8b", "Thu 14:15", "ok", False, 0),
        ("class-7a", "Fri 13:30", "ok", False, 4 * 60),
    ]
    assert (runs, plans) == (["history"], ["site_file"])

    later = HistoryOptions(options.site, options.rooms, SATURDAY + dt.timedelta(days=30), weeks=1)
    ensure_history(later, database_url, console, threading.Event())
    with engine.connect() as connection:
        assert connection.execute(text(COUNTS)).one() == counts

    first, after = last_week(engine, options.site) or ()
    assert (first.date(), after.date()) == (dt.date(2026, 2, 23), dt.date(2026, 3, 2))
    page, paper = write_weekly(engine, options.site, tmp_path / "demo-weekly.html")
    engine.dispose()
    assert "class-7a" in page.read_text(encoding="utf-8")
    assert paper.read_bytes().startswith(b"%PDF-")
