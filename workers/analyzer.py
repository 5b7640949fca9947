"""Pictures in, faces out: detector, landmarks, pose, eyes and, when wanted, expressions."""

import os
from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import cv2
import numpy as np

from schemas.analysis import ModelChoices, Precision
from workers import choices
from workers.decode import Jpeg, decode_jpeg
from workers.detection import FaceDetector
from workers.engines import Engine, EngineName, openvino_engine, torch_engine
from workers.errors import EngineError
from workers.face import Face
from workers.following import Following
from workers.gpu import has_cuda
from workers.measured import Measured
from workers.pipeline import HostPipeline, Steps
from workers.stages import Image, StageTimer, View, no_timer

Device = Literal["auto", "cpu", "cuda"]

MIN_PRESENCE = 0.5
"""Below it the landmark network sees no face where the detector saw one: it is left out, unless
the detector is sure (`DetectorModel.sure_confidence`)."""
DEFAULT_MODELS = ModelChoices()


class Pipeline(Protocol):
    """Pictures to measured faces, on some device."""

    def measure(self, images: Sequence[Image], views: Sequence[View]) -> Measured | None:
        """Return all faces of the pictures; None when there is none."""

    def warm_up(self) -> None:
        """Run every network once."""


@runtime_checkable
class JpegPipeline(Protocol):
    """A pipeline that unpacks JPEGs itself, on its device."""

    def measure_jpegs(
        self,
        jpegs: Sequence[bytes],
        views: Sequence[View],
        matrices: Sequence[Literal["bt601", "bt709"]] | None = None,
    ) -> Measured | None:
        """Return all faces of the pictures; None when there is none."""


class FaceAnalyzer:
    """Finds all faces of pictures and measures them. Make one with `load`; one thread at a time."""

    def __init__(self, pipeline: Pipeline, model_version: str) -> None:
        self._pipeline = pipeline
        self._model_version = model_version

    @classmethod
    def load(
        cls,
        device: Device = "auto",
        *,
        models: ModelChoices = DEFAULT_MODELS,
        expression: bool = True,
        engine: EngineName | None = None,
        threads: int | None = None,
        min_presence: float = MIN_PRESENCE,
        timer: StageTimer = no_timer,
    ) -> "FaceAnalyzer":
        """Load the networks.

        Args:
            device: "auto" takes a CUDA GPU where there is one.
            models: which network does each step.
            expression: False leaves the expression networks alone: their files are not opened.
            engine: "torch" or "openvino"; by default torch on a GPU and OpenVINO on a CPU.
            threads: of this process on the CPU; by default `FACEPOSE_THREADS`, else all cores.
            min_presence: the landmark network's threshold for faces of which the detector is not
                sure.
            timer: called around each step.

        Raises:
            ChoiceError: networks that do not go together.
            EngineError: the device or the engine cannot be had here.
            WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
        """
        version = choices.model_version(choices.networks_of(models, expression=expression))
        chosen = choose_device(device)
        load = choose_engine(chosen, engine, threads or default_threads(), models.precision)
        if chosen == "cuda" and engine != "openvino":
            pipeline = _device_pipeline(models, expression=expression, min_presence=min_presence)
            if pipeline is not None:
                return cls(pipeline, version)
        steps = _load_steps(load, chosen, models, expression=expression, min_presence=min_presence)
        following = Following() if models.follow else None
        return cls(HostPipeline(steps, timer, following), version)

    @property
    def model_version(self) -> str:
        """Name the networks and their weights, for the records: `yunet-8f2383e4+…`."""
        return self._model_version

    @property
    def unpacks_jpegs(self) -> bool:
        """Whether JPEGs may be handed over as they are; on a GPU they are unpacked there."""
        return isinstance(self._pipeline, JpegPipeline)

    def warm_up(self) -> None:
        """Run every network once, so that the first real pictures are as fast as the next."""
        self._pipeline.warm_up()

    def analyze(
        self, images: Sequence[Image | Jpeg], views: Sequence[View] | None = None
    ) -> list[list[Face]]:
        """Return the faces of each picture, best first; an empty list where there is none.

        Args:
            images: each (H, W, 3) uint8 RGB; sizes may differ. All may be JPEGs instead.
            views: where each picture comes from; by default each stands by itself.

        Raises:
            ValueError: a picture of another shape or type, or not one view a picture.
            DecodeError: a JPEG that cannot be unpacked.
        """
        views = [View()] * len(images) if views is None else views
        if len(views) != len(images):
            raise ValueError(f"{len(images)} pictures, but {len(views)} views")
        measured = self._measure(images, views)
        return [[] for _ in images] if measured is None else measured.faces(len(images))

    def _measure(self, images: Sequence[Image | Jpeg], views: Sequence[View]) -> Measured | None:
        jpegs = [image for image in images if isinstance(image, Jpeg)]
        if jpegs and len(jpegs) == len(images) and isinstance(self._pipeline, JpegPipeline):
            data, matrices = [jpeg.data for jpeg in jpegs], [jpeg.matrix for jpeg in jpegs]
            return self._pipeline.measure_jpegs(data, views, matrices)
        return self._pipeline.measure([_unpacked(image) for image in images], views)


