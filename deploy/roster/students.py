"""A roster's students: a number and a pseudonym in `students`, the name sealed in the vault."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, insert, select, update

from deploy.roster.changes import Changes
from schemas.errors import SettingsError
from schemas.rosters.roster import Roster, RosterStudent
from schemas.tables import identities, students
from schemas.vault import Identity, Vault

_BATCH: Final = 2_000


class Students:
    """The students of one site, as stored and as a roster changes them.

    Args:
        connection: of the import's transaction.
        vault: with the key under which they are stored.
        site: slug and number of the site.

    Raises:
        SettingsError: the vault's rows need another key.
    """

    def __init__(self, connection: Connection, vault: Vault, site: tuple[str, int]) -> None:
        self._connection = connection
        self._vault = vault
        self._slug, self._site_id = site
        refuse_other_keys(connection, vault)
        query = (
            select(identities.c.sourced_id_hmac, identities.c.student_id, students.c.status)
            .join(students, students.c.student_id == identities.c.student_id)
            .where(students.c.site_id == self._site_id)
        )
        self._stored: dict[bytes, int] = {}
        self._active: set[int] = set()
        for hashed, student_id, status in connection.execute(query):
            self._stored[bytes(hashed)] = student_id
            if status == "active":
                self._active.add(student_id)
        self._ids: dict[str, int] = {}  # by the roster's id, as far as it was asked

    def id_of(self, sourced_id: str) -> int | None:
        """The student of a roster's id; None: nobody knows it."""
        if sourced_id not in self._ids:
            found = self._stored.get(self._vault.hash_sourced_id(self._slug, sourced_id))
            if found is None:
                return None
            self._ids[sourced_id] = found
        return self._ids[sourced_id]

    def take(self, roster: Roster, changes: Changes) -> set[int]:
        """Make the tables say who the students are; returns who left."""
        for batch in _batches(roster.students.values()):
            self._take_batch(batch, changes)
        left = {student for s in roster.removed_students if (student := self.id_of(s)) is not None}
        if roster.tells_all("users"):
            left |= self._active - {self._ids[sourced_id] for sourced_id in roster.students}
        left &= self._active
        self._set_status(sorted(left), "inactive")
        if left:
            changes.note("students", "removed", len(left))
        return left

    def _take_batch(self, batch: Sequence[RosterStudent], changes: Changes) -> None:
        known = {s.sourced_id: number for s in batch if (number := self.id_of(s.sourced_id))}
        names = self._names(known.values())
        new = [student for student in batch if student.sourced_id not in known]
        back = [n for n in known.values() if n not in self._active]
        renamed = [
            s for s in batch if s.sourced_id in known and names[known[s.sourced_id]] != _identity(s)
        ]
        self._insert(new)
        self._set_status(back, "active")
        self._reseal(renamed)
        changed = {*back, *(known[s.sourced_id] for s in renamed)}
        changes.note("students", "added", len(new))
        changes.note("students", "changed", len(changed))
        changes.note("students", "unchanged", len(known) - len(changed))

    def _names(self, numbers: Iterable[int]) -> dict[int, Identity]:
        columns = identities.c
        query = select(columns.student_id, columns.name_enc).where(
            columns.student_id.in_(list(numbers))
        )
        return {
            number: self._vault.open(number, bytes(sealed))
            for number, sealed in self._connection.execute(query)
        }

    def _insert(self, new: Sequence[RosterStudent]) -> None:
        if not new:
            return
        numbers = {student.sourced_id: secrets.randbits(62) + 1 for student in new}
        self._connection.execute(
            insert(students),
            [
                {
                    "student_id": number,
                    "site_id": self._site_id,
                    "pseudonym": uuid.uuid4(),
                    "status": "active",
                }
                for number in numbers.values()
            ],
        )
        rows = [self._sealed(numbers[student.sourced_id], student) for student in new]
        self._connection.execute(insert(identities), rows)
        self._ids |= numbers
        self._active |= set(numbers.values())

    def _reseal(self, renamed: Sequence[RosterStudent]) -> None:
        if renamed:
            rows = [self._sealed(self._ids[s.sourced_id], s) for s in renamed]
            write_sealed(self._connection, rows)

    def _sealed(self, number: int, student: RosterStudent) -> dict[str, Any]:
        return sealed_row(self._vault, self._slug, number, _identity(student))

    def _set_status(self, numbers: Sequence[int], status: str) -> None:
        if numbers:
            self._connection.execute(
                update(students)
                .where(students.c.student_id == bindparam("number"))
                .values(status=status),
                [{"number": number} for number in numbers],
            )


def refuse_other_keys(connection: Connection, vault: Vault) -> None:
    """Raise: SettingsError, when stored identities need another key than the vault's."""
    query = (
        select(identities.c.key_id, func.count())
        .where(identities.c.key_id != vault.key_id)
        .group_by(identities.c.key_id)
    )
    for key_id, count in connection.execute(query):
        raise SettingsError(
            f"{count} stored identities are sealed with key {key_id}, the key in use is "
            f"{vault.key_id}: set the old key again, or bring them to the new one with "
            "`facepose roster rekey`"
        )


def sealed_row(vault: Vault, site: str, number: int, identity: Identity) -> dict[str, Any]:
    """The row of the vault for a student."""
    return {
        "student_id": number,
        "sourced_id_hmac": vault.hash_sourced_id(site, identity.sourced_id),
        "name_enc": vault.seal(number, identity),
        "key_id": vault.key_id,
    }


def write_sealed(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Put other values into rows of the vault."""
    values = ("sourced_id_hmac", "name_enc", "key_id")
    connection.execute(
        update(identities)
        .where(identities.c.student_id == bindparam("number"))
        .values({name: bindparam(f"new_{name}") for name in values}),
        [{"number": row["student_id"]} | {f"new_{n}": row[n] for n in values} for row in rows],
    )


def _identity(student: RosterStudent) -> Identity:
    return Identity(student.sourced_id, student.given_name, student.family_name)


def _batches(items: Iterable[RosterStudent]) -> Iterator[list[RosterStudent]]:
    iterator = iter(items)
    while batch := list(islice(iterator, _BATCH)):
        yield batch
