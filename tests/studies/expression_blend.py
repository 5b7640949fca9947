"""How to blend the expression networks: cross-validation over persons, intervals over persons.

Run from the repository's root, some minutes each on one core:
    python -m tests.studies.expression_blend study ../shared/data/muxspace_expr
    python -m tests.studies.expression_blend robustness ../shared/data/muxspace_expr
What came out stands in docs/studies/expression.md.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar

from schemas.messages import EXPRESSIONS
from tests.studies.expression_faces import Faces, read_faces
from workers.engines import Engine, openvino_engine
from workers.evaluation.bootstrap import Bootstrap
from workers.geometry.crops import crops_around, cut
from workers.models import big_xception, faceapi_expression, mini_xception, xception_input
from workers.models.faceapi_expression import read_faceapi
from workers.models.xception_blend import FLOOR, WEIGHTS, blend
from workers.models.xception_input import read_xception

FOLDS = 5
MARGINS = (1.0, 1.1, 1.2, 1.3)
NETS = ("mini", "big", "face-api")
SHIPPED = {"mini": xception_input.MARGIN, "big": xception_input.MARGIN}
SHIPPED["face-api"] = faceapi_expression.MARGIN
Probs = NDArray[np.float32]
Figures = NDArray[np.float64]


HEADING = "| | accuracy | mean recall | log-loss |\n|---|---|---|---|"


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  a study's result is what it prints


@dataclass(frozen=True)
class Readings:
    """The networks' probabilities (N, 7): by network, margin, and whether mirrored."""

    by: dict[tuple[str, float, bool], Probs]

    def only(self, chosen: NDArray[np.bool_]) -> "Readings":
        return Readings({key: probs[chosen] for key, probs in self.by.items()})

    def shipped(self, nets: tuple[str, ...] = NETS) -> list[Probs]:
        return [self.by[net, SHIPPED[net], False] for net in nets]

    def with_mirror(self, nets: tuple[str, ...] = NETS) -> list[Probs]:
        """The mean of the logarithms of what is seen straight and mirrored."""
        return [
            _pool_equally([self.by[net, SHIPPED[net], mirrored] for mirrored in (False, True)])
            for net in nets
        ]


def read_all(faces: Faces, load: Engine, margins: tuple[float, ...] = ()) -> Readings:
    """Read all faces at the shipped margins, straight and mirrored, and at `margins`, straight."""
    mini, big = load(mini_xception.SPEC), load(big_xception.SPEC)
    face = load(faceapi_expression.SPEC)
    index = np.arange(len(faces.images))
    by: dict[tuple[str, float, bool], Probs] = {}
    for margin in sorted({*SHIPPED.values(), *margins}):
        crops = crops_around(faces.boxes, faces.points[:, :2], index, margin)
        small = cut(faces.images, crops, 64)
        colour = cut(faces.images, crops, 112)
        grey = np.stack([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in small])
        for net in NETS:
            network, crop = {"mini": (mini, grey), "big": (big, grey), "face-api": (face, colour)}[
                net
            ]
            read = read_faceapi if net == "face-api" else read_xception
            by[net, margin, False] = read(network, crop)
            if margin == SHIPPED[net]:
                by[net, margin, True] = read(network, np.ascontiguousarray(crop[:, :, ::-1]))
    return Readings(by)


def figures(probs: Probs, labels: NDArray[np.intp], weights: Figures) -> Figures:
    """Accuracy, mean recall, log-loss [nat] of weighted examples."""
    right = (probs.argmax(axis=1) == labels).astype(float)
    totals = np.bincount(labels, weights, 7)
    rights = np.bincount(labels, weights * right, 7)
    recalls = rights[totals > 0] / totals[totals > 0]
    loss = -np.log(np.maximum(probs[np.arange(len(labels)), labels], FLOOR))
    return np.array(
        [np.average(right, weights=weights), recalls.mean(), loss @ weights / sum(weights)]
    )


def show(name: str, probs: Probs, faces: Faces, against: Probs | None = None) -> None:
    """Print figures with 95 % intervals, or the difference from `against`, paired."""

    def statistic(weights: Figures) -> Figures:
        own = figures(probs, faces.labels, weights)
        return own if against is None else own - figures(against, faces.labels, weights)

    found = Bootstrap().estimate(statistic, list(faces.persons))
    sign = "" if against is None else "+"
    cells = (f"{e.value:{sign}.3f} [{e.low:{sign}.3f}, {e.high:{sign}.3f}]" for e in found)
    say(f"| {name} | {' | '.join(cells)} |")


def fit(probs: list[Probs], labels: NDArray[np.intp], *, bias: bool = False) -> Figures:
    """The weights (K,), and with `bias` seven class biases, that minimise the log-loss."""
    n = len(probs)
    # In float32 the differences that the minimiser takes would vanish.
    probs = [p.astype(np.float64) for p in probs]

    def loss(parameters: Figures) -> float:
        pooled = _apply(parameters, probs)
        return float(-np.log(pooled[np.arange(len(labels)), labels]).mean())

    start = np.concatenate((np.full(n, 0.5 / n), np.zeros(7 if bias else 0)))
    bounds = [(0.0, 3.0)] * n + [(-3.0, 3.0)] * (len(start) - n)
    return minimize(loss, start, bounds=bounds).x


