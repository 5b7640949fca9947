"""The detector as the pipeline asks it: by a plan, through graphs, and counted for the host."""

from typing import Final

import torch
from torch import Tensor, nn

from schemas.analysis import DetectionPlan
from workers.device.detect import PLACES, Candidates, find_candidates
from workers.device.graphs import Graphs
from workers.looks import looks_at
from workers.models import yunet

_MOST_LOOKS: Final = 32
"""A graph of more would hold more constants than are kept."""


class CandidateFinder:
    """Finds candidates for faces.

    Args:
        network: `YuNetNet` on the device.
        graphs: runs it.
    """

    def __init__(self, network: nn.Module, graphs: Graphs) -> None:
        self._network = network
        self._graphs = graphs

    def find(self, images: Tensor, plan: DetectionPlan, places: int = PLACES) -> Candidates:
        """Return the candidates of pictures (B, H, W, 3) uint8 of one camera or plan.

        Args:
            images: on the device.
            plan: what the detector looks at, and its threshold.
            places: for candidates in each look.
        """
        looks = looks_at(images.shape[2], images.shape[1], plan)
        threshold = plan.min_confidence or yunet.DETECTOR.min_confidence

        def find(batch: Tensor) -> tuple[Tensor, ...]:
            return find_candidates(self._network, batch, looks, threshold, places).tensors()

        if len(looks) > _MOST_LOOKS:
            return Candidates(*find(images))
        return Candidates(*self._graphs.run(("detect", plan, places), find, images))


def tally(candidates: Candidates) -> Tensor:
    """Return for each picture (3, B): its faces, whether that is final, the longest side [px]."""
    boxes, kept = candidates.boxes_xyxy, candidates.kept
    longer = (boxes[..., 2:] - boxes[..., :2]).amax(dim=2)
    largest = torch.where(kept, longer, 0.0).amax(dim=1)
    return torch.stack((kept.sum(dim=1).float(), candidates.complete.float(), largest))
