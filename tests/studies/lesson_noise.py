"""How the analyser differs from the truth in the class of `facepose lesson`.

`python -m tests.studies.lesson_noise` draws a lesson of two minutes and 30 seats, encodes it as a
camera does, decodes and analyses every fourth picture of a minute of both cameras, and writes what
it finds to `deploy/lesson/noise.json`. With `--show` it only prints. Some ten minutes on two cores.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import av
import msgspec
import numpy as np

from deploy.lesson.classroom import Classroom, build_classroom
from deploy.lesson.matching import People
from deploy.lesson.noise_model import FILE, NoiseModel, Origin
from deploy.simulator.film import build
from deploy.simulator.undrawn import Undrawn
from tests.studies.lesson_looks import FalseFace, Looks
from tests.studies.lesson_noise_fit import fit
from workers.analyzer import FaceAnalyzer
from workers.geometry.canonical_mesh import load_canonical_mesh
from workers.stages import View
from workers.weights import cache_folder

SEATS: Final = 30
MINUTES: Final = 2
SEED: Final = 11  # not the seed of the lesson that is judged by default
EVERY: Final = 4  # of ten frames a second
PART_S: Final = (10, 70)  # of each film: passers-by, and the change of seats, are in it
COMMAND: Final = "python -m tests.studies.lesson_noise"


def pictures(film: Path) -> Iterator[tuple[int, np.ndarray]]:
    """Every fourth picture of the chosen part of a film, with its number."""
    first, last = (10 * second for second in PART_S)
    with av.open(str(film)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if first <= number < last and number % EVERY == 0:
                yield number, frame.to_ndarray(format="rgb24")


def watch(
    film: Path, people: People, analyzer: FaceAnalyzer, camera_id: str
) -> tuple[Looks, list[FalseFace]]:
    """Analyse one film and set each person beside what was found of them."""
    looks, false = Looks.of(people, EVERY / 10), []
    for number, picture in pictures(film):
        at_s = number / 10
        (faces,) = analyzer.analyze([picture], [View(camera_id, at_s)])
        boxes = np.array([face.box_xyxy for face in faces]).reshape(-1, 4)
        frame = people.frame_at(at_s)
        for face, owner in zip(faces, people.owners(frame, boxes), strict=True):
            if owner is None:
                false.append(FalseFace(face.height_px, face.confidence, face.box_xyxy))
            else:
                looks.see(number // EVERY, owner, face)
        if number % 100 == 0:
            sys.stderr.write(f"\r{camera_id} {at_s:.0f} s ")
    sys.stderr.write("\n")
    return looks.part(*(round(10 * second / EVERY) for second in PART_S)), false


def study(classroom: Classroom) -> NoiseModel:
    """Draw, analyse and fit."""
    folder = cache_folder() / "simulations"
    rooms, lessons = (classroom.room,), (classroom.lesson,)
    simulation = build(MINUTES, SEED, folder, rooms=rooms, lessons=lessons)
    undrawn = Undrawn(load_canonical_mesh(), classroom.room, classroom.lesson, 10 / 2)
    analyzer = FaceAnalyzer.load(expression=False)
    watched = []
    for camera, film in zip(classroom.room.cameras, simulation.films, strict=True):
        seen = undrawn.film(camera)
        people = People(seen.students, seen.bystanders)
        watched.append(watch(film.film_path, people, analyzer, camera.id))
    looks = [part for part, _ in watched]
    false = [face for _, faces in watched for face in faces]
    origin = Origin(
        command=COMMAND,
        films=f"{len(looks)} cameras, {MINUTES:g} min, {SEATS} seats, 1920x1080, seed {SEED}, "
        f"{10 / EVERY:g} pictures a second of "
        f"seconds {PART_S[0]} to {PART_S[1]}",
        model_version=analyzer.model_version,
        frames=sum(len(part.found) for part in looks),
        faces_true=int(sum(part.present.sum() for part in looks)),
        faces_found=int(sum(part.found.sum() for part in looks)),
        faces_false=len(false),
    )
    for face in false:
        sys.stderr.write(f"nobody's: {face.height_px:.0f} px, {face.confidence:.2f}, {face.box}\n")
    return fit(looks, false, origin)


def main() -> None:
    model = study(build_classroom(SEATS, MINUTES, SEED))
    text = msgspec.json.format(msgspec.json.encode(model), indent=1)
    sys.stdout.buffer.write(text + b"\n")
    if "--show" not in sys.argv[1:]:
        path = Path(__file__).parents[2] / "deploy" / "lesson" / FILE
        path.write_bytes(text + b"\n")


if __name__ == "__main__":
    main()
