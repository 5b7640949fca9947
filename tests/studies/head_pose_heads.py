"""The heads of `head_pose` and what the networks say of each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np

from deploy.simulator.figure import Figure
from schemas.analysis import DetectionPlan
from workers import choices
from workers.detection import FaceDetector
from workers.engines import openvino_engine
from workers.evaluation.read_pointing04 import read_pointing04
from workers.geometry.canonical_mesh import load_canonical_mesh
from workers.geometry.crops import cut
from workers.geometry.head_pose import fit_rotations
from workers.models import mediapipe478, sixdrepnet360
from workers.stages import Landmarks

MIRROR = np.diag([-1.0, 1.0, 1.0])
"""Turns the rotation of a mirrored head into that of the head, put on both sides of it."""
_FIND = DetectionPlan(min_confidence=0.2)
_MESH_HEIGHT_CM = 17.7
DRAWN_YAWS = (-85, -75, -60, -45, -30, -15, 0, 15, 30, 45, 60, 75, 85)
DRAWN_PITCHES = (-30, 0, 15)


@dataclass(frozen=True)
class Head:
    """One head in one picture; `group` is the person."""

    image: np.ndarray
    box: np.ndarray
    points: np.ndarray
    yaw_deg: float
    pitch_deg: float
    group: str


class Networks:
    """The three networks, each run over one head at a time."""

    def __init__(self) -> None:
        load = openvino_engine(1)
        self.detector = FaceDetector(
            choices.detector("yunet"), load(choices.detector("yunet").spec)
        )
        self.landmarks = load(mediapipe478.SPEC)
        self.six = load(sixdrepnet360.SPEC)
        self.mesh = load_canonical_mesh()

    def find(self, image: np.ndarray, near_xy: np.ndarray, within_px: float) -> tuple | None:
        """Return box and five points of the best face whose middle is near a place."""
        seen = self.detector.detect(image, _FIND)
        middles = (seen.boxes_xyxy[:, :2] + seen.boxes_xyxy[:, 2:]) / 2
        near = np.flatnonzero(np.abs(middles - near_xy).max(axis=1, initial=0) < within_px)
        return (seen.boxes_xyxy[near[0]], seen.points_xy[near[0]]) if len(near) else None

    def measured(self, head: Head) -> dict[str, np.ndarray]:
        """Return rotations by method, points and presence of one head."""
        picture = [head.image]
        crops = mediapipe478.crop(head.box[None], head.points[None], np.zeros(1, np.intp))
        pixels = cut(picture, crops, mediapipe478.SIDE_PX)
        first = mediapipe478.read(self.landmarks(pixels), crops)
        mirrored = self.landmarks(np.ascontiguousarray(pixels[:, :, ::-1]))[0]
        # Back into the picture, which it needs for the crop's own turn, then mirrored again.
        mirrored[..., 0] = mediapipe478.SIDE_PX - mirrored[..., 0]
        flipped = mediapipe478.read((mirrored, np.zeros(1, np.float32)), crops).points_xyz
        flipped[..., 0] *= -1
        second = self._second(picture, first)
        around = sixdrepnet360.head_crops(head.box[None], head.points[None], np.zeros(1, np.intp))
        return {
            "mesh": fit_rotations(first.points_xyz, self.mesh)[0],
            "second": fit_rotations(second, self.mesh)[0],
            "mirrored": MIRROR @ fit_rotations(flipped, self.mesh)[0] @ MIRROR,
            "six": sixdrepnet360.head_rotations(self.six, picture, around)[0],
            "presence": first.presence[0],
            "points": first.points_xyz[0, :468],
            "height": head.box[3] - head.box[1],
            "five": head.points,
        }

    def _second(self, picture: list[np.ndarray], first: Landmarks) -> np.ndarray:
        """Return the points of a second look, at the first one's landmarks."""
        flat = first.points_xyz[:, :, :2]
        box = np.concatenate((flat.min(axis=1), flat.max(axis=1)), axis=1)
        five = mediapipe478.five_points(first.points_xyz)
        crops = mediapipe478.crop(box, five, np.zeros(1, np.intp))
        pixels = cut(picture, crops, mediapipe478.SIDE_PX)
        return mediapipe478.read(self.landmarks(pixels), crops).points_xyz


