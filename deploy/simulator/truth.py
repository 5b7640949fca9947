"""The truth about a simulated film: who sat where, turned how, eyes open or shut.

One file per camera, numpy's .npz without pickled objects. A frame's time is its index divided by
the film's frame rate, from the film's start. The 468 points are not stored: they follow exactly
from a student's seed and the pose, and `Truth.landmarks_xy` computes them.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.simulator.appearance import draw_appearance
from deploy.simulator.head import PIVOT, Head, rotation
from deploy.simulator.moment import Moment
from deploy.simulator.script import Behaviour
from workers.geometry.canonical_mesh import CanonicalMesh

TRUTH_VERSION: Final = 1
CLOSED_BELOW: Final = 0.5  # openness
MOST_YAW_DEG: Final = 60.0
PITCH_RANGE_DEG: Final = (-45.0, 15.0)
MOST_OCCLUDED: Final = 0.6


@dataclass(frozen=True, slots=True)
class SeatTruth:
    """What holds for one seat during the whole film.

    Attributes:
        label: of the seat.
        calibration_deg: yaw and pitch that the camera sees when the student faces the board.
        seed: of the student's looks.
        px_per_cm: scale at which the head is drawn.
    """

    label: str
    calibration_deg: tuple[float, float]
    seed: int
    px_per_cm: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One student at one moment, as one camera could see it at best.

    Attributes:
        time_s: from the film's start.
        yaw_deg, pitch_deg, roll_deg: relative to the camera's line of sight.
        openness: of the eyes: 1 open, 0 closed.
        face_px: height of the face's box.
        present: in the seat.
        visible: a detector can be expected to find the face (see `Truth.visible`).
        behaviour: what the script says.
        do_not_score: in a grey zone, or walking.
    """

    time_s: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    openness: float
    face_px: float
    present: bool
    visible: bool
    behaviour: Behaviour
    do_not_score: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth about one camera's film: F frames, S seats.

    Attributes:
        camera_id, room_id: slugs.
        fps: frames a second.
        width, height: of the picture [px].
        seats: S of them, in the order of every array's second axis.
        present: (F, S) a head was drawn; `seated`: and it was in its seat.
        behaviour: (F, S) numbers of `script.Behaviour`.
        seen_deg: (F, S, 3) yaw, pitch, roll relative to the camera's line of sight; nan absent.
        front_deg: (F, S, 3) the same relative to the direction from the student to the board.
        neck_xy: (F, S, 2) reference point of the drawn head [px].
        box_xyxy: (F, S, 4) box round the face's 468 points [px].
        openness, smile, occluded: (F, S) 0..1.
        do_not_score: (F, S) pitch -45..-80 degrees, 60 to 90 % occluded, or walking.
    """

    camera_id: str
    room_id: str
    fps: float
    width: int
    height: int
    seats: tuple[SeatTruth, ...]
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

    @property
    def labels(self) -> tuple[str, ...]:
        """Seat labels."""
        return tuple(seat.label for seat in self.seats)

    @property
    def duration_s(self) -> float:
        """Length of the film."""
        return len(self.present) / self.fps

    @property
    def face_px(self) -> NDArray[np.float32]:
        """(F, S) height of the face's box; nan absent."""
        height: NDArray[np.float32] = self.box_xyxy[..., 3] - self.box_xyxy[..., 1]
        return height

    @property
    def visible(self) -> NDArray[np.bool_]:
        """(F, S) faces that a detector should find: seated, near frontal, mostly unoccluded."""
        yaw, pitch = np.nan_to_num(self.seen_deg[..., 0], nan=180.0), self.seen_deg[..., 1]
        low, high = PITCH_RANGE_DEG
        seen: NDArray[np.bool_] = (
            self.seated
            & (np.abs(yaw) <= MOST_YAW_DEG)
            & (pitch >= low)
            & (pitch <= high)
            & (self.occluded <= MOST_OCCLUDED)
        )
        return seen

    @property
    def closed(self) -> NDArray[np.bool_]:
        """(F, S) eyes shut."""
        shut: NDArray[np.bool_] = self.present & (self.openness < CLOSED_BELOW)
        return shut

    def seat_index(self, label: str) -> int:
        """Where a seat stands on the second axis.

        Raises:
            KeyError: no such seat.
        """
        try:
            return self.labels.index(label)
        except ValueError:
            raise KeyError(f"{self.camera_id}: no seat {label!r} in the truth") from None

    def samples(self, label: str, fps: float = 2.0) -> Iterator[Sample]:
        """One seat's course at an analysis rate, absent moments included.

        Args:
            label: of the seat.
            fps: samples a second, evenly spaced from the film's start.
        """
        seat = self.seat_index(label)
        visible, face_px = self.visible[:, seat], self.face_px[:, seat]
        for index in range(int(self.duration_s * fps)):
            frame = min(round(index / fps * self.fps), len(self.present) - 1)
            yaw, pitch, roll = self.seen_deg[frame, seat].tolist()
            yield Sample(
                time_s=frame / self.fps, yaw_deg=yaw, pitch_deg=pitch, roll_deg=roll,
                openness=float(self.openness[frame, seat]), face_px=float(face_px[frame]),
                present=bool(self.seated[frame, seat]), visible=bool(visible[frame]),
                behaviour=Behaviour(int(self.behaviour[frame, seat])),
                do_not_score=bool(self.do_not_score[frame, seat]),
            )  # fmt: skip

    def landmarks_xy(self, mesh: CanonicalMesh, frame: int, label: str) -> NDArray[np.float32]:
        """The face's points as they were drawn.

        Returns:
            (468, 2) [px].

        Raises:
            ValueError: nobody was drawn there.
        """
        index = self.seat_index(label)
        if not self.present[frame, index]:
            raise ValueError(f"{self.camera_id}: nobody at {label} in frame {frame}")
        seat = self.seats[index]
        head = Head(mesh, draw_appearance(seat.seed))
        openness, smile = float(self.openness[frame, index]), float(self.smile[frame, index])
        vertices = head.vertices(openness, smile)[: head.n_face]
        turned = (vertices - PIVOT) @ rotation(*self.seen_deg[frame, index].tolist()).T
        flat = turned[:, :2] * (seat.px_per_cm, -seat.px_per_cm)
        points: NDArray[np.float32] = (flat + self.neck_xy[frame, index]).astype(np.float32)
        return points


