"""Four weeks of lessons before the demo's own, so that reports have a past to tell of.

They are simulated without pictures. It is done once for each database; the rooms play beside each
other, one a process.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from queue import Empty
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from sqlalchemy import Engine, text

from aggregator.formula import register_formula
from deploy.demo.history_plan import CLASSES, HistoryLesson
from deploy.demo.history_room import RUN_ID, RoomTask, play_room
from deploy.simulator.scene import Room
from schemas.database import connect, create_engine, upgrade
from schemas.site import Site
from schemas.sync import sync_site

SEED: Final = 20  # of the classes; the demo's own lesson has another
_LOOK_S: Final = 0.2
_COLUMNS: Final = (
    TextColumn("{task.description}"),
    BarColumn(),
    TaskProgressColumn(),
    TimeRemainingColumn(),
)
_WRITTEN: Final = text(
    """
    SELECT count(*) >= :rooms FROM room_state
    JOIN rooms USING (room_id) JOIN sites USING (site_id)
    WHERE sites.slug = :site AND run_id = :run AND octet_length(snapshot) = 0
    """
)
_SITE: Final = text("SELECT 1 FROM sites WHERE slug = :site")
_LAST_DAY: Final = text(
    """
    SELECT max(lower(planned)) FROM meetings JOIN sites USING (site_id)
    JOIN classes USING (class_id)
    WHERE sites.slug = :site AND classes.slug = ANY(:classes)
    """
)


@dataclass(frozen=True)
class HistoryOptions:
    """What is to be played.

    Attributes:
        site: the demo's.
        rooms: of the site, simulated.
        lessons: in these rooms, the earliest first: see `plan_history`.
        seed: of the classes.
    """

    site: Site
    rooms: tuple[Room, ...]
    lessons: tuple[HistoryLesson, ...]
    seed: int = SEED

    def tasks(self, database_url: str) -> list[RoomTask]:
        """What is to be done for each room that has lessons."""
        return [
            RoomTask(database_url, self.site, room, mine, self.seed + number)
            for number, room in enumerate(self.rooms)
            if (mine := tuple(lesson for lesson in self.lessons if lesson.room_index == number))
        ]


def ensure_history(
    options: HistoryOptions, database_url: str, console: Console, stop: threading.Event
) -> None:
    """Play what is not in the database yet; at once when all is there, or `stop` is set.

    A history that is whole stays as it is, also on another day. One that was broken off is played
    on: each lesson is written with the room's state behind it, and rows have natural keys.

    Raises:
        FacePoseError: the database cannot be used, or another demo writes into it.
    """
    engine = create_engine(database_url, pooled=False)
    try:
        prepare(options, engine, database_url)
        tasks = options.tasks(database_url)
        if not _is_written(engine, options.site.site.id, len(tasks)):
            _play(tasks, console, stop)
    finally:
        engine.dispose()


def last_week(engine: Engine, site: Site) -> tuple[dt.datetime, dt.datetime] | None:
    """The week of the history's last lesson, from Monday to Monday; None: there is no history."""
    zone = ZoneInfo(site.site.time_zone)
    values = {"site": site.site.id, "classes": [habits.class_id for habits in CLASSES]}
    with connect(engine) as connection:
        last = connection.execute(_LAST_DAY, values).scalar_one()
    if last is None:
        return None
    day = last.astimezone(zone).date()
    monday = day - dt.timedelta(days=day.weekday())
    start, end = (
        dt.datetime.combine(monday + dt.timedelta(days=days), dt.time(), zone) for days in (0, 7)
    )
    return start, end


def prepare(options: HistoryOptions, engine: Engine, database_url: str) -> None:
    """Tables, the site's places from the first lesson on, the score's version."""
    first = options.lessons[0].start - dt.timedelta(days=1)
    upgrade(database_url, now=dt.datetime.now(dt.UTC))
    with connect(engine) as connection:
        known = connection.execute(_SITE, {"site": options.site.site.id}).first()
    if known is None:  # a database that knows the site has its own past
        sync_site(engine, options.site, at=first)
    with connect(engine) as connection:
        register_formula(connection)
        connection.commit()


def _is_written(engine: Engine, site_id: str, rooms: int) -> bool:
    values = {"site": site_id, "run": RUN_ID, "rooms": rooms}
    with connect(engine) as connection:
        return bool(connection.execute(_WRITTEN, values).scalar_one())


def _play(tasks: list[RoomTask], console: Console, stop: threading.Event) -> None:
    """Let a process for each room play its lessons, and show how far they are."""
    context = multiprocessing.get_context("spawn")  # the caller has threads and servers running
    told: Queue[tuple[str, int]] = context.Queue()
    ended = context.Event()
    pool = ProcessPoolExecutor(len(tasks), context, initializer=_begin, initargs=(told, ended))
    lessons = sum(len(task.lessons) for task in tasks)
    begun_s = time.monotonic()
    if not console.is_terminal:  # there is no bar to look at
        console.print(f"History:  playing {lessons} lessons of the weeks before, about a minute")
    with pool, Progress(*_COLUMNS, console=console, transient=True) as progress:
        bar = progress.add_task(f"playing {lessons} earlier lessons", total=lessons)
        try:
            running = [pool.submit(_play_room, task) for task in tasks]
            done: dict[str, int] = {}
            while not all(future.done() for future in running):
                if stop.is_set() or _has_failed(running):
                    ended.set()
                for room_id, count in _news(told):
                    done[room_id] = count
                    progress.update(bar, completed=sum(done.values()))
        except BaseException:
            ended.set()
            raise
    for future in running:
        future.result()
    if not stop.is_set():
        took_s = time.monotonic() - begun_s
        console.print(f"History:  {lessons} lessons played in {took_s:.0f} s", highlight=False)


def _has_failed(running: list[Future[None]]) -> bool:
    return any(future.done() and future.exception() is not None for future in running)


def _news(told: Queue[tuple[str, int]]) -> list[tuple[str, int]]:
    try:
        return [told.get(timeout=_LOOK_S)]
    except Empty:
        return []


class _Process:
    """What a process of the pool has from its parent."""

    told: Queue[tuple[str, int]]
    ended: Event


def _begin(told: Queue[tuple[str, int]], ended: Event) -> None:
    _Process.told, _Process.ended = told, ended


def _play_room(task: RoomTask) -> None:
    def tell(count: int) -> bool:
        _Process.told.put((task.room.id, count))
        return not _Process.ended.is_set()

    play_room(task, tell)