def fit_sum(probs: list[Probs], labels: NDArray[np.intp]) -> float:
    """The sum of equal weights that minimises the log-loss."""
    n = len(probs)

    def loss(total: float) -> float:
        pooled = blend(probs, (total / n,) * n)
        return float(-np.log(pooled[np.arange(len(labels)), labels]).mean())

    return float(minimize_scalar(loss, bounds=(0.05, 3.0), method="bounded").x)


def cross_validate(
    probs: list[Probs], faces: Faces, *, bias: bool = False
) -> tuple[Probs, Figures]:
    """Pooled probabilities of faces whose person was in no training fold, and the weights."""
    persons, number = np.unique(faces.persons, return_inverse=True)
    fold = np.random.default_rng(0).permutation(len(persons))[number] % FOLDS
    pooled = np.zeros((len(number), 7))
    weights = []
    for held_out in range(FOLDS):
        known = fold != held_out
        found = fit([p[known] for p in probs], faces.labels[known], bias=bias)
        pooled[~known] = _apply(found, [p[~known] for p in probs])
        weights.append(found)
    return pooled, np.array(weights)


def _apply(parameters: Figures, probs: list[Probs]) -> Figures:
    n = len(probs)
    pooled = blend(probs, tuple(parameters[:n])).astype(np.float64)
    if len(parameters) > n:
        pooled = pooled * np.exp(parameters[n:])
        pooled /= pooled.sum(axis=1, keepdims=True)
    return pooled


def _pool_equally(probs: list[Probs]) -> Probs:
    return blend(probs, (1.0 / len(probs),) * len(probs))


def report(title: str, faces: Faces, readings: Readings) -> None:
    counts = dict(zip(EXPRESSIONS, np.bincount(faces.labels, minlength=7).tolist(), strict=True))
    say(f"\n## {title}: {len(faces.labels)} faces, {len(set(faces.persons))} persons, {counts}")
    say(HEADING)
    for net in NETS:
        for margin in sorted({key[1] for key in readings.by}):
            show(f"{net}, margin {margin}", readings.by[net, margin, False], faces)
    pairs = (("mini", "big"), ("mini", "face-api"), ("big", "face-api"), NETS)
    for nets in pairs:
        probs = readings.shipped(nets)
        show(f"{' + '.join(nets)}, linear mean", np.mean(probs, axis=0), faces)
        show(f"{' + '.join(nets)}, equal logarithms", _pool_equally(probs), faces)
        pooled, weights = cross_validate(probs, faces)
        show(f"{' + '.join(nets)}, fitted, cross-validated", pooled, faces)
        say(f"weights {weights.mean(axis=0).round(2)} ± {weights.std(axis=0).round(2)}")
    say(f"sum of equal weights, fitted {fit_sum(readings.shipped(), faces.labels):.2f}")
    biased, weights = cross_validate(readings.shipped(), faces, bias=True)
    show("all three with class biases, cross-validated", biased, faces)
    say(f"weights and biases {weights.mean(axis=0).round(2)}")
    compare(faces, readings)
    for net in NETS:
        for margin in MARGINS[1:]:
            wider, narrow = readings.by[net, margin, False], readings.by[net, 1.0, False]
            show(f"{net} at {margin}, less at 1.0", wider, faces, against=narrow)


def compare(faces: Faces, readings: Readings) -> None:
    """Differences on the same faces, with the weights that are shipped (fitted on these faces)."""
    ours = blend(readings.shipped())
    mini, big = readings.shipped(("mini", "big"))
    show(f"the shipped blend {WEIGHTS}", ours, faces)
    recalls = [float((ours.argmax(axis=1) == k)[faces.labels == k].mean()) for k in range(7)]
    say(f"its recalls {dict(zip(EXPRESSIONS, np.round(recalls, 2).tolist(), strict=True))}")
    show("… less mini", ours, faces, against=mini)
    fitted, _ = cross_validate(readings.shipped(), faces)
    show("… less three fitted weights, cross-validated", ours, faces, against=fitted)
    show("… less mini + big, linear mean", ours, faces, against=np.mean([mini, big], axis=0))
    mirrored = readings.with_mirror()
    show("blend mirrored too, less not", blend(mirrored), faces, against=ours)
    show("mini mirrored too, less not", mirrored[0], faces, against=mini)


def study(folder: Path, load: Engine) -> None:
    """Margins, ways to pool, fitted weights."""
    faces = read_faces(folder, load)
    say(f"{faces.n_lost} pictures without a face of 32 px")
    readings = read_all(faces, load, MARGINS)
    report("press pictures (LFW)", faces.only(faces.is_press), readings.only(faces.is_press))
    report("all", faces, readings)


def robustness(folder: Path, load: Engine) -> None:
    """The shipped blend on the press pictures as they are, black about them, and as small faces."""
    press = read_faces(folder, load, only_press=True)
    variants = {"black about the picture": press.in_black_frames()}
    variants |= {f"faces of {height} px": press.reduced(height) for height in (64, 48, 32)}
    for title, faces in variants.items():
        readings = read_all(faces, load)
        say(f"\n## press pictures, {title}\n{HEADING}")
        for net, probs in zip(NETS, readings.shipped(), strict=True):
            show(net, probs, faces)
        compare(faces, readings)


if __name__ == "__main__":
    cv2.setNumThreads(1)
    part = {"study": study, "robustness": robustness}[sys.argv[1]]
    part(Path(sys.argv[2]), openvino_engine(1, "exact"))
