"""From a name in the site file or on the command line to what it means.

A name is the module that holds the choice, so a new one is a file and its name in
`schemas.analysis`. Modules are imported when chosen.
"""

import importlib
from collections.abc import Sequence

from schemas.analysis import (
    DETECTORS,
    EXPRESSION_NETS,
    LANDMARKS,
    POSES,
    ModelChoices,
)
from workers.engines import NetworkSpec
from workers.errors import ChoiceError
from workers.stages import DetectorModel, ExpressionModel, LandmarkModel, PoseMethod
from workers.user_weights import weights_sha256


def detector(name: str) -> DetectorModel:
    """Return the detector of that name. Raises: ChoiceError for an unknown one."""
    chosen: DetectorModel = _find("models", name, "DETECTOR", DETECTORS)
    return chosen


def landmark_model(name: str) -> LandmarkModel:
    """Return the landmark network of that name. Raises: ChoiceError for an unknown one."""
    chosen: LandmarkModel = _find("models", name, "LANDMARKER", LANDMARKS)
    return chosen


def pose_method(name: str, landmarks: str) -> PoseMethod:
    """Return the pose method of that name.

    Raises:
        ChoiceError: an unknown one, or one that cannot work with these landmarks.
    """
    chosen = _pose(name)
    if landmarks not in chosen.landmarks:
        able = [pose for pose in POSES if landmarks in _pose(pose).landmarks]
        raise ChoiceError(
            f"pose {name!r} needs the landmarks {' or '.join(chosen.landmarks)}, "
            f"not {landmarks!r}; with these choose the pose {' or '.join(able)}"
        )
    return chosen


def _pose(name: str) -> PoseMethod:
    method: PoseMethod = _find("poses", name, "POSE", POSES)
    return method


def expression_model(name: str) -> ExpressionModel:
    """Return the expression reader of that name. Raises: ChoiceError for an unknown one."""
    chosen: ExpressionModel = _find("models", name, "EXPRESSION", EXPRESSION_NETS)
    return chosen


def networks_of(models: ModelChoices, *, expression: bool) -> list[NetworkSpec]:
    """Return every network that these choices load, in the order of the steps.

    Raises:
        ChoiceError: they do not go together.
    """
    specs = [detector(models.detector).spec, landmark_model(models.landmarks).spec]
    specs += pose_method(models.pose, models.landmarks).networks
    if expression:
        specs += expression_model(models.expression).networks
    return specs


def weights_of(models: ModelChoices, *, expression: bool) -> list[str]:
    """Return the names of the weights that these choices read, each once.

    Raises:
        ChoiceError: they do not go together.
    """
    return list(dict.fromkeys(s.weights for s in networks_of(models, expression=expression)))


def model_version(networks: Sequence[NetworkSpec]) -> str:
    """Name networks and their weights, for the records: `yunet-8f2383e4+…`.

    Raises:
        WeightsError: weights that are not there, or not the right ones.
    """
    return "+".join(f"{spec.name}-{weights_sha256(spec.weights)[:8]}" for spec in networks)


def _find(folder: str, name: str, constant: str, known: tuple[str, ...]):  # type: ignore[no-untyped-def]  # noqa: ANN202  the callers say what
    if name not in known:
        raise ChoiceError(f"no {constant.lower()} named {name!r}; there is {', '.join(known)}")
    return getattr(importlib.import_module(f"workers.{folder}.{name}"), constant)
