"""A roster's classes in `classes`: those that the site file names already, and new ones."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from deploy.roster.changes import Changes
from schemas.rosters.roster import Roster, RosterClass
from schemas.tables import classes

_NOT_IN_SLUGS: Final = re.compile(r"[^a-z0-9._-]+")
_LONGEST: Final = 63


class Classes:
    """The classes of one site, as stored and as a roster changes them.

    Args:
        connection: holds the numbers (`schemas.sync.lock`).
        site_id: number of the site.
        named: slugs that the site file names.

    Attributes:
        told: what became of a class, by its number.
    """

    def __init__(self, connection: Connection, site_id: int, named: Iterable[str]) -> None:
        self._connection = connection
        self._site_id = site_id
        self._named = set(named)
        query = select(classes).where(classes.c.site_id == site_id).order_by(classes.c.class_id)
        self._rows: dict[str, dict[str, Any]] = {
            row.slug: row._asdict() for row in connection.execute(query)
        }
        self._next = (connection.execute(select(func.max(classes.c.class_id))).scalar() or 0) + 1
        self._taken_over: set[str] = set()
        self.told: dict[int, str] = {}

    @property
    def ids(self) -> dict[str, int]:
        """Number by the roster's id."""
        return {
            row["sourced_id"]: row["class_id"] for row in self._rows.values() if row["sourced_id"]
        }

    @property
    def slugs(self) -> dict[int, str]:
        """Slug by number."""
        return {row["class_id"]: slug for slug, row in self._rows.items()}

    def take(self, roster: Roster, changes: Changes) -> None:
        """Make the tables say what the roster says of classes."""
        ids, gone = self.ids, set(roster.removed_classes)
        if roster.tells_all("classes"):
            gone |= ids.keys() - roster.classes.keys()
        for sourced_id, held in sorted(roster.classes.items()):
            if sourced_id not in ids:
                self._add(held, gone, changes)
        by_id = {row["sourced_id"]: slug for slug, row in self._rows.items()}
        for sourced_id, held in sorted(roster.classes.items()):
            self._update(by_id[sourced_id], held, changes)
        for sourced_id in sorted(gone & by_id.keys()):
            self._remove(by_id[sourced_id], changes)

    def _add(self, held: RosterClass, gone: set[str], changes: Changes) -> None:
        """Take over a class that the site file names, or one of the same code that is over."""
        slug = self._free_slug(held, gone)
        if slug in self._rows:
            self._write(slug, {"sourced_id": held.sourced_id})
            self._taken_over.add(slug)
            return
        row = {
            "class_id": self._next,
            "site_id": self._site_id,
            "slug": slug,
            "sourced_id": held.sourced_id,
            "title": held.title,
            "term": held.term,
            "enabled": True,
        }
        self._connection.execute(insert(classes).values(row))
        self._rows[slug] = row
        changes.note("classes", "added")
        self.told[self._next] = f"added ({held.title})"
        self._next += 1

    def _free_slug(self, held: RosterClass, gone: set[str]) -> str:
        for text in (held.sourced_id, held.code):
            slug = slug_of(text)
            if slug in self._rows and self._is_free(slug, gone):
                return slug
        base = slug_of(held.code) or slug_of(held.title) or "class"
        slug, number = base, 1
        while slug in self._rows and not self._is_free(slug, gone):
            number += 1
            slug = f"{base[: _LONGEST - 5]}-{number}"
        return slug

    def _is_free(self, slug: str, gone: set[str]) -> bool:
        owner = self._rows[slug]["sourced_id"]
        return owner is None or owner in gone

    def _update(self, slug: str, held: RosterClass, changes: Changes) -> None:
        row = self._rows[slug]
        wanted = {"title": held.title, "term": held.term or row["term"], "enabled": True}
        differing = {name: value for name, value in wanted.items() if row[name] != value}
        if row["class_id"] in self.told:  # just added
            return
        if not differing and slug not in self._taken_over:
            changes.note("classes", "unchanged")
            return
        self._write(slug, differing)
        changes.note("classes", "changed")
        self.told[row["class_id"]] = f"changed ({held.title})"

    def _remove(self, slug: str, changes: Changes) -> None:
        """It is over; one that the site file names goes on being one of its classes."""
        row = self._rows[slug]
        if not row["enabled"] or slug in self._named:
            return
        self._write(slug, {"enabled": False})
        changes.note("classes", "removed")
        self.told[row["class_id"]] = "over"

    def _write(self, slug: str, values: dict[str, Any]) -> None:
        row = self._rows[slug]
        if values:
            statement = update(classes).where(classes.c.class_id == row["class_id"])
            self._connection.execute(statement.values(**values))
            row.update(values)


def slug_of(text: str) -> str:
    """An id of the site file's kind out of a class's code or title; "": nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _NOT_IN_SLUGS.sub("-", plain).strip("-._")[:_LONGEST]
