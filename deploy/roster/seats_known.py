"""What a row of a seating plan names, as numbers; what nobody knows is a mistake with its line."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, select

from deploy.roster.spans import Span, from_range
from deploy.roster.students import Students
from schemas.rosters.mistakes import Mistakes
from schemas.rosters.seating_file import SeatingRow
from schemas.tables import classes, enrolments, rooms, seats


class KnownPlaces:
    """Classes, seats, students and enrolments of one site.

    Args:
        connection: of the import's transaction.
        site_id: number of the site.
        students: of the site.
        mistakes: where to note what is not known.
        file: name of the plan, for people.
    """

    def __init__(
        self,
        connection: Connection,
        site_id: int,
        students: Students,
        mistakes: Mistakes,
        file: str,
    ) -> None:
        self._students = students
        self._mistakes = mistakes
        self._file = file
        self._classes: dict[str, int] = {}
        self._named: dict[int, str] = {}  # how the plan calls a class
        self._slugs: dict[int, str] = {}
        of_site = select(classes).where(classes.c.site_id == site_id, classes.c.enabled)
        for row in connection.execute(of_site):
            self._slugs[row.class_id] = row.slug
            if row.sourced_id:
                self._classes.setdefault(row.sourced_id, row.class_id)
        self._classes |= {slug: number for number, slug in self._slugs.items()}
        query = (
            select(rooms.c.slug, seats.c.label, seats.c.seat_id)
            .outerjoin(seats, seats.c.room_id == rooms.c.room_id)
            .where(rooms.c.site_id == site_id)
        )
        self._seats: dict[str, dict[str, int]] = defaultdict(dict)
        for room, label, seat_id in connection.execute(query):
            known = self._seats[room]
            if label is not None:
                known[label] = seat_id
        self._enrolled = _enrolments(connection, site_id)

    def class_slug(self, class_id: int) -> str:
        """What people call a class."""
        return self._slugs[class_id]

    def find(self, row: SeatingRow) -> tuple[int, int, int] | None:
        """Numbers of the row's class, seat and student; None, with a mistake, where one is not."""
        class_id = self._classes.get(row.class_name)
        student_id = self._students.id_of(row.sourced_id)
        seat_id = self._seats.get(row.room, {}).get(row.seat)
        fault = self._fault(row, class_id, seat_id, student_id)
        if fault or class_id is None or seat_id is None or student_id is None:
            self._mistakes.row(self._file, row.line, fault)
            return None
        return class_id, seat_id, student_id

    def _fault(
        self, row: SeatingRow, class_id: int | None, seat_id: int | None, student_id: int | None
    ) -> str:
        if class_id is None:
            return f"there is no class {row.class_name[:100]!r}"
        named = self._named.setdefault(class_id, row.class_name)
        if named != row.class_name:
            return f"{row.class_name[:100]!r} is class {named[:100]!r}: use one name for a class"
        if seat_id is None:
            return self._no_seat(row)
        if student_id is None:
            return "no student of the roster has its sourced_id"
        spans = self._enrolled.get((class_id, student_id), ())
        if not any(begin < row.end and row.begin < end for begin, end in spans):
            return f"its student is not in class {row.class_name!r} then"
        return ""

    def _no_seat(self, row: SeatingRow) -> str:
        if row.room not in self._seats:
            return f"there is no room {row.room[:100]!r}"
        return f"room {row.room!r} has no seat {row.seat[:100]!r}"


def _enrolments(connection: Connection, site_id: int) -> dict[tuple[int, int], list[Span]]:
    query = (
        select(enrolments.c.class_id, enrolments.c.student_id, enrolments.c.valid)
        .join(classes, classes.c.class_id == enrolments.c.class_id)
        .where(classes.c.site_id == site_id)
    )
    found: dict[tuple[int, int], list[Span]] = defaultdict(list)
    for class_id, student_id, valid in connection.execute(query):
        if not valid.isempty:
            found[class_id, student_id].append(from_range(valid))
    return found
