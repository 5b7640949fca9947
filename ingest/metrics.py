"""Numbers of ingest for Prometheus; each hangs on the loop, none inside the maths."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

SAMPLED: Final = Counter("facepose_ingest_frames_sampled", "Frames taken for analysis", ["camera"])
PUBLISHED: Final = Counter(
    "facepose_ingest_frames_published", "Frames handed to the frames server", ["camera"]
)
REFUSED: Final = Counter(
    "facepose_ingest_frames_refused",
    "Sampled frames that were lost before the frames server had them",
    ["camera", "cause"],  # full, down or picture
)
RECONNECTS: Final = Counter(
    "facepose_ingest_reconnects", "Connections that ended without being asked to", ["camera"]
)
UP: Final = Gauge("facepose_ingest_camera_up", "1 while the camera gives frames", ["camera"])
GAP: Final = Gauge(
    "facepose_ingest_gap_seconds",
    "Longest wait between two frames during the last second, or the silence until now",
    ["camera"],
)
STATUS_LOST: Final = Counter(
    "facepose_ingest_statuses_lost", "Status entries that the faces server did not take", ["camera"]
)
