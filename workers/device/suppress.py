"""Non-maximum suppression of whole batches in a fixed number of steps.

Greedy suppression asks, best first: does a better box that stays cover this one? Asked of all boxes
at once and again with each answer, the first k answers are right after k rounds at the latest, and
an answer that repeats itself is the greedy one. Boxes form short chains, so a few rounds do. Unlike
`torchvision.ops.batched_nms`, whose answer has as many rows as boxes stay, nothing here waits for
the host, and a CUDA graph can hold it.
"""

import torch
from torch import Tensor

ROUNDS = 4
"""Two were enough for groups, class photographs and 320 faces side by side."""


def intersections(boxes_xyxy: Tensor) -> tuple[Tensor, Tensor]:
    """Return the areas (B, K, K) that boxes (B, K, 4) share, and their own (B, K)."""
    left, top, right, bottom = boxes_xyxy.unbind(dim=2)
    shared = _overlap(left, right) * _overlap(top, bottom)
    return shared, (right - left).clamp_min(0) * (bottom - top).clamp_min(0)


def keep_best(
    boxes_xyxy: Tensor,
    valid: Tensor,
    max_iou: float,
    max_covered: float = 1.0,
    rounds: int = ROUNDS,
) -> tuple[Tensor, Tensor]:
    """Return which boxes stay when each suppresses its weaker neighbours.

    Args:
        boxes_xyxy: (B, K, 4), the best first.
        valid: (B, K) bool: the others neither stay nor suppress.
        max_iou: two boxes that share more than this are one face.
        max_covered: a weaker box goes, too, when more than this share of it lies in a surer one.
        rounds: of asking.

    Returns:
        What stays (B, K) bool, and whether each picture's answer is final (B,) bool.
    """
    count = boxes_xyxy.shape[1]
    better = torch.ones((count, count), dtype=torch.bool, device=boxes_xyxy.device).tril(-1)
    covers = (_same_face(boxes_xyxy, max_iou, max_covered) & better).to(torch.float32)
    stays, before = valid, valid
    for _ in range(rounds):
        before = stays
        covered = torch.bmm(covers, stays.to(torch.float32)[:, :, None])[:, :, 0] > 0
        stays = valid & ~covered
    return stays, (stays == before).all(dim=1)


def _same_face(boxes_xyxy: Tensor, max_iou: float, max_covered: float) -> Tensor:
    """Tell (B, K, K) whether the first box of a pair cannot stay beside the second."""
    shared, area = intersections(boxes_xyxy)
    union = area[:, :, None] + area[:, None, :] - shared
    same = shared / union.clamp_min(torch.finfo(union.dtype).tiny) > max_iou
    return same | (shared > max_covered * area[:, :, None]) if max_covered < 1 else same


def _overlap(low: Tensor, high: Tensor) -> Tensor:
    """Return the lengths (B, K, K) that intervals (B, K) share."""
    end = torch.minimum(high[:, :, None], high[:, None])
    return (end - torch.maximum(low[:, :, None], low[:, None])).clamp_min_(0)
