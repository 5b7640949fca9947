"""From the truth about a film to what a worker would have told of it, by the fitted noise model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import ndtr

from deploy.lesson.noise_model import DOWN_DEG, STEP_S, NoiseModel, Wander, class_of
from deploy.simulator.truth import CLOSED_BELOW, Truth
from schemas.messages import Face
from workers.static_faces import AFTER_S

Floats = NDArray[np.float64]
_SETTLING: Final = 60  # steps after which a wandering error has forgotten how it began
_LEAST_OPEN_SHARE: Final = 1e-3


@dataclass(frozen=True)
class Answers:
    """What is told of P people in F frames.

    Attributes:
        found: (F, P).
        box_xyxy: (F, P, 4) [px].
        confidence: (F, P).
        pose_deg: (F, P, 3) yaw, pitch, roll; nan: no pose.
        ear: (F, P).
        static: (F, P) a worker has seen by now that it never moves.
    """

    found: NDArray[np.bool_]
    box_xyxy: Floats
    confidence: Floats
    pose_deg: Floats
    ear: Floats
    static: NDArray[np.bool_]


class Degrader:
    """Draws answers with one seed."""

    def __init__(self, model: NoiseModel, seed: int) -> None:
        self._model = model
        self._rng = np.random.default_rng([seed, 0xFACE])

    def answers(self, truth: Truth) -> Answers:
        """Degrade everybody of one camera's truth; whoever stands still is static in time."""
        model, rng = self._model, self._rng
        step_s = 1.0 / truth.fps
        seen = truth.seen_deg.astype(np.float64)
        height_px = truth.face_px.astype(np.float64)
        height = class_of(height_px, model.height_edges_px)
        height = np.minimum(height, len(model.height_edges_px))
        turn = class_of(np.abs(seen[..., 0]), model.turn_edges_deg)
        recall = self._recall(truth, height, turn)
        luck = ndtr(self._wander(np.ones_like(recall), model.recall_memory, step_s))
        found = truth.present & (luck < recall)
        share = 1.0 - luck / np.maximum(recall, _LEAST_OPEN_SHARE)
        return Answers(
            found=found,
            box_xyxy=self._boxes(truth, height_px, height, step_s),
            confidence=_quantile(np.array(model.confidence)[turn], np.clip(share, 0.0, 1.0)),
            pose_deg=self._poses(
                seen, height, turn, rng.random(recall.shape) < np.array(model.no_pose)[turn], step_s
            ),
            ear=self._ears(truth, height, step_s),
            static=_static(truth, found),
        )

    def false_faces(self, truth: Truth) -> list[tuple[Face, ...]]:
        """(F) faces where none is, anywhere in the picture."""
        false, rng = self._model.false_faces, self._rng
        counts = rng.poisson(false.per_frame, len(truth.present))
        return [tuple(self._false_face(truth) for _ in range(int(count))) for count in counts]

    def _false_face(self, truth: Truth) -> Face:
        false, rng = self._model.false_faces, self._rng
        height = float(rng.uniform(*false.height_px))
        x = float(rng.uniform(0, truth.width - height))
        y = float(rng.uniform(0, truth.height - height))
        yaw, pitch = (round(float(v), 2) for v in rng.normal(0.0, (25.0, 12.0)))
        return Face(
            box_xyxy=(round(x, 2), round(y, 2), round(x + 0.8 * height, 2), round(y + height, 2)),
            confidence=round(float(rng.uniform(*false.confidence)), 4),
            yaw_deg=yaw, pitch_deg=pitch, roll_deg=0.0, eye_openness=(0.25, 0.25),
        )  # fmt: skip

    def _recall(self, truth: Truth, height: NDArray[np.intp], turn: NDArray[np.intp]) -> Floats:
        model = self._model
        hidden = np.array(model.recall_hidden)[class_of(truth.occluded, model.hidden_edges)]
        upright = np.array(model.recall)[height, turn]
        down = np.nan_to_num(truth.seen_deg[..., 1]) < DOWN_DEG
        recall: Floats = hidden * np.where(down, model.recall_down, upright)
        return recall

    def _boxes(
        self, truth: Truth, height_px: Floats, height: NDArray[np.intp], step_s: float
    ) -> Floats:
        model = self._model
        low, high = truth.box_xyxy[..., :2].astype(float), truth.box_xyxy[..., 2:].astype(float)
        spread = np.array(model.box.sd)[height]
        shift = [self._error(model.box, spread, step_s) + mean for mean in model.box_shift]
        grown = [self._error(model.box, spread, step_s) + mean for mean in model.box_growth]
        centre = (low + high) / 2 + height_px[..., None] * np.stack(shift, axis=-1)
        half = (high - low) / 2 * np.exp(np.stack(grown, axis=-1))
        return np.concatenate([centre - half, centre + half], axis=-1)

    def _poses(
        self, seen: Floats, height: NDArray[np.intp], turn: NDArray[np.intp],
        refused: NDArray[np.bool_], step_s: float,
    ) -> Floats:  # fmt: skip
        model = self._model
        nod = class_of(seen[..., 1], model.nod_edges_deg)
        yaw = seen[..., 0] + np.sign(seen[..., 0]) * np.array(model.yaw_bias_deg)[turn]
        yaw += self._error(model.yaw, np.array(model.yaw.sd)[height], step_s)
        pitch = seen[..., 1] + np.array(model.pitch_bias_deg)[nod, turn]
        pitch += self._error(model.pitch, np.array(model.pitch.sd)[height], step_s)
        poses = np.stack([yaw, pitch, seen[..., 2]], axis=-1)
        poses[refused] = np.nan
        return poses

    def _ears(self, truth: Truth, height: NDArray[np.intp], step_s: float) -> Floats:
        model = self._model
        closed = truth.openness < CLOSED_BELOW
        mean = np.where(
            closed, np.array(model.ear_closed)[height], np.array(model.ear_open)[height]
        )
        ears = mean + self._error(model.ear, np.array(model.ear.sd)[height], step_s)
        return np.clip(ears, 0.0, 1.0)

    def _error(self, wander: Wander, spread: Floats, step_s: float) -> Floats:
        """(F, P) what stays for each person, and what wanders."""
        stays = self._rng.normal(0.0, wander.person_sd, spread.shape[1])
        return stays + self._wander(spread, wander.memory, step_s)

    def _wander(self, spread: Floats, memory: float, step_s: float) -> Floats:
        kept = memory ** (step_s / STEP_S)
        steps = self._rng.standard_normal((len(spread) + _SETTLING, spread.shape[1]))
        walk = lfilter([np.sqrt(1.0 - kept * kept)], [1.0, -kept], steps, axis=0)
        wandered: Floats = spread * walk[_SETTLING:]
        return wandered


