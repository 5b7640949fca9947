"""Simulated films as a detector would see them, and followed by our tracker or by somebody else's.

The simulator's people are the truth: a full class, latecomers, one who leaves, two who change
seats, people who walk past in front of seated heads. What a detector makes of it is seeded noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aggregator.tracking import NS, Tracker
from deploy.lesson.classroom import build_classroom
from deploy.simulator.truth import Truth
from deploy.simulator.undrawn import Undrawn
from schemas.analysis import ModelChoices
from schemas.messages import Face
from tests.film_following import sampled
from tests.identity_metrics import Boxes
from workers.analyzer import FaceAnalyzer
from workers.geometry.canonical_mesh import load_canonical_mesh
from workers.stages import View

HIDDEN = 0.6  # more than that of a face covered: nobody could see it
_MOST_YAW_DEG = 85.0
_JITTER = 0.04  # of the face's size, each corner
_MISS = 0.04  # of the times at which a face begins to be missed, or is seen again half of it
_FALSE = 0.05  # false faces a frame
_DOUBTFUL_YAW_DEG = 50.0


@dataclass(frozen=True)
class Detected:
    """What a detector says of one frame."""

    at_s: float
    xyxy: NDArray[np.float64]
    confidence: NDArray[np.float64]


@dataclass(frozen=True)
class Film:
    """Frame by frame who was to be seen, and what a detector made of it."""

    fps: float
    width: int
    height: int
    truth: list[Boxes]
    detected: list[Detected]


def classroom_film(seats: int, minutes: float, seed: int, fps: float) -> Film:
    """A lesson seen by the first of its room's cameras."""
    room = build_classroom(seats, minutes, seed)
    film = Undrawn(load_canonical_mesh(), room.room, room.lesson, fps).film(room.room.cameras[0])
    people = film.students, film.bystanders
    boxes = np.concatenate([p.box_xyxy for p in people], axis=1).astype(float)
    hidden = np.concatenate([p.occluded for p in people], axis=1)
    seen = np.concatenate([_in_sight(p) for p in people], axis=1)
    yaw = np.concatenate([np.abs(p.seen_deg[..., 0]) for p in people], axis=1)
    rng = np.random.default_rng([seed, 7])
    missed = _bursts(rng, seen.shape)
    truth, detected = [], []
    for k in range(len(seen)):
        there = np.flatnonzero(seen[k])
        truth.append(Boxes(tuple(int(i) for i in there), boxes[k, there]))
        found = there[~missed[k, there]]
        doubtful = (hidden[k, found] > 0.3) | (yaw[k, found] > _DOUBTFUL_YAW_DEG)
        xyxy = _jittered(rng, boxes[k, found])
        confidence = np.where(doubtful, rng.uniform(0.3, 0.7, len(found)), 0.9)
        false = _false_faces(rng, people[0])
        detected.append(
            Detected(
                k / fps,
                np.concatenate([xyxy, false]),
                np.concatenate([confidence, rng.uniform(0.3, 0.7, len(false))]),
            )
        )
    return Film(fps, people[0].width, people[0].height, truth, detected)


def follow(film: Film) -> list[Boxes]:
    """Our tracks of a film."""
    tracker, told = Tracker(), []
    for frame in film.detected:
        faces = [
            Face(box_xyxy=tuple(box), confidence=float(confidence))
            for box, confidence in zip(frame.xyxy.tolist(), frame.confidence, strict=True)
        ]
        ids = np.array(tracker.update(round(frame.at_s * NS), faces, film.width, film.height), int)
        told.append(Boxes(tuple(ids[ids > 0].tolist()), frame.xyxy[ids > 0]))
    return told


def follow_with(make: Callable[[], object], film: Film) -> list[Boxes]:
    """The same by a tracker of the package `trackers`."""
    import supervision as sv

    tracker, told = make(), []
    for frame in film.detected:
        found = sv.Detections(xyxy=frame.xyxy.reshape(-1, 4), confidence=frame.confidence)
        seen = tracker.update(found, timestamp=frame.at_s)  # type: ignore[attr-defined]
        ids = np.array(seen.tracker_id, int)
        told.append(Boxes(tuple(ids[ids >= 0].tolist()), seen.xyxy[ids >= 0]))
    return told


def _in_sight(people: Truth) -> NDArray[np.bool_]:
    """(F, S) faces that are in the picture and neither covered nor turned away."""
    size = np.array([people.width, people.height])
    centre = np.nan_to_num((people.box_xyxy[..., :2] + people.box_xyxy[..., 2:]) / 2, nan=-1)
    inside = ((centre > 0) & (centre < size)).all(axis=-1)
    turned = np.nan_to_num(np.abs(people.seen_deg[..., 0]), nan=180.0) > _MOST_YAW_DEG
    return people.present & inside & ~turned & (people.occluded <= HIDDEN)


def _bursts(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(F, S) frames in which a face is missed: one or a few in a row."""
    missed = np.zeros(shape, np.bool_)
    for k in range(1, shape[0]):
        luck = rng.random(shape[1])
        missed[k] = np.where(missed[k - 1], luck < 0.5, luck < _MISS)
    return missed


def _jittered(rng: np.random.Generator, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    return boxes + _JITTER * size * rng.normal(size=boxes.shape)


def _false_faces(rng: np.random.Generator, people: Truth) -> NDArray[np.float64]:
    number = rng.poisson(_FALSE)
    centre = rng.uniform(0, (people.width, people.height), (number, 2))
    half = rng.uniform(12, 40, (number, 1))
    return np.concatenate([centre - half, centre + half], axis=1)


def real_film(path: Path, people: int, fps: float) -> Film:
    """A film of people who keep their order from left to right and whose faces are always found.

    Raises:
        ValueError: somebody was not found, so that the truth is not known.
    """
    analyzer = FaceAnalyzer.load("cpu", models=ModelChoices(), expression=False, threads=1)
    truth, detected, size = [], [], (0, 0)
    for at_s, image in sampled(path, fps, 40):
        found = analyzer.analyze([image], [View(source="film", at_s=at_s)])[0]
        if len(found) != people:
            raise ValueError(f"{path.name}: {len(found)} faces at {at_s:.2f} s, not {people}")
        xyxy = np.array(sorted(face.box_xyxy for face in found))
        confidence = np.array([face.confidence for face in found])
        size = image.shape[1], image.shape[0]
        truth.append(Boxes(tuple(range(1, people + 1)), xyxy))
        detected.append(Detected(at_s, xyxy, confidence))
    return Film(fps, *size, truth, detected)
