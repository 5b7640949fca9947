"""A seating plan into `seating`: from its first day on it is what a class's seats are.

For each class of the file: what was stored for days before the file's first one stays, and ends
there; from that day on the file alone holds. So the second import changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Connection, Engine, bindparam, delete, insert, select
from sqlalchemy.dialects.postgresql import Range

from deploy.roster.changes import Changes, Kind, class_line
from deploy.roster.importing import refuse_without_students, site_number
from deploy.roster.seats_known import KnownPlaces
from deploy.roster.students import Students
from schemas.database import connect, require_migrated
from schemas.rosters.files import MAX_FILE_BYTES, MAX_LINE_BYTES
from schemas.rosters.mistakes import Mistakes, RosterError, UnreadableError
from schemas.rosters.seating_file import FOR_EVER, SeatingRow, read_seating
from schemas.site import Site
from schemas.sync.lock import hold_numbers
from schemas.tables import seating
from schemas.vault import Vault

Times = tuple[dt.datetime | None, dt.datetime | None]
Seat = tuple[int, int, Times]  # seat_id, student_id, when


def import_seating(
    engine: Engine, site: Site, path: Path, vault: Vault, *, dry_run: bool = False
) -> Changes:
    """Bring a seating plan into the tables.

    Args:
        engine: of a migrated database that knows the site and its roster.
        site: the site file.
        path: the plan, `class,room,seat,sourced_id,from[,until]`.
        vault: with the roster's key.
        dry_run: tell what would change, change nothing.

    Raises:
        RosterError: the plan's mistakes; nothing was changed.
        SettingsError: policy has no students, another vault key, or the site is not known yet.
        DatabaseError: no server, or not migrated.
    """
    refuse_without_students(site)
    mistakes = Mistakes()
    with connect(engine) as connection:
        require_migrated(connection)
        hold_numbers(connection)
        site_id = site_number(connection, site)
        students = Students(connection, vault, (site.site.id, site_id))
        places = KnownPlaces(connection, site_id, students, mistakes, path.name)
        try:
            rows = read_seating(path.name, _lines(path), mistakes)
        except OSError as exc:
            raise RosterError(str(path), [f"cannot be read: {exc.strerror or exc}"]) from None
        wanted = _wanted(rows, places, site)
        mistakes.raise_if_any(path.name)
        changes = _store(connection, wanted, places)
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
    return changes


def _lines(path: Path) -> Iterable[bytes]:
    size = 0
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES + 1):
            size += len(line)
            if len(line) > MAX_LINE_BYTES or size > MAX_FILE_BYTES:
                raise UnreadableError("is too large to be a seating plan")
            yield line


def _wanted(
    rows: Iterable[SeatingRow], places: KnownPlaces, site: Site
) -> dict[int, tuple[dt.datetime, set[Seat]]]:
    """By class: the plan's first moment, and its seats."""
    plans: dict[int, tuple[dt.datetime, set[Seat]]] = {}
    for row in rows:
        found = places.find(row)
        begin = _midnight(row.begin, site)
        if found is None or begin is None:
            continue
        class_id, seat_id, student_id = found
        first, plan = plans.get(class_id, (begin, set()))
        plan.add((seat_id, student_id, (begin, _midnight(row.end, site))))
        plans[class_id] = (min(first, begin), plan)
    return plans


def _midnight(day: dt.date, site: Site) -> dt.datetime | None:
    if day == FOR_EVER:
        return None
    return dt.datetime.combine(day, dt.time(), site.time_zone).astimezone(dt.UTC)


def _store(
    connection: Connection,
    plans: dict[int, tuple[dt.datetime, set[Seat]]],
    places: KnownPlaces,
) -> Changes:
    changes = Changes()
    for class_id, (first, plan) in sorted(plans.items()):
        before = _stored(connection, class_id)
        after = plan | {kept for seat in before if (kept := _before(seat, first)) is not None}
        _write(connection, class_id, before - after, after - before)
        counts = _count(before, after)
        for kind, count in counts.items():
            changes.note("seats", kind, count)
        if set(counts) != {"unchanged"}:
            line = class_line(places.class_slug(class_id), "", counts, "seats")
            changes.lines.append(line)
    return changes


def _before(seat: Seat, first: dt.datetime) -> Seat | None:
    """What stays of a stored seat before the plan begins."""
    seat_id, student_id, (begin, end) = seat
    if begin is not None and begin >= first:
        return None
    return seat_id, student_id, (begin, first if end is None or end > first else end)


def _count(before: set[Seat], after: set[Seat]) -> Counter[Kind]:
    """By seat and student: what a seat's end moved by is a change, no removal and addition."""
    old, new = _times(before), _times(after)
    none: set[Times] = set()
    return Counter(_kind(old.get(key, none), new.get(key, none)) for key in {*old, *new})


def _times(seats: Iterable[Seat]) -> dict[tuple[int, int], set[Times]]:
    times: dict[tuple[int, int], set[Times]] = defaultdict(set)
    for seat_id, student_id, when in seats:
        times[seat_id, student_id].add(when)
    return times


def _kind(old: set[Times], new: set[Times]) -> Kind:
    if old == new:
        return "unchanged"
    if not old:
        return "added"
    return "changed" if new else "removed"


def _stored(connection: Connection, class_id: int) -> set[Seat]:
    columns = seating.c
    query = select(columns.seat_id, columns.student_id, columns.valid).where(
        columns.class_id == class_id
    )
    return {
        (seat_id, student_id, (valid.lower, valid.upper))
        for seat_id, student_id, valid in connection.execute(query)
        if not valid.isempty
    }


def _write(connection: Connection, class_id: int, gone: set[Seat], new: set[Seat]) -> None:
    columns = seating.c
    if gone:
        connection.execute(
            delete(seating).where(
                columns.class_id == class_id,
                columns.seat_id == bindparam("its_seat"),
                columns.student_id == bindparam("its_student"),
                columns.valid == bindparam("its_valid", type_=columns.valid.type),
            ),
            [{"its_seat": s, "its_student": p, "its_valid": Range(*t)} for s, p, t in gone],
        )
    if new:
        connection.execute(
            insert(seating),
            [
                {"class_id": class_id, "seat_id": s, "student_id": p, "valid": Range(*t)}
                for s, p, t in new
            ],
        )