def faces_of(answers: Answers, frame: int) -> tuple[Face, ...]:
    """One frame's answers as they travel."""
    people = np.flatnonzero(answers.found[frame]).tolist()
    boxes = np.round(answers.box_xyxy[frame], 2).tolist()
    poses = np.round(answers.pose_deg[frame], 2).tolist()
    ears = np.round(answers.ear[frame], 4).tolist()
    confidence = np.round(answers.confidence[frame], 4).tolist()
    faces = []
    for person in people:
        yaw, pitch, roll = poses[person]
        x0, y0, x1, y1 = boxes[person]
        posed = yaw == yaw  # noqa: PLR0124  not nan
        faces.append(
            Face(
                box_xyxy=(x0, y0, x1, y1), confidence=confidence[person],
                yaw_deg=yaw if posed else None, pitch_deg=pitch if posed else None,
                roll_deg=roll if posed else None, eye_openness=(ears[person], ears[person]),
                static=bool(answers.static[frame, person]),
            )
        )  # fmt: skip
    return tuple(faces)


def _quantile(deciles: Floats, share: Floats) -> Floats:
    """The value below which `share` lies, of distributions given by eleven deciles each."""
    place = share * (deciles.shape[-1] - 1)
    below = np.minimum(place.astype(int), deciles.shape[-1] - 2)
    low = np.take_along_axis(deciles, below[..., None], -1)[..., 0]
    high = np.take_along_axis(deciles, below[..., None] + 1, -1)[..., 0]
    between: Floats = low + (place - below) * (high - low)
    return between


def _static(truth: Truth, found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(F, P) five minutes after somebody who is never seen to move was first found."""
    left = truth.box_xyxy[..., 0]
    moves = (np.abs(np.diff(left, axis=0)) > 0).any(axis=0)
    still = truth.present & ~moves & truth.present.all(axis=0)
    first = np.argmax(found, axis=0) / truth.fps
    times = np.arange(len(found))[:, None] / truth.fps
    static: NDArray[np.bool_] = still & found & (times >= first + AFTER_S)
    return static
