"""What is stored of a site's roster, without a name: names are in the vault and stay there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final, Literal

from rich.table import Table
from sqlalchemy import Connection, text

from schemas.errors import SettingsError
from schemas.vault import Vault, known_students

# Classes of a site with who is enrolled on a day, and who has a seat at a moment.
_CLASSES: Final = text("""
SELECT c.slug, c.title, coalesce(c.term, '') AS term,
       CASE WHEN NOT c.enabled THEN 'over' WHEN c.sourced_id IS NULL THEN 'site file'
            ELSE 'roster' END AS source,
       (SELECT count(*) FROM enrolments e WHERE e.class_id = c.class_id AND e.valid @> :day)
           AS enrolled,
       (SELECT count(*) FROM seating s WHERE s.class_id = c.class_id AND s.valid @> :at) AS seated
FROM classes c WHERE c.site_id = :site_id ORDER BY c.slug
""")

# The students of one class on a day, with the seat that each has at a moment.
_STUDENTS: Final = text("""
SELECT CAST(p.pseudonym AS text), lower(e.valid) AS since, upper(e.valid) AS until,
       coalesce(r.slug, '') AS room, coalesce(seat.label, '') AS seat
FROM enrolments e
JOIN classes c USING (class_id)
JOIN students p USING (student_id)
LEFT JOIN seating s ON s.class_id = e.class_id AND s.student_id = e.student_id AND s.valid @> :at
LEFT JOIN seats seat ON seat.seat_id = s.seat_id
LEFT JOIN rooms r ON r.room_id = seat.room_id
WHERE c.site_id = :site_id AND c.slug = :slug AND e.valid @> :day
ORDER BY room, seat, p.pseudonym
""")


def classes_table(connection: Connection, site_id: int, now: dt.datetime) -> Table:
    """The classes of a site; `now` in the site's zone."""
    rows = connection.execute(_CLASSES, {"site_id": site_id, "day": now.date(), "at": now}).all()
    columns = ("class", "title", "term", "from", "enrolled", "seated")
    return _table(columns, [tuple(row) for row in rows])


def class_table(connection: Connection, site_id: int, slug: str, now: dt.datetime) -> Table:
    """The students of one class by pseudonym; `now` in the site's zone.

    Raises:
        SettingsError: nobody is enrolled in such a class today.
    """
    values = {"site_id": site_id, "slug": slug, "day": now.date(), "at": now}
    rows = connection.execute(_STUDENTS, values).all()
    if not rows:
        raise SettingsError(
            f"nobody is enrolled in a class {slug!r} today; `facepose roster list` shows all"
        )
    columns = ("pseudonym", "since", "until", "room", "seat")
    return _table(columns, [tuple(row) for row in rows])


def pseudonym_of(connection: Connection, vault: Vault, site: str, sourced_id: str) -> str:
    """The pseudonym of the student whom the school's system knows by an id.

    Raises:
        SettingsError: the roster has no such student, or needs another key.
    """
    found = known_students(connection, vault, site, [sourced_id])
    if not found:
        raise SettingsError(f"site {site!r} has no student of that sourcedId under this key")
    query = text("SELECT CAST(pseudonym AS text) FROM students WHERE student_id = :number")
    return str(connection.execute(query, {"number": found[sourced_id]}).scalar_one())


_WIDTHS: Final = {"pseudonym": 36, "since": 10, "until": 10}


def _table(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in {"enrolled", "seated"} else "left"
        width = _WIDTHS.get(column)
        table.add_column(column, justify=justify, min_width=width, no_wrap=width is not None)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    return table
