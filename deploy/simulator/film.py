"""Render a school's lesson: films and truth of all cameras, in parallel, once, kept for reuse."""

import hashlib
import json
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

from deploy.simulator.cutout import Picture
from deploy.simulator.encoding import encode_film, join_films
from deploy.simulator.moment import Moment
from deploy.simulator.scene import Camera, Room, calibration_deg, demo_rooms
from deploy.simulator.script import FPS, Lesson, write_lesson
from deploy.simulator.stage import Stage
from deploy.simulator.truth import SeatTruth, stack, write_truth
from workers.geometry.canonical_mesh import load_canonical_mesh

Progress = Callable[[int, int], None]
Arrays = dict[str, NDArray[np.generic]]

_DRAWN_BY: Final = (
    "appearance", "bystanders", "course", "cutout", "encoding", "figure", "head", "landmarks",
    "moment", "raster", "scene", "script", "shapes", "stage", "texture", "truth", "walk",
)  # fmt: skip
_CHUNK_S: Final = 20
_CHUNK_FRAMES: Final = _CHUNK_S * FPS


@dataclass(frozen=True, slots=True)
class CameraFilm:
    """What one simulated camera shows, and the truth about it."""

    room_id: str
    camera_id: str
    film_path: Path
    truth_path: Path


@dataclass(frozen=True, slots=True)
class Simulation:
    """A rendered school.

    Attributes:
        rooms: with seats and cameras.
        lessons: the script of each room, in the same order.
        films: one for each camera, in the order of rooms and cameras.
        duration_s: length of every film.
        fps: frames a second of every film.
        folder: where the files are.
    """

    rooms: tuple[Room, ...]
    lessons: tuple[Lesson, ...]
    films: tuple[CameraFilm, ...]
    duration_s: float
    fps: int
    folder: Path


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One camera's frames from `start` up to `end`."""

    room: Room
    camera: Camera
    lesson: Lesson
    start: int
    end: int
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / f"{self.camera.id}-{self.start:08d}.mp4"


def build(
    minutes: float,
    seed: int,
    out_dir: Path,
    progress: Progress | None = None,
    *,
    rooms: tuple[Room, ...] | None = None,
    lessons: tuple[Lesson, ...] | None = None,
    processes: int | None = None,
) -> Simulation:
    """Render a lesson, or find it rendered before.

    Args:
        minutes: length of the lesson, at least 1.
        seed: of everything that is invented.
        out_dir: films are kept below this folder, one folder for each script and renderer.
        progress: called with frames done and frames in all.
        rooms: the school; the demo's two rooms unless given.
        lessons: their scripts, of that length; written by `write_lesson` unless given.
        processes: how many processes draw; one for each core unless given.

    Raises:
        ValueError: the lesson is too short.
        WeightsMissingError: the canonical mesh is not there; pull `face_landmarker`.
        OSError: cannot write.
    """
    school = demo_rooms() if rooms is None else rooms
    if lessons is None:
        lessons = tuple(write_lesson(room, minutes, seed) for room in school)
    folder = out_dir / _key(school, lessons)
    films = tuple(
        CameraFilm(room.id, camera.id, folder / f"{camera.id}.mp4", folder / f"{camera.id}.npz")
        for room in school
        for camera in room.cameras
    )
    duration_s = round(minutes * 60 * FPS) / FPS
    if not all(film.film_path.exists() and film.truth_path.exists() for film in films):
        _render(school, lessons, folder, progress or _silent, processes)
    return Simulation(school, lessons, films, duration_s, FPS, folder)


def _silent(_done: int, _total: int) -> None:
    """Nobody watches."""


def _key(rooms: tuple[Room, ...], lessons: tuple[Lesson, ...]) -> str:
    script = [[asdict(room) for room in rooms], [asdict(lesson) for lesson in lessons]]
    text = json.dumps(script, sort_keys=True, default=float) + renderer_version()
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def renderer_version() -> str:
    """Hash of the drawing code: films of older code are not taken for today's."""
    digest = hashlib.sha256()
    for name in _DRAWN_BY:
        digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return digest.hexdigest()


