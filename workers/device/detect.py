"""Find the faces of a batch of pictures of one size; YuNet's answers read as tensors.

The same thresholds and the same order as `workers.models.yunet` and `workers.detection`, but with a
fixed number of places for candidates in each picture, so that nothing waits for the host.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from workers.device.constants import constant
from workers.device.join import cut_faces, join_looks
from workers.device.resample import scale_batch
from workers.device.suppress import ROUNDS, keep_best
from workers.geometry.boxes import MAX_CANDIDATES
from workers.looks import Look
from workers.models.grid_detector import MAX_COORDINATE_PX
from workers.models.yunet import NMS_IOU, STRIDES

PLACES: Final = 1024
"""Candidates for a face in a picture, before suppression: each face has about eight."""
MOST_PLACES: Final = MAX_CANDIDATES
"""The host, too, compares no more than these."""
_MULTIPLE = 32
_VALUES = 14  # box 4, five points 10
_MAX_LOGARITHM = 20.0


@dataclass(frozen=True, slots=True)
class Candidates:
    """K places for faces in each of B pictures, the best first.

    Attributes:
        boxes_xyxy: (B, K, 4) float32 [px of the pictures].
        points_xy: (B, K, 5, 2) float32 [px].
        confidence: (B, K) float32 in 0..1.
        kept: (B, K) bool, which of them are faces.
        complete: (B,) bool: False where there were more candidates than places, or suppression
            was not over: to be done again with more.
    """

    boxes_xyxy: Tensor
    points_xy: Tensor
    confidence: Tensor
    kept: Tensor
    complete: Tensor

    def tensors(self) -> tuple[Tensor, ...]:
        """Return the fields in order."""
        return self.boxes_xyxy, self.points_xy, self.confidence, self.kept, self.complete


def find_candidates(
    network: nn.Module,
    images: Tensor,
    looks: Sequence[Look],
    threshold: float,
    places: int = PLACES,
) -> Candidates:
    """Run the detector over pictures.

    Args:
        network: `YuNetNet` on the pictures' device.
        images: (B, H, W, 3) uint8 RGB.
        looks: one or several.
        threshold: least confidence of a face.
        places: K of each look; the more, the more rounds suppression takes.
    """
    found = [_look(network, images, look, threshold, places) for look in looks]
    return _join(found, looks, images.shape[2], images.shape[1])


def _look(
    network: nn.Module, images: Tensor, look: Look, threshold: float, places: int
) -> Candidates:
    height, width = look.bottom - look.top, look.right - look.left
    part = images[:, look.top : look.bottom, look.left : look.right]
    # Whole pixels, as in `yunet.prepare`.
    seen_height, seen_width = max(1, round(height * look.scale)), max(1, round(width * look.scale))
    prepared = _prepare(part, seen_height, seen_width)
    scores, geometry = _flatten(network(prepared), places)
    cells, cell_px = _grid(prepared.shape[1], prepared.shape[2], places, images.device)
    best, chosen = _best_first(scores, places)
    values = geometry.gather(2, chosen[:, None].expand(-1, _VALUES, -1)).transpose(1, 2)
    boxes, points = _decode(values, cells[chosen], cell_px[chosen][..., None])
    valid = (best >= threshold) & _sane(values, boxes, points)
    boxes = torch.where(valid[..., None], boxes, 0.0)
    points = torch.where(valid[..., None, None], points, 0.0)
    kept, settled = keep_best(boxes, valid, NMS_IOU, rounds=ROUNDS * max(1, places // PLACES))
    enough = (scores >= threshold).sum(dim=1) <= places
    back = _pair(width / seen_width, height / seen_height, images.device)
    if look.min_face_px:
        heights = (boxes[..., 3] - boxes[..., 1]) * back[1]
        kept = kept & (heights >= look.min_face_px / look.scale)
    corner = _pair(look.left, look.top, images.device)
    return Candidates(
        boxes_xyxy=boxes * back.repeat(2) + corner.repeat(2),
        points_xy=points * back + corner,
        confidence=best.clamp(0.0, 1.0),
        kept=kept,
        complete=settled & enough,
    )


def _prepare(part: Tensor, height: int, width: int) -> Tensor:
    """Scale a part of the pictures and pad it right and bottom with black to multiples of 32."""
    if part.shape[1:3] != (height, width):
        shrink = height < part.shape[1] or width < part.shape[2]
        part = scale_batch(part, height, width, shrink=shrink)
    right, bottom = -width % _MULTIPLE, -height % _MULTIPLE
    return functional.pad(part, (0, 0, 0, right, 0, bottom)) if right or bottom else part


def _flatten(outputs: Sequence[Tensor], places: int) -> tuple[Tensor, Tensor]:
    """Return the scores (B, C) and the geometry (B, 14, C) of all cells, C at least `places`."""
    scores = torch.cat([score.flatten(1) for score in outputs[::2]], dim=1).float()
    geometry = torch.cat([level.flatten(2) for level in outputs[1::2]], dim=2).float()
    missing = max(0, places - scores.shape[1])
    # No number is no face; left alone it would count as the best of all.
    scores = functional.pad(scores.nan_to_num(nan=0.0), (0, missing))
    return scores, functional.pad(geometry, (0, missing))


def _best_first(scores: Tensor, places: int) -> tuple[Tensor, Tensor]:
    """Return the best scores and their cells (B, K); equal ones in the order of their cells."""
    chosen = scores.topk(places, dim=1).indices.sort(dim=1).values
    best, order = scores.gather(1, chosen).sort(dim=1, descending=True, stable=True)
    return best, chosen.gather(1, order)


def _decode(values: Tensor, cells: Tensor, cell_px: Tensor) -> tuple[Tensor, Tensor]:
    """Return boxes (B, K, 4) and points (B, K, 5, 2) [px of the look]; `yunet.read_answer`'s."""
    centres = (cells + values[..., :2]) * cell_px
    halves = torch.exp(values[..., 2:4].clamp_max(_MAX_LOGARITHM)) * (cell_px / 2)
    boxes = torch.cat((centres - halves, centres + halves), dim=2)
    points = values[..., 4:].reshape(*values.shape[:2], 5, 2) + cells[:, :, None]
    return boxes, points * cell_px[..., None]


