"""Measure N faces at once: landmarks, pose, eyes, expression, as one row of numbers each.

The maths of `workers.pipeline` on tensors. N is one of few bucket sizes, so that shapes repeat; the
rows beyond the real faces are computed like any other and dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from workers.device.crops import (
    Atlas,
    Squares,
    build_atlas,
    cut,
    slots_and_levels,
    squares_around,
    to_picture,
)
from workers.device.detect import Candidates
from workers.device.graphs import Graphs
from workers.device.quality import grey, sharpness, thumbnails
from workers.device.rotations import angles_deg, fit_rotations
from workers.geometry.canonical_mesh import CanonicalMesh
from workers.models import mediapipe478, xception_input
from workers.static_faces import THUMBNAIL_PX

BUCKETS: Final = (32, 64, 128, 256, 512)
"""Numbers of faces for which the networks run."""
N_LANDMARKS: Final = mediapipe478.LANDMARKER.n_points

ROW: Final = {
    "box": slice(0, 4),
    "confidence": slice(4, 5),
    "presence": slice(5, 6),
    "angles": slice(6, 9),
    "eyes": slice(9, 11),
    "expression": slice(11, 18),
    "sharpness": slice(18, 19),
    "thumbnail": slice(19, 19 + THUMBNAIL_PX**2),
    "landmarks": slice(19 + THUMBNAIL_PX**2, 19 + THUMBNAIL_PX**2 + 2 * N_LANDMARKS),
}
"""Where each value of a face stands in its row."""


@dataclass(frozen=True, slots=True)
class Faces:
    """N faces of several pictures, or places for them.

    Attributes:
        image_index: (N,) int64.
        boxes_xyxy: (N, 4) float32 [px].
        points_xy: (N, 5, 2) float32 [px].
        confidence: (N,) float32.
    """

    image_index: Tensor
    boxes_xyxy: Tensor
    points_xy: Tensor
    confidence: Tensor


@dataclass(frozen=True, slots=True)
class Cutter:
    """Pictures to cut faces out of, with what the largest face among them asks for.

    Attributes:
        atlas: the pictures.
        landmark_slots: samples a pixel each way, see `crops.cut`.
        expression_slots: the same.
    """

    atlas: Atlas
    landmark_slots: int
    expression_slots: int

    @classmethod
    def of(cls, images: Tensor, largest_px: float) -> "Cutter":
        """Lay out pictures (B, H, W, 3) whose largest face has a box with this longer side."""
        # A second look may take a wider square: the landmarks reach beyond the box.
        marks = slots_and_levels(largest_px * mediapipe478.MARGIN * 1.3, mediapipe478.SIDE_PX, 2)
        faces = slots_and_levels(largest_px * xception_input.MARGIN, xception_input.SIDE_PX, 4)
        return cls(build_atlas(images, max(marks[1], faces[1])), marks[0], faces[0])


def bucket_of(count: int, buckets: Sequence[int] = BUCKETS) -> int:
    """Return the smallest bucket that holds so many faces, or the largest."""
    return next((size for size in buckets if size >= count), buckets[-1])


def gather_faces(candidates: Candidates, first: int, size: int) -> Faces:
    """Return the faces from number `first` on, by picture and the best first, in `size` places."""
    places = candidates.kept.shape[1]
    kept = candidates.kept.flatten()
    order = torch.argsort((~kept).to(torch.uint8), stable=True)[first : first + size]
    order = functional.pad(order, (0, size - len(order)), value=len(kept) - 1)
    return Faces(
        image_index=order.div(places, rounding_mode="floor"),
        boxes_xyxy=candidates.boxes_xyxy.flatten(0, 1)[order],
        points_xy=candidates.points_xy.flatten(0, 1)[order],
        confidence=candidates.confidence.flatten()[order],
    )


class FaceMeasurer:
    """The networks that look at single faces.

    Args:
        landmarks: `MediaPipe478Net` on the device.
        expression: `MiniXceptionNet`, or None where policy forbids it.
        mesh: the canonical face, for the pose.
        graphs: runs what has few shapes.
        second_pass: look at each face twice.
    """

    def __init__(
        self,
        landmarks: nn.Module,
        expression: nn.Module | None,
        mesh: CanonicalMesh,
        graphs: Graphs,
        *,
        second_pass: bool,
    ) -> None:
        self._landmarks = landmarks
        self._expression = expression
        self._graphs = graphs
        self._second_pass = second_pass
        device = next(landmarks.parameters()).device
        self._model = _PoseModel(mesh, device)
        self._eyes = torch.from_numpy(mediapipe478.LANDMARKER.eyes).to(device)
        self._five = torch.from_numpy(_numbers_of_five()).to(device)
        self._order = torch.from_numpy(_project_order()).to(device)

    def measure(self, cutter: Cutter, faces: Faces) -> Tensor:
        """Return a row (N, 1231) of numbers for each face, see `ROW`; NaN: not known."""
        points, presence, crops = self._find_landmarks(
            cutter, _landmark_squares(faces.boxes_xyxy, faces.points_xy, faces.image_index)
        )
        if self._second_pass:
            points, presence, crops = self._find_landmarks(cutter, self._closer(points, faces))
        (measured,) = self._graphs.run("pose", self._angles_and_eyes, points)
        columns = (
            faces.boxes_xyxy,
            faces.confidence[:, None],
            presence[:, None],
            measured,
            self._expressions(cutter, faces),
            sharpness(crops, mediapipe478.MARGIN)[:, None],
            thumbnails(crops).flatten(1),
            points[:, :, :2].flatten(1),
        )
        return torch.cat(columns, dim=1)

    def _find_landmarks(self, cutter: Cutter, squares: Squares) -> tuple[Tensor, Tensor, Tensor]:
        crops = cut(cutter.atlas, squares, mediapipe478.SIDE_PX, cutter.landmark_slots)
        points, logits = self._graphs.run("landmarks", self._landmarks, crops)
        placed = to_picture(points.float(), squares, mediapipe478.SIDE_PX)
        return placed, torch.sigmoid(logits.double()).float(), crops

    def _closer(self, points_xyz: Tensor, faces: Faces) -> Squares:
        """Return the squares for a second look, about the landmarks of the first."""
        flat = points_xyz[:, :, :2]
        boxes = torch.cat((flat.amin(dim=1), flat.amax(dim=1)), dim=1)
        return _landmark_squares(boxes, flat[:, self._five], faces.image_index)

    def _angles_and_eyes(self, points_xyz: Tensor) -> tuple[Tensor]:
        angles = angles_deg(self._model.rotations(points_xyz)).float()
        return (torch.cat((angles, eye_openness(points_xyz, self._eyes)), dim=1),)

    def _expressions(self, cutter: Cutter, faces: Faces) -> Tensor:
        if self._expression is None:
            return faces.boxes_xyxy.new_full((len(faces.boxes_xyxy), 7), torch.nan)
        squares = squares_around(
            faces.boxes_xyxy, faces.points_xy[:, :2], faces.image_index, xception_input.MARGIN
        )
        crops = grey(cut(cutter.atlas, squares, xception_input.SIDE_PX, cutter.expression_slots))
        (probs,) = self._graphs.run("expression", self._expression, crops)
        return probs.float()[:, self._order]


class _PoseModel:
    """The points of the canonical face that tell its pose."""

    def __init__(self, mesh: CanonicalMesh, device: torch.device) -> None:
        used = np.flatnonzero(mesh.procrustes_weights)
        weights = mesh.procrustes_weights[used]
        vertices = mesh.vertices[used]
        vertices = vertices - weights @ vertices / weights.sum()
        self._used = torch.from_numpy(used).to(device)
        self._weights = torch.from_numpy(weights).to(device)
        self._vertices = torch.from_numpy(vertices).to(device)
        self._flip = torch.tensor((1.0, -1.0, -1.0), dtype=torch.float64).to(device)

    def rotations(self, points_xyz: Tensor) -> Tensor:
        seen = points_xyz[:, self._used].double() * self._flip
        return fit_rotations(seen, self._vertices, self._weights)


def eye_openness(points_xyz: Tensor, eyes: Tensor) -> Tensor:
    """Return the EAR (N, 2); the maths of `workers.geometry.eyes.eye_openness`."""
    corners = points_xyz[:, eyes]
    height = (corners[:, :, 1] - corners[:, :, 5]).norm(dim=-1)
    height = height + (corners[:, :, 2] - corners[:, :, 4]).norm(dim=-1)
    width = (corners[:, :, 0] - corners[:, :, 3]).norm(dim=-1)
    openness: Tensor = height / (2.0 * width).clamp_min(1e-6)
    return openness


def _landmark_squares(boxes_xyxy: Tensor, points_xy: Tensor, image_index: Tensor) -> Squares:
    return squares_around(boxes_xyxy, points_xy[:, :2], image_index, mediapipe478.MARGIN)


def _numbers_of_five() -> NDArray[np.int64]:
    """Return which of the landmarks stand in for the detector's five points."""
    numbers = np.arange(N_LANDMARKS, dtype=np.float32)[None, :, None].repeat(3, axis=2)
    chosen: NDArray[np.int64] = mediapipe478.five_points(numbers)[0, :, 0].astype(np.int64)
    return chosen


def _project_order() -> NDArray[np.int64]:
    """Return which of the network's outputs each of the project's expressions is."""
    numbers = np.arange(7, dtype=np.float32)[None]
    one = np.zeros((1, xception_input.SIDE_PX, xception_input.SIDE_PX), np.uint8)
    order: NDArray[np.int64] = xception_input.read_xception(lambda _grey: (numbers,), one)[
        0
    ].astype(np.int64)
    return order
