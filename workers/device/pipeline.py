"""Pictures to measured faces, all on one device; the host only counts faces and sorts the answer.

Two batches are under way at a time: while the host waits for the number of faces of one, the
detector already works on the next. Each batch comes back in one copy.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import structlog
import torch
from numpy.typing import NDArray
from torch import Tensor

from schemas.analysis import DetectionPlan, ModelChoices, PoseName
from workers.device.batches import PIXELS, Batch, Limits, batches_of, split_again
from workers.device.decode import Matrix, decode_jpegs
from workers.device.detect import MOST_PLACES, Candidates
from workers.device.finder import CandidateFinder, tally
from workers.device.graphs import Graphs, Mode
from workers.device.measure import BUCKETS, Cutter, FaceMeasurer, Faces, bucket_of, gather_faces
from workers.device.networks import DeviceNetworks, load_device_networks
from workers.device.rows import Reading, find_static
from workers.device.second_opinion import SecondOpinion, blended
from workers.device.transfer import Download, upload
from workers.errors import EngineError
from workers.geometry.canonical_mesh import load_canonical_mesh
from workers.geometry.head_pose import HeadPoses
from workers.measured import Measured
from workers.models import yunet
from workers.poses import mesh_corrected
from workers.stages import Floats, Image, View
from workers.static_faces import StaticFaces

_log = structlog.get_logger(__name__)

_CORRECTIONS: Final[dict[PoseName, Callable[[HeadPoses, Floats], HeadPoses]]] = {
    "procrustes": lambda poses, _rows: poses,
    "mesh_corrected": lambda poses, _rows: mesh_corrected.corrected(poses),
    "blend": blended,
}
"""The pose methods that run here, and what they make of the mesh's angles."""

