"""Body of `facepose bench analyze`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.bench.machine import describe_cpu, load_average
from deploy.bench.peers import Comparison, compare, peers_python
from deploy.bench.report import Setting
from deploy.bench.scene import drawn_class, tiled_pictures
from deploy.bench.stage_clock import StageClock
from deploy.bench.sweep import BatchResult, sweep
from schemas.analysis import ModelChoices
from workers.analyzer import Device, FaceAnalyzer
from workers.gpu import has_cuda

PICTURES: Final = 6
"""Different ones, taken in turn: a single picture would favour whoever does well on it."""


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """What to measure.

    Attributes:
        faces: in each picture.
        size: width and height [px].
        batches: frames at once.
        threads: of the CPU.
        models: which networks.
        device: where they run.
        seconds: for the sweep; the comparison takes twice as long.
        pictures: a folder of single faces to lay out instead of drawing a class.
        peers: compare with the rivals.
        peers_python: their interpreter.
    """

    faces: int
    size: tuple[int, int]
    batches: tuple[int, ...]
    threads: int
    models: ModelChoices
    device: Device
    seconds: float
    pictures: Path | None = None
    peers: bool = False
    peers_python: Path | None = None


def measure(options: BenchOptions) -> tuple[Setting, list[BatchResult], Comparison | None]:
    """Draw the pictures, sweep the batch sizes, and compare where that is asked for.

    Raises:
        BenchError, DecodeError, EngineError, WeightsError: something is not here.
    """
    jpegs = _pictures(options)
    clock = StageClock()
    analyzer = FaceAnalyzer.load(
        options.device, models=options.models, threads=options.threads, timer=clock
    )
    results = sweep(analyzer, clock, jpegs, options.batches, options.seconds)
    return _setting(options), results, _comparison(options, jpegs) if options.peers else None


def _pictures(options: BenchOptions) -> list[bytes]:
    width, height = options.size
    if options.pictures is None:
        return drawn_class(options.faces, width, height, PICTURES)
    return tiled_pictures(options.pictures, options.faces, width, height, PICTURES)


def _comparison(options: BenchOptions, jpegs: Sequence[bytes]) -> Comparison:
    python = options.peers_python or peers_python()
    core = max(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="facepose-bench-") as folder:
        for index, jpeg in enumerate(jpegs):
            (Path(folder) / f"{index}.jpg").write_bytes(jpeg)
        return compare(Path(folder), options.models, python, seconds=2 * options.seconds, core=core)


def _setting(options: BenchOptions) -> Setting:
    on_gpu = options.device == "cuda" or (options.device == "auto" and has_cuda())
    models = options.models
    scene = f"a drawn class of {options.faces}"
    if options.pictures is not None:
        scene = f"{options.faces} pictures of faces"
    return Setting(
        device="cuda" if on_gpu else "cpu",
        engine="torch" if on_gpu else "openvino",
        precision=models.precision,
        models=f"{models.detector} + {models.landmarks} + {models.pose} + {models.expression}",
        machine=describe_cpu(),
        load_average=load_average(),
        threads=options.threads,
        size=options.size,
        scene=scene,
    )
