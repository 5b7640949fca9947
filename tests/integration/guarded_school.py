"""A school with lessons, and sessions of database users of each role."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, make_url, text

from schemas.consents import Purpose, Word, record
from schemas.database import create_engine
from schemas.roles import Group, login_sql
from tests.integration.school_history import SITE, Lesson, SchoolHistory, weeks_of

MONDAY = dt.date(2026, 10, 5)
PASSWORD = "a long pass phrase"
REASON = "parents' evening"


class GuardedSchool(SchoolHistory):
    """Three weeks of class 3b; seats confirmed before the first lesson unless told otherwise."""

    def __init__(
        self, database_url: str, profile: str = "standard", *, confirmed: bool = True, **school: Any
    ) -> None:
        super().__init__(database_url, profile, **school)
        self.url = database_url
        self.lessons = weeks_of(MONDAY, 3, ("3b",), students=8)
        self.hold(*self.lessons)
        if confirmed:
            self.execute("UPDATE rooms SET seats_confirmed_at = '2026-10-01 08:00+00'")

    def pseudonym(self, seat: str = "S1") -> uuid.UUID:
        """Of the student in a seat."""
        return self._student(seat)["pseudonym"]

    def student_id(self, seat: str = "S1") -> int:
        return self._student(seat)["student_id"]

    def _student(self, seat: str) -> dict[str, Any]:
        [row] = self.ask(
            "SELECT DISTINCT student_id, pseudonym FROM students JOIN participations"
            " USING (student_id) JOIN seats USING (seat_id) WHERE label = :seat",
            seat=seat,
        )
        return row

    def enrol(self, seat: str) -> int:
        """Make the student in a seat a person of a roster."""
        number = self.student_id(seat)
        self.execute(
            "INSERT INTO enrolments SELECT class_id, :number, '[2026-08-01,)' FROM classes"
            " WHERE slug = '3b'",
            number=number,
        )
        self.execute(
            "INSERT INTO vault.identities VALUES (:number, :hmac, 'sealed', 'key')",
            number=number,
            hmac=number.to_bytes(8, "big"),
        )
        return number

    def say(self, number: int, *words: Word, purpose: Purpose = "score") -> None:
        with self.engine.begin() as connection:
            for word in words:
                record(connection, number, purpose, word)

    @contextmanager
    def session(self, group: Group) -> Iterator[Connection]:
        """A session of a database user who belongs to a role, as from another program."""
        with self.logged_in(group) as engine, engine.connect() as connection:
            yield connection

    @contextmanager
    def logged_in(self, group: Group) -> Iterator[Engine]:
        name = f"{group}_{uuid.uuid4().hex[:8]}"
        self.execute(login_sql(name, group) + f"ALTER ROLE {name} PASSWORD '{PASSWORD}'")
        engine = create_engine(
            make_url(self.url)
            .set(username=name, password=PASSWORD)
            .render_as_string(hide_password=False),
            pooled=False,
        )
        try:
            yield engine
        finally:
            engine.dispose()
            self.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")

    def read(self, function: str, *arguments: object) -> list[dict[str, Any]]:
        """Rows of a function, asked by a session of facepose_admin."""
        names = [f"a{n}" for n in range(len(arguments))]
        sql = text(f"SELECT * FROM {function}({', '.join(':' + name for name in names)})")
        with self.session("admin") as connection:
            rows = connection.execute(sql, dict(zip(names, arguments, strict=True))).mappings()
            found = [dict(row) for row in rows]
            connection.commit()
        return found

    def history(self, seat: str = "S1", reason: str = REASON) -> list[dict[str, Any]]:
        first, last = MONDAY, MONDAY + dt.timedelta(days=60)
        return self.read("student_history", self.pseudonym(seat), first, last, reason)


def day(number: int) -> dt.datetime:
    """Midnight of a day of October 2026 in the school's zone."""
    return dt.datetime(2026, 9, 30, 22, tzinfo=dt.UTC) + dt.timedelta(days=number - 1)


__all__ = ["MONDAY", "REASON", "SITE", "GuardedSchool", "Lesson", "day"]
