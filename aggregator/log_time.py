"""How far each entry of a room's log moves time.

Live, an entry's id tells when it came, and nothing that it says of itself is trusted beyond that.
In a recording's run, entries of now tell of last term, so their ids mean nothing. There only the
publisher's word counts: a status at T says that all that was captured before T is in the log.
Nothing has to be waited for, and rows depend neither on how fast workers are nor on how many.
"""

from __future__ import annotations

from typing import Final

from aggregator.inbox import MAX_LEAD_NS, NS
from schemas.messages import CameraStatus, EndOfStream, FrameFaces, RoomMessage, RoomPlan

LATENESS_NS: Final = 5 * NS
NEVER_NS: Final = 2**62  # nothing in a film lies ahead of that


def came_at_ns(milliseconds: int, run_id: str) -> int:
    """When an entry came, for what it says of itself to be compared with."""
    return NEVER_NS if run_id else milliseconds * 1_000_000


def moves_to_ns(message: RoomMessage, entry_ns: int, run_id: str) -> int:
    """The time that is reached with an entry; the watermark follows `LATENESS_NS` behind it."""
    if run_id:
        if isinstance(message, CameraStatus | EndOfStream | RoomPlan):
            return message.at + LATENESS_NS
        return 0
    if isinstance(message, FrameFaces):
        return min(message.captured_at, entry_ns + MAX_LEAD_NS)
    return entry_ns
