"""One camera's picture at any moment of the lesson, and the truth about it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.simulator.appearance import draw_appearance
from deploy.simulator.cutout import Picture
from deploy.simulator.head import PIVOT, Floats, Head, rotation
from deploy.simulator.raster import Sprite, draw_head
from deploy.simulator.scene import Camera, Room, pose_to_front, rounded_pose, seen_pose
from deploy.simulator.script import Behaviour, Course, Lesson, course
from deploy.simulator.shapes import caption, draw_background, draw_body, draw_desk
from deploy.simulator.texture import paint
from workers.geometry.canonical_mesh import CanonicalMesh

_CACHED_SPRITES: Final = 1500  # about 50 KB each
_PASSER_NECK_M: Final = 1.48
_PASSER_REACH_M: Final = 2.4
_PASSER_M_PER_S: Final = 1.1
_GREY_PITCH_DEG: Final = (-80.0, -45.0)
_GREY_OCCLUSION: Final = (0.6, 0.9)
_PLAIN: Final = 0  # owner of pixels that no head owns


@dataclass(slots=True)
class Moment:
    """The truth about one frame, S seats.

    Attributes:
        present: (S,) a head was drawn.
        seated: (S,) it is in its seat.
        behaviour: (S,) of `script.Behaviour`.
        seen_deg: (S, 3) yaw, pitch, roll relative to the line of sight.
        front_deg: (S, 3) the same relative to the board's direction.
        neck_xy: (S, 2) where the neck's joint lies [px].
        box_xyxy: (S, 4) of the drawn face [px].
        openness, smile, occluded: (S,) 0..1.
        do_not_score: (S,) in a grey zone, walking, or partly outside the picture.
    """

    present: NDArray[np.bool_]
    seated: NDArray[np.bool_]
    behaviour: NDArray[np.uint8]
    seen_deg: NDArray[np.float32]
    front_deg: NDArray[np.float32]
    neck_xy: NDArray[np.float32]
    box_xyxy: NDArray[np.float32]
    openness: NDArray[np.float32]
    smile: NDArray[np.float32]
    occluded: NDArray[np.float32]
    do_not_score: NDArray[np.bool_]

    @classmethod
    def empty(cls, seats: int) -> "Moment":
        """Nobody there."""
        return cls(
            np.zeros(seats, np.bool_), np.zeros(seats, np.bool_),
            np.full(seats, int(Behaviour.WALKING), np.uint8),
            np.full((seats, 3), np.nan, np.float32), np.full((seats, 3), np.nan, np.float32),
            np.full((seats, 2), np.nan, np.float32), np.full((seats, 4), np.nan, np.float32),
            np.zeros(seats, np.float32), np.zeros(seats, np.float32),
            np.zeros(seats, np.float32), np.zeros(seats, np.bool_),
        )  # fmt: skip


class Stage:
    """Draws one camera's pictures of one lesson."""

    def __init__(self, mesh: CanonicalMesh, room: Room, camera: Camera, lesson: Lesson) -> None:
        self._room, self._camera, self._lesson = room, camera, lesson
        self._background = draw_background(room, camera, lesson.students[0].seed)
        self._figures = [
            _Figure(mesh, student.seed, camera.px_per_cm(np.array(seat.neck_m)), 62.0)
            for student, seat in zip(lesson.students, room.seats, strict=True)
        ]
        self._courses: list[Course] = [course(s, lesson.duration_s) for s in lesson.students]
        self._desks = [draw_desk(room, camera, index) for index in range(len(room.seats))]
        place = np.array([0.0, _PASSER_NECK_M, lesson.passer.z_m])
        self._passer = _Figure(mesh, lesson.passer.seed, camera.px_per_cm(place), 140.0)

    def draw(self, frame: int, fps: float) -> tuple[Picture, Moment]:
        """Draw one frame.

        Returns:
            (H, W, 3) uint8 RGB, and the truth about it.
        """
        picture = self._background.copy()
        owners = np.zeros(picture.shape[:2], np.uint8)
        moment = Moment.empty(len(self._room.seats))
        hulls: dict[int, tuple[slice, slice, int]] = {}
        for _, seat in sorted(self._depths(frame)):
            if seat < 0:
                self._desks[-seat - 1].lay_on(picture, owners, (0, 0), _PLAIN)
            else:
                self._draw_student(picture, owners, moment, hulls, seat, frame)
        self._draw_passer(picture, owners, frame / fps)
        for seat, (rows, columns, drawn) in hulls.items():
            left = int(np.count_nonzero(owners[rows, columns] == seat + 1))
            moment.occluded[seat] = 1 - left / max(drawn, 1)
        moment.do_not_score |= _in_grey_zone(moment)
        caption(picture)
        return picture, moment

    def _depths(self, frame: int) -> list[tuple[float, int]]:
        """What stands where: (z, seat) of each student, (z, -seat - 1) of each desk."""
        depths = []
        for index, seat in enumerate(self._room.seats):
            depths.append((seat.neck_m[2] + 0.5, -index - 1))
            plan = self._courses[index]
            if plan.present[frame]:
                depths.append((seat.neck_m[2] + float(plan.shift_m[frame, 2]), index))
        return depths

    def _draw_student(
        self,
        picture: Picture,
        owners: Picture,
        moment: Moment,
        hulls: dict[int, tuple[slice, slice, int]],
        seat: int,
        frame: int,
    ) -> None:
        plan, figure = self._courses[seat], self._figures[seat]
        neck = np.array(self._room.seats[seat].neck_m) + plan.shift_m[frame]
        turn = plan.turn_deg[frame]
        head_to_world = self._room.front(neck) @ rotation(turn[0], turn[1], turn[2])
        seen = rounded_pose(seen_pose(self._camera, neck, head_to_world))
        openness, smile = float(plan.openness[frame]), float(plan.smile[frame])
        at = self._pixel(neck)
        figure.body.lay_on(picture, owners, at, _PLAIN)
        sprite = figure.sprite(seen, openness, smile)
        sprite.cutout.lay_on(picture, owners, at, seat + 1)
        box = sprite.box_xyxy + np.array([*at, *at], np.float32)
        moment.present[seat], moment.seated[seat] = True, plan.seated[frame]
        moment.behaviour[seat] = plan.behaviour[frame]
        moment.seen_deg[seat] = seen
        moment.front_deg[seat] = pose_to_front(self._room, self._camera, neck, seen)
        moment.neck_xy[seat], moment.box_xyxy[seat] = at, box
        moment.openness[seat], moment.smile[seat] = openness, smile
        moment.do_not_score[seat] = not plan.seated[frame] or self._leaves_picture(box)
        rows, columns = _inside(box, picture.shape)
        mine = owners[rows, columns] == seat + 1
        hulls[seat] = (rows, columns, int(np.count_nonzero(mine)))

    def _draw_passer(self, picture: Picture, owners: Picture, time_s: float) -> None:
        passer = self._lesson.passer
        metres = (time_s - passer.start_s) * _PASSER_M_PER_S - _PASSER_REACH_M
        if abs(metres) > _PASSER_REACH_M:
            return
        neck = np.array([metres * passer.direction, _PASSER_NECK_M, passer.z_m])
        at = self._pixel(neck)
        self._passer.body.lay_on(picture, owners, at, _PLAIN)
        # Looks at the board: cameras on the front wall see the back of the head, half turned.
        looks = (124.0 * passer.direction, -4.0, 0.0)
        self._passer.sprite(looks, 1.0, 0.0).cutout.lay_on(picture, owners, at, _PLAIN)

    def _pixel(self, point_m: Floats) -> tuple[int, int]:
        x, y, _ = self._camera.project(point_m)
        return round(float(x)), round(float(y))

    def _leaves_picture(self, box: NDArray[np.float32]) -> bool:
        width, height = self._camera.width, self._camera.height
        return bool(box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height)


