"""A recording's run, as its aggregator needs it."""

from __future__ import annotations

from dataclasses import dataclass

from aggregator.retention import ALL_KEPT, KeptFrom


@dataclass(frozen=True)
class RecordedRun:
    """One film, or several of one lesson, sent through the pipeline beside the live rooms.

    Attributes:
        run_id: of all its streams, its state and its lease.
        room_id: slug of the room.
        kept: which rows are still worth writing.
    """

    run_id: str
    room_id: str
    kept: KeptFrom = ALL_KEPT
