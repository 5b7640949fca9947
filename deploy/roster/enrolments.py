"""A roster's enrolments in `enrolments`: who belongs to a class, from which day to which.

A bulk set tells all enrolments of the school's classes: one that is missing ends today. One that is
`tobedeleted` ends on the local day of its `dateLastModified`.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select

from deploy.roster.changes import Changes, Kind
from deploy.roster.spans import EVER_SINCE, FOR_EVER, Span, from_range, history, to_range
from schemas.rosters.roster import Enrolment, Roster
from schemas.tables import classes, enrolments

_BATCH: Final = 2_000
Pair = tuple[int, int]  # class_id, student_id


@dataclass(slots=True)
class _Wish:
    """What a set says of one student in one class."""

    spans: list[Span] = field(default_factory=list)
    closed_on: dt.date | None = None  # it says that an enrolment is over


def take_enrolments(
    connection: Connection,
    site_id: int,
    roster: Roster,
    numbers: tuple[Callable[[str], int | None], Callable[[str], int | None]],
    left: AbstractSet[int],
    today: dt.date,
    changes: Changes,
    progress: Callable[[int], None],
) -> dict[int, Counter[Kind]]:
    """Make the tables say who is enrolled; returns what changed in each class.

    Args:
        connection: of the import's transaction.
        site_id: number of the site.
        roster: what the set says.
        numbers: number of a class, and of a student, by the roster's id.
        left: students who have left the school: their enrolments end.
        today: local day of the import.
        changes: where to count.
        progress: told how many pairs were written since it was last told.
    """
    stored = _stored(connection, site_id)
    wishes = _wishes(roster, numbers, left, today, stored)
    tells_all = roster.tells_all("enrollments")
    pairs = [*wishes, *(pair for pair in stored if pair not in wishes)]
    counts: dict[int, Counter[Kind]] = defaultdict(Counter)
    gone: list[dict[str, Any]] = []
    new: list[dict[str, Any]] = []
    for number, pair in enumerate(pairs, start=1):
        wish = wishes.get(pair, _Wish())
        before = stored.get(pair, set())
        ends = today if tells_all or pair[1] in left else None
        after = history(before, wish.spans, wish.closed_on or ends)
        if pair in wishes or before != after:
            counts[pair[0]][_kind(before, after, wish)] += 1
        gone += [_row(pair, span) for span in before - after]
        new += [_row(pair, span) for span in after - before]
        if len(new) + len(gone) >= _BATCH or number == len(pairs):
            _write(connection, gone, new)
            gone, new = [], []
        if number % _BATCH == 0 or number == len(pairs):
            progress(number % _BATCH or _BATCH)
    for count in counts.values():
        for kind, n in count.items():
            changes.note("enrolments", kind, n)
    return counts


def _wishes(
    roster: Roster,
    numbers: tuple[Callable[[str], int | None], Callable[[str], int | None]],
    left: AbstractSet[int],
    today: dt.date,
    stored: Mapping[Pair, set[Span]],
) -> dict[Pair, _Wish]:
    class_of, student_of = numbers
    is_delta = roster.manifest.mode("enrollments") == "delta"
    wishes: dict[Pair, _Wish] = {}
    for enrolment in roster.enrolments:
        class_id, student = class_of(enrolment.class_id), student_of(enrolment.user_id)
        is_over = enrolment.class_id in roster.removed_classes
        if class_id is None or student is None or student in left or is_over:
            continue
        wish = wishes.setdefault((class_id, student), _Wish())
        if not enrolment.removed:
            before = stored.get((class_id, student), ()) if is_delta else ()
            wish.spans.append(_span(enrolment, before, today))
        else:
            wish.closed_on = min(enrolment.changed or today, today)
    for class_id in {class_of(c) for c in roster.removed_classes} - {None}:
        for pair in [pair for pair in stored if pair[0] == class_id]:
            wishes.setdefault(pair, _Wish(closed_on=today))
    return wishes


def _span(enrolment: Enrolment, before: Iterable[Span], today: dt.date) -> Span:
    """The days of an enrolment; what a delta leaves out stays as it is, or begins with it."""
    changed = enrolment.changed or today
    held = next((s for s in before if s[0] <= changed < s[1]), None)
    if held is not None:
        return enrolment.begin or held[0], enrolment.end or held[1]
    begin = EVER_SINCE if enrolment.changed is None else changed
    return enrolment.begin or begin, enrolment.end or FOR_EVER


def _kind(before: set[Span], after: set[Span], wish: _Wish) -> Kind:
    if before == after:
        return "unchanged"
    if not wish.spans:
        return "removed"
    return "changed" if before else "added"


def _stored(connection: Connection, site_id: int) -> dict[Pair, set[Span]]:
    """Enrolments in the roster's classes of the site."""
    query = (
        select(enrolments.c.class_id, enrolments.c.student_id, enrolments.c.valid)
        .join(classes, classes.c.class_id == enrolments.c.class_id)
        .where(classes.c.site_id == site_id, classes.c.sourced_id.is_not(None))
    )
    found: dict[Pair, set[Span]] = defaultdict(set)
    for class_id, student_id, valid in connection.execute(query):
        if not valid.isempty:
            found[class_id, student_id].add(from_range(valid))
    return dict(found)


def _row(pair: Pair, span: Span) -> dict[str, Any]:
    return {"class_id": pair[0], "student_id": pair[1], "valid": to_range(span)}


def _write(connection: Connection, gone: list[dict[str, Any]], new: list[dict[str, Any]]) -> None:
    if gone:
        statement = delete(enrolments).where(
            enrolments.c.class_id == bindparam("its_class"),
            enrolments.c.student_id == bindparam("its_student"),
            enrolments.c.valid == bindparam("its_valid", type_=enrolments.c.valid.type),
        )
        keys = (("its_class", "class_id"), ("its_student", "student_id"), ("its_valid", "valid"))
        connection.execute(statement, [{key: row[name] for key, name in keys} for row in gone])
    if new:
        connection.execute(insert(enrolments), new)
