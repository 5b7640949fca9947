"""How a real analyser's answers differ from the truth: what `noise.json` holds.

Fitted by `python -m tests.studies.lesson_noise` on decoded simulated films, and used by `degrade`.
Errors of one face have a part that stays for the whole lesson (the person's), and a part that
wanders: a Gaussian of a given spread whose value .2 s later is `memory` times this one, and chance.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

STEP_S: Final = 0.2
FILE: Final = "noise.json"
DOWN_DEG: Final = -45.0  # below, a head lies on the desk
Table = tuple[tuple[float, ...], ...]


class Wander(msgspec.Struct, frozen=True, kw_only=True):
    """An error of one quantity.

    Attributes:
        person_sd: spread between faces of what stays.
        sd: spread of what wanders, by height.
        memory: its correlation over `STEP_S`.
    """

    person_sd: float
    sd: tuple[float, ...]
    memory: float


class FalseFaces(msgspec.Struct, frozen=True, kw_only=True):
    """Faces found where none is.

    Attributes:
        per_frame: mean number; where none was found in n frames, 3/n (95 % sure to be fewer).
        height_px: (low, high).
        confidence: (low, high).
    """

    per_frame: float
    height_px: tuple[float, float]
    confidence: tuple[float, float]


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where the figures come from."""

    command: str
    films: str
    model_version: str
    frames: int
    faces_true: int
    faces_found: int
    faces_false: int


class NoiseModel(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `degrade` needs.

    Attributes:
        origin: command, films and counts behind the figures.
        height_edges_px: bounds between classes of face height, n - 1 of n.
        turn_edges_deg: the same of |yaw|.
        nod_edges_deg: the same of pitch.
        hidden_edges: the same of the hidden share.
        recall: by height and turn, of faces that are hardly hidden and not on the desk.
        recall_hidden: factor, by hidden share.
        recall_down: of heads on the desk.
        recall_memory: correlation over `STEP_S` of the luck behind being found.
        confidence: deciles (0, 10, … 100 %), by turn.
        no_pose: share of found faces without a pose, by turn.
        box_shift: mean shift of the centre (x, y) [face heights].
        box_growth: mean log of (width, height) over the truth's.
        box: wander of centre and size [face heights].
        yaw_bias_deg: by turn; away from the camera is +.
        pitch_bias_deg: by nod and turn.
        yaw, pitch: their wander [deg].
        ear_open, ear_closed: mean EAR by height.
        ear: its wander.
        false_faces: see there.
    """

    origin: Origin
    height_edges_px: tuple[float, ...]
    turn_edges_deg: tuple[float, ...]
    nod_edges_deg: tuple[float, ...]
    hidden_edges: tuple[float, ...]
    recall: Table
    recall_hidden: tuple[float, ...]
    recall_down: float
    recall_memory: float
    confidence: Table
    no_pose: tuple[float, ...]
    box_shift: tuple[float, float]
    box_growth: tuple[float, float]
    box: Wander
    yaw_bias_deg: tuple[float, ...]
    pitch_bias_deg: Table
    yaw: Wander
    pitch: Wander
    ear_open: tuple[float, ...]
    ear_closed: tuple[float, ...]
    ear: Wander
    false_faces: FalseFaces


def load_noise() -> NoiseModel:
    """The fit that belongs to this version."""
    text = files("deploy.lesson").joinpath(FILE).read_bytes()
    return msgspec.json.decode(text, type=NoiseModel)


def class_of(values: NDArray[np.floating], edges: tuple[float, ...]) -> NDArray[np.intp]:
    """In which class each value lies; nan in the last."""
    return np.searchsorted(np.array(edges), values, side="right")
