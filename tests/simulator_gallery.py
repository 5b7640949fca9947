"""Simulated heads in chosen poses, drawn, sent through H.264 and measured by the real networks."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from deploy.simulator.encoding import encode_film
from deploy.simulator.figure import Figure
from workers.face import Face
from workers.geometry.canonical_mesh import load_canonical_mesh

WIDTH, HEIGHT, COLUMNS, ROWS = 1280, 720, 4, 3
PER_FRAME = COLUMNS * ROWS
MESH_HEIGHT_CM = 17.7


@dataclass(frozen=True)
class Pose:
    """How one head is drawn; `seed` chooses the student."""

    seed: int
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    face_px: float
    openness: float = 1.0


@dataclass(frozen=True)
class Sighting:
    """A drawn head and the face that was found there, if any."""

    pose: Pose
    box_xyxy: np.ndarray
    face: Face | None


@dataclass(frozen=True)
class Seen:
    sightings: list[Sighting]
    false_positives: int

    def found(self, chosen) -> float:
        """Share of heads found among those that `chosen` takes."""
        mine = [sighting for sighting in self.sightings if chosen(sighting.pose)]
        assert len(mine) >= 20, "too few heads to say anything"
        return sum(sighting.face is not None for sighting in mine) / len(mine)


def show(poses: list[Pose], path: Path, analyzer) -> Seen:
    """Draw twelve heads a frame, encode, decode, analyse."""
    frames = [poses[i : i + PER_FRAME] for i in range(0, len(poses), PER_FRAME)]
    drawn = [_draw(frame) for frame in frames]
    encode_film(path, (picture for picture, _ in drawn), width=WIDTH, height=HEIGHT, fps=10)
    sightings, false_positives = [], 0
    with av.open(str(path)) as film:
        for decoded, frame, (_, boxes) in zip(film.decode(video=0), frames, drawn, strict=True):
            faces = analyzer.analyze([decoded.to_ndarray(format="rgb24")])[0]
            matched = [_at(box, faces) for box in boxes]
            false_positives += len(faces) - sum(face is not None for face in matched)
            sightings += [Sighting(*row) for row in zip(frame, boxes, matched, strict=True)]
    return Seen(sightings, false_positives)


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    areas = np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2])
    return shared / (float(areas) - shared)


def _at(box: np.ndarray, faces: list[Face]) -> Face | None:
    near = [face for face in faces if overlap(box, np.array(face.box_xyxy)) > 0.3]
    return near[0] if near else None


def _draw(poses: list[Pose]) -> tuple[np.ndarray, list[np.ndarray]]:
    picture = np.full((HEIGHT, WIDTH, 3), (196, 192, 182), np.uint8)
    owners = np.zeros((HEIGHT, WIDTH), np.uint8)
    boxes = []
    for index, pose in enumerate(poses):
        row, column = divmod(index, COLUMNS)
        at = (column * 320 + 160, row * 240 + 150)
        figure = Figure(load_canonical_mesh(), pose.seed, pose.face_px / MESH_HEIGHT_CM, 28.0)
        figure.body.lay_on(picture, owners, at, 0)
        turn = (pose.yaw_deg, pose.pitch_deg, pose.roll_deg)
        sprite = figure.sprite(turn, pose.openness, 0.0)
        sprite.cutout.lay_on(picture, owners, at, index + 1)
        boxes.append(sprite.box_xyxy + np.array([*at, *at]))
    return picture, boxes
