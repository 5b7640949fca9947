"""What the database knows of a recording: nothing yet, a part, or all of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Final

from sqlalchemy import Engine, Row, text
from sqlalchemy.exc import OperationalError

from aggregator.meetings import film_source_key, hash_id
from deploy.replay.errors import ReplayTakenError
from deploy.replay.request import ReplayRequest, run_prefix
from schemas.database import DatabaseUnavailableError, connect

_KNOWN: Final = text(
    """
    SELECT (SELECT status FROM meetings WHERE room_id = :room AND source_key = :key) AS status,
           ARRAY(SELECT run_id FROM room_state
                 WHERE room_id = :room AND starts_with(run_id, :prefix)) AS runs
    """
)
_SUMMARY: Final = text(
    """
    SELECT s.n_present AS students, s.n_scored AS scored, s.coverage, s.score_mean, s.quality,
           (SELECT count(*) FROM attention_windows w WHERE w.meeting_id = s.meeting_id
            AND w.window_start BETWEEN :first AND :last) AS windows,
           (SELECT count(*) FROM meeting_minutes m WHERE m.meeting_id = s.meeting_id
            AND m.minute BETWEEN :first AND :last) AS minutes,
           extract(epoch FROM upper(meetings.actual) - lower(meetings.actual))::float AS length_s
    FROM meetings JOIN meeting_summaries s USING (meeting_id)
    WHERE meetings.room_id = :room AND meetings.source_key = :key
    """
)


class Known(Enum):
    """How much of a recording is in the database."""

    NOTHING = "nothing"
    PART = "part"
    ALL = "all"


@dataclass(frozen=True)
class History:
    """The database's view of one request.

    Attributes:
        engine: of the database, with this program's tables.
        request: the recording.
        site_id, room_number: of the site file's slug, and of the reference tables.
    """

    engine: Engine
    request: ReplayRequest
    site_id: str
    room_number: int

    def known(self) -> Known:
        """How much is there.

        Raises:
            ReplayTakenError: the meeting of this room and start comes from other films.
        """
        found = self._row()
        others = sorted(set(found.runs) - {self.request.run_id})
        if others or (found.status is not None and self.request.run_id not in found.runs):
            raise ReplayTakenError(
                f"room {self.request.room.id!r} has the meeting {self._source_key} already, of "
                f"other films or at another rate (run {', '.join(others) or 'unknown'})"
                ": choose another --start, or delete that meeting first (docs/replay.md says how)"
            )
        if found.status == "held":
            return Known.ALL
        return Known.PART if found.runs else Known.NOTHING

    def is_complete(self) -> bool:
        """Whether all is there; False also while the database is away."""
        try:
            return bool(self._row().status == "held")
        except (OperationalError, DatabaseUnavailableError):
            return False

    def summary(self) -> Row[tuple[object, ...]] | None:
        """The lesson's figures, once all is there."""
        first = self.request.start - dt.timedelta(minutes=1)
        values = {"first": first, "last": first + dt.timedelta(days=8)}
        with connect(self.engine) as connection:
            return connection.execute(_SUMMARY, {**self._meeting, **values}).one_or_none()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Inside, no other process sends a recording into this room from this start on.

        Raises:
            ReplayTakenError: one does.
        """
        key = hash_id("replay", self.site_id, self.request.room.id, self._source_key)
        with connect(self.engine) as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            lock = text("SELECT pg_try_advisory_lock(:key)")
            if not connection.execute(lock, {"key": key}).scalar_one():
                raise ReplayTakenError(
                    f"another process sends a recording into room {self.request.room.id!r} "
                    f"({self._source_key}) just now"
                )
            try:
                yield
            finally:
                connection.invalidate()  # the lock goes with its session

    def _row(self) -> Row[tuple[object, ...]]:
        prefix = run_prefix(self.request.start)
        with connect(self.engine) as connection:
            return connection.execute(_KNOWN, {**self._meeting, "prefix": prefix}).one()

    @property
    def _meeting(self) -> dict[str, object]:
        return {"room": self.room_number, "key": self._source_key}

    @property
    def _source_key(self) -> str:
        return film_source_key(self.request.recording.start)
