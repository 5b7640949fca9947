"""How connections to a camera ended, by ingest's word: each told once.

A status tells what ended since the last one, so the same status twice (an entry whose answer was
lost is written again) must not count twice. Everything else in a status may come twice.
"""

from __future__ import annotations

from typing import Final

import msgspec

from schemas.messages import CameraStatus

_KEPT: Final = 16  # a second copy comes within the retries of one write


class Endings(msgspec.Struct):
    """Knows the statuses that told of an end again; part of the room's snapshot.

    Attributes:
        are_told: ingest is new enough to tell causes; older ones tell none.
        known: time and counts of the newest statuses that told of an end.
    """

    are_told: bool = False
    known: list[tuple[int, dict[str, int]]] = []

    def news(self, status: CameraStatus) -> dict[str, int]:
        """Connections that ended, by cause, which no status told before."""
        tells = status.ended or status.cause or status.clock_offset_ms is not None
        self.are_told = self.are_told or bool(tells)
        entry = (status.at, status.ended)
        if not status.ended or entry in self.known:
            return {}
        self.known = [*self.known, entry][-_KEPT:]
        return status.ended
