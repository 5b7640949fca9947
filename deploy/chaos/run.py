"""`facepose chaos`: kill -9 whatever runs, again and again, then compare every row."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from deploy.chaos.books import read_books
from deploy.chaos.comparison import compare
from deploy.chaos.executioner import Executioner
from deploy.chaos.lesson import ChaosLesson
from deploy.chaos.report import ChaosReport
from deploy.chaos.schedule import Kill, Target, kill_schedule
from deploy.chaos.servers import ChaosServers
from deploy.chaos.undisturbed import create_database, write_undisturbed
from deploy.simulator.film import Simulation, build
from deploy.simulator.scene import build_room
from schemas.database import create_engine
from schemas.settings import Settings
from workers.weights import cache_folder

FILM_MINUTES: Final = 2.0
FILM_SEED: Final = 23
_LOOK_AT_LOSSES_S: Final = 30.0

OnStep = Callable[[str, int], None]  # what happens, kills so far


@dataclass(frozen=True)
class ChaosOptions:
    """What the command line says.

    Attributes:
        kills: how many.
        seed: of their order.
        pace_s: mean pause between two of them.
        state: folder of servers and logs.
    """

    kills: int
    seed: int
    pace_s: float
    state: Path


@cache
def chaos_school() -> Simulation:
    """Two small rooms, one of them with two cameras: two cores must carry all of it.

    Drawn once, which takes a minute or two, and kept in the cache.
    """
    rooms = (
        build_room(
            "four", "Four seats (simulated)", rows=1, columns=4,
            camera_offsets_m=(0.3,), width=640, height=360,
        ),
        build_room(
            "three", "Three seats (simulated)", rows=1, columns=3,
            camera_offsets_m=(-0.6, 0.6), width=640, height=360,
        ),
    )  # fmt: skip
    return build(FILM_MINUTES, FILM_SEED, cache_folder() / "simulations", rooms=rooms)


def run_chaos(
    options: ChaosOptions,
    settings: Settings,
    simulation: Simulation,
    on_step: OnStep,
) -> ChaosReport:
    """Disturb a lesson, then compare it with an undisturbed one.

    Raises:
        FacePoseError: the lesson could not be held or disturbed as planned.
    """
    folder = options.state.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    schedule = kill_schedule(options.kills, options.seed, options.pace_s)
    with (
        ChaosServers(folder, settings) as servers,
        ChaosLesson(folder, simulation, servers) as lesson,
    ):
        on_step("starting", 0)
        lesson.start()
        executioner = Executioner(servers, lesson.supervisor, lesson.orders, lesson.look)
        began_s = time.monotonic()
        for number, kill in enumerate(schedule):
            on_step(kill.target, number)
            _disturb(lesson, executioner, kill)
        lasted_s = time.monotonic() - began_s
        on_step("the lesson's end", len(schedule))
        lesson.end()
        on_step("comparing", len(schedule))
        return _compared(options, lesson, executioner, lasted_s)


def _disturb(lesson: ChaosLesson, executioner: Executioner, kill: Kill) -> None:
    lesson.for_seconds(kill.pause_s)
    executioner.carry_out(kill)
    if kill.target is Target.FACES:
        lesson.until(lesson.recorder.count_forgotten, "the log after a restart", _LOOK_AT_LOSSES_S)


def _compared(
    options: ChaosOptions, lesson: ChaosLesson, executioner: Executioner, lasted_s: float
) -> ChaosReport:
    logs = lesson.recorder.entries
    fresh = create_database(lesson.database_url)
    upto = {room: lesson.position(room) for room in logs}
    write_undisturbed(fresh, lesson.site, lesson.synced_at, lesson.faces, logs, upto)
    undisturbed = create_engine(fresh)
    try:
        return ChaosReport(
            seed=options.seed,
            asked=options.kills,
            kills=dict(executioner.kills),
            points=dict(executioner.points),
            lasted_s=lasted_s,
            comparison=compare(lesson.engine, undisturbed),
            books=read_books(lesson.engine, logs, lesson.in_flight()),
            log_entries=sum(len(entries) for entries in logs.values()),
            log_forgotten=lesson.recorder.forgotten,
        )
    finally:
        undisturbed.dispose()
