"""One room whose lease is held: its reducer, what waits to be committed, and its log."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from aggregator.errors import SnapshotError
from aggregator.leases import Lease
from aggregator.retention import ALL_KEPT, KeptFrom
from aggregator.room import Room
from aggregator.room_state import SNAPSHOT_VERSION, refuse_newer
from aggregator.rows import Rows
from aggregator.sealing import Sealer
from aggregator.store import Store, StoredState
from schemas.errors import MalformedMessageError
from schemas.messages import RoomPlan, decode_room_message
from schemas.streams import faces_stream
from schemas.transport import Client, Entry, last_id
from schemas.transport.entries import id_order

_log = structlog.get_logger(__name__)

LOG_HOLE_S = 30  # a silence in the log that is worth a line


@dataclass
class HeldRoom:
    """A room in work.

    Attributes:
        lease: the right to write its rows.
        room: the reducer.
        sealer: of its snapshots.
        stream: its log.
        kept: which rows are still worth writing.
        rows: completed, not yet committed.
        dirty: entries were taken since the last commit.
        committed_s: monotonic time of the last commit.
        heard_s: monotonic time of the last entry.
        trimmed_s: monotonic time of the last trimming.
        blocked: an entry of a newer version stands in front of us.
        look_again_s: monotonic time before which that entry is not read again.
    """

    lease: Lease
    room: Room
    sealer: Sealer
    stream: str
    kept: KeptFrom = ALL_KEPT
    rows: Rows = field(default_factory=list)
    dirty: bool = False
    committed_s: float = 0.0
    heard_s: float = 0.0
    trimmed_s: float = 0.0
    blocked: bool = False
    look_again_s: float = 0.0

    @property
    def name(self) -> str:
        """The room's slug."""
        return self.room.state.room_id

    @property
    def newest_plan(self) -> RoomPlan | None:
        """In force, or about to be."""
        state = self.room.state
        return max(state.plans, key=lambda plan: plan.at, default=state.plan)

    def take(self, entry: Entry) -> None:
        """Feed the log's next entry.

        Raises:
            MessageError: it cannot be used; the position stays before it.
        """
        message = decode_room_message(entry.fields)
        if (message.room_id, message.run_id) != (self.name, self.lease.run_id):
            raise MalformedMessageError(
                f"a message of room {message.room_id!r}, run {message.run_id!r} "
                "in another room's log"
            )
        self._tell_of_hole(entry)
        self.rows += self.kept.kept(self.room.feed(entry.entry_id, message))
        self.dirty = True

    def _tell_of_hole(self, entry: Entry) -> None:
        before = id_order(self.room.position)[0]
        silence_s = (id_order(entry.entry_id)[0] - before) / 1000
        if before and silence_s > LOG_HOLE_S and not self.lease.run_id:
            _log.warning(
                "The room's log has a hole",
                action="log_hole",
                room=self.name,
                hole_s=round(silence_s),
            )

    def skip(self, entry: Entry) -> None:
        """Pass over an entry that is not one of our messages."""
        self.room.skip(entry.entry_id)
        self.dirty = True

    def commit(self, store: Store) -> None:
        """Write what was completed, with the state and the position behind it."""
        state = self.room.state
        snapshot = self.sealer.wrap(
            self.room.snapshot(),
            sealed=self._is_sealed(),
            meeting_id=state.meeting.meeting_id if state.meeting else 0,
        )
        stored = StoredState(self.room.position, snapshot, SNAPSHOT_VERSION)
        store.commit(self.lease, self.rows, stored)
        self.rows = []
        self.dirty = False
        self.sealer.forget_old_keys()

    def _is_sealed(self) -> bool:
        """Whether policy allows no figures of single students, or is not known yet."""
        plan, meeting = self.room.state.plan or self.newest_plan, self.room.state.meeting
        if plan is None or not plan.policy.per_student:
            return True
        return meeting is not None and not meeting.per_student


def load_room(
    client: Client, store: Store, lease: Lease, name: str, kept: KeptFrom = ALL_KEPT
) -> HeldRoom:
    """The room where its last holder committed it, or a new one.

    Raises:
        NewerSnapshotError: a newer program committed it.
    """
    stream = faces_stream(name, lease.run_id)
    sealer = Sealer(client, name, lease.run_id)
    room = _stored_room(store.load(lease), sealer, name, lease.run_id)
    if id_order(last_id(client, stream)) < id_order(room.position):
        if not lease.run_id:  # a run that is taken up again begins a new log
            _log.warning(
                "The room's log was lost; going on with what comes", action="log_lost", room=name
            )
        room.skip("0-0")
    return HeldRoom(lease, room, sealer, stream, kept)


def resumes_at(client: Client, store: Store, lease: Lease, name: str) -> int:
    """The second of Unix time from which a run still needs frames; 0: from its beginning."""
    sealer = Sealer(client, name, lease.run_id)
    return _stored_room(store.load(lease), sealer, name, lease.run_id).state.cursor


def _stored_room(state: StoredState | None, sealer: Sealer, name: str, run_id: str) -> Room:
    if state is None:
        return Room.new(name, run_id)
    refuse_newer(state.version)
    try:
        return Room.restore(sealer.unwrap(state.snapshot), state.version)
    except SnapshotError as exc:
        _log.warning("The room starts afresh", action="state_lost", room=name, reason=str(exc))
        room = Room.new(name, run_id)
        if not run_id:  # a run is sent again from the film's beginning
            room.skip(state.position)
        return room
