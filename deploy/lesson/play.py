"""The lesson played through the aggregator faster than real time, without picture or server."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from aggregator.plan import build_plan
from aggregator.rows import Rows
from deploy.lesson.classroom import Classroom, build_classroom
from deploy.lesson.degrade import Degrader
from deploy.lesson.judgement import Judgement, judge
from deploy.lesson.log import NS, CameraAnswers, Entry, write_log
from deploy.lesson.matching import People
from deploy.lesson.noise_model import NoiseModel
from deploy.lesson.school import ACTIVITY, LESSON_START, read_school, school_block
from deploy.lesson.true_class import TrueClass, true_class
from deploy.lesson.watched_room import WatchedRoom, Witness
from deploy.simulator.truth import Truth
from deploy.simulator.undrawn import Undrawn, UndrawnFilm
from schemas.messages import FrameFaces
from workers.geometry.canonical_mesh import CanonicalMesh

FPS: Final = 5.0
USUAL_FPS: Final = 1.0  # enough to see where faces move
Progress = Callable[[str, float], None]
"""Told what is being done, and how much of it is (0..1)."""


@dataclass(frozen=True)
class LessonOptions:
    """What the command line says."""

    minutes: int
    seats: int
    seed: int


@dataclass(frozen=True)
class Stakes:
    """The class and all that is true about it."""

    classroom: Classroom
    films: dict[str, UndrawnFilm]
    usual: list[Truth]
    truth: TrueClass

    @property
    def people(self) -> dict[str, People]:
        """Everybody in each camera's picture."""
        return {
            camera: People(film.students, film.bystanders) for camera, film in self.films.items()
        }


def prepare(
    options: LessonOptions,
    mesh: CanonicalMesh,
    progress: Progress,
    *,
    start: dt.datetime = LESSON_START,
    activity: str = ACTIVITY,
) -> Stakes:
    """Script the lesson and work out its truth.

    Raises:
        ValueError: no such class, or too short a lesson.
    """
    classroom = build_classroom(options.seats, options.minutes, options.seed)
    cameras = classroom.room.cameras
    progress("scripting the class", 0.0)
    usual = Undrawn(mesh, classroom.room, classroom.usual, USUAL_FPS)
    plan_truths = [usual.film(camera).students for camera in cameras]
    undrawn = Undrawn(mesh, classroom.room, classroom.lesson, FPS)
    films = {}
    for index, camera in enumerate(cameras):
        progress("scripting the class", (index + 1) / (len(cameras) + 2))
        films[camera.id] = undrawn.film(camera)
    truths = [film.students for film in films.values()]
    truth = true_class(classroom, truths, int(start.timestamp()), activity)
    progress("scripting the class", 1.0)
    return Stakes(classroom, films, plan_truths, truth)


def play(
    options: LessonOptions, mesh: CanonicalMesh, noise: NoiseModel, progress: Progress
) -> Judgement:
    """Play a lesson and judge its rows.

    Raises:
        ValueError: no such class, or too short a lesson.
    """
    stakes = prepare(options, mesh, progress)
    start_ns = stakes.truth.start_s * NS
    witness = Witness(stakes.people, start_ns)
    room = WatchedRoom.before(witness, stakes.classroom.room.id)
    rows: Rows = []
    for entry_id, message in _log(options, stakes, noise):
        rows += room.feed(entry_id, message)
        if isinstance(message, FrameFaces) and message.seq % 50 == 0:
            progress("playing the lesson", message.seq / (FPS * stakes.truth.seconds))
    progress("playing the lesson", 1.0)
    return judge(rows, witness.notes, stakes.truth)


def replayed(entries: Sequence[Entry], stakes: Stakes, run_id: str) -> tuple[Judgement, Rows]:
    """Judge a lesson whose log somebody else has written."""
    witness = Witness(stakes.people, stakes.truth.start_s * NS)
    room = WatchedRoom.before(witness, stakes.classroom.room.id, run_id)
    rows: Rows = []
    for entry_id, message in entries:
        rows += room.feed(entry_id, message)
    return judge(rows, witness.notes, stakes.truth), rows


def _log(options: LessonOptions, stakes: Stakes, noise: NoiseModel) -> Iterator[Entry]:
    degrader = Degrader(noise, options.seed)
    answers = [
        CameraAnswers(
            truth=film.students,
            students=degrader.answers(film.students),
            bystanders=degrader.answers(film.bystanders),
            false_faces=degrader.false_faces(film.students),
        )
        for film in stakes.films.values()
    ]
    block = school_block(stakes.usual, _no_url, minutes=options.minutes, analysis_fps=FPS)
    site = read_school(block)
    bits = {camera.id: bit for bit, camera in enumerate(stakes.classroom.room.cameras)}
    start_ns = stakes.truth.start_s * NS
    plan = build_plan(site, site.rooms[0], bits, start_ns - NS)
    return write_log(plan, answers, start_ns, options.seed)


def _no_url(camera_id: str) -> str:
    return f"rtsp://127.0.0.1:1/{camera_id}"