def pointing04(data: Path, networks: Networks, every: int) -> Iterator[Head | None]:
    """Every n-th head of Pointing'04 but those looking straight up or down; None: not found."""
    pictures = read_pointing04(data / "pointing04").pictures
    for picture in [p for p in pictures if abs(p.label.pitch_deg) < 90][::every]:
        image, box = picture.read(), np.array(picture.label.box_xyxy)
        found = networks.find(image, (box[:2] + box[2:]) / 2, 0.75 * (box[2:] - box[:2]).max())
        turn = (picture.label.yaw_deg, picture.label.pitch_deg)
        yield None if found is None else Head(image, *found, *turn, picture.group)


def drawn(networks: Networks, seeds: int, face_px: int) -> Iterator[Head | None]:
    """Heads of the simulator, whose turns are known exactly."""
    for seed in range(seeds):
        for yaw in DRAWN_YAWS:
            for pitch in DRAWN_PITCHES:
                image = np.full((360, 360, 3), (196, 192, 182), np.uint8)
                owners = np.zeros((360, 360), np.uint8)
                scale = face_px / _MESH_HEIGHT_CM
                figure = Figure(load_canonical_mesh(), seed * 7 + 1, scale, 28.0)
                figure.body.lay_on(image, owners, (180, 200), 0)
                sprite = figure.sprite((yaw, pitch, 0), 1.0, 0.0)
                sprite.cutout.lay_on(image, owners, (180, 200), 1)
                found = networks.find(image, np.array((180, 180)), 90)
                yield None if found is None else Head(image, *found, yaw, pitch, str(seed))


def reduced(head: Head, height_px: float) -> Head:
    """Return the head in its picture reduced until the face has that height."""
    factor = height_px / (head.box[3] - head.box[1])
    old = head.image.shape[1::-1]
    size = tuple(round(side * factor) for side in old)
    scale = np.array(size, np.float32) / np.array(old, np.float32)
    small = cv2.resize(head.image, size, interpolation=cv2.INTER_AREA)
    return replace(head, image=small, box=head.box * np.tile(scale, 2), points=head.points * scale)


def rolled(head: Head, clockwise_deg: float) -> Head:
    """Return the head in its picture turned about the face."""
    middle = (head.box[:2] + head.box[2:]) / 2
    turn = cv2.getRotationMatrix2D(middle.astype(float).tolist(), -clockwise_deg, 1.0)
    size = head.image.shape[1::-1]
    image = cv2.warpAffine(head.image, turn, size, borderMode=cv2.BORDER_REPLICATE)
    points = (head.points @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    return replace(head, image=image, points=points)


def film_tracks(path: Path, networks: Networks) -> dict[int, np.ndarray]:
    """Follow faces by their place: rows of time [s], yaw, pitch, roll by the mesh, of each."""
    from workers.geometry.head_pose import head_poses

    tracks: dict[int, list[tuple[float, ...]]] = {}
    places: dict[int, np.ndarray] = {}
    with av.open(str(path)) as film:
        for frame in film.decode(video=0):
            image = frame.to_ndarray(format="rgb24")
            seen = networks.detector.detect(image, DetectionPlan(min_confidence=0.5))
            index = np.zeros(len(seen.confidence), np.intp)
            crops = mediapipe478.crop(seen.boxes_xyxy, seen.points_xy, index)
            outputs = networks.landmarks(cut([image], crops, mediapipe478.SIDE_PX))
            poses = head_poses(mediapipe478.read(outputs, crops).points_xyz, networks.mesh)
            for n, box in enumerate(seen.boxes_xyxy):
                near = [t for t, old in places.items() if np.abs(box - old).max() < 40]
                track = near[0] if near else len(tracks)
                places[track] = box
                angles = (poses.yaw_deg[n], poses.pitch_deg[n], poses.roll_deg[n])
                tracks.setdefault(track, []).append((float(frame.time), *angles))
    return {track: np.array(rows) for track, rows in tracks.items()}
