"""The worker's metrics; they hang on the loop, never inside the analysis.

| metric | labels | meaning |
|---|---|---|
| `facepose_worker_frames_total` | camera, outcome | frames that were settled |
| `facepose_worker_faces_total` | camera | faces found |
| `facepose_worker_batch_frames` | | frames in one batch |
| `facepose_worker_stage_seconds` | stage | read, decode, analyse, publish, ack of one batch |
| `facepose_worker_queue_age_seconds` | | capture to the begin of the analysis |
| `facepose_worker_reclaimed_total` | | frames taken over from a dead worker |
| `facepose_worker_held_frames` | | frames taken and not yet acknowledged |
| `facepose_worker_ready` | | 1 while the worker does its work, 0 while it waits |
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

Stage = Literal["read", "decode", "analyse", "publish", "ack"]
Outcome = Literal["analysed", "expired", "dead", "refused"]

_STAGE_BUCKETS_S: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 3.0, 10.0)
_AGE_BUCKETS_S: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0)
_BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32)


class WorkerMetrics:
    """One worker's counters.

    Args:
        registry: where they are registered; tests bring their own.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.frames = Counter(
            "facepose_worker_frames",
            "Frames taken, by outcome",
            ["camera", "outcome"],
            registry=registry,
        )
        self.faces = Counter("facepose_worker_faces", "Faces found", ["camera"], registry=registry)
        self.batch_frames = Histogram(
            "facepose_worker_batch_frames",
            "Frames in one batch",
            buckets=_BATCH_BUCKETS,
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "facepose_worker_stage_seconds",
            "Time of one stage of one batch",
            ["stage"],
            buckets=_STAGE_BUCKETS_S,
            registry=registry,
        )
        self.queue_age_seconds = Histogram(
            "facepose_worker_queue_age_seconds",
            "Age of a frame when its analysis begins",
            buckets=_AGE_BUCKETS_S,
            registry=registry,
        )
        self.reclaimed = Counter(
            "facepose_worker_reclaimed", "Frames taken over from a dead worker", registry=registry
        )
        self.held = Gauge(
            "facepose_worker_held_frames", "Frames taken, not yet acknowledged", registry=registry
        )
        self.ready = Gauge(
            "facepose_worker_ready", "1 while the worker does its work", registry=registry
        )

    def set_ready(self, is_ready: bool) -> None:
        """Whether the worker does its work now."""
        self.ready.set(1 if is_ready else 0)

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Time one stage of one batch."""
        began_s = time.perf_counter()
        try:
            yield
        finally:
            self.stage_seconds.labels(name).observe(time.perf_counter() - began_s)
