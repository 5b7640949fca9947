"""Several looks at a picture put together; the maths of `workers.detection` on tensors."""

import torch
from torch import Tensor

from workers.detection import CUT_MARGIN, MAX_COVERED, SAME_SHARE
from workers.device.suppress import ROUNDS, intersections, keep_best
from workers.looks import Look


def cut_faces(boxes_xyxy: Tensor, look: Look, width: int, height: int) -> Tensor:
    """Tell which boxes (B, K, 4) reach an edge of the look that is not the picture's own."""
    left, top, right, bottom = boxes_xyxy.unbind(dim=2)
    margin = CUT_MARGIN * torch.maximum(right - left, bottom - top)
    cut = torch.zeros_like(left, dtype=torch.bool)
    if look.left > 0:
        cut |= left < look.left + margin
    if look.top > 0:
        cut |= top < look.top + margin
    if look.right < width:
        cut |= right > look.right - margin
    if look.bottom < height:
        cut |= bottom > look.bottom - margin
    return cut


def join_looks(
    boxes_xyxy: Tensor, valid: Tensor, cut: Tensor | None, max_iou: float
) -> tuple[Tensor, Tensor]:
    """Return which boxes of all looks stay; see `workers.detection.join`.

    Args:
        boxes_xyxy: (B, K, 4), the best first.
        valid: (B, K) bool.
        cut: (B, K) bool, whether a box may be of a face that its look cuts; None where none is.
        max_iou: two boxes that share more than this are one face.

    Returns:
        What stays (B, K) bool, and whether each picture's answer is final (B,) bool.
    """
    rounds = ROUNDS * max(1, boxes_xyxy.shape[1] // 2048)
    if cut is None:
        return keep_best(boxes_xyxy, valid, max_iou, MAX_COVERED, rounds)
    whole, whole_settled = keep_best(boxes_xyxy, valid & ~cut, max_iou, MAX_COVERED, rounds)
    shared, area = intersections(boxes_xyxy)
    smaller = torch.minimum(area[:, :, None], area[:, None])
    share = shared / smaller.clamp_min(torch.finfo(area.dtype).tiny)
    covered = ((share > SAME_SHARE) & whole[:, None]).any(dim=2)
    halves, halves_settled = keep_best(
        boxes_xyxy, valid & cut & ~covered, max_iou, MAX_COVERED, rounds
    )
    return whole | halves, whole_settled & halves_settled
