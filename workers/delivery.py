"""Publishes what was found, then acknowledges the frames; never the other way round.

A crash between the two gives a second record of the same frame, which the aggregator drops.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from schemas.fault_points import PUBLISHED, pass_point
from schemas.messages import FrameFaces
from schemas.transport import Entry
from workers.metrics import WorkerMetrics
from workers.patience import Patience
from workers.renewal import Held
from workers.screening import Verdict


class RoomLog(Protocol):
    """Where records and dead letters go; `workers.queues.FacesQueue` is one."""

    def publish(self, records: Sequence[FrameFaces]) -> None:
        """Append each record to its room's log."""

    def dead_letter(self, entry: Entry, reason: str) -> None:
        """Keep what `entry` was, without its picture."""


class Acknowledger(Protocol):
    """Where frames are acknowledged; `workers.queues.FramesQueue` is one."""

    def ack(self, stream: str, entry_ids: Sequence[str]) -> None:
        """These entries are done with."""


class Delivery:
    """Settles verdicts, waiting for servers that are away.

    Args:
        faces: takes records and dead letters.
        frames: takes acknowledgements.
        held: what the renewal thread keeps alive meanwhile.
        faces_patience: waits for the faces server.
        frames_patience: waits for the frames server.
        metrics: the worker's counters.
    """

    def __init__(
        self,
        faces: RoomLog,
        frames: Acknowledger,
        held: Held,
        *,
        faces_patience: Patience,
        frames_patience: Patience,
        metrics: WorkerMetrics,
    ) -> None:
        self._faces = faces
        self._frames = frames
        self._held = held
        self._faces_patience = faces_patience
        self._frames_patience = frames_patience
        self._metrics = metrics

    def settle(self, verdicts: Sequence[Verdict]) -> None:
        """Publish every record and dead letter, then acknowledge the entries.

        Raises:
            TransportError: the process has to end and a server stayed away; what is not
                acknowledged is left to another worker.
        """
        with self._metrics.stage("publish"):
            self._publish(verdicts)
        pass_point(PUBLISHED)
        with self._metrics.stage("ack"):
            self._ack(verdicts)
        for verdict in verdicts:
            self._count(verdict)

    def _publish(self, verdicts: Sequence[Verdict]) -> None:
        records = [verdict.record for verdict in verdicts if verdict.record is not None]
        if records:
            self._faces_patience.call(partial(self._faces.publish, records))
        for verdict in verdicts:
            if verdict.dead_letter is not None:
                letter = partial(self._faces.dead_letter, verdict.entry, verdict.dead_letter)
                self._faces_patience.call(letter)

    def _ack(self, verdicts: Sequence[Verdict]) -> None:
        by_stream: defaultdict[str, list[str]] = defaultdict(list)
        for verdict in verdicts:
            by_stream[verdict.entry.stream].append(verdict.entry.entry_id)
        for stream, ids in by_stream.items():
            self._frames_patience.call(partial(self._frames.ack, stream, ids))
            self._held.drop(stream, ids)

    def _count(self, verdict: Verdict) -> None:
        record = verdict.record
        if record is None:
            # the header cannot be trusted, so no camera name out of it becomes a label
            self._metrics.frames.labels("", "refused").inc()
            return
        self._metrics.frames.labels(record.camera_id, record.outcome).inc()
        self._metrics.faces.labels(record.camera_id).inc(len(record.faces))
