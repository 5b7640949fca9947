"""What a report is about, and how its figures ask the views.

All of a report is read in one snapshot, as role facepose_analyst, which sees the `v_` views and
nothing else: a figure that policy withholds from analysts cannot get into a report.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Result, TextClause, text
from sqlalchemy.exc import DBAPIError

from aggregator.reports.document import Period
from aggregator.reports.errors import ReportError

_BEGIN: Final = text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
_BECOME: Final = {
    role: text(f"SET LOCAL ROLE {role}") for role in ("facepose_analyst", "facepose_admin")
}
_NOT_A_MEMBER: Final = frozenset({"42501", "22023"})  # no privilege, no such role
_TIME_OUT: Final = text("SET LOCAL statement_timeout = '60s'")

Row = dict[str, Any]


class RoleError(ReportError):
    """The database's login is no member of a role that reports are read as."""


@contextmanager
def analyst_snapshot(connection: Connection) -> Iterator[None]:
    """One moment of the database, read as an analyst; nothing can be written.

    Args:
        connection: without a transaction of its own; its login is a member of facepose_analyst.

    Raises:
        InvalidRequestError: a transaction has begun already.
        RoleError: the login is no member.
    """
    with connection.begin():
        connection.execute(_BEGIN)
        become(connection, "facepose_analyst")
        connection.execute(_TIME_OUT)
        yield


def become(connection: Connection, role: Literal["facepose_analyst", "facepose_admin"]) -> None:
    """Read on as a role, until the transaction's end.

    Raises:
        RoleError: the login is no member of it.
    """
    try:
        connection.execute(_BECOME[role])
    except DBAPIError as exc:
        if getattr(exc.orig, "sqlstate", None) not in _NOT_A_MEMBER:
            raise
        raise RoleError(
            f"reports are read as {role}, which the login in DATABASE_URL may not become: run "
            f"`facepose db upgrade`, then GRANT {role} TO that login"
        ) from exc


@dataclass(frozen=True, slots=True)
class Scope:
    """Lessons of a site that begin on local days `first` to `last`, of one class or room or all.

    Attributes:
        site: slug, like `class_id` and `room`; None: all classes, all rooms.
        first, last: both included.
    """

    site: str
    zone: ZoneInfo
    first: dt.date
    last: dt.date
    class_id: str | None = None
    room: str | None = None

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    def between(self, first: dt.date, last: dt.date) -> Scope:
        """The same on other days."""
        return replace(self, first=first, last=last)

    def values(self) -> dict[str, object]:
        """Parameters that every query may name."""
        return {
            "site": self.site,
            "class": self.class_id,
            "room": self.room,
            "first": self.first,
            "last": self.last,
            "start": _midnight(self.first, self.zone),
            "end": _midnight(self.last + dt.timedelta(days=1), self.zone),
        }

    @property
    def period(self) -> Period:
        """As a report names it."""
        return Period(first=self.first, last=self.last, time_zone=self.zone.key)


def ask(connection: Connection, query: TextClause, scope: Scope, **more: object) -> list[Row]:
    """Rows of a query, its numbers as Python's own."""
    wanted = query.compile().params.keys()
    values = {name: value for name, value in scope.values().items() if name in wanted}
    return plain_rows(connection.execute(query, {**values, **more}))


def plain_rows(found: Result[Any]) -> list[Row]:
    """All rows, numeric as float."""
    return [{name: _plain(value) for name, value in row.items()} for row in found.mappings()]


def ask_one(connection: Connection, query: TextClause, scope: Scope, **more: object) -> Row:
    """The row of a query that has exactly one."""
    [row] = ask(connection, query, scope, **more)
    return row


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC)
