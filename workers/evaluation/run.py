"""One call for `facepose evaluate`: read the data set, load the networks, run, report."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workers.decode import Image
from workers.evaluation.bootstrap import Bootstrap
from workers.evaluation.chain import (
    Doubles,
    FindBoxes,
    Loading,
    load_analyzer,
    load_crop_reader,
    load_detector,
)
from workers.evaluation.formats import ReadOptions, Task, read_data_set
from workers.evaluation.labels import DataSet
from workers.evaluation.metrics_detection import MIN_IOU
from workers.evaluation.metrics_landmarks import Normaliser
from workers.evaluation.outcome import Outcome
from workers.evaluation.report import Report
from workers.evaluation.run_detection import run_detection
from workers.evaluation.run_expression import run_expression, run_expression_on_crops
from workers.evaluation.run_heads import has_heads, run_heads
from workers.evaluation.run_landmarks import run_landmarks
from workers.evaluation.run_pose import run_pose
from workers.evaluation.stream import PictureStream

LOWEST_CONFIDENCE = 0.02
"""Of the boxes that the curve of average precision begins with, as is usual on WIDER FACE."""

StartProgress = Callable[[int], Callable[[], None]]
"""Told how many pictures there are; returns what is called after each."""


@dataclass(frozen=True, slots=True)
class Options:
    """What an evaluation may be told.

    Attributes:
        loading: which networks, and where.
        format: the data set's format by name; by default its files tell it.
        read: for readers that need more.
        limit: so many pictures, drawn at random.
        bootstrap: for the intervals; its seed also draws the pictures of `limit`.
        normaliser: of landmark errors.
        whole_analyser: detection as the analyser reports it, instead of the detector alone.
        min_iou: from here on a found box is on a labelled face.
        crop_margin: expression: the pictures are faces, larger than them by this share; None: they
            are pictures in which a face is to be found.
    """

    loading: Loading = field(default_factory=Loading)
    format: str | None = None
    read: ReadOptions = field(default_factory=ReadOptions)
    limit: int | None = None
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    normaliser: Normaliser = "inter-ocular"
    whole_analyser: bool = False
    min_iou: float = MIN_IOU
    crop_margin: float | None = None


def evaluate(task: Task, data: Path, options: Options, start: StartProgress) -> Report:
    """Return the figures of one task on one data set.

    Args:
        task: which.
        data: its folder or label file.
        options: see `Options`.
        start: begins a progress bar.

    Raises:
        DataFormatError, LabelError: the data set cannot be used.
        ChoiceError, EngineError, WeightsError: the networks cannot be had.
    """
    pictures = read_data_set(task, data, options.read, options.format)
    pictures = pictures.limited(options.limit, options.bootstrap.seed)
    run, version = _RUNS[task](pictures, options)
    stream = PictureStream(start(len(pictures.pictures)))
    outcome = run(stream)
    return Report(
        task=task,
        format=pictures.format,
        models=_models(task, options, version),
        settings=_settings(task, pictures, options),
        counts={
            "pictures": len(pictures.pictures),
            "unreadable pictures": len(stream.unreadable),
            **outcome.counts,
        },
        groups=outcome.groups,
        notes=(*pictures.notes, *outcome.notes),
        unreadable=stream.unreadable,
        confusion=outcome.confusion,
    )


_Run = Callable[[PictureStream], Outcome]


def _detection(data: DataSet[Any], options: Options) -> tuple[_Run, str]:
    loading = options.loading
    if options.whole_analyser:
        find, version = _boxes_of_analyser(loading)
    else:
        find, version = load_detector(loading, min(LOWEST_CONFIDENCE, loading.min_confidence))
    if has_heads(data):
        return lambda stream: run_heads(
            data, find, stream, options.bootstrap, min_confidence=loading.min_confidence
        ), version
    return lambda stream: run_detection(
        data,
        find,
        stream,
        options.bootstrap,
        min_confidence=loading.min_confidence,
        min_iou=options.min_iou,
    ), version


def _pose(data: DataSet[Any], options: Options) -> tuple[_Run, str]:
    find, version = load_analyzer(options.loading, expression=False)
    return lambda stream: run_pose(data, find, stream, options.bootstrap), version


def _landmarks(data: DataSet[Any], options: Options) -> tuple[_Run, str]:
    find, version = load_analyzer(options.loading, expression=False)
    return lambda stream: run_landmarks(
        data, find, stream, options.bootstrap, options.normaliser
    ), version


def _expression(data: DataSet[Any], options: Options) -> tuple[_Run, str]:
    margin = options.crop_margin
    if margin is not None:
        read, version = load_crop_reader(options.loading)
        return lambda stream: run_expression_on_crops(
            data, read, stream, options.bootstrap, margin
        ), version
    find, version = load_analyzer(options.loading, expression=True)
    return lambda stream: run_expression(data, find, stream, options.bootstrap), version


_RUNS: dict[Task, Callable[[DataSet[Any], Options], tuple[_Run, str]]] = {
    "detection": _detection,
    "landmarks": _landmarks,
    "pose": _pose,
    "expression": _expression,
}


def _boxes_of_analyser(loading: Loading) -> tuple[FindBoxes, str]:
    find_faces, version = load_analyzer(loading, expression=False)

    def find(image: Image) -> tuple[Doubles, Doubles]:
        (faces,) = find_faces([image])
        boxes = np.array([face.box_xyxy for face in faces], np.float64).reshape(-1, 4)
        return boxes, np.array([face.confidence for face in faces], np.float64)

    return find, version


def _models(task: Task, options: Options, version: str) -> dict[str, str]:
    """The choices that the task used."""
    chosen = options.loading.models
    names: dict[str, str] = {"detector": chosen.detector}
    if task != "detection" or options.whole_analyser:
        names |= {"landmarks": chosen.landmarks, "pose": chosen.pose}
    if task == "expression":
        names |= {"expression": chosen.expression}
        if options.crop_margin is not None:
            names = {"expression": chosen.expression}
    return names | {"precision": chosen.precision, "networks": version}


def _settings(task: Task, data: DataSet[Any], options: Options) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "intervals": f"95 %, {options.bootstrap.resamples} resamples by {data.grouped_by}, "
        f"seed {options.bootstrap.seed}",
    }
    if task == "landmarks":
        settings["normaliser"] = options.normaliser
    if task == "detection":
        settings["boxes of"] = "the whole analyser" if options.whole_analyser else "the detector"
    return settings
