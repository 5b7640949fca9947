"""Who of the roster sits where, as far as policy and consent let us know, for the rooms' plans.

A student is linked to a seat while four things hold at once: the seating plan says so, the student
is enrolled in the class, policy has figures of students, and consent to an individual score
(purpose 2) holds. That last one is what `schemas.consents.may_link` and the database's
`consent_holds` say of one moment, here for all moments at once; a test holds them together.
"""

from __future__ import annotations

import datetime as dt
import math
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, Engine, text

from schemas.consents import who_may_consent
from schemas.database import connect
from schemas.policy import PolicyRules
from schemas.room_plan import SeatedStudent
from schemas.site import Site

READ_EVERY_S: Final = 60.0
BEHIND: Final = dt.timedelta(days=2)  # a meeting keeps the seats that it began with
AHEAD: Final = dt.timedelta(days=14)

# Seats of a site's classes with their students, and the times for which they may be linked.
_SEATED: Final = text("""
SELECT r.slug AS room, c.slug AS class_id, s.label, g.student_id, lower(linked) AS since,
       upper(linked) AS until
FROM seating g
JOIN classes c USING (class_id)
JOIN sites z ON z.site_id = c.site_id
JOIN seats s USING (seat_id)
JOIN rooms r ON r.room_id = s.room_id
JOIN students p ON p.student_id = g.student_id AND p.erased_at IS NULL
CROSS JOIN LATERAL (
    SELECT range_agg(tstzrange(CAST(lower(e.valid) AS timestamp) AT TIME ZONE z.tz,
                               CAST(upper(e.valid) AS timestamp) AT TIME ZONE z.tz)) AS times
    FROM enrolments e
    WHERE e.class_id = g.class_id AND e.student_id = g.student_id AND NOT isempty(e.valid)
) enrolled
CROSS JOIN LATERAL (
    SELECT CASE WHEN :by_consent THEN coalesce(
               range_agg(o.valid) FILTER (WHERE o.granted AND o.granted_by = ANY(:by)), '{}'
           ) ELSE '{(,)}' END
         - coalesce(range_agg(o.valid) FILTER (WHERE NOT o.granted), '{}') AS times
    FROM consents o WHERE o.student_id = g.student_id AND o.purpose = 2
) consented
CROSS JOIN LATERAL unnest(
    tstzmultirange(g.valid) * enrolled.times * consented.times
) linked
WHERE z.slug = :site AND g.valid && tstzrange(:since, :until)
  AND linked && tstzrange(:since, :until)
ORDER BY room, class_id, s.label, since NULLS FIRST
""")


class SeatedBook:
    """The linked seats of a site's rooms, read anew about once a minute.

    Args:
        engine: of the database.
        site: the site file.
        monotonic: seconds that only grow.
        now: Unix seconds.
    """

    def __init__(
        self,
        engine: Engine,
        site: Site,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._site = site
        self._monotonic = monotonic
        self._now = now
        self._read_s = float("-inf")
        self._rooms: dict[str, tuple[SeatedStudent, ...]] = {}
        self._told: dict[str, tuple[SeatedStudent, ...]] = {}
        self._news: set[str] = set()

    def of_room(self, room: str) -> tuple[SeatedStudent, ...]:
        """The linked seats of a room. Raises: DatabaseUnavailableError."""
        self._look()
        self._told[room] = self._rooms.get(room, ())
        return self._told[room]

    def take_news(self) -> set[str]:
        """The rooms of which something else was told before. Raises: DatabaseUnavailableError."""
        self._look()
        news, self._news = self._news, set()
        return news

    def _look(self) -> None:
        if self._monotonic() - self._read_s < READ_EVERY_S:
            return
        with connect(self._engine) as connection:
            at = dt.datetime.fromtimestamp(self._now(), dt.UTC)
            self._rooms = seated_students(connection, self._site.site.id, self._site.rules, at)
        self._read_s = self._monotonic()
        self._news |= {r for r, told in self._told.items() if self._rooms.get(r, ()) != told}


def seated_students(
    connection: Connection, site: str, rules: PolicyRules, at: dt.datetime
) -> dict[str, tuple[SeatedStudent, ...]]:
    """The linked seats of a site's rooms, by room, in the days around `at`.

    Args:
        connection: of the database.
        site: its slug.
        rules: its policy.
        at: aware time.
    """
    if not rules.per_student or rules.profile == "eu":
        return {}
    values = {
        "site": site,
        "by_consent": rules.profile != "demo",
        "by": list(who_may_consent(rules.profile)),
        "since": at - BEHIND,
        "until": at + AHEAD,
    }
    rooms: dict[str, list[SeatedStudent]] = defaultdict(list)
    for room, class_id, seat, student_id, since, until in connection.execute(_SEATED, values):
        entry = SeatedStudent(
            class_id=class_id,
            seat=seat,
            student_id=student_id,
            valid_from=0 if since is None else max(0, math.ceil(since.timestamp())),
            valid_until=None if until is None else math.ceil(until.timestamp()),
        )
        rooms[room].append(entry)
    return {room: tuple(entries) for room, entries in rooms.items()}
