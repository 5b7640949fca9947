"""Pictures in, faces out: detector, landmarks, pose, eyes and, when wanted, expressions.

Each network runs over all faces of all pictures at once; only cutting out is one by one.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.detection import DetectionSize, FaceDetector
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
"""Below it the landmark network sees no face where the detector saw one: it is left out, ..."""
SURE_CONFIDENCE = 0.8
"""... unless the detector is this sure: true profiles have a presence of 1e-6, but .85 here; backs
of heads, a dog and blurred patches had less than .75 (looked at on 263 detections)."""
POSE_MIN_PRESENCE = 1e-6
"""Below it no pose is told. Above it the yaw's sign was right in 126 of 126 turned heads of
Pointing'04 with a presence under .9, though it stops near 60 degrees where 90 are true."""


@dataclass(frozen=True, slots=True)
class _Networks:
    """The loaded networks; no expression network is loaded where policy forbids it."""

    detector: FaceDetector
    landmarks: Network
    expression: Network | None


class FaceAnalyzer:
    """Finds all faces of pictures and measures them. Make one with `load`; one thread at a time."""

    def __init__(
        self,
        networks: _Networks,
        mesh: CanonicalMesh,
        *,
        min_presence: float,
        batch: int,
    ) -> None:
        self._networks = networks
        self._mesh = mesh
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
            min_presence: the landmark network's threshold for faces of which the detector is not
                sure.

        Raises:
            EngineError: the device or the engine cannot be had here.
            WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
        """
        chosen = _choose_device(device)
        load = _choose_engine(chosen, engine, threads or default_threads())
        networks = _Networks(
            detector=FaceDetector(
                load(yunet.SPEC), DetectionSize(detect_long_side), min_confidence
            ),
            landmarks=load(landmarks.SPEC),
            expression=load(mini_xception.SPEC) if expression else None,
        )
        return cls(
            networks,
            load_canonical_mesh(),
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
        self._networks.detector.detect(np.zeros((720, 1280, 3), np.uint8))
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
        found = [self._networks.detector.detect(image) for image in images]
        faces: list[list[Face]] = [[] for _ in images]
        if any(len(detections.confidence) for detections in found):
            self._measure(images, found, faces)
        return faces

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
            if self._is_face(face):
                faces[index[n]].append(face)

    def _is_face(self, face: Face) -> bool:
        believed = face.presence >= self._min_presence or face.confidence >= SURE_CONFIDENCE
        return believed and bool(np.isfinite(face.landmarks_xy).all())

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
        angles = _angles_or_none(poses, marks.presence)
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


def prepare_networks(device: Device = "auto", *, expression: bool = True) -> None:
    """Convert what this machine's engine has not converted yet, so that workers start at once.

    About 20 s the first time on a CPU (it imports torch), 1 s later. Raises what `load` raises.
    """
    FaceAnalyzer.load(device, expression=expression)


def default_threads() -> int:
    """Return `FACEPOSE_THREADS`, else the cores that this process may use."""
    chosen = os.environ.get("FACEPOSE_THREADS")
    return int(chosen) if chosen else len(os.sched_getaffinity(0))


def _angles_or_none(
    poses: HeadPoses, presence: NDArray[np.float32]
) -> list[tuple[float, float, float] | tuple[None, None, None]]:
    rows = np.stack((poses.yaw_deg, poses.pitch_deg, poses.roll_deg), axis=1)
    valid = np.isfinite(rows).all(axis=1) & (presence >= POSE_MIN_PRESENCE)
    return [
        (rows[n, 0].item(), rows[n, 1].item(), rows[n, 2].item()) if valid[n] else (None,) * 3
        for n in range(len(rows))
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
