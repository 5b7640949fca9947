"""6DRepNet360 asked about the faces of which the mesh is not sure: `workers.poses.blend` here.

The rule and the blending stay on the host, as there: between them goes one wait a batch, for a few
numbers of each face, since only the host can say how many faces are asked about.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from workers.device.crops import cut, squares_around
from workers.device.graphs import Graphs
from workers.device.measure import ROW, Cutter, Faces, bucket_of
from workers.device.rows import mesh_poses
from workers.device.transfer import Download, send
from workers.geometry.head_pose import (
    Doubles,
    HeadPoses,
    angles_from_rotations,
    blend_rotations,
    rotations_from_poses,
)
from workers.models.sixdrepnet360 import MARGIN, SIDE_PX, rotations_of
from workers.poses.blend import RULE
from workers.poses.mesh_corrected import corrected
from workers.stages import Floats

_COLUMNS: Final = 7  # the network's six numbers, and how far its crop is turned
_TOLD: Final = slice(0, ROW["angles"].stop)


class SecondOpinion:
    """Asks the network about some of the faces.

    Args:
        network: `SixDRepNet360Net` on the device.
        graphs: runs it.
    """

    def __init__(self, network: nn.Module, graphs: Graphs) -> None:
        self._network = network
        self._graphs = graphs

    def ask(self, cutter: Cutter, faces: Faces, rows: Tensor, buckets: Sequence[int]) -> Tensor:
        """Return rows (N, R) of the first N faces with its answers beside them, (N, R + 7).

        Args:
            cutter: the pictures.
            faces: N of them or more.
            rows: see `measure.ROW`.
            buckets: numbers of faces for which the network runs.
        """
        asked = np.flatnonzero(_share(Download(rows[:, _TOLD].contiguous()).read()))
        answers = rows.new_full((len(rows), _COLUMNS), torch.nan)
        for start in range(0, len(asked), buckets[-1]):
            part = asked[start : start + buckets[-1]]
            places = np.zeros(bucket_of(len(part), buckets), np.int64)
            places[: len(part)] = part
            chosen = send(places, rows.device)
            found = self._look(cutter, faces, chosen)[: len(part)]
            answers.index_copy_(0, chosen[: len(part)], found)
        return torch.cat((rows, answers), dim=1)

    def _look(self, cutter: Cutter, faces: Faces, chosen: Tensor) -> Tensor:
        squares = squares_around(
            faces.boxes_xyxy[chosen],
            faces.points_xy[chosen][:, :2],
            faces.image_index[chosen],
            MARGIN,
        )
        crops = cut(cutter.atlas, squares, SIDE_PX, cutter.landmark_slots)
        (six,) = self._graphs.run("second opinion", self._network, crops)
        return torch.cat((six.float(), squares.angle_rad[:, None]), dim=1)


def blended(poses: HeadPoses, rows: Floats) -> HeadPoses:
    """Return the mesh's poses blended with the network's answers, which end the rows (N, …)."""
    first = rotations_from_poses(corrected(poses))
    share, answers = _share(rows), rows[:, -_COLUMNS:]
    asked = np.flatnonzero((share > 0) & np.isfinite(answers).all(axis=1))
    upright = np.zeros(len(asked))
    turns = np.degrees(answers[asked, -1].astype(np.float64))
    second = rotations_from_poses(HeadPoses(upright, upright, turns))
    second = second @ rotations_of(answers[asked, :-1])
    known = np.where(np.isfinite(first[asked]), first[asked], second)
    first[asked] = blend_rotations(known, second, share[asked])
    return angles_from_rotations(first)


def _share(rows: Floats) -> Doubles:
    """Return the network's share (N,) in each face's pose, from the first columns of its row."""
    boxes, presence = rows[:, ROW["box"]], rows[:, ROW["presence"]][:, 0]
    yaw = corrected(mesh_poses(rows)).yaw_deg
    return RULE.share(yaw, presence, boxes[:, 3] - boxes[:, 1])
