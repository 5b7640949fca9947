"""What a worker takes next: frames that a dead worker left behind, or a fresh batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from schemas.transport import Entry, TransportError
from workers.batching import BatchReader, KeyRotation
from workers.metrics import WorkerMetrics
from workers.renewal import Held

RECLAIM_EVERY_S: Final = 0.5


class Source(Protocol):
    """The frames streams as this consumer sees them; `workers.queues.FramesQueue` is one."""

    def read(self, streams: Sequence[str], count: int, block_ms: int | None) -> list[Entry]:
        """At most `count` new entries of each stream; `block_ms` None returns at once."""

    def reclaim_one(self, stream: str) -> Entry | None:
        """Take over one entry whose worker is dead; trimmed ones are swept on the way."""


class Intake:
    """Hands out the next entries and marks them as held.

    Entries of a dead worker come one at a time, each claimed only when it is its turn: should one
    of them be what kills workers, then only its own count of deliveries grows.

    Args:
        source: the frames streams.
        rotation: which streams may be read.
        reader: collects a batch.
        held: told of every entry that is taken.
        metrics: the worker's counters.
        monotonic: seconds that only grow.
    """

    def __init__(
        self,
        source: Source,
        rotation: KeyRotation,
        reader: BatchReader,
        held: Held,
        *,
        metrics: WorkerMetrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._rotation = rotation
        self._reader = reader
        self._held = held
        self._metrics = metrics
        self._monotonic = monotonic
        self._reclaim_at_s = monotonic()
        self._left_behind: Iterator[Entry] = iter(())
        self._fresh: list[Entry] = []

    def next_entries(self) -> list[Entry]:
        """One entry of a dead worker, else a batch of new ones; empty when nothing came."""
        if self._monotonic() >= self._reclaim_at_s:
            self._left_behind = self._reclaim_all()
            self._reclaim_at_s = self._monotonic() + RECLAIM_EVERY_S
        if (left := next(self._left_behind, None)) is not None:
            self._metrics.reclaimed.inc()
            return [left]
        with self._metrics.stage("read"):
            return self._collect()

    def give_back(self, entry: Entry, for_s: float) -> None:
        """Leave `entry` to others, unacknowledged, and its stream alone for a while."""
        self._held.drop(entry.stream, [entry.entry_id])
        self._rotation.set_aside(entry.stream, for_s)

    @property
    def streams_aside(self) -> list[str]:
        """The streams that are left alone at the moment."""
        return self._rotation.aside

    def _reclaim_all(self) -> Iterator[Entry]:
        for stream in self._rotation.active():
            while (entry := self._source.reclaim_one(stream)) is not None:
                self._held.add(stream, [entry.entry_id])
                yield entry

    def _collect(self) -> list[Entry]:
        """A batch; when the server goes away in the middle of it, what came before that.

        Those entries are ours and renewed: forgotten here, nobody would ever finish them.
        """
        self._fresh = []
        try:
            return self._reader.collect(self._read)
        except TransportError:
            if not self._fresh:
                raise
            return self._fresh

    def _read(self, streams: Sequence[str], count: int, block_ms: int | None) -> list[Entry]:
        entries = self._source.read(streams, count, block_ms)
        for entry in entries:
            self._held.add(entry.stream, [entry.entry_id])
        self._fresh += entries
        return entries
