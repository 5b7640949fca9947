"""Pictures in, faces out: detector, landmarks, pose, eyes and, when wanted, expressions.

Each network runs over all faces of all pictures at once; only cutting out is one by one.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.engines import Engine, EngineName, Network, openvino_engine, torch_engine
from workers.errors import EngineError
from workers.face import Face
from workers.geometry.canonical_mesh import CanonicalMesh, load_canonical_mesh
from workers.geometry.crops import Crops, crops_around
from workers.geometry.eyes import eye_openness
from workers.geometry.head_pose import HeadPoses, head_poses
from workers.gpu import has_cuda
from workers.models import landmarks, mini_xception, yunet
from workers.models.landmarks import Landmarks
from workers.models.yunet import Detections
from workers.weights import manifest

Image = NDArray[np.uint8]
Device = Literal["auto", "cpu", "cuda"]

MIN_CONFIDENCE = 0.6
MIN_PRESENCE = 0.5
"""Below it the landmark network sees no face where the detector saw one: it is left out."""


@dataclass(frozen=True, slots=True)
class DetectionSize:
    """How large the detector sees a picture.

    Attributes:
        long_side_px: always this, when set.
        enlarge_to_px: a picture whose longer side is shorter is enlarged to this, ...
        max_enlargement: ... but never by more than this factor.
        reduce_to_px: a picture whose longer side is longer is reduced to this.
    """

    long_side_px: int | None = None
    enlarge_to_px: int = 1280
    max_enlargement: float = 2.0
    reduce_to_px: int = 1920

    def scale(self, image: Image) -> float:
        """Return the factor by which the detector's picture is larger than the original."""
        side: int = max(image.shape[:2])
        if self.long_side_px is not None:
            return self.long_side_px / side
        if side > self.reduce_to_px:
            return self.reduce_to_px / side
        return max(1.0, min(self.enlarge_to_px / side, self.max_enlargement))


@dataclass(frozen=True, slots=True)
class _Networks:
    """The loaded networks; no expression network is loaded where policy forbids it."""

    detector: Network
    landmarks: Network
    expression: Network | None


