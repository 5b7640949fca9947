"""What Prometheus gets to see of cameras and groups."""

from __future__ import annotations

import os

import pytest
from prometheus_client import CollectorRegistry

from ingest.camera_report import CameraReport
from ingest.groups.overview import GroupView, Overview
from ingest.metrics import IngestMetrics

FROZEN = CameraReport(
    room_id="r1",
    camera_id="c1",
    state="down",
    cause="frozen",
    packets=250,
    bytes=9000,
    decoded=125,
    sampled=50,
    published=47,
    refused={"full": 2, "picture": 1},
    ended={"silent": 3, "ended": 1},
    statuses_lost=4,
    cpu_s={"decode": 1.5, "encode": 0.5},
    gap_s=0.25,
    frame_age_s=0.125,
    camera_offset_s=-2.5,
    decoding="key frames only",
    decoder="software",
)
GOOD = CameraReport(room_id="r1", camera_id="c2", state="up")
OVERVIEW = Overview(
    groups=(
        GroupView(0, ("c1",), os.getpid(), True, (), 40),
        GroupView(3, ("c2",), None, False),
    ),
    cameras=(FROZEN, GOOD),
    restarts={"hung": 2},
    is_started=True,
)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> IngestMetrics:
    return IngestMetrics(registry)


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("camera_up", {}, 0),
        ("camera_state", {"state": "down", "cause": "frozen"}, 1),
        ("camera_decoding", {"decoding": "key frames only", "decoder": "software"}, 1),
        ("camera_clock_offset_seconds", {}, -2.5),
        ("frozen", {}, 1),
        ("packets_total", {}, 250),
        ("bytes_total", {}, 9000),
        ("frames_decoded_total", {}, 125),
        ("frames_sampled_total", {}, 50),
        ("frames_published_total", {}, 47),
        ("frames_refused_total", {"cause": "full"}, 2),
        ("frames_refused_total", {"cause": "picture"}, 1),
        ("reconnects_total", {"cause": "silent"}, 3),
        ("reconnects_total", {"cause": "ended"}, None),  # closed on purpose
        ("statuses_lost_total", {}, 4),
        ("cpu_seconds_total", {"stage": "decode"}, 1.5),
        ("frame_age_seconds", {}, 0.125),
        ("gap_seconds", {}, 0.25),
    ],
)
def test_a_camera_is_shown_whole(
    metrics: IngestMetrics,
    registry: CollectorRegistry,
    name: str,
    labels: dict[str, str],
    value: float | None,
) -> None:
    metrics.show(OVERVIEW)

    assert registry.get_sample_value(f"facepose_ingest_{name}", {"camera": "c1", **labels}) == value


def test_what_is_not_known_of_a_camera_is_not_shown(
    metrics: IngestMetrics, registry: CollectorRegistry
) -> None:
    metrics.show(OVERVIEW)

    camera = {"camera": "c2"}
    assert registry.get_sample_value("facepose_ingest_camera_up", camera) == 1
    assert registry.get_sample_value("facepose_ingest_frozen", camera) == 0
    for name in ("frame_age_seconds", "camera_clock_offset_seconds"):
        assert registry.get_sample_value(f"facepose_ingest_{name}", camera) is None


def test_groups_are_shown_with_their_memory(
    metrics: IngestMetrics, registry: CollectorRegistry
) -> None:
    metrics.show(OVERVIEW)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"facepose_ingest_{name}", labels)

    assert (value("groups", state="working"), value("groups", state="starting")) == (1, 1)
    assert (value("group_restarts_total", cause="hung"), value("clock_offset_seconds")) == (2, 0.04)
    assert value("group_restarts_total", cause="crashed") == 0
    memory = value("group_memory_bytes", group="0")
    assert memory is not None
    assert memory > 1 << 20
    assert value("group_memory_bytes", group="3") is None
    assert value("ready") == 0


def test_a_service_is_ready_once_all_groups_work_and_the_servers_answer(
    metrics: IngestMetrics,
) -> None:
    assert metrics.missing() == ["the service is starting"]
    metrics.show(OVERVIEW)
    assert metrics.missing() == ["group 3 (c2) is being started"]
    away = GroupView(0, ("c1",), 1, True, ("frames", "faces"))
    metrics.show(Overview(groups=(away, away), is_started=True))
    assert metrics.missing() == [
        "the faces server does not answer",
        "the frames server does not answer",
    ]
    metrics.show(Overview(is_started=True))
    assert metrics.missing() == []
