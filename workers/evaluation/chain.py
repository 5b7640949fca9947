"""The parts of the analyser that an evaluation needs, loaded by their names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.analysis import DetectionPlan, ModelChoices
from workers import choices
from workers.analyzer import (
    Device,
    FaceAnalyzer,
    choose_device,
    choose_engine,
    default_threads,
)
from workers.detection import FaceDetector
from workers.engines import Engine
from workers.face import Face
from workers.stages import Image, View

Doubles = NDArray[np.float64]
FindBoxes = Callable[[Image], tuple[Doubles, Doubles]]
"""A picture to boxes (M, 4) [px] and confidence (M,)."""
FindFaces = Callable[[Sequence[Image]], list[list[Face]]]
ReadCrop = Callable[[Image, float], Doubles]
"""A picture that is a face, and its margin, to seven probabilities (7,)."""

_FIVE_POINTS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
"""Eyes, nose and corners of the mouth of an upright face in fractions of its box: of a picture that
is a crop nothing better is known, and only networks that align by points look at them."""


@dataclass(frozen=True, slots=True)
class Loading:
    """Which networks, and where they run.

    Attributes:
        models: by name.
        device: see `FaceAnalyzer.load`.
        threads: see `FaceAnalyzer.load`.
        plan: what the detector looks at; its threshold where another than its own is wanted.
    """

    models: ModelChoices = field(default_factory=ModelChoices)
    device: Device = "auto"
    threads: int | None = None
    plan: DetectionPlan = field(default_factory=DetectionPlan)

    @property
    def min_confidence(self) -> float:
        """The threshold of what counts as found."""
        return self.plan.min_confidence or choices.detector(self.models.detector).min_confidence


def load_analyzer(loading: Loading, *, expression: bool) -> tuple[FindFaces, str]:
    """Return the whole analyser, and the names and weights of its networks."""
    analyzer = FaceAnalyzer.load(
        loading.device, models=loading.models, expression=expression, threads=loading.threads
    )
    view = View(detection=loading.plan)
    return lambda images: analyzer.analyze(images, [view] * len(images)), analyzer.model_version


def load_detector(loading: Loading, lowest_confidence: float) -> tuple[FindBoxes, str]:
    """Return the detector alone with a threshold of its own, and its name and weights."""
    model = choices.detector(loading.models.detector)
    detector = FaceDetector(model, _engine(loading)(model.spec))
    plan = loading.plan.model_copy(update={"min_confidence": lowest_confidence})

    def find(image: Image) -> tuple[Doubles, Doubles]:
        found = detector.detect(image, plan)
        return found.boxes_xyxy.astype(np.float64), found.confidence.astype(np.float64)

    return find, choices.model_version([model.spec])


def load_crop_reader(loading: Loading) -> tuple[ReadCrop, str]:
    """Return the expression networks for pictures that are faces, and their names and weights."""
    model = choices.expression_model(loading.models.expression)
    read = model.build(_engine(loading))
    index = np.zeros(1, np.intp)

    def read_crop(image: Image, margin: float) -> Doubles:
        box = crop_box(image, margin)
        points = box[:2] + _FIVE_POINTS * (box[2:] - box[:2])
        boxes, five = box[None].astype(np.float32), points[None].astype(np.float32)
        probs: Doubles = read([image], boxes, five, index)[0].astype(np.float64)
        return probs

    return read_crop, choices.model_version(model.networks)


def crop_box(image: Image, margin: float) -> Doubles:
    """Return the face's box (4,) in a picture that is larger than it by `margin` of its side.

    Half of the margin is on either side: 0 takes the whole picture, 0.5 two thirds of its sides.
    """
    height, width = image.shape[:2]
    size = np.array([width, height], np.float64)
    inset = size * (1.0 - 1.0 / (1.0 + margin)) / 2.0
    return np.concatenate((inset, size - inset))


def _engine(loading: Loading) -> Engine:
    device = choose_device(loading.device)
    threads = loading.threads or default_threads()
    return choose_engine(device, None, threads, loading.models.precision)
