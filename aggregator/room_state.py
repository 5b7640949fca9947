"""Everything that a room remembers between two entries of its log, and its snapshot."""

from __future__ import annotations

import zlib
from typing import Final

import msgspec

from aggregator.activities import Said
from aggregator.calibration.state import CalibrationState
from aggregator.cameras import CameraState
from aggregator.errors import NewerSnapshotError, SnapshotError
from aggregator.inbox import Inbox
from aggregator.people import Meeting
from aggregator.proposals import Proposals
from schemas.messages import ActivityChange, RoomPlan, SeatsConfirmed

# 2: tracks with velocities, calibration, a person's own eyes. What version 1 did not know begins
# with the defaults of its fields.
SNAPSHOT_VERSION: Final = 2
OLDEST_VERSION: Final = 1


class RoomState(msgspec.Struct):
    """Everything that a room remembers."""

    room_id: str
    run_id: str
    position: str = "0-0"  # last entry that was fed
    high_ns: int = 0  # the watermark + lateness
    cursor: int = 0  # next second to finalise; 0: nothing was fed
    plan: RoomPlan | None = None
    activity: str = ""  # as version 1 kept what `by_hand` says
    by_hand: Said | None = None  # an activity that a control event set
    plans: list[RoomPlan] = []  # not yet in force
    activities: list[ActivityChange] = []
    confirmations: list[SeatsConfirmed] = []
    inbox: Inbox = msgspec.field(default_factory=Inbox)
    cameras: dict[str, CameraState] = {}
    meeting: Meeting | None = None
    closed: dict[str, int] = {}  # planned lessons that are over, and when each ended
    counts: dict[str, int] = {}  # entries that changed no row, by reason
    calibration: CalibrationState = msgspec.field(default_factory=CalibrationState)
    proposals: Proposals = msgspec.field(default_factory=Proposals)  # seats that nobody drew

    def count(self, what: str) -> None:
        """Count an entry that changes no row."""
        self.counts[what] = self.counts.get(what, 0) + 1


def pack(state: RoomState) -> bytes:
    """The state as a snapshot, exact."""
    return zlib.compress(msgspec.msgpack.encode(state), 1)


def refuse_newer(version: int) -> None:
    """Raises: NewerSnapshotError: a newer program wrote a state of this version."""
    if version > SNAPSHOT_VERSION:
        raise NewerSnapshotError(
            f"the room's state has version {version}, this program reads up to {SNAPSHOT_VERSION}"
        )


def unpack(snapshot: bytes, version: int) -> RoomState:
    """The state in a snapshot.

    Raises:
        NewerSnapshotError: a newer program's.
        SnapshotError: one older than the version before ours, or damaged.
    """
    refuse_newer(version)
    if version < OLDEST_VERSION:
        raise SnapshotError(
            f"the room's state has version {version}, this program reads {OLDEST_VERSION} and newer"
        )
    try:
        state = msgspec.msgpack.decode(zlib.decompress(snapshot), type=RoomState)
    except (zlib.error, msgspec.MsgspecError) as exc:
        raise SnapshotError(f"the room's state is damaged: {exc}") from exc
    if state.activity:  # version 1 did not keep when it was said
        at = state.meeting.started if state.meeting else state.cursor
        state.by_hand, state.activity = Said(state.activity, "manual", at), ""
    return state
