"""Which student a command is about: by pseudonym, or by the roster's own id."""

from __future__ import annotations

import uuid
from typing import Annotated, NamedTuple

import typer
from sqlalchemy import Connection, select

from schemas.errors import SettingsError
from schemas.settings import Settings
from schemas.tables import sites, students
from schemas.vault import known_students, vault_of

Pseudonym = Annotated[
    str | None, typer.Option("--student", metavar="PSEUDONYM", help="The student, by pseudonym.")
]
SourcedId = Annotated[
    str | None, typer.Option("--sourced-id", metavar="ID", help="Or by the roster's own id.")
]


class Chosen(NamedTuple):
    """A student of the database."""

    student_id: int
    pseudonym: uuid.UUID


def chosen_student(
    connection: Connection,
    site: str,
    settings: Settings,
    pseudonym: str | None,
    sourced_id: str | None,
) -> Chosen:
    """The student that the options name.

    Args:
        connection: of the database.
        site: slug of the site.
        settings: the vault's key, for a roster's id.
        pseudonym: UUID.
        sourced_id: the roster's own id.

    Raises:
        SettingsError: none or both are given, or the site has no such student.
    """
    if (pseudonym is None) == (sourced_id is None):
        raise SettingsError("name the student by --student PSEUDONYM or by --sourced-id ID")
    query = select(students.c.student_id, students.c.pseudonym).join(sites)
    query = query.where(sites.c.slug == site, students.c.erased_at.is_(None))
    if pseudonym is not None:
        query = query.where(students.c.pseudonym == _uuid(pseudonym))
    else:
        found = known_students(connection, vault_of(settings), site, [sourced_id or ""])
        query = query.where(students.c.student_id.in_(found.values()))
    row = connection.execute(query).one_or_none()
    if row is None:
        raise SettingsError(f"site {site!r} has no such student; `facepose roster list` shows them")
    return Chosen(*row)


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise SettingsError(f"{text!r} is not a pseudonym; one is 8-4-4-4-12 hex digits") from None