class _Figure:
    """A person's body and cached heads, at one scale."""

    def __init__(self, mesh: CanonicalMesh, seed: int, px_per_cm: float, length_cm: float) -> None:
        look = draw_appearance(seed)
        self._head, self._atlas = Head(mesh, look), paint(look, mesh.uv)
        self._px_per_cm = px_per_cm
        self.body = draw_body(look, px_per_cm, length_cm)
        self._sprites: dict[tuple[float, ...], Sprite] = {}

    def sprite(self, pose: tuple[float, float, float], openness: float, smile: float) -> Sprite:
        key = (*pose, openness, smile)
        if key not in self._sprites:
            if len(self._sprites) >= _CACHED_SPRITES // 10:
                del self._sprites[next(iter(self._sprites))]
            self._sprites[key] = draw_head(
                self._head, self._atlas, rotation(*pose), self._px_per_cm,
                about=PIVOT, openness=openness, smile=smile,
            )  # fmt: skip
        return self._sprites[key]


def _inside(box: NDArray[np.float32], shape: tuple[int, ...]) -> tuple[slice, slice]:
    x0, y0, x1, y1 = (int(v) for v in np.round(box))
    return (
        slice(min(max(y0, 0), shape[0]), max(0, min(y1, shape[0]))),
        slice(min(max(x0, 0), shape[1]), max(0, min(x1, shape[1]))),
    )


def _in_grey_zone(moment: Moment) -> NDArray[np.bool_]:
    pitch, occluded = np.nan_to_num(moment.seen_deg[:, 1]), moment.occluded
    low, high = _GREY_PITCH_DEG
    some, most = _GREY_OCCLUSION
    grey: NDArray[np.bool_] = ((pitch > low) & (pitch < high)) | (
        (occluded > some) & (occluded < most)
    )
    return grey