Source = Callable[[Sequence[int]], Tensor]
"""Picture numbers, all of one size, to the pictures (B, H, W, 3) on the device."""
Rows = tuple[NDArray[np.intp], Download]
"""Picture numbers (N,), and a row for each face on its way to the host."""
_WARM_SIZES = ((720, 1280), (1080, 1920))


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A batch whose detector was started.

    Attributes:
        batch: which pictures.
        images: (B, H, W, 3) uint8.
        candidates: what the detector found.
        counted: on its way to the host, see `finder.tally`.
    """

    batch: Batch
    images: Tensor
    candidates: Candidates
    counted: Download


def supports(models: ModelChoices) -> bool:
    """Tell whether these choices run here; the others go through `HostPipeline` and torch."""
    usual = {"detector": "yunet", "landmarks": "mediapipe478", "expression": "mini_xception"}
    chosen = models.model_dump(include=set(usual))
    return chosen == usual and models.pose in _CORRECTIONS and not models.follow


class DevicePipeline:
    """Does what `workers.pipeline.HostPipeline` does, on a device.

    Args:
        networks: see `load_device_networks`.
        device: where they are.
        min_presence: the landmark network's threshold for faces of which the detector is not sure.
        pose: one of `_CORRECTIONS`; `blend` takes `networks.second_opinion`.
        second_pass: look at each face twice.
        mode: how kernels are launched on CUDA.
        pixels: in one batch of pictures.
        buckets: numbers of faces for which the networks run, growing.
    """

    def __init__(
        self,
        networks: DeviceNetworks,
        device: torch.device,
        *,
        min_presence: float,
        pose: PoseName = "procrustes",
        second_pass: bool = False,
        mode: Mode = "graphs",
        pixels: int = PIXELS,
        buckets: Sequence[int] = BUCKETS,
    ) -> None:
        self._device = device
        self._graphs = Graphs(device, mode)
        self._reading = Reading(min_presence, yunet.DETECTOR.sure_confidence, _CORRECTIONS[pose])
        self._static_faces = StaticFaces()
        self._second_opinion = (
            None
            if networks.second_opinion is None
            else SecondOpinion(networks.second_opinion, self._graphs)
        )
        self._finder = CandidateFinder(networks.detector, self._graphs)
        self._limits = Limits(pixels, tuple(buckets))
        self._measurer = FaceMeasurer(
            networks.landmarks,
            networks.expression,
            load_canonical_mesh(),
            self._graphs,
            second_pass=second_pass,
        )

    @classmethod
    def load(
        cls,
        device: str,
        models: ModelChoices,
        *,
        expression: bool,
        min_presence: float,
        mode: Mode = "graphs",
        buckets: Sequence[int] = BUCKETS,
    ) -> "DevicePipeline":
        """Load the networks and return the pipeline; see `__init__` and `supports`.

        Raises:
            EngineError: torch sees no such device, or these choices do not run here.
            WeightsMissingError, WeightsHashError: see `workers.weights.read_weights`.
        """
        if not supports(models):
            raise EngineError("these networks do not run on the device's own path")
        where = torch.device(device)
        return cls(
            load_device_networks(
                where,
                models.precision,
                expression=expression,
                second_opinion=models.pose == "blend",
            ),
            where,
            min_presence=min_presence,
            pose=models.pose,
            second_pass=models.second_landmark_pass,
            mode=mode,
            buckets=buckets,
        )

    def measure(self, images: Sequence[Image], views: Sequence[View]) -> Measured | None:
        """Return all faces of the pictures; None when there is none.

        Args:
            images: each (H, W, 3) uint8 RGB; sizes may differ.
            views: where each comes from.

        Raises:
            torch.cuda.OutOfMemoryError: not even one picture and a few faces fit.
        """
        sizes = [image.shape[:2] for image in images]

        def source(places: Sequence[int]) -> Tensor:
            return upload([images[place] for place in places], self._device)

        return self._run(sizes, views, source)

    def measure_jpegs(
        self,
        jpegs: Sequence[bytes],
        views: Sequence[View],
        matrices: Sequence[Matrix] | None = None,
    ) -> Measured | None:
        """Unpack JPEGs on the device and return all faces; None when there is none.

        Raises:
            DecodeError: one of them cannot be unpacked; it says which.
            torch.cuda.OutOfMemoryError: see `measure`.
        """
        with torch.inference_mode():
            images = decode_jpegs(jpegs, self._device, matrices)

        def source(places: Sequence[int]) -> Tensor:
            return torch.stack([images[place] for place in places])

        return self._run([(image.shape[0], image.shape[1]) for image in images], views, source)

    def warm_up(self) -> None:
        """Run every network once; on a GPU, capture the graphs of the usual sizes."""
        once = self._device.type != "cuda"
        for height, width in _WARM_SIZES[:1] if once else _WARM_SIZES:
            black = np.zeros((height, width, 3), np.uint8)
            for _ in range(1 if once else 4):
                self.measure([black], [View()])
        for size in self._limits.buckets[:1] if once else self._limits.buckets:
            try:
                for _ in range(1 if once else 4):
                    self._warm_up_bucket(size)
            except torch.OutOfMemoryError as exc:
                if not self._limits.stay_below(size):
                    raise
                reason = str(exc)[:200]
            else:
                continue
            self._make_room(reason)
            break
        if not once:
            torch.cuda.synchronize(self._device)

    def _warm_up_bucket(self, size: int) -> None:
        with torch.inference_mode():
            empty = torch.zeros((1, 720, 1280, 3), dtype=torch.uint8, device=self._device)
            self._measurer.measure(Cutter.of(empty, 1.0), self._no_faces(size))

    def _no_faces(self, size: int) -> Faces:
        nothing = torch.zeros((size, 14), device=self._device)
        return Faces(
            image_index=torch.zeros(size, dtype=torch.int64, device=self._device),
            boxes_xyxy=nothing[:, :4],
            points_xy=nothing[:, 4:].reshape(size, 5, 2),
            confidence=nothing[:, 0],
        )

    def _run(
        self, sizes: Sequence[tuple[int, ...]], views: Sequence[View], source: Source
    ) -> Measured | None:
        """Do all batches; when memory runs out, go on with half as much at a time."""
        plans = [view.detection for view in views]
        todo = deque(batches_of([(size[0], size[1]) for size in sizes], plans, self._limits.pixels))
        done: list[Rows] = []
        while todo:
            try:
                with torch.inference_mode():
                    self._do(todo, done, source)
            except torch.OutOfMemoryError as exc:
                if not self._limits.shrink(todo):
                    raise
                reason = str(exc)[:200]
            else:
                break
            # Only here: the error held on to the tensors of the batch that failed.
            self._make_room(reason)
            todo = deque(split_again(todo, self._limits.pixels))
        parts = [(index, rows.read()) for index, rows in done]
        read = self._reading.read(parts)
        return None if read is None else find_static(self._static_faces, *read, views)

    def _do(self, todo: deque[Batch], done: list[Rows], source: Source) -> None:
        """Move batches from `todo` to `done`; the next one's detector is always started first."""
        ahead: _UnderWay | None = None
        while todo:
            now = ahead or self._start(todo[0], source)
            ahead = self._start(todo[1], source) if len(todo) > 1 else None
            done += self._finish(now)
            todo.popleft()

    def _start(self, batch: Batch, source: Source) -> _UnderWay:
        images = source(batch.places)
        candidates = self._finder.find(images, batch.plan)
        return _UnderWay(batch, images, candidates, Download(tally(candidates)))

    def _finish(self, under_way: _UnderWay) -> list[Rows]:
        counted = under_way.counted.read()
        places = np.array(under_way.batch.places, np.intp)
        if counted[1].all():
            return self._rows(under_way.images, under_way.candidates, places, counted)
        return [
            rows
            for n in range(len(places))
            for rows in self._redo(under_way.images[n : n + 1], under_way.batch.plan, places[n])
        ]

    def _redo(self, image: Tensor, plan: DetectionPlan, place: int) -> list[Rows]:
        """Do one picture of a crowded batch again, with places for many more candidates."""
        candidates = self._finder.find(image, plan, MOST_PLACES)
        counted = Download(tally(candidates)).read()
        return self._rows(image, candidates, np.array([place], np.intp), counted)

    def _rows(
        self, images: Tensor, candidates: Candidates, places: NDArray[np.intp], counted: Floats
    ) -> list[Rows]:
        """Start measuring all faces of some pictures, as many at a time as the largest bucket."""
        index = np.repeat(places, counted[0].astype(np.intp))
        if not len(index):
            return []
        cutter = Cutter.of(images, float(counted[2].max()))
        parts = []
        for first in range(0, len(index), self._limits.buckets[-1]):
            part = index[first : first + self._limits.buckets[-1]]
            faces = gather_faces(candidates, first, bucket_of(len(part), self._limits.buckets))
            rows = self._measurer.measure(cutter, faces)[: len(part)]
            if self._second_opinion is not None:
                rows = self._second_opinion.ask(cutter, faces, rows, self._limits.buckets)
            parts.append((part, Download(rows)))
        return parts

    def _make_room(self, reason: str) -> None:
        self._graphs.clear()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        _log.warning(
            "The device's memory ran out; going on with half as much at a time",
            action="device_memory_short",
            reason=reason,
            megapixels=round(self._limits.pixels / 1e6, 1),
            faces=self._limits.buckets[-1],
        )