def _unpacked(image: Image | Jpeg) -> Image:
    """Return the picture, checked."""
    if isinstance(image, Jpeg):
        return decode_jpeg(image.data, matrix=image.matrix)
    _check(image)
    return image


def _device_pipeline(
    models: ModelChoices, *, expression: bool, min_presence: float
) -> Pipeline | None:
    """Return the pipeline that stays on the GPU; None where these choices do not run in it."""
    from workers.device.pipeline import DevicePipeline, supports  # noqa: PLC0415  imports torch

    if not supports(models):
        return None
    return DevicePipeline.load("cuda", models, expression=expression, min_presence=min_presence)


def _load_steps(
    load: Engine,
    device: Literal["cpu", "cuda"],
    models: ModelChoices,
    *,
    expression: bool,
    min_presence: float,
) -> Steps:
    detector = choices.detector(models.detector)
    marks = choices.landmark_model(models.landmarks)
    pose = choices.pose_method(models.pose, models.landmarks)
    return Steps(
        detector=FaceDetector(detector, load(detector.spec)),
        sure_confidence=detector.sure_confidence,
        landmark_model=marks,
        landmarks=load(marks.spec),
        batch=marks.batch if device == "cpu" else 64,
        second_pass=models.second_landmark_pass,
        pose=pose.build(load),
        expression=choices.expression_model(models.expression).build(load) if expression else None,
        min_presence=min_presence,
    )


def prepare_networks(
    device: Device = "auto", *, models: ModelChoices = DEFAULT_MODELS, expression: bool = True
) -> None:
    """Convert what this machine's engine has not converted yet, so that workers start at once.

    About 20 s the first time on a CPU (it imports torch), 1 s later. Raises what `load` raises.
    """
    FaceAnalyzer.load(device, models=models, expression=expression)


def default_threads() -> int:
    """Return `FACEPOSE_THREADS`, else the cores that this process may use."""
    chosen = os.environ.get("FACEPOSE_THREADS")
    return int(chosen) if chosen else len(os.sched_getaffinity(0))


def choose_device(device: Device) -> Literal["cpu", "cuda"]:
    """Return the device that "auto" stands for here."""
    if device == "auto":
        return "cuda" if has_cuda() else "cpu"
    return device


def choose_engine(
    device: Literal["cpu", "cuda"], engine: EngineName | None, threads: int, precision: Precision
) -> Engine:
    """Return what loads networks on a device.

    Raises:
        EngineError: the device or the engine cannot be had here.
    """
    if device == "cuda" and engine == "openvino":
        raise EngineError("OpenVINO runs on the CPU here; use engine='torch' on cuda")
    cv2.setNumThreads(threads)
    if engine == "torch" or device == "cuda":
        return torch_engine(device, threads)
    return openvino_engine(threads, precision)


def _check(image: Image) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"expected (H, W, 3) uint8 RGB, got {image.shape = }, {image.dtype = }")
