"""A synced site with a vault's key, and commands to import made-up rosters into it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine, text

from deploy.roster.changes import Changes
from deploy.roster.importing import ImportOptions, ImportReport, import_roster
from deploy.roster.seating import import_seating
from schemas.database import create_engine, upgrade
from schemas.site import Site
from schemas.sync import sync_site
from schemas.vault import Vault
from tests.made_rosters import MadeRoster

SINCE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NOON = dt.datetime(2026, 10, 5, 10, tzinfo=dt.UTC)  # in Amsterdam
KEY = bytes(range(32))


def a_site(policy: str = "demo", timetable: Sequence[str] = ("4a",)) -> Site:
    """Two rooms of six seats; the timetable names classes."""
    seat = {"polygon": [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]}
    rooms = [
        {
            "id": f"room-{r}",
            "cameras": [
                {
                    "id": f"cam-{r}",
                    "url": "rtsp://camera/1",
                    "seats": {f"S{n}": seat for n in range(1, 7)},
                }
            ],
        }
        for r in (1, 2)
    ]
    rules = [
        {"id": f"rule-{n}", "room": "room-1", "weekdays": ["mon"], "start": "08:00", "end": "09:00"}
        | {"class": slug}
        for n, slug in enumerate(timetable)
    ]
    return Site.model_validate(
        {
            "version": 1,
            "site": {"id": "school", "time_zone": "Europe/Amsterdam"},
            "policy": policy,
            "rooms": rooms,
            "timetable": rules,
        }
    )


class RosteredSchool:
    """One site in a database."""

    def __init__(self, database_url: str, folder: Path, site: Site | None = None) -> None:
        self.site = site or a_site()
        self.folder = folder
        self.vault = Vault(KEY)
        upgrade(database_url, now=NOON)
        self.engine: Engine = create_engine(database_url, pooled=False)
        sync_site(self.engine, self.site, at=SINCE)

    def take(
        self, roster: MadeRoster, now: dt.datetime = NOON, form: str = "set", **options: object
    ) -> ImportReport:
        """Import a set."""
        path = roster.write(self.folder / form)
        chosen = ImportOptions(**options)  # type: ignore[arg-type]
        return import_roster(self.engine, self.site, path, self.vault, now, chosen)

    def seat(self, rows: Sequence[str], *, dry_run: bool = False) -> Changes:
        """Import a seating plan of rows like `4a,room-1,S1,pupil-1,2026-09-01,`."""
        path = self.folder / "seating.csv"
        path.write_text("\n".join(["class,room,seat,sourced_id,from,until", *rows]))
        return import_seating(self.engine, self.site, path, self.vault, dry_run=dry_run)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def everything(self) -> list[object]:
        """All that an import could change."""
        tables = ("classes", "students", "vault.identities", "enrolments", "seating")
        return [sorted(map(str, self.rows(f"SELECT * FROM {table}"))) for table in tables]

    def enrolled(self) -> list[tuple[object, ...]]:
        """Class, the roster's id of the student, begin and end."""
        rows = self.rows(
            "SELECT c.slug, i.student_id, i.name_enc, lower(e.valid)::text, upper(e.valid)::text "
            "FROM enrolments e JOIN classes c USING (class_id) "
            "JOIN vault.identities i USING (student_id)"
        )
        return sorted(
            (slug, self.vault.open(number, bytes(sealed)).sourced_id, begin, end)
            for slug, number, sealed, begin, end in rows
        )
