"""How many rows a second the aggregator's own `Store` writes: rooms side by side, all flushed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from sqlalchemy import Engine

from aggregator.leases import Lease, LeaseKeeper
from aggregator.reference import Places
from aggregator.room_state import SNAPSHOT_VERSION
from aggregator.rows import (
    AttentionMinuteRow,
    AttentionWindowRow,
    MeetingMinuteRow,
    MeetingRow,
    Rows,
)
from aggregator.store import Store, StoredState
from schemas.database import connect

WRITERS: Final = 4
MINUTES_A_COMMIT: Final = 5
RUN_ID: Final = "bench"
_SNAPSHOT: Final = bytes(40_000)  # as large as a room's
_DIRECTIONS: Final = bytes(144)


def insert_rate(engine: Engine, site: str, students: int, start_s: int, seconds: float) -> float:
    """Rows a second, over all writers, from structs to a flushed commit.

    Args:
        engine: with a connection for each writer.
        site: slug; its first rooms are written.
        students: of a room: each commit holds five minutes of theirs.
        start_s: Unix time from which the rows are, on a full minute.
        seconds: for which is written.
    """
    places = Places(site)
    with connect(engine) as connection:
        places.load(connection)
    keeper = LeaseKeeper(engine, "bench", RUN_ID)
    rooms = [f"room-{number + 1}" for number in range(WRITERS)]
    leases = keeper.claim([places.room(room) for room in rooms])
    names = {places.room(room): room for room in rooms}
    begin_s = time.perf_counter()
    with ThreadPoolExecutor(WRITERS) as pool:
        written = pool.map(
            lambda lease: _write(
                Store(engine, places), lease, names[lease.room_id], students, start_s, seconds
            ),
            leases,
        )
        rows = sum(written)
    rate = rows / (time.perf_counter() - begin_s)
    keeper.release(leases)
    return rate


def _write(
    store: Store, lease: Lease, room: str, students: int, start_s: int, seconds: float
) -> int:
    """Commit until the time is over; how many rows."""
    written, number = 0, 0
    until_s = time.perf_counter() + seconds
    while time.perf_counter() < until_s:
        rows = _five_minutes(lease.room_id, room, students, start_s, number)
        state = StoredState(f"{start_s + number}-0", _SNAPSHOT, SNAPSHOT_VERSION)
        store.commit(lease, rows, state)
        written += len(rows)
        number += 1
    return written


def _five_minutes(room_id: int, room: str, students: int, start_s: int, number: int) -> Rows:
    """All rows that a room completes in five minutes of a lesson; each number is another lesson."""
    meeting = (room_id << 40) + (number << 16)
    rows: Rows = [_meeting(meeting, room, start_s, number)]
    for minute in range(start_s, start_s + 60 * MINUTES_A_COMMIT, 60):
        for student in range(students):
            rows += [
                _window(meeting, meeting + student, room, start)
                for start in range(minute, minute + 60, 10)
            ]
            rows.append(_minute(meeting, meeting + student, minute))
        rows.append(_class_minute(meeting, room, minute, students))
    return rows


def _meeting(meeting: int, room: str, start_s: int, number: int) -> MeetingRow:
    return MeetingRow(
        meeting_id=meeting, site="", room=room, source_key=f"bench:{number}", class_slug="",
        planned=None, started=start_s, ended=None, policy_profile="standard", identity_mode=1,
    )  # fmt: skip


def _window(meeting: int, participation: int, room: str, start: int) -> AttentionWindowRow:
    return AttentionWindowRow(
        window_start=start, participation_id=participation, meeting_id=meeting, room=room,
        cam_mask=1, window_s=10, score=7250, sum_x=72_500, n_obs=10, n_exp=10, confidence=812,
        n_front=7, n_desk_recent=1, n_desk_stale=0, n_peer=1, n_away=1, n_noface=0, eye_valid=9,
        eye_closed=1, yaw_med_cd=-412, pitch_med_cd=-988, motion_cd=57, face_px=71,
        missing_reason=0, state=2,
    )  # fmt: skip


def _minute(meeting: int, participation: int, minute: int) -> AttentionMinuteRow:
    return AttentionMinuteRow(
        minute=minute, participation_id=participation, meeting_id=meeting, sum_x=435_000,
        n_obs=58, n_exp=60, confidence=805, state=2, direction_hist=_DIRECTIONS,
    )  # fmt: skip


def _class_minute(meeting: int, room: str, minute: int, students: int) -> MeetingMinuteRow:
    return MeetingMinuteRow(
        minute=minute, meeting_id=meeting, site="", room=room, minute_no=0, score_mean=6870,
        score_p10=4120, score_p50=7010, synchrony=402, n_exp=students, n_scored=students,
        coverage=957,
    )  # fmt: skip
