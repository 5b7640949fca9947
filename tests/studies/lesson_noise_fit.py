"""Errors of an analyser, set beside the truth, made into `deploy.lesson.noise_model`."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import multivariate_normal, norm

from deploy.lesson.noise_model import (
    STEP_S,
    FalseFaces,
    NoiseModel,
    Origin,
    Table,
    Wander,
    class_of,
)
from deploy.simulator.truth import CLOSED_BELOW
from tests.studies.lesson_looks import (
    HEIGHT_EDGES_PX,
    HIDDEN_EDGES,
    NOD_EDGES_DEG,
    TURN_EDGES_DEG,
    FalseFace,
    Looks,
)

HARDLY_HIDDEN: Final = 0.1
PRIOR: Final = 10.0  # sightings' worth of the whole class in each of its parts
EYES_TURN_DEG: Final = 40.0
WIDEST_DEG: Final = 40.0  # an error beyond is another fault, and would swamp the spread

Floats = NDArray[np.float64]


def fit(looks: Sequence[Looks], false: Sequence[FalseFace], origin: Origin) -> NoiseModel:
    """The model that these looks suggest."""
    recall = _recall(looks)
    shift, growth, box = _boxes(looks)
    yaw_bias, yaw = _yaw(looks)
    pitch_bias, pitch = _pitch(looks)
    ear_open, ear_closed, ear = _ears(looks)
    down = sum(int(part.down.sum()) for part in looks)
    found_down = sum(int((part.found & part.down).sum()) for part in looks)
    frames = sum(len(part.found) for part in looks)
    return NoiseModel(
        origin=origin,
        height_edges_px=HEIGHT_EDGES_PX, turn_edges_deg=TURN_EDGES_DEG,
        nod_edges_deg=NOD_EDGES_DEG, hidden_edges=HIDDEN_EDGES,
        recall=_table(recall), recall_hidden=_hidden(looks, recall),
        recall_down=_round(found_down / max(down, 1)), recall_memory=_luck(looks, recall),
        confidence=_confidence(looks), no_pose=_no_pose(looks),
        box_shift=shift, box_growth=growth, box=box,
        yaw_bias_deg=yaw_bias, yaw=yaw, pitch_bias_deg=pitch_bias, pitch=pitch,
        ear_open=ear_open, ear_closed=ear_closed, ear=ear,
        false_faces=_false(false, frames),
    )  # fmt: skip


def _upright(part: Looks) -> NDArray[np.bool_]:
    return part.present & ~part.down


def _recall(looks: Sequence[Looks]) -> Floats:
    """(heights, turns); a cell with few sightings leans on its turn's."""
    shape = (len(HEIGHT_EDGES_PX) + 1, len(TURN_EDGES_DEG) + 1)
    there, found = np.zeros(shape), np.zeros(shape)
    for part in looks:
        clear = _upright(part) & (part.hidden < HARDLY_HIDDEN)
        np.add.at(there, (part.height[clear], part.turn[clear]), 1)
        clear &= part.found
        np.add.at(found, (part.height[clear], part.turn[clear]), 1)
    by_turn = (found.sum(0) + 0.5) / (there.sum(0) + 1.0)
    recall: Floats = (found + PRIOR * by_turn) / (there + PRIOR)
    return recall


def _hidden(looks: Sequence[Looks], recall: Floats) -> tuple[float, ...]:
    """How much of the recall is left, by hidden share."""
    expected, found = np.full(len(HIDDEN_EDGES) + 1, 1e-9), np.zeros(len(HIDDEN_EDGES) + 1)
    for part in looks:
        upright = _upright(part)
        hidden = class_of(part.hidden[upright], HIDDEN_EDGES)
        np.add.at(expected, hidden, recall[part.height[upright], part.turn[upright]])
        np.add.at(found, hidden, part.found[upright].astype(float))
    return tuple(_round(min(share, 1.0)) for share in found / expected)