def _render(
    rooms: tuple[Room, ...],
    lessons: tuple[Lesson, ...],
    folder: Path,
    progress: Progress,
    processes: int | None,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _clear_away(folder)
    workplace = Path(tempfile.mkdtemp(prefix=f"rendering-{os.getpid()}-", dir=folder))
    try:
        chunks = [
            _Chunk(room, camera, lesson, start, min(start + _CHUNK_FRAMES, frames), workplace)
            for room, lesson in zip(rooms, lessons, strict=True)
            for frames in (round(lesson.duration_s * FPS),)
            for camera in room.cameras
            for start in range(0, frames, _CHUNK_FRAMES)
        ]
        drawn = _draw_all(chunks, progress, processes)
        for _, group in groupby(chunks, key=lambda chunk: chunk.camera.id):
            mine = list(group)
            _finish(mine, [drawn[chunk.path] for chunk in mine], folder)
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _clear_away(folder: Path) -> None:
    """Remove what killed renderers left behind."""
    for left in folder.glob("rendering-*-*"):
        if not psutil.pid_exists(int(left.name.split("-")[1])):
            shutil.rmtree(left, ignore_errors=True)


def _draw_all(
    chunks: list[_Chunk], progress: Progress, processes: int | None
) -> dict[Path, Arrays]:
    total, done = sum(chunk.end - chunk.start for chunk in chunks), 0
    drawn: dict[Path, Arrays] = {}
    progress(0, total)
    if processes == 1:
        for chunk in chunks:
            drawn[chunk.path] = _draw_chunk(chunk)
            done += chunk.end - chunk.start
            progress(done, total)
        return drawn
    # Spawned, not forked: the caller may have threads and servers running.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes or _cores(), context, initializer=_one_thread) as pool:
        waiting = {pool.submit(_draw_chunk, chunk): chunk for chunk in chunks}
        try:
            for finished in as_completed(waiting):
                chunk = waiting[finished]
                drawn[chunk.path] = finished.result()
                done += chunk.end - chunk.start
                progress(done, total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return drawn


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _one_thread() -> None:
    # There is a process for each core already.
    cv2.setNumThreads(1)


@lru_cache(maxsize=1)
def _stage(room: Room, camera: Camera, lesson: Lesson) -> Stage:
    # Kept between chunks: faces are painted and sprites are drawn once a process and camera.
    return Stage(load_canonical_mesh(), room, camera, lesson)


def _draw_chunk(chunk: _Chunk) -> Arrays:
    stage = _stage(chunk.room, chunk.camera, chunk.lesson)
    moments: list[Moment] = []

    def pictures() -> Iterator[Picture]:
        for frame in range(chunk.start, chunk.end):
            picture, moment = stage.draw(frame, FPS)
            moments.append(moment)
            yield picture

    encode_film(
        chunk.path, pictures(), width=chunk.camera.width, height=chunk.camera.height, fps=FPS
    )
    return stack(moments)


def _finish(chunks: list[_Chunk], drawn: list[Arrays], folder: Path) -> None:
    """Join one camera's chunks; the film appears last, whole, under its name."""
    room, camera, lesson = chunks[0].room, chunks[0].camera, chunks[0].lesson
    seats = [
        SeatTruth(
            seat.label,
            calibration_deg(room, camera, seat),
            student.seed,
            camera.px_per_cm(np.array(seat.neck_m)),
        )
        for seat, student in zip(room.seats, lesson.students, strict=True)
    ]
    write_truth(
        folder / f"{camera.id}.npz",
        camera_id=camera.id,
        room_id=room.id,
        fps=FPS,
        size=(camera.width, camera.height),
        seats=seats,
        arrays={name: np.concatenate([part[name] for part in drawn]) for name in drawn[0]},
    )
    joined = chunks[0].folder / f"{camera.id}.mp4"
    join_films([chunk.path for chunk in chunks], joined)
    joined.replace(folder / f"{camera.id}.mp4")