_ARRAYS: Final = tuple(field.name for field in fields(Moment))


def stack(moments: Sequence[Moment]) -> dict[str, NDArray[np.generic]]:
    """Moments of consecutive frames to arrays with a frame axis in front."""
    return {name: np.stack([getattr(moment, name) for moment in moments]) for name in _ARRAYS}


def write_truth(
    path: Path,
    *,
    camera_id: str,
    room_id: str,
    fps: float,
    size: tuple[int, int],
    seats: Sequence[SeatTruth],
    arrays: dict[str, NDArray[np.generic]],
) -> None:
    """Write a truth file; a file that is there is whole."""
    head = {
        "version": TRUTH_VERSION, "camera_id": camera_id, "room_id": room_id, "fps": fps,
        "width": size[0], "height": size[1],
        "seats": [[s.label, list(s.calibration_deg), s.seed, s.px_per_cm] for s in seats],
    }  # fmt: skip
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, head=np.array(json.dumps(head)), **arrays)  # type: ignore[arg-type]  # numpy's stub takes the named arrays for its allow_pickle flag
    part.replace(path)


def read_truth(path: Path) -> Truth:
    """Read a truth file.

    Raises:
        ValueError: written by another version.
        OSError: cannot be read.
    """
    with np.load(path, allow_pickle=False) as file:
        head = json.loads(str(file["head"]))
        if head["version"] != TRUTH_VERSION:
            raise ValueError(
                f"{path.name}: truth version {head['version']}, this program reads {TRUTH_VERSION}"
            )
        seats = tuple(
            SeatTruth(label, (float(yaw), float(pitch)), int(seed), float(scale))
            for label, (yaw, pitch), seed, scale in head["seats"]
        )
        return Truth(
            camera_id=head["camera_id"], room_id=head["room_id"], fps=float(head["fps"]),
            width=int(head["width"]), height=int(head["height"]), seats=seats,
            **{name: file[name] for name in _ARRAYS},
        )  # fmt: skip
