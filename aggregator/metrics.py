"""The aggregator's metrics; they hang on the loop, never inside the reducer.

| metric | labels | meaning |
|---|---|---|
| `facepose_aggregator_entries_total` | room | entries of the log that were taken |
| `facepose_aggregator_rows_total` | table | rows committed |
| `facepose_aggregator_unused` | room, reason | entries that changed no row: late, nonsense, … |
| `facepose_aggregator_dead_letters_total` | room | entries that could not be decoded |
| `facepose_aggregator_commit_seconds` | | time of one transaction |
| `facepose_aggregator_lag_seconds` | room | age of the last entry taken |
| `facepose_aggregator_rooms` | | rooms whose lease is held |
| `facepose_aggregator_ready` | | 1 while work is done, 0 while it waits |
"""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram


class AggregatorMetrics:
    """One aggregator's counters.

    Args:
        registry: where they are registered; tests bring their own.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.entries = Counter(
            "facepose_aggregator_entries", "Log entries taken", ["room"], registry=registry
        )
        self.rows = Counter(
            "facepose_aggregator_rows", "Rows committed", ["table"], registry=registry
        )
        self.unused = Gauge(
            "facepose_aggregator_unused",
            "Entries that changed no row",
            ["room", "reason"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "facepose_aggregator_dead_letters",
            "Entries that could not be decoded",
            ["room"],
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "facepose_aggregator_commit_seconds",
            "Time of one transaction",
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 3.0),
            registry=registry,
        )
        self.lag_seconds = Gauge(
            "facepose_aggregator_lag_seconds", "Age of the last entry", ["room"], registry=registry
        )
        self.rooms = Gauge("facepose_aggregator_rooms", "Rooms held", registry=registry)
        self.ready = Gauge("facepose_aggregator_ready", "1 while work is done", registry=registry)