def _sane(values: Tensor, boxes: Tensor, points: Tensor) -> Tensor:
    """Tell which candidates (B, K) are numbers, have an area and lie near their picture."""
    # A comparison with NaN is False: no number, no face.
    limit = MAX_COORDINATE_PX
    within = (values.abs() < limit).all(dim=2) & (boxes.abs() < limit).all(dim=2)
    within &= (points.abs() < limit).flatten(2).all(dim=2)
    return within & (boxes[..., 2:] > boxes[..., :2]).all(dim=2)


def _join(
    found: Sequence[Candidates], looks: Sequence[Look], width: int, height: int
) -> Candidates:
    """Put the looks together, best first.

    No more places than two looks have: faces, unlike candidates, are few.
    """
    boxes, points, confidence, kept = (
        torch.cat(parts, dim=1) for parts in zip(*(one.tensors()[:4] for one in found), strict=True)
    )
    places = min(kept.shape[1], found[0].kept.shape[1] * 2)
    order = torch.where(kept, confidence, -1.0).sort(dim=1, descending=True, stable=True).indices
    order = order[:, :places]
    boxes = boxes.gather(1, order[..., None].expand(-1, -1, 4))
    cut = _cut(found, looks, width, height)
    stays, settled = join_looks(
        boxes, kept.gather(1, order), None if cut is None else cut.gather(1, order), NMS_IOU
    )
    complete = torch.stack([settled, kept.sum(dim=1) <= places, *(one.complete for one in found)])
    return Candidates(
        boxes_xyxy=boxes,
        points_xy=points.gather(1, order[..., None, None].expand(-1, -1, 5, 2)),
        confidence=confidence.gather(1, order),
        kept=stays,
        complete=complete.all(dim=0),
    )


def _cut(
    found: Sequence[Candidates], looks: Sequence[Look], width: int, height: int
) -> Tensor | None:
    """Tell which candidates of all looks may be of a cut face; None where no look cuts."""
    whole = (0, 0, width, height)
    if all((look.left, look.top, look.right, look.bottom) == whole for look in looks):
        return None
    parts = [
        one.kept & cut_faces(one.boxes_xyxy, look, width, height)
        for one, look in zip(found, looks, strict=True)
    ]
    return torch.cat(parts, dim=1)


@constant
def _grid(height: int, width: int, least: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return column and row (C, 2) and stride (C,) of all cells, in the order of `_flatten`."""
    levels = []
    for stride in STRIDES:
        rows, columns = torch.meshgrid(
            torch.arange(height // stride), torch.arange(width // stride), indexing="ij"
        )
        strides = torch.full_like(rows, stride)
        levels.append(torch.stack((columns, rows, strides), dim=-1).reshape(-1, 3))
    cells = torch.cat(levels).float()
    cells = functional.pad(cells, (0, 0, 0, max(0, least - len(cells)))).to(device)
    return cells[:, :2], cells[:, 2]


@constant
def _pair(across: float, down: float, device: torch.device) -> Tensor:
    """Return two numbers on the device."""
    return torch.tensor((across, down), dtype=torch.float32).to(device)
