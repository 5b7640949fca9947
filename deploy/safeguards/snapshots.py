"""A student in the stored state of rooms: the plan there says who sits where.

A room that an aggregator holds is left to it: the next plan, within a minute or so, has the student
no more, and the state is written anew. A sealed state names no student: policy links none there.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection, text

from aggregator.errors import SnapshotError
from aggregator.room_state import SNAPSHOT_VERSION, RoomState, pack, unpack
from aggregator.sealing import is_sealed, plain, stored_plain
from schemas.messages import RoomPlan

_STATES: Final = text(
    """
    SELECT s.room_id, s.run_id, r.slug, s.snapshot, s.snapshot_version,
           coalesce(l.until > now(), false) AS held
    FROM room_state AS s JOIN rooms AS r USING (room_id)
    LEFT JOIN room_leases AS l USING (room_id, run_id)
    ORDER BY s.room_id, s.run_id FOR UPDATE OF s
    """
)
_REWRITE: Final = text(
    """
    UPDATE room_state SET snapshot = :snapshot, snapshot_version = :version
    WHERE room_id = :room_id AND run_id = :run_id
    """
)


class Rewritten(NamedTuple):
    """What became of the stored states.

    Attributes:
        rewritten: states that named the student and do not any more.
        left: rooms whose aggregator forgets the student itself.
    """

    rewritten: int
    left: tuple[str, ...]


def forget_in_snapshots(connection: Connection, student_id: int) -> Rewritten:
    """Take a student out of the stored states of rooms."""
    count, left = 0, []
    for row in connection.execute(_STATES).all():
        stored = bytes(row.snapshot)
        if not stored or is_sealed(stored):
            continue
        try:
            state = unpack(plain(stored), row.snapshot_version)
        except SnapshotError:  # of a newer program, or damaged: its aggregator starts afresh
            left.append(row.slug)
            continue
        if not _forget(state, student_id):
            continue
        if row.held:
            left.append(row.slug)
            continue
        values = {"snapshot": stored_plain(pack(state)), "version": SNAPSHOT_VERSION}
        connection.execute(_REWRITE, {**values, "room_id": row.room_id, "run_id": row.run_id})
        count += 1
    return Rewritten(count, tuple(left))


def _forget(state: RoomState, student_id: int) -> bool:
    """Whether the state named the student; it does not any more."""
    found = False
    if state.meeting is not None:
        for person in state.meeting.people.values():
            if person.student_id == student_id:
                person.student_id, found = None, True
    if state.plan is not None and _names(state.plan, student_id):
        state.plan, found = _without(state.plan, student_id), True
    if any(_names(plan, student_id) for plan in state.plans):
        state.plans, found = [_without(plan, student_id) for plan in state.plans], True
    return found


def _names(plan: RoomPlan, student_id: int) -> bool:
    return any(entry.student_id == student_id for entry in plan.seated)


def _without(plan: RoomPlan, student_id: int) -> RoomPlan:
    seated = tuple(entry for entry in plan.seated if entry.student_id != student_id)
    return msgspec.structs.replace(plan, seated=seated)
