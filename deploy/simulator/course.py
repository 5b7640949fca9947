"""How a student moves through a script: turns of the head, blinks, leaning, coming and going."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.simulator.head import Floats
from deploy.simulator.script import FPS, Behaviour, Section, StudentScript
from deploy.simulator.walk import walk

_FIXATION_S: Final = (1.8, 4.5)
_BLINK_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Course:
    """One student's movements, frame by frame (F frames).

    Attributes:
        present: (F,) drawn at all.
        seated: (F,) in the seat, or in the one moved to.
        behaviour: (F,) of `Behaviour`.
        turn_deg: (F, 3) yaw, pitch, roll relative to the board's direction.
        openness, smile: (F,) 0..1.
        shift_m: (F, 3) of the neck from its place at the seat.
    """

    present: NDArray[np.bool_]
    seated: NDArray[np.bool_]
    behaviour: NDArray[np.uint8]
    turn_deg: Floats
    openness: Floats
    smile: Floats
    shift_m: Floats


def course(script: StudentScript, duration_s: float) -> Course:
    """Play a student's script: fixations, turns that take time, blinks, sway, coming and going."""
    frames = round(duration_s * FPS)
    rng = np.random.default_rng([script.seed, 3])
    time = np.arange(frames) / FPS
    behaviour = np.full(frames, int(Behaviour.WALKING), np.uint8)
    turn, smile = np.zeros((frames, 3)), np.zeros(frames)
    lean = np.zeros((frames, 3))
    for section in script.sections:
        inside = (time >= section.start_s) & (time < section.end_s)
        behaviour[inside] = int(section.behaviour)
        turn[inside] = _fixations(rng, section, time[inside])
        lean[inside] = _LEAN_M[section.behaviour]
        smile[inside] = float(section.behaviour is Behaviour.NEIGHBOUR and rng.random() < 0.5)
    turn, lean = _smoothed(turn, 7), _smoothed(lean, 11)
    sway = np.sin(2 * np.pi * time[:, None] * rng.uniform(0.05, 0.15, 3) + rng.uniform(0, 6, 3))
    ways = walk(script, time)
    present, seated = ~np.isnan(ways.shift_m[:, 0]), ways.seated
    shift = lean + sway * (0.010, 0.004, 0.0) + np.nan_to_num(ways.shift_m)
    walking = present & ~seated
    turn[walking] = np.where(ways.shift_m[walking, 1:2] > 0.2, (80.0, 0.0, 0.0), turn[walking])
    afoot = ~np.isnan(ways.heading_deg)
    turn[afoot] = np.stack([ways.heading_deg[afoot], *np.zeros((2, afoot.sum()))], axis=1)
    behaviour[walking] = int(Behaviour.WALKING)
    openness = _openness(rng, behaviour)
    return Course(present, seated, behaviour, turn, openness, smile, shift)


_LEAN_M: Final = {
    Behaviour.BOARD: (0.0, 0.0, 0.0),
    Behaviour.WRITING: (0.0, -0.05, 0.08),
    Behaviour.NEIGHBOUR: (0.0, 0.0, 0.0),
    Behaviour.HEAD_DOWN: (0.0, -0.12, 0.12),
    Behaviour.AWAY: (0.0, 0.0, -0.03),
    Behaviour.DROWSY: (0.0, -0.02, 0.02),
    Behaviour.WALKING: (0.0, 0.0, 0.0),
}
# Centre and spread of yaw (towards the section's side) and pitch.
_AIM_DEG: Final = {
    Behaviour.BOARD: ((0.0, 5.0), (0.0, 3.0)),
    Behaviour.WRITING: ((0.0, 4.0), (-29.0, 2.0)),
    Behaviour.NEIGHBOUR: ((52.0, 2.5), (-3.0, 2.5)),
    Behaviour.HEAD_DOWN: ((0.0, 2.0), (-80.0, 0.8)),
    Behaviour.AWAY: ((58.0, 3.0), (2.0, 3.0)),
    Behaviour.DROWSY: ((0.0, 3.0), (-9.0, 2.0)),
    Behaviour.WALKING: ((0.0, 1.0), (0.0, 1.0)),
}


def _fixations(rng: np.random.Generator, section: Section, time: Floats) -> Floats:
    """(n, 3) where the head points, a new place every few seconds."""
    (yaw, yaw_spread), (pitch, pitch_spread) = _AIM_DEG[section.behaviour]
    turns = np.zeros((len(time), 3))
    start = section.start_s
    while start < section.end_s:
        end = start + float(rng.uniform(*_FIXATION_S))
        offset = np.clip(rng.normal(0, 1, 3), -1.8, 1.8) * (yaw_spread, pitch_spread, 2.0)
        turns[(time >= start) & (time < end)] = offset + np.array([section.side * yaw, pitch, 0.0])
        start = end
    return turns


def _smoothed(values: Floats, frames: int) -> Floats:
    window = np.hanning(frames + 2)[1:-1]
    padded = np.pad(values, ((frames // 2, frames // 2), (0, 0)), mode="edge")
    return np.stack(
        [np.convolve(padded[:, i], window / window.sum(), "valid") for i in range(values.shape[1])],
        axis=1,
    )


def _openness(rng: np.random.Generator, behaviour: NDArray[np.uint8]) -> Floats:
    openness = np.ones(len(behaviour))
    frame = 0
    while True:
        frame += max(8, int(rng.exponential(_BLINK_EVERY_S) * FPS))
        if frame >= len(behaviour):
            break
        openness[frame : frame + 2] = 0.0
    drowsy = behaviour == int(Behaviour.DROWSY)
    # Eyes fall shut for 2.1 of every 3 s.
    openness[drowsy & (np.arange(len(behaviour)) % 30 < 21)] = 0.0
    return openness
