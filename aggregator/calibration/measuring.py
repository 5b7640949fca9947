"""At a meeting's close: what it taught about where the front is (SCORE §2).

For each camera, in this order: the meeting's looks are put away; each seat's mode of this meeting
is compared with what was measured before (`noticing`); the newest meetings give each seat its mode,
a plane through the modes of all seats refuses the odd ones and gives the rest a direction, and
what a camera's students look at most is left for places without a name. A direction that hardly
changed stays, so that there is a new version only when there is something new.

What is measured holds from the next meeting on: a lesson is judged by one calibration.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

from aggregator.calibration.angles import Pose, distance_deg
from aggregator.calibration.drift import CHANGED_DEG
from aggregator.calibration.looks import LessonLooks, Looks, cells_of
from aggregator.calibration.modes import Mode, front_mode
from aggregator.calibration.noticing import notice
from aggregator.calibration.plane import MAX_RESIDUAL_DEG, Point, fit_plane
from aggregator.calibration.state import (
    CAMERA,
    CalibrationState,
    CameraCalibration,
    Known,
    SeatCalibration,
    centres_of,
    direction_of,
)
from aggregator.calibration.telling import untold
from aggregator.people import Meeting
from aggregator.rows import Rows
from schemas.messages import RoomPlan
from schemas.room_plan import CameraPlan, Direction

MIN_LESSONS: Final = 3
MAX_LESSONS: Final = 6
MIN_CELLS: Final = 600
MIN_LESSON_CELLS: Final = 60  # a seat that was taken for less has not sat through the lesson
MAX_AGE_S: Final = 45 * 86_400  # looks are kept no longer than windows are (`retention`)
MAX_OFF_DEG: Final = 25.0  # from what the room's geometry says
FACTORS: Final = {"modal_seat": 1.0, "plane_fit": 0.9, "geometric": 0.85, "camera_mode": 0.8}
_Measured = Literal["modal_seat", "plane_fit", "camera_mode"]


def measure(
    state: CalibrationState,
    plan: RoomPlan,
    meeting: Meeting,
    second: int,
    found: Mapping[str, Mapping[str, Point]] = MappingProxyType({}),
) -> Rows:
    """Learn from a meeting that closes; rows of what is new.

    Sets `meeting.calibration_stale`.

    Args:
        state: of the room.
        plan: with the seats that held in the meeting.
        meeting: that closes.
        second: of its close.
        found: by camera and label, where the picture shows seats that nobody drew.
    """
    rows: Rows = []
    for camera in plan.cameras:
        known = state.cameras.get(camera.camera_id)
        if known is None:
            continue
        centres = centres_of(camera)
        fresh = _put_away(known, centres, meeting.started)
        noticed = notice(known, fresh, camera.camera_id, plan, meeting, second)
        meeting.calibration_stale |= noticed.is_stale
        taken = {k: v for k, v in found.get(camera.camera_id, {}).items() if k in known.seats}
        _measure(known, camera, {**taken, **centres}, noticed.seats_to_measure)
        _remember_places(known, centres)
        rows += noticed.events + untold(known, camera, plan.room_id, second)
        known.seats = {label: seat for label, seat in known.seats.items() if not seat.is_empty}
    return rows


def is_plausible(pose: Pose, expected: Direction | None) -> bool:
    """SCORE's sanity limit, where something is known of the room's geometry.

    There is no room plan in the site file; what it says of the whole camera stands for one.
    """
    if expected is None:
        return True
    return distance_deg(pose, (expected.yaw_deg, expected.pitch_deg)) <= MAX_OFF_DEG


def _put_away(
    known: CameraCalibration, centres: Mapping[str, Point], start: int
) -> dict[str, LessonLooks]:
    """Close the looks of the meeting that began at `start`, by label; forget old ones."""
    fresh: dict[str, LessonLooks] = {}
    for label in sorted(known.seats):
        seat = known.seats[label]
        if seat.was_redrawn(centres.get(label)):
            seat = known.seats[label] = SeatCalibration(looks=seat.looks, told=seat.told)
        lesson = seat.looks.close(start)
        seat.looks = Looks()
        seat.lessons = [old for old in seat.lessons if old.start > start - MAX_AGE_S]
        if lesson.seconds >= MIN_LESSON_CELLS:
            fresh[label] = lesson
            seat.lessons = _newest([*seat.lessons, lesson])
    return fresh


def _newest(lessons: Sequence[LessonLooks]) -> list[LessonLooks]:
    """As few of the newest as tell enough."""
    kept = list(lessons[-MAX_LESSONS:])
    while len(kept) > MIN_LESSONS and sum(lesson.seconds for lesson in kept[1:]) >= MIN_CELLS:
        del kept[0]
    return kept


def _remember_places(known: CameraCalibration, centres: Mapping[str, Point]) -> None:
    """For which place in the picture the drawn seats' directions hold."""
    for label, seat in known.seats.items():
        seat.centre = seat.centre or centres.get(label)


