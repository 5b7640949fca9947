"""The truth about a film that nobody draws: the same arrays, from geometry alone.

Poses, boxes, eyes and places are those that `Stage` would draw, number for number; only how much
of a face others hide is reckoned (see `hidden`). A frame of 30 students takes .1 ms, not 300.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.simulator.appearance import draw_appearance
from deploy.simulator.bystanders import (
    PASSER_NECK_M,
    POSTER_LOOKS_DEG,
    passer_looks_deg,
    passer_necks_m,
)
from deploy.simulator.course import Course, course
from deploy.simulator.head import PIVOT, Floats, Head
from deploy.simulator.hidden import Standing, hidden_share
from deploy.simulator.many_poses import angles_deg, axes, rotations
from deploy.simulator.moment import Moment, in_grey_zone
from deploy.simulator.raster import face_boxes
from deploy.simulator.scene import POSE_STEP_DEG, Camera, Room, calibration_deg
from deploy.simulator.script import FPS, Behaviour, Lesson, Passer, Poster, StudentScript
from deploy.simulator.truth import SeatTruth, Truth
from workers.geometry.canonical_mesh import CanonicalMesh

_EYES_M: Final = np.array([0.0, 0.10, 0.05])  # as `Room.front` has it
_UP: Final = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True, slots=True)
class UndrawnFilm:
    """What one camera would show.

    Attributes:
        students: the truth as `film.build` writes it.
        bystanders: the same of those who are nobody's student, each "seat" one of them: walkers,
            the passer, posters, in that order.
    """

    students: Truth
    bystanders: Truth


@dataclass(slots=True)
class _Person:
    """One person, frame by frame."""

    seat: SeatTruth
    standing: Standing
    seated: NDArray[np.bool_]
    behaviour: NDArray[np.uint8]
    seen_deg: Floats
    front_deg: Floats
    box_xyxy: Floats
    openness: Floats
    smile: Floats


class Undrawn:
    """Works out what cameras of a lesson would show, at a frame rate that divides the film's."""

    def __init__(self, mesh: CanonicalMesh, room: Room, lesson: Lesson, fps: float) -> None:
        step = round(FPS / fps)
        if step < 1 or abs(step * fps - FPS) > 1e-9:
            raise ValueError(f"{fps:g} frames a second are not a whole part of {FPS}")
        self._mesh, self._room, self._lesson, self._fps = mesh, room, lesson, fps
        self._times = np.arange(0, round(lesson.duration_s * FPS), step) / FPS
        self._courses = [
            _thinned(course(student, lesson.duration_s), step) for student in lesson.students
        ]

    def film(self, camera: Camera) -> UndrawnFilm:
        """What one of the room's cameras would show."""
        scripts = zip(self._lesson.students, self._courses, strict=True)
        students = [
            self._student(camera, index, student, played)
            for index, (student, played) in enumerate(scripts)
        ]
        lesson = self._lesson
        bystanders = [
            *(self._passer(camera, f"walker-{i + 1}", p) for i, p in enumerate(lesson.walkers)),
            self._passer(camera, "passer", lesson.passer),
            *(self._poster(camera, f"poster-{i + 1}", p) for i, p in enumerate(lesson.posters)),
        ]
        # Whoever passes in front of the class is drawn last.
        front = bystanders[len(lesson.walkers)].standing
        front.z_m[~np.isnan(front.z_m)] = 0.0
        everybody = [person.standing for person in (*students, *bystanders)]
        return UndrawnFilm(
            self._truth(camera, students, everybody), self._truth(camera, bystanders, everybody)
        )

    def _student(
        self, camera: Camera, index: int, student: StudentScript, played: Course
    ) -> _Person:
        home = self._room.seats[index]
        necks = np.array(home.neck_m) + played.shift_m
        necks[~played.present] = np.nan
        scale = np.full(len(necks), camera.px_per_cm(np.array(home.neck_m)))
        for move in student.moves:
            there = np.array(home.neck_m) + np.array(move.way_m[-1])
            scale[self._times >= round(move.start_s * FPS) / FPS] = camera.px_per_cm(there)
        to_board = np.array(self._room.board_m) - (necks + _EYES_M)
        front = np.swapaxes(axes(to_board, _UP), 1, 2)
        sight = axes(np.array(camera.position_m) - necks, camera.axes()[1])
        seen = angles_deg(sight @ front @ rotations(played.turn_deg))
        seen = POSE_STEP_DEG * np.round(seen / POSE_STEP_DEG)
        relative = np.swapaxes(front, 1, 2) @ np.swapaxes(sight, 1, 2) @ rotations(seen)
        seat = SeatTruth(
            home.label, calibration_deg(self._room, camera, home), student.seed, float(scale[0])
        )
        at = np.round(camera.project(necks)[:, :2])
        return _Person(
            seat=seat, standing=Standing(necks[:, 2], at, scale), seated=played.seated,
            behaviour=played.behaviour, seen_deg=seen, front_deg=angles_deg(relative),
            box_xyxy=self._boxes(student.seed, seen, played.openness, played.smile, scale, at),
            openness=played.openness, smile=played.smile,
        )  # fmt: skip

    def _passer(self, camera: Camera, name: str, passer: Passer) -> _Person:
        necks = passer_necks_m(passer, self._times)
        place = np.array([0.0, PASSER_NECK_M, passer.z_m])
        return self._bystander(camera, name, passer.seed, necks, place, passer_looks_deg(passer))

    def _poster(self, camera: Camera, name: str, poster: Poster) -> _Person:
        place = np.array(poster.neck_m)
        necks = np.tile(place, (len(self._times), 1))
        return self._bystander(camera, name, poster.seed, necks, place, POSTER_LOOKS_DEG)

    def _bystander(
        self, camera: Camera, name: str, seed: int, necks: Floats, place: Floats,
        looks_deg: tuple[float, float, float],
    ) -> _Person:  # fmt: skip
        frames = len(necks)
        scale = np.full(frames, camera.px_per_cm(place))
        seen = np.where(np.isnan(necks), np.nan, np.array(looks_deg))
        at = np.round(camera.project(necks)[:, :2])
        eyes, smile = np.ones(frames), np.zeros(frames)
        return _Person(
            seat=SeatTruth(name, (0.0, 0.0), seed, float(scale[0])),
            standing=Standing(necks[:, 2].copy(), at, scale),
            seated=np.zeros(frames, np.bool_),
            behaviour=np.full(frames, int(Behaviour.WALKING), np.uint8),
            seen_deg=seen, front_deg=np.full_like(seen, np.nan),
            box_xyxy=self._boxes(seed, seen, eyes, smile, scale, at), openness=eyes, smile=smile,
        )  # fmt: skip

    def _boxes(
        self, seed: int, seen: Floats, openness: Floats, smile: Floats, scale: Floats, at: Floats
    ) -> Floats:
        """(F, 4) of the face; each different head is put together once."""
        head = Head(self._mesh, draw_appearance(seed))
        boxes = np.full((len(seen), 4), np.nan)
        there = np.flatnonzero(~np.isnan(seen[:, 0]))
        states = np.column_stack([openness, smile, scale, seen])[there]
        kinds, which = np.unique(states, axis=0, return_inverse=True)
        for eyes, smiling in np.unique(kinds[:, :2], axis=0):
            vertices = head.vertices(float(eyes), float(smiling))[: head.n_face] - PIVOT
            chosen = np.flatnonzero((kinds[:, 0] == eyes) & (kinds[:, 1] == smiling))
            turned = vertices @ np.swapaxes(rotations(kinds[chosen, 3:]), 1, 2)
            flat = turned[:, :, :2] * kinds[chosen, 2, None, None] * (1.0, -1.0)
            about = face_boxes(flat.astype(np.float32))
            place = np.full(len(kinds), -1)
            place[chosen] = np.arange(len(chosen))
            mine = place[which.ravel()] >= 0
            boxes[there[mine]] = about[place[which.ravel()][mine]] + np.tile(at[there[mine]], 2)
        return boxes

    def _truth(self, camera: Camera, people: Sequence[_Person], everybody: list[Standing]) -> Truth:
        hidden = [
            hidden_share(
                person.box_xyxy,
                person.standing.z_m,
                [other for other in everybody if other is not person.standing],
            )
            for person in people
        ]
        seen = _stacked([person.seen_deg for person in people])
        present = ~np.isnan(seen[..., 0])
        boxes = _stacked([person.box_xyxy for person in people])
        occluded = _stacked(hidden)
        seated = np.stack([person.seated for person in people], axis=1)
        size = np.array([camera.width, camera.height], np.float32)
        with np.errstate(invalid="ignore"):
            outside = (boxes[..., :2] < 0).any(-1) | (boxes[..., 2:] > size).any(-1)
        grey = _grey(seen, occluded)
        return Truth(
            camera_id=camera.id, room_id=self._room.id, fps=self._fps,
            width=camera.width, height=camera.height,
            seats=tuple(person.seat for person in people),
            present=present, seated=seated,
            behaviour=np.stack([person.behaviour for person in people], axis=1),
            seen_deg=seen, front_deg=_stacked([person.front_deg for person in people]),
            neck_xy=_stacked([person.standing.neck_xy for person in people]), box_xyxy=boxes,
            openness=_stacked([person.openness for person in people]) * present,
            smile=_stacked([person.smile for person in people]) * present,
            occluded=occluded,
            do_not_score=(present & (~seated | outside)) | grey,
        )  # fmt: skip


def _grey(seen_deg: NDArray[np.float32], occluded: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(F, S) `moment.in_grey_zone` of every frame."""
    frames, people = occluded.shape
    flat = Moment.empty(frames * people)
    flat.seen_deg, flat.occluded = seen_deg.reshape(-1, 3), occluded.ravel()
    return in_grey_zone(flat).reshape(frames, people)


def _stacked(parts: Sequence[Floats]) -> NDArray[np.float32]:
    return np.stack(parts, axis=1).astype(np.float32)


def _thinned(played: Course, step: int) -> Course:
    return Course(
        played.present[::step], played.seated[::step], played.behaviour[::step],
        played.turn_deg[::step], played.openness[::step], played.smile[::step],
        played.shift_m[::step],
    )  # fmt: skip
