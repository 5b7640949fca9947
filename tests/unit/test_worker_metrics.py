"""The worker's numbers: each is documented, and once a minute they become one line."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from workers import metrics as metrics_module
from workers.metrics import WorkerMetrics
from workers.minute_log import MinuteLog


def test_every_metric_stands_in_the_table_of_its_module():
    registry = CollectorRegistry()
    WorkerMetrics(registry)
    for family in registry.collect():
        assert f"`{family.name}" in metrics_module.__doc__, family.name


def test_the_minute_line_counts_only_its_own_minute():
    now_s = [0.0]
    metrics = WorkerMetrics(CollectorRegistry())
    metrics.frames.labels("c0", "analysed").inc(5)
    line = MinuteLog(metrics, lambda: now_s[0])
    metrics.frames.labels("c1", "analysed").inc(3)
    metrics.frames.labels("c2", "analysed").inc(4)
    metrics.frames.labels("c1", "expired").inc()
    metrics.faces.labels("c1").inc(90)
    metrics.reclaimed.inc(2)
    with capture_logs() as logs:
        line.tell_if_due()
        now_s[0] = 60.0
        line.tell_if_due()
        now_s[0] = 120.0
        line.tell_if_due()
    assert [log["action"] for log in logs] == ["worker_minute"] * 2
    first, second = logs
    assert (first["analysed"], first["expired"], first["faces"], first["reclaimed"]) == (
        7,
        1,
        90,
        2,
    )
    assert (second["analysed"], second["faces"]) == (0, 0)