class FaceAnalyzer:
    """Finds all faces of pictures and measures them. Make one with `load`."""

    def __init__(
        self,
        networks: _Networks,
        mesh: CanonicalMesh,
        *,
        size: DetectionSize,
        min_confidence: float,
        min_presence: float,
        batch: int,
    ) -> None:
        self._networks = networks
        self._mesh = mesh
        self._size = size
        self._min_confidence = min_confidence
        self._min_presence = min_presence
        self._batch = batch

    @classmethod
    def load(
        cls,
        device: Device = "auto",
        *,
        engine: EngineName | None = None,
        expression: bool = True,
        threads: int | None = None,
        detect_long_side: int | None = None,
        min_confidence: float = MIN_CONFIDENCE,
        min_presence: float = MIN_PRESENCE,
    ) -> "FaceAnalyzer":
        """Load the networks.

        Args:
            device: "auto" takes a CUDA GPU where there is one.
            engine: "torch" or "openvino"; by default torch on a GPU and OpenVINO on a CPU.
            expression: False leaves the expression network alone: its file is not even opened.
            threads: of this process on the CPU; by default `FACEPOSE_THREADS`, else all cores.
            detect_long_side: the detector always sees the picture with this longer side [px];
                by default small pictures are enlarged and very large ones reduced
                (see `DetectionSize`).
            min_confidence: the detector's threshold.
            min_presence: the landmark network's threshold.

        Raises:
            EngineError: the device or the engine cannot be had here.
            WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
        """
        chosen = _choose_device(device)
        load = _choose_engine(chosen, engine, threads or default_threads())
        networks = _Networks(
            detector=load(yunet.SPEC),
            landmarks=load(landmarks.SPEC),
            expression=load(mini_xception.SPEC) if expression else None,
        )
        return cls(
            networks,
            load_canonical_mesh(),
            size=DetectionSize(detect_long_side),
            min_confidence=min_confidence,
            min_presence=min_presence,
            batch=landmarks.BATCH if chosen == "cpu" else 64,
        )

    @property
    def model_version(self) -> str:
        """Name the networks and their weights, for the records: `yunet-8f2383e4+…`."""
        used = [yunet.SPEC, landmarks.SPEC]
        used += [mini_xception.SPEC] if self._networks.expression is not None else []
        return "+".join(f"{spec.name}-{manifest()[spec.weights].sha256[:8]}" for spec in used)

    def warm_up(self) -> None:
        """Run every network once, so that the first real pictures are as fast as the next."""
        self._detect(np.zeros((720, 1280, 3), np.uint8))
        self._networks.landmarks(np.zeros(landmarks.SPEC.example_shape, np.uint8))
        if self._networks.expression is not None:
            self._networks.expression(np.zeros(mini_xception.SPEC.example_shape, np.uint8))

    def analyze(self, images: Sequence[Image]) -> list[list[Face]]:
        """Return the faces of each picture, best first; an empty list where there is none.

        Args:
            images: each (H, W, 3) uint8 RGB; sizes may differ.

        Raises:
            ValueError: a picture of another shape or type.
        """
        for image in images:
            _check(image)
        found = [self._detect(image) for image in images]
        faces: list[list[Face]] = [[] for _ in images]
        if any(len(detections.confidence) for detections in found):
            self._measure(images, found, faces)
        return faces

    def _detect(self, image: Image) -> Detections:
        scale = self._size.scale(image)
        prepared, scale_xy = yunet.prepare(image, scale)
        outputs = self._networks.detector(prepared[None])
        return yunet.read_answer([o[0] for o in outputs], scale_xy, self._min_confidence)

    def _measure(
        self, images: Sequence[Image], found: list[Detections], faces: list[list[Face]]
    ) -> None:
        """Measure all detected faces at once and put them into `faces` by picture."""
        boxes = np.concatenate([d.boxes_xyxy for d in found])
        eyes = np.concatenate([d.points_xy[:, :2] for d in found])
        confidence = np.concatenate([d.confidence for d in found])
        index = np.repeat(np.arange(len(found)), [len(d.confidence) for d in found])
        crops = crops_around(boxes, eyes, index, landmarks.MARGIN)
        marks = landmarks.find_landmarks(self._networks.landmarks, images, crops, self._batch)
        expressions = self._expressions(images, boxes, crops_around(boxes, eyes, index, 1.0))
        for n, face in enumerate(self._faces(boxes, confidence, marks, expressions)):
            if face.presence >= self._min_presence:
                faces[index[n]].append(face)

    def _expressions(
        self, images: Sequence[Image], boxes: NDArray[np.float32], crops: Crops
    ) -> list[tuple[float, ...] | None]:
        """Return probabilities for the faces that are large enough, None for the others."""
        answers: list[tuple[float, ...] | None] = [None] * len(boxes)
        large = np.flatnonzero(boxes[:, 3] - boxes[:, 1] >= mini_xception.MIN_FACE_HEIGHT_PX)
        if self._networks.expression is None or not len(large):
            return answers
        probs = mini_xception.read_expressions(self._networks.expression, images, crops[large])
        for place, row in zip(large, probs.tolist(), strict=True):
            answers[place] = tuple(row)
        return answers

    def _faces(
        self,
        boxes: NDArray[np.float32],
        confidence: NDArray[np.float32],
        marks: Landmarks,
        expressions: list[tuple[float, ...] | None],
    ) -> list[Face]:
        poses = head_poses(marks.points_xyz, self._mesh)
        eyes = eye_openness(marks.points_xyz).tolist()
        angles = _angles_or_none(poses)
        return [
            Face(
                box_xyxy=tuple(boxes[n].tolist()),
                confidence=float(confidence[n]),
                landmarks_xy=marks.points_xyz[n, :, :2].copy(),
                yaw_deg=angles[n][0],
                pitch_deg=angles[n][1],
                roll_deg=angles[n][2],
                eye_openness=(eyes[n][0], eyes[n][1]),
                presence=float(marks.presence[n]),
                expression_probs=expressions[n],
            )
            for n in range(len(boxes))
        ]


def default_threads() -> int:
    """Return `FACEPOSE_THREADS`, else the cores that this process may use."""
    chosen = os.environ.get("FACEPOSE_THREADS")
    return int(chosen) if chosen else len(os.sched_getaffinity(0))


def _angles_or_none(poses: HeadPoses) -> list[tuple[float, float, float] | tuple[None, None, None]]:
    rows = np.stack((poses.yaw_deg, poses.pitch_deg, poses.roll_deg), axis=1).tolist()
    return [
        (yaw, pitch, roll) if math.isfinite(yaw + pitch + roll) else (None, None, None)
        for yaw, pitch, roll in rows
    ]


def _choose_device(device: Device) -> Literal["cpu", "cuda"]:
    if device == "auto":
        return "cuda" if has_cuda() else "cpu"
    return device


def _choose_engine(
    device: Literal["cpu", "cuda"], engine: EngineName | None, threads: int
) -> Engine:
    if device == "cuda" and engine == "openvino":
        raise EngineError("OpenVINO runs on the CPU here; use engine='torch' on cuda")
    cv2.setNumThreads(threads)
    if engine == "torch" or device == "cuda":
        return torch_engine(device, threads)
    return openvino_engine(threads)


def _check(image: Image) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"expected (H, W, 3) uint8 RGB, got {image.shape = }, {image.dtype = }")