def _luck(looks: Sequence[Looks], recall: Floats) -> float:
    """Correlation over a step of the Gaussian behind "found", from pairs of frames in a row."""
    pairs: list[tuple[float, bool, bool]] = []
    for part in looks:
        clear = _upright(part) & (part.hidden < HARDLY_HIDDEN)
        chance = recall[part.height, part.turn]
        same = clear[:-1] & clear[1:] & (chance[:-1] == chance[1:])
        same &= (chance[:-1] > 0.05) & (chance[:-1] < 0.95)
        pairs += zip(
            chance[:-1][same].tolist(), part.found[:-1][same], part.found[1:][same], strict=True
        )
    if len(pairs) < 50:
        return 0.0
    both = np.mean([first and second for _, first, second in pairs])
    chances = np.array([chance for chance, _, _ in pairs])
    kinds, counts = np.unique(chances.round(2), return_counts=True)
    candidates = np.linspace(0.0, 0.99, 34)
    expected = [np.average([_both(p, rho) for p in kinds], weights=counts) for rho in candidates]
    rho = float(np.interp(both, expected, candidates))
    return _per_step(rho, looks[0].step_s)


def _both(chance: float, rho: float) -> float:
    limit = norm.ppf(chance)
    return float(multivariate_normal.cdf([limit, limit], cov=[[1.0, rho], [rho, 1.0]]))


def _confidence(looks: Sequence[Looks]) -> Table:
    by_turn: list[list[float]] = [[] for _ in range(len(TURN_EDGES_DEG) + 1)]
    for part in looks:
        for turn, value in zip(part.turn[part.found], part.confidence[part.found], strict=True):
            by_turn[turn].append(value)
    everything = [value for values in by_turn for value in values]
    return tuple(
        tuple(_round(v) for v in np.percentile(values if len(values) > 20 else everything,
                                               np.arange(0, 101, 10)))
        for values in by_turn
    )  # fmt: skip


def _no_pose(looks: Sequence[Looks]) -> tuple[float, ...]:
    there, none = np.zeros(len(TURN_EDGES_DEG) + 1), np.zeros(len(TURN_EDGES_DEG) + 1)
    for part in looks:
        np.add.at(there, part.turn[part.found], 1)
        np.add.at(none, part.turn[part.found & np.isnan(part.pose_deg[..., 0])], 1)
    return tuple(_round(share) for share in (none + 0.5) / (there + 1.0))


def _boxes(looks: Sequence[Looks]) -> tuple[tuple[float, float], tuple[float, float], Wander]:
    errors: list[list[Floats]] = [[], [], [], []]
    for part in looks:
        size = part.true_box[..., 2:] - part.true_box[..., :2]
        found_size = part.box[..., 2:] - part.box[..., :2]
        shift = (part.box[..., :2] + part.box[..., 2:] - part.true_box[..., :2]
                 - part.true_box[..., 2:]) / 2 / size[..., 1:]  # fmt: skip
        growth = np.log(found_size / size)
        clear = part.found & (part.hidden < HARDLY_HIDDEN)
        for index, values in enumerate((*np.moveaxis(shift, -1, 0), *np.moveaxis(growth, -1, 0))):
            errors[index].append(np.where(clear, values, np.nan))
    means = [float(np.nanmedian(np.concatenate([v.ravel() for v in parts]))) for parts in errors]
    wanders = [
        _wander(looks, [values - mean for values in parts])
        for mean, parts in zip(means, errors, strict=True)
    ]
    box = Wander(
        person_sd=_round(np.mean([w.person_sd for w in wanders])),
        sd=tuple(_round(v) for v in np.mean([w.sd for w in wanders], axis=0)),
        memory=_round(np.mean([w.memory for w in wanders])),
    )
    dx, dy, dw, dh = (_round(mean) for mean in means)
    return (dx, dy), (dw, dh), box


def _yaw(looks: Sequence[Looks]) -> tuple[tuple[float, ...], Wander]:
    errors = [part.pose_deg[..., 0] - part.true_deg[..., 0] for part in looks]
    outward = [e * np.sign(p.true_deg[..., 0]) for e, p in zip(errors, looks, strict=True)]
    bias = _medians([part.turn for part in looks], outward, len(TURN_EDGES_DEG) + 1)
    left = [
        e - np.sign(p.true_deg[..., 0]) * bias[p.turn] for e, p in zip(errors, looks, strict=True)
    ]
    return tuple(_round(v) for v in bias), _wander(looks, left)


