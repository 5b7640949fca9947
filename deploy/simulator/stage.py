"""One camera's picture at any moment of the lesson, and the truth about it."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.simulator.bystanders import (
    PASSER_BODY_CM,
    PASSER_NECK_M,
    draw_poster,
    passer_looks_deg,
    passer_necks_m,
)
from deploy.simulator.course import Course, course
from deploy.simulator.cutout import Cutout, Picture
from deploy.simulator.figure import Figure
from deploy.simulator.head import Floats, rotation
from deploy.simulator.moment import Moment, in_grey_zone
from deploy.simulator.scene import Camera, Room, pose_to_front, rounded_pose, seen_pose
from deploy.simulator.script import FPS, Lesson, Passer
from deploy.simulator.shapes import caption, draw_background, draw_desk
from workers.geometry.canonical_mesh import CanonicalMesh

_BODY_CM: Final = 62.0
_PLAIN: Final = 0  # owner of pixels that show no student's head


@dataclass(slots=True)
class _Canvas:
    """A picture in the making.

    Attributes:
        picture: (H, W, 3) uint8 RGB.
        owners: (H, W) uint8: 1 + seat whose head each pixel shows, 0 none.
        drawn: of each seat, where its face is and how many pixels it had before others came.
    """

    picture: Picture
    owners: Picture
    drawn: dict[int, tuple[slice, slice, int]] = field(default_factory=dict)

    def lay(self, cutout: Cutout, at: tuple[int, int], owner: int) -> None:
        cutout.lay_on(self.picture, self.owners, at, owner)

    def remember(self, seat: int, box: NDArray[np.float32]) -> None:
        rows, columns = _inside(box, self.owners.shape)
        mine = np.count_nonzero(self.owners[rows, columns] == seat + 1)
        self.drawn[seat] = rows, columns, int(mine)

    def occluded(self, seat: int) -> float:
        rows, columns, drawn = self.drawn[seat]
        left = np.count_nonzero(self.owners[rows, columns] == seat + 1)
        return 1 - int(left) / max(drawn, 1)


class Stage:
    """Draws one camera's pictures of one lesson."""

    def __init__(self, mesh: CanonicalMesh, room: Room, camera: Camera, lesson: Lesson) -> None:
        self._room, self._camera, self._lesson = room, camera, lesson
        self._background = draw_background(room, camera, lesson.students[0].seed)
        for poster in lesson.posters:
            draw_poster(self._background, mesh, camera, poster)
        self._figures = [
            Figure(mesh, student.seed, camera.px_per_cm(np.array(seat.neck_m)), _BODY_CM)
            for student, seat in zip(lesson.students, room.seats, strict=True)
        ]
        self._courses: list[Course] = [course(s, lesson.duration_s) for s in lesson.students]
        self._moved = self._figures_after_moves(mesh)
        self._desks = [draw_desk(room, camera, index) for index in range(len(room.seats))]
        self._passer = self._figure_of(mesh, lesson.passer)
        self._walkers = [self._figure_of(mesh, walker) for walker in lesson.walkers]

    def draw(self, frame: int, fps: float) -> tuple[Picture, Moment]:
        """Draw one frame.

        Returns:
            (H, W, 3) uint8 RGB, and the truth about it.
        """
        picture = self._background.copy()
        canvas = _Canvas(picture, np.zeros(picture.shape[:2], np.uint8))
        seats = len(self._room.seats)
        moment = Moment.empty(seats)
        for _, index in sorted(self._depths(frame)):
            if index < 0:
                canvas.lay(self._desks[-index - 1], (0, 0), _PLAIN)
            elif index < seats:
                self._draw_student(canvas, moment, index, frame)
            else:
                walker = index - seats
                self._draw_passer(
                    canvas, self._lesson.walkers[walker], self._walkers[walker], frame / fps
                )
        self._draw_passer(canvas, self._lesson.passer, self._passer, frame / fps)
        for seat in canvas.drawn:
            moment.occluded[seat] = canvas.occluded(seat)
        moment.do_not_score |= in_grey_zone(moment)
        caption(picture)
        return picture, moment

    def _depths(self, frame: int) -> list[tuple[float, int]]:
        """What stands where: (z, seat) of a student, (z, -seat - 1) of a desk, walkers last."""
        depths = []
        for index, seat in enumerate(self._room.seats):
            depths.append((seat.neck_m[2] + 0.5, -index - 1))
            plan = self._courses[index]
            if plan.present[frame]:
                depths.append((seat.neck_m[2] + float(plan.shift_m[frame, 2]), index))
        seats = len(self._room.seats)
        depths += [(walker.z_m, seats + i) for i, walker in enumerate(self._lesson.walkers)]
        return depths

    def _figures_after_moves(self, mesh: CanonicalMesh) -> dict[int, tuple[int, Figure]]:
        """Who moves looks larger or smaller from then on: the frame of it, and the figure."""
        necks = {seat.label: np.array(seat.neck_m) for seat in self._room.seats}
        return {
            index: (
                round(move.start_s * FPS),
                Figure(mesh, student.seed, self._camera.px_per_cm(necks[move.seat]), _BODY_CM),
            )
            for index, student in enumerate(self._lesson.students)
            for move in student.moves
        }

    def _figure_of(self, mesh: CanonicalMesh, passer: Passer) -> Figure:
        place = np.array([0.0, PASSER_NECK_M, passer.z_m])
        return Figure(mesh, passer.seed, self._camera.px_per_cm(place), PASSER_BODY_CM)

    def _draw_student(self, canvas: _Canvas, moment: Moment, seat: int, frame: int) -> None:
        plan, figure = self._courses[seat], self._figures[seat]
        if seat in self._moved and frame >= self._moved[seat][0]:
            figure = self._moved[seat][1]
        neck = np.array(self._room.seats[seat].neck_m) + plan.shift_m[frame]
        turn = plan.turn_deg[frame]
        head_to_world = self._room.front(neck) @ rotation(turn[0], turn[1], turn[2])
        seen = rounded_pose(seen_pose(self._camera, neck, head_to_world))
        openness, smile = float(plan.openness[frame]), float(plan.smile[frame])
        at = self._pixel(neck)
        canvas.lay(figure.body, at, _PLAIN)
        sprite = figure.sprite(seen, openness, smile)
        canvas.lay(sprite.cutout, at, seat + 1)
        box = sprite.box_xyxy + np.array([*at, *at], np.float32)
        moment.present[seat], moment.seated[seat] = True, plan.seated[frame]
        moment.behaviour[seat] = plan.behaviour[frame]
        moment.seen_deg[seat] = seen
        moment.front_deg[seat] = pose_to_front(self._room, self._camera, neck, seen)
        moment.neck_xy[seat], moment.box_xyxy[seat] = at, box
        moment.openness[seat], moment.smile[seat] = openness, smile
        moment.do_not_score[seat] = not plan.seated[frame] or self._leaves_picture(box)
        canvas.remember(seat, box)

    def _draw_passer(self, canvas: _Canvas, passer: Passer, figure: Figure, time_s: float) -> None:
        neck = passer_necks_m(passer, np.array([time_s]))[0]
        if np.isnan(neck[0]):
            return
        at = self._pixel(neck)
        canvas.lay(figure.body, at, _PLAIN)
        canvas.lay(figure.sprite(passer_looks_deg(passer), 1.0, 0.0).cutout, at, _PLAIN)

    def _pixel(self, point_m: Floats) -> tuple[int, int]:
        x, y, _ = self._camera.project(point_m)
        return round(float(x)), round(float(y))

    def _leaves_picture(self, box: NDArray[np.float32]) -> bool:
        width, height = self._camera.width, self._camera.height
        return bool(box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height)


def _inside(box: NDArray[np.float32], shape: tuple[int, ...]) -> tuple[slice, slice]:
    x0, y0, x1, y1 = (int(v) for v in np.round(box))
    return (
        slice(min(max(y0, 0), shape[0]), max(0, min(y1, shape[0]))),
        slice(min(max(x0, 0), shape[1]), max(0, min(x1, shape[1]))),
    )