def _measure(
    known: CameraCalibration, camera: CameraPlan, places: Mapping[str, Point], wanted: set[str]
) -> None:
    modes = {
        label: mode
        for label, seat in sorted(known.seats.items())
        if label != CAMERA
        and (mode := _mode(seat, camera.calibration, is_new=label in wanted)) is not None
    }
    fitted = [label for label in modes if label in places]
    plane = fit_plane([places[label] for label in fitted], [modes[label].pose for label in fitted])
    for label in sorted({*known.seats, *places} - {CAMERA}):
        place = places.get(label)
        by_plane = plane.at(place) if plane is not None and place is not None else None
        if (seat := known.seats.get(label)) is None and by_plane is None:
            continue
        seat = seat or known.seat(label)
        _measure_seat(seat, modes.get(label), by_plane)
    whole = _camera_mode(known)
    if whole is not None and is_plausible(whole.pose, camera.calibration):
        _adopt(known.seat(CAMERA), "camera_mode", whole.pose, whole)


def _mode(seat: SeatCalibration, expected: Direction | None, *, is_new: bool) -> Mode | None:
    """The seat's front by its own newest lessons; None while they do not tell."""
    if not is_new and seat.moved is None:
        return seat.mode
    if len(seat.lessons) < MIN_LESSONS or (seat.moved is not None and not seat.stale):
        return None
    mode = front_mode(cells_of(seat.lessons), MIN_CELLS)
    return mode if mode is not None and is_plausible(mode.pose, expected) else None


def _measure_seat(seat: SeatCalibration, mode: Mode | None, by_plane: Pose | None) -> None:
    """The seat's own mode, unless all others say that it is not the front."""
    if mode is not None:
        seat.mode, seat.moved, seat.stale = mode, None, False
        if by_plane is None or distance_deg(mode.pose, by_plane) <= MAX_RESIDUAL_DEG:
            _adopt(seat, "modal_seat", mode.pose, mode)
            return
    has_own = seat.measured is not None and seat.measured.direction.method == "modal_seat"
    if by_plane is not None and (mode is not None or not has_own):
        _adopt(seat, "plane_fit", by_plane, None)


def _camera_mode(known: CameraCalibration) -> Mode | None:
    lessons = [lesson for _, seat in sorted(known.seats.items()) for lesson in seat.lessons]
    if len({lesson.start for lesson in lessons}) < MIN_LESSONS:
        return None
    return front_mode(cells_of(lessons), MIN_CELLS)


def _adopt(seat: SeatCalibration, method: _Measured, pose: Pose, mode: Mode | None) -> None:
    """Take a direction over, if it is another than the one before."""
    old = direction_of(seat.measured)
    if (
        old is not None
        and old.method == method
        and distance_deg((old.yaw_deg, old.pitch_deg), pose) <= CHANGED_DEG
    ):
        return
    yaw, pitch = pose
    direction = Direction(yaw_deg=yaw, pitch_deg=pitch, method=method, factor=FACTORS[method])
    if mode is None:
        seat.measured = Known(direction, "measured")
    else:
        seat.measured = Known(direction, "measured", mode.mass, mode.cells)