def _pitch(looks: Sequence[Looks]) -> tuple[Table, Wander]:
    errors = [part.pose_deg[..., 1] - part.true_deg[..., 1] for part in looks]
    turns = len(TURN_EDGES_DEG) + 1
    kinds = [part.nod * turns + part.turn for part in looks]
    bias = _medians(kinds, errors, (len(NOD_EDGES_DEG) + 1) * turns)
    left = [e - bias[kind] for e, kind in zip(errors, kinds, strict=True)]
    return _table(bias.reshape(-1, turns)), _wander(looks, left)


def _ears(
    looks: Sequence[Looks],
) -> tuple[tuple[float, ...], tuple[float, ...], Wander]:
    heights = len(HEIGHT_EDGES_PX) + 1
    closed = [part.openness < CLOSED_BELOW for part in looks]
    near = [np.abs(part.true_deg[..., 0]) <= EYES_TURN_DEG for part in looks]
    ears = [np.where(n, part.ear, np.nan) for n, part in zip(near, looks, strict=True)]
    kinds = [part.height + heights * shut for part, shut in zip(looks, closed, strict=True)]
    mean = _medians(kinds, ears, 2 * heights)
    left = [ear - mean[kind] for ear, kind in zip(ears, kinds, strict=True)]
    return (
        tuple(_round(v) for v in mean[:heights]),
        tuple(_round(v) for v in mean[heights:]),
        _wander(looks, left),
    )


def _medians(kinds: Sequence[NDArray[np.intp]], values: Sequence[Floats], n: int) -> Floats:
    """Median of each kind, drawn towards that of all where there are few."""
    kind = np.concatenate([k.ravel() for k in kinds])
    value = np.concatenate([v.ravel() for v in values])
    known = np.isfinite(value)
    everything = float(np.median(value[known])) if known.any() else 0.0
    medians = np.full(n, everything)
    for index in range(n):
        mine = value[known & (kind == index)]
        if len(mine):
            share = len(mine) / (len(mine) + PRIOR)
            medians[index] = share * np.median(mine) + (1 - share) * everything
    return medians


def _wander(looks: Sequence[Looks], errors: Sequence[Floats]) -> Wander:
    """What of errors (F, P) stays with a person; how the rest spreads, and for how long."""
    persons, products, squares = [], [], []
    rest = []
    for whole in errors:
        error = np.where(np.abs(whole) < WIDEST_DEG, whole, np.nan)
        seen = np.isfinite(error).sum(0)
        mean = np.divide(np.nansum(error, 0), seen, out=np.zeros(error.shape[1]), where=seen > 0)
        persons += mean[seen >= 30].tolist()
        left = error - mean
        rest.append(left)
        pair = np.isfinite(left[:-1]) & np.isfinite(left[1:])
        products.append((left[:-1] * left[1:])[pair])
        squares.append(((left[:-1] ** 2 + left[1:] ** 2) / 2)[pair])
    rho = np.concatenate(products).sum() / max(np.concatenate(squares).sum(), 1e-12)
    heights = len(HEIGHT_EDGES_PX) + 1
    every = np.concatenate([r[np.isfinite(r)] for r in rest])
    all_sd = float(every.std()) if len(every) else 0.0
    sd = []
    for height in range(heights):
        mine = np.concatenate(
            [r[np.isfinite(r) & (p.height == height)] for r, p in zip(rest, looks, strict=True)]
        )
        share = len(mine) / (len(mine) + PRIOR)
        sd.append(_round(share * (float(mine.std()) if len(mine) else 0.0) + (1 - share) * all_sd))
    return Wander(
        person_sd=_round(np.std(persons)) if persons else 0.0,
        sd=tuple(sd),
        memory=_per_step(float(np.clip(rho, 0.0, 0.99)), looks[0].step_s),
    )


def _false(false: Sequence[FalseFace], frames: int) -> FalseFaces:
    heights = [face.height_px for face in false] or [20.0, 60.0]
    sure = [face.confidence for face in false] or [0.6, 0.8]
    return FalseFaces(
        per_frame=_round((len(false) or 3.0) / frames),
        height_px=(_round(min(heights)), _round(max(heights))),
        confidence=(_round(min(sure)), _round(max(sure))),
    )


def _per_step(rho: float, step_s: float) -> float:
    return _round(rho ** (STEP_S / step_s))


def _table(values: Floats) -> Table:
    return tuple(tuple(_round(v) for v in row) for row in values)


def _round(value: float) -> float:
    return round(float(value), 4)
