"""How far from the truth a room calibrates itself, in simulated lessons whose front is known.

    python -m tests.studies.calibration [--seats 30] [--minutes 45] [--lessons 6] [--noise 4]

Students of the simulated class (`deploy.lesson`) do what their scripts say, in another lesson each
time; two cameras see where their heads point, once a second, with a Gaussian error. Nothing is
drawn. Prints the error of each seat's direction in degrees, in the plane of yaw and pitch.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from aggregator.calibration.angles import distance_deg
from aggregator.calibration.in_force import front_directions
from aggregator.calibration.measuring import measure
from aggregator.calibration.state import CalibrationState
from aggregator.lesson import open_meeting
from deploy.lesson.classroom import build_classroom
from deploy.simulator.course import course
from deploy.simulator.head import rotation
from deploy.simulator.scene import Camera, Room, calibration_deg, seen_pose
from deploy.simulator.script import FPS, Lesson, write_lesson
from schemas.messages import RoomPlan
from schemas.policy import resolve
from schemas.room_plan import CameraPlan, SeatPlan

START_S = 1_795_000_200
DAY_S = 86_400
MOST_YAW_DEG, LEAST_PITCH_DEG = 75.0, -50.0  # beyond, no face is found
HALF_SEAT = 0.03  # of the picture
_FACE_M = (0.0, 0.1, 0.0)  # from the neck


@dataclass(frozen=True)
class Error:
    """One seat of one camera: how it was calibrated, and how far from the truth."""

    camera: str
    seat: str
    method: str
    degrees: float


def plan_of(room: Room) -> RoomPlan:
    """The room without any calibration."""
    return RoomPlan(
        room_id=room.id, at=0, site_id="simulated", time_zone="Europe/Amsterdam",
        policy=resolve("demo"),
        cameras=tuple(
            CameraPlan(camera_id=c.id, mask_bit=bit, analysis_fps=1.0, seats=_seats(room, c))
            for bit, c in enumerate(room.cameras)
        ),
    )  # fmt: skip


def _seats(room: Room, camera: Camera) -> tuple[SeatPlan, ...]:
    seats = []
    for seat in room.seats:
        x, y, _ = camera.project(np.add(seat.neck_m, _FACE_M))
        u, v, h = float(x) / camera.width, float(y) / camera.height, HALF_SEAT
        corners = ((u - h, v - h), (u + h, v - h), (u + h, v + h), (u - h, v + h))
        seats.append(SeatPlan(label=seat.label, polygon=corners))
    return tuple(seats)


def learn(
    room: Room, lessons: Sequence[Lesson], noise_deg: float, seed: int
) -> Iterator[list[Error]]:
    """Hold the lessons; after each one the errors of what holds from then on."""
    plan, state = plan_of(room), CalibrationState()
    rng = np.random.default_rng(seed)
    for number, lesson in enumerate(lessons):
        for student, seat in zip(lesson.students, room.seats, strict=True):
            moves = course(student, lesson.duration_s)
            neck = np.array(seat.neck_m)
            front = room.front(neck)
            for frame in np.flatnonzero(moves.seated)[::FPS]:
                noise = rng.normal(0.0, noise_deg, (len(room.cameras), 2))
                for camera, error in zip(room.cameras, noise, strict=True):
                    looks = state.camera(camera.id).seat(seat.label).looks
                    if not looks.is_due():
                        continue
                    head = front @ rotation(*moves.turn_deg[frame])
                    yaw, pitch, _ = seen_pose(camera, neck + moves.shift_m[frame], head)
                    if abs(yaw) <= MOST_YAW_DEG and pitch >= LEAST_PITCH_DEG:
                        looks.add(yaw + error[0], pitch + error[1])
        begin = START_S + number * DAY_S
        end = begin + round(lesson.duration_s)
        measure(state, plan, open_meeting(plan, begin, None), end)
        yield list(_errors(room, plan, state))


def _errors(room: Room, plan: RoomPlan, state: CalibrationState) -> Iterator[Error]:
    for camera, camera_plan in zip(room.cameras, plan.cameras, strict=True):
        fronts = front_directions(camera_plan, state.camera(camera.id))
        for seat in room.seats:
            front = fronts[seat.label]
            if front is not None:
                truth = calibration_deg(room, camera, seat)
                off = distance_deg((front.yaw_deg, front.pitch_deg), truth)
                yield Error(camera.id, seat.label, front.method, off)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seats", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=45.0)
    parser.add_argument("--lessons", type=int, default=6)
    parser.add_argument("--noise", type=float, default=4.0, help="degrees, of yaw and of pitch")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    first = build_classroom(options.seats, options.minutes, options.seed)
    lessons = [
        first.lesson if i == 0 else write_lesson(first.room, options.minutes, options.seed + i)
        for i in range(options.lessons)
    ]
    lines = ["| lessons | seats | by mode, plane, camera | median | 90 % | largest |"]
    lines += ["|---|---|---|---|---|---|"]
    errors: list[Error] = []
    for number, errors in enumerate(learn(first.room, lessons, options.noise, options.seed), 1):
        lines.append(f"| {number} | {_summary(errors)} |")
    for e in sorted(errors, key=lambda error: -error.degrees):
        lines.append(f"{e.camera} {e.seat:4} {e.method:12} {e.degrees:5.2f}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _summary(errors: Sequence[Error]) -> str:
    if not errors:
        return "0 | | | | "
    methods = [e.method for e in errors]
    counts = [methods.count(name) for name in ("modal_seat", "plane_fit", "camera_mode")]
    sizes = sorted(e.degrees for e in errors)
    figures = (median(sizes), sizes[int(0.9 * (len(sizes) - 1))], sizes[-1])
    shown = " | ".join(f"{figure:.1f}°" for figure in figures)
    return f"{len(errors)} | {', '.join(map(str, counts))} | {shown}"


if __name__ == "__main__":
    sys.exit(main())
