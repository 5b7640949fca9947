"""Numbers of ingest for Prometheus, made of what the groups' processes report.

| metric | labels | meaning |
|---|---|---|
| `facepose_ingest_camera_up` | camera | 1 while the camera gives frames |
| `facepose_ingest_camera_state` | camera, state, cause | 1 for the state it is in, and why |
| `facepose_ingest_camera_decoding` | camera, decoding, decoder | 1 for what is decoded, by what |
| `facepose_ingest_camera_clock_offset_seconds` | camera | its own clock less `captured_at` |
| `facepose_ingest_frozen` | camera | 1 while it sends the same picture over and over |
| `facepose_ingest_packets_total` | camera | coded pictures that arrived |
| `facepose_ingest_bytes_total` | camera | their bytes |
| `facepose_ingest_frames_decoded_total` | camera | pictures that were decoded |
| `facepose_ingest_frames_sampled_total` | camera | frames taken for analysis |
| `facepose_ingest_frames_published_total` | camera | frames that the frames server has taken |
| `facepose_ingest_frames_refused_total` | camera, cause | sampled frames that it has not |
| `facepose_ingest_reconnects_total` | camera, cause | connections that ended unasked |
| `facepose_ingest_statuses_lost_total` | camera | statuses that the faces server did not take |
| `facepose_ingest_cpu_seconds_total` | camera, stage | processor time of each stage |
| `facepose_ingest_frame_age_seconds` | camera | since the last picture arrived |
| `facepose_ingest_gap_seconds` | camera | longest wait between two pictures of late |
| `facepose_ingest_clock_offset_seconds` | | this machine's clock less the faces server's |
| `facepose_ingest_groups` | state | processes that work, and that are being started |
| `facepose_ingest_group_restarts_total` | cause | processes that were replaced |
| `facepose_ingest_group_memory_bytes` | group | resident memory of its process |
| `facepose_ingest_ready` | | 1 while all groups work and the servers answer |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import psutil
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ingest.camera_report import CameraReport
from ingest.groups.overview import Overview

PREFIX: Final = "facepose_ingest_"

# Name, help, and what a report says of it; None: nothing.
GAUGES: Final[tuple[tuple[str, str, Callable[[CameraReport], float | None]], ...]] = (
    ("camera_up", "1 while the camera gives frames", lambda r: r.state == "up"),
    ("frozen", "1 while the picture does not change", lambda r: r.cause == "frozen"),
    ("frame_age_seconds", "Since the last picture arrived", lambda r: r.frame_age_s),
    ("gap_seconds", "Longest wait between two pictures of late", lambda r: r.gap_s),
    (
        "camera_clock_offset_seconds",
        "The camera's own clock less captured_at",
        lambda r: r.camera_offset_s,
    ),
)
COUNTERS: Final[tuple[tuple[str, str, Callable[[CameraReport], float]], ...]] = (
    ("packets", "Coded pictures that arrived", lambda r: r.packets),
    ("bytes", "Bytes of the coded pictures", lambda r: r.bytes),
    ("frames_decoded", "Pictures that were decoded", lambda r: r.decoded),
    ("frames_sampled", "Frames taken for analysis", lambda r: r.sampled),
    ("frames_published", "Frames that the frames server took", lambda r: r.published),
    ("statuses_lost", "Statuses that the faces server did not take", lambda r: r.statuses_lost),
)
PARTS: Final[tuple[tuple[str, str, str, Callable[[CameraReport], dict[str, float]]], ...]] = (
    ("frames_refused", "Sampled frames that the server has not", "cause", lambda r: {**r.refused}),
    (
        "reconnects",
        "Connections that ended without being asked to",
        "cause",
        lambda r: {cause: count for cause, count in r.ended.items() if cause != "ended"},
    ),
    ("cpu_seconds", "Processor time by stage", "stage", lambda r: r.cpu_s),
)


class IngestMetrics(Collector):
    """Shows the newest overview whenever it is asked.

    Args:
        registry: where it is registered; tests bring their own.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.overview = Overview()
        self._registry = registry
        registry.register(self)

    def close(self) -> None:
        """Show nothing any more."""
        self._registry.unregister(self)

    def show(self, overview: Overview) -> None:
        """From now on, show this one."""
        self.overview = overview

    def missing(self) -> list[str]:
        """What stands between the service and its work, as sentences."""
        return self.overview.missing()

    def collect(self) -> Iterable[Metric]:
        """See `Collector`; called by any thread."""
        overview = self.overview
        yield from _of_cameras(overview.cameras)
        yield from _of_states(overview.cameras)
        yield from _of_service(overview)


def _of_cameras(reports: tuple[CameraReport, ...]) -> Iterable[Metric]:
    for name, told, value_of in GAUGES:
        gauge = GaugeMetricFamily(PREFIX + name, told, labels=["camera"])
        for report in reports:
            if (value := value_of(report)) is not None:
                gauge.add_metric([report.camera_id], value)
        yield gauge
    for name, told, count_of in COUNTERS:
        counter = CounterMetricFamily(PREFIX + name, told, labels=["camera"])
        for report in reports:
            counter.add_metric([report.camera_id], count_of(report))
        yield counter
    for name, told, label, parts_of in PARTS:
        counter = CounterMetricFamily(PREFIX + name, told, labels=["camera", label])
        for report in reports:
            for part, value in parts_of(report).items():
                counter.add_metric([report.camera_id, part], value)
        yield counter


def _of_states(reports: tuple[CameraReport, ...]) -> Iterable[Metric]:
    state = GaugeMetricFamily(
        PREFIX + "camera_state", "1 for the state it is in", labels=["camera", "state", "cause"]
    )
    decoding = GaugeMetricFamily(
        PREFIX + "camera_decoding",
        "1 for what is decoded, and by what",
        labels=["camera", "decoding", "decoder"],
    )
    for report in reports:
        state.add_metric([report.camera_id, report.state, report.cause], 1)
        if report.decoding or report.decoder:
            decoding.add_metric([report.camera_id, report.decoding, report.decoder], 1)
    yield state
    yield decoding


def _of_service(overview: Overview) -> Iterable[Metric]:
    offset = GaugeMetricFamily(
        PREFIX + "clock_offset_seconds", "This machine's clock less the faces server's"
    )
    if overview.clock_offset_ms is not None:
        offset.add_metric([], overview.clock_offset_ms / 1000)
    groups = GaugeMetricFamily(PREFIX + "groups", "Processes", labels=["state"])
    working = sum(group.is_working for group in overview.groups)
    groups.add_metric(["working"], working)
    groups.add_metric(["starting"], len(overview.groups) - working)
    restarts = CounterMetricFamily(
        PREFIX + "group_restarts", "Processes that were replaced", labels=["cause"]
    )
    for cause in ("crashed", "hung"):
        restarts.add_metric([cause], overview.restarts.get(cause, 0))
    memory = GaugeMetricFamily(
        PREFIX + "group_memory_bytes", "Resident memory of a group's process", labels=["group"]
    )
    for group in overview.groups:
        if group.pid is not None and (size_bytes := _resident_bytes(group.pid)) is not None:
            memory.add_metric([str(group.number)], size_bytes)
    ready = GaugeMetricFamily(PREFIX + "ready", "1 while the service can do its work")
    ready.add_metric([], not overview.missing())
    return offset, groups, restarts, memory, ready


def _resident_bytes(pid: int) -> int | None:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.NoSuchProcess:
        return None
