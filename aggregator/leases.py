"""Which aggregator may write a room's rows: leases in PostgreSQL, by the database's clock only.

A lease lasts 3 s and is renewed every second. Each change of hands raises the fence; every
transaction with rows first checks holder and fence, so an aggregator that was away too long cannot
write any more, whatever it believes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, text

from aggregator.errors import LeaseLostError
from schemas.database import connect

RENEW_EVERY_S: Final = 1.0

_ENSURE: Final = text(
    "INSERT INTO room_leases (room_id, run_id) VALUES (:room_id, :run_id) ON CONFLICT DO NOTHING"
)
_CLAIM: Final = text(
    """
    UPDATE room_leases SET holder = :holder, fence = fence + 1, until = now() + interval '3 s'
    WHERE (room_id, run_id) IN (
        SELECT room_id, run_id FROM room_leases
        WHERE room_id = ANY(:room_ids) AND run_id = :run_id AND until < now()
        ORDER BY room_id FOR UPDATE SKIP LOCKED
    )
    RETURNING room_id, fence
    """
)
_RENEW: Final = text(
    """
    UPDATE room_leases SET until = now() + interval '3 s'
    WHERE holder = :holder AND run_id = :run_id AND room_id = ANY(:room_ids)
    RETURNING room_id, fence
    """
)
_RELEASE: Final = text(
    """
    UPDATE room_leases SET until = now()
    WHERE holder = :holder AND run_id = :run_id AND room_id = ANY(:room_ids)
    """
)
_CHECK: Final = text(
    """
    SELECT 1 FROM room_leases
    WHERE room_id = :room_id AND run_id = :run_id AND holder = :holder AND fence = :fence
    FOR SHARE
    """
)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write one room's rows.

    Attributes:
        room_id: number of the room in the reference tables.
        run_id: of a recording; empty: live.
        holder: this process.
        fence: grows with every change of hands.
    """

    room_id: int
    run_id: str
    holder: str
    fence: int


class LeaseKeeper:
    """The leases of one process.

    Args:
        engine: of the database.
        holder: unique to this process.
        run_id: of a recording; empty: live.
    """

    def __init__(self, engine: Engine, holder: str, run_id: str = "") -> None:
        self._engine = engine
        self._holder = holder
        self._run_id = run_id

    def claim(self, room_ids: Collection[int]) -> list[Lease]:
        """Take over those rooms that nobody holds."""
        if not room_ids:
            return []
        rooms = [{"room_id": room_id, "run_id": self._run_id} for room_id in sorted(room_ids)]
        with connect(self._engine) as connection:
            connection.execute(_ENSURE, rooms)
            rows = connection.execute(_CLAIM, self._named(room_ids)).all()
            connection.commit()
        return [self._lease(room_id, fence) for room_id, fence in rows]

    def renew(self, leases: Iterable[Lease]) -> list[Lease]:
        """Those of our leases that we still hold, extended."""
        held = {lease.room_id: lease for lease in leases}
        if not held:
            return []
        with connect(self._engine) as connection:
            rows = connection.execute(_RENEW, self._named(held)).all()
            connection.commit()
        return [held[room_id] for room_id, fence in rows if held[room_id].fence == fence]

    def release(self, leases: Iterable[Lease]) -> None:
        """Give leases back at once, so that a successor need not wait."""
        room_ids = [lease.room_id for lease in leases]
        if room_ids:
            with connect(self._engine) as connection:
                connection.execute(_RELEASE, self._named(room_ids))
                connection.commit()

    def _named(self, room_ids: Iterable[int]) -> dict[str, object]:
        return {"holder": self._holder, "run_id": self._run_id, "room_ids": list(room_ids)}

    def _lease(self, room_id: int, fence: int) -> Lease:
        return Lease(room_id, self._run_id, self._holder, fence)


def check_lease(connection: Connection, lease: Lease) -> None:
    """Make sure, inside a transaction, that the lease is still ours until its commit.

    Raises:
        LeaseLostError: another aggregator took the room over.
    """
    values = {
        "room_id": lease.room_id,
        "run_id": lease.run_id,
        "holder": lease.holder,
        "fence": lease.fence,
    }
    if connection.execute(_CHECK, values).first() is None:
        raise LeaseLostError(f"another aggregator holds room {lease.room_id} now")
