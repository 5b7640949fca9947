"""One OneRoster set into the tables, in one transaction: all of it or nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from deploy.roster.changes import Changes, class_line
from deploy.roster.classes import Classes
from deploy.roster.enrolments import take_enrolments
from deploy.roster.students import Students
from schemas.database import connect, require_migrated
from schemas.errors import SettingsError
from schemas.rosters.files import RosterFiles
from schemas.rosters.oneroster import read_roster
from schemas.rosters.roster import Roster
from schemas.site import Site
from schemas.sync.lock import hold_numbers
from schemas.sync.things import named_classes
from schemas.tables import sites
from schemas.vault import Vault

Progress = Callable[[str, int], None]  # "read" or "written", rows since it was last told


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How to import.

    Attributes:
        org: id of the school in the set; None: its only one.
        dry_run: tell what would change, change nothing.
        skip_bad: leave wrong rows out instead of refusing the set.
    """

    org: str | None = None
    dry_run: bool = False
    skip_bad: bool = False


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What came of it.

    Attributes:
        changes: by subject and class.
        rows: that were read.
        left_out: of these, wrong ones and what hangs on them (`--skip-bad`).
        mistakes: of the wrong ones, up to 100.
    """

    changes: Changes
    rows: int
    left_out: int
    mistakes: tuple[str, ...]


def import_roster(
    engine: Engine,
    site: Site,
    path: Path,
    vault: Vault,
    now: dt.datetime,
    options: ImportOptions,
    progress: Progress = lambda _what, _rows: None,
) -> ImportReport:
    """Bring a set into the tables. Idempotent: the second time nothing changes.

    Args:
        engine: of a migrated database that knows the site.
        site: the site file.
        path: folder or zip of the set.
        vault: seals the names.
        now: aware time of the import.
        options: how.
        progress: told of rows that were read and written.

    Raises:
        RosterError: the set's mistakes; nothing was changed.
        SettingsError: policy has no students, another vault key, or the site is not known yet.
        DatabaseError: no server, or not migrated.
    """
    refuse_without_students(site)
    with RosterFiles(path) as files, connect(engine) as connection:
        require_migrated(connection)
        hold_numbers(connection)
        site_id = site_number(connection, site)
        students = Students(connection, vault, (site.site.id, site_id))
        classes = Classes(connection, site_id, named_classes(site))
        roster = read_roster(
            files,
            path.name,
            _Known(classes, students),
            site.time_zone,
            org=options.org,
            skip_bad=options.skip_bad,
            progress=lambda rows: progress("read", rows),
        )
        today = now.astimezone(site.time_zone).date()
        changes = _store(connection, site_id, roster, classes, students, today, progress)
        if options.dry_run:
            connection.rollback()
        else:
            connection.commit()
    return ImportReport(changes, roster.rows, roster.left_out, roster.mistakes)


def refuse_without_students(site: Site) -> None:
    """Raise: SettingsError, where policy has no figures of students."""
    if not site.rules.per_student:
        raise SettingsError(
            f"policy {site.rules.profile!r} of site {site.site.id!r} has no figures of single "
            "students: a roster would serve nothing, and no names are stored"
        )


def site_number(connection: Connection, site: Site) -> int:
    """Raises: SettingsError, when the site was never synced."""
    query = select(sites.c.site_id).where(sites.c.slug == site.site.id)
    number = connection.execute(query).scalar_one_or_none()
    if number is None:
        raise SettingsError(
            f"the database does not know site {site.site.id!r} yet: run `facepose db sync`"
        )
    return int(number)


class _Known:
    """What was imported before."""

    def __init__(self, classes: Classes, students: Students) -> None:
        self._classes = classes.ids
        self._students = students

    def has_class(self, sourced_id: str) -> bool:
        return sourced_id in self._classes

    def students(self, sourced_ids: AbstractSet[str]) -> AbstractSet[str]:
        return {s for s in sourced_ids if self._students.id_of(s) is not None}


def _store(
    connection: Connection,
    site_id: int,
    roster: Roster,
    classes: Classes,
    students: Students,
    today: dt.date,
    progress: Progress,
) -> Changes:
    changes = Changes()
    classes.take(roster, changes)
    left = students.take(roster, changes)
    ids = classes.ids
    counts = take_enrolments(
        connection,
        site_id,
        roster,
        (ids.get, students.id_of),
        left,
        today,
        changes,
        lambda rows: progress("written", rows),
    )
    slugs = classes.slugs
    touched = {number for number, count in counts.items() if set(count) != {"unchanged"}}
    for number in sorted(touched | classes.told.keys(), key=lambda n: slugs[n]):
        told = classes.told.get(number, "")
        line = class_line(slugs[number], told, counts.get(number, {}), "enrolments")
        changes.lines.append(line)
    return changes
