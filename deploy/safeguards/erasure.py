"""Erasing a student: every row that names them, a tombstone, and a receipt.

The tombstone keeps the student's number without its pseudonym: rows that an aggregator still makes
for that number are anonymous, and so are those of a seat-student in later lessons, until the class
sits anew. The receipt names the student by a keyed hash only; with it an erasure is done again in a
restored back-up, so receipts have to be kept where the back-ups are not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, insert, select, text

from deploy.safeguards.erasure_rows import ERASE, IS_HELD, SENT
from deploy.safeguards.snapshots import forget_in_snapshots
from deploy.safeguards.student_choice import Chosen
from schemas.errors import FacePoseError
from schemas.tables import erasure_requests, sites, students
from schemas.vault import Vault

RECEIPT_VERSION: Final = 1
_DUE: Final = dt.timedelta(days=30)  # a month, as GDPR Art. 12(3) has it
_AUDIT: Final = text(
    "SELECT audit_append(:action, 'student', student_digest(:pseudonym), :reason, :rows)"
)


class ErasureError(FacePoseError):
    """The student cannot be erased now."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased, and nothing of whom.

    Attributes:
        receipt_version: of this form.
        site: slug.
        pseudonym_hmac: keyed hash of the pseudonym, hex.
        key_id: names the vault's key that made it.
        erased_at: ISO 8601, UTC.
        rows: rows deleted or emptied, by table.
        notes: what the database cannot take back.
    """

    receipt_version: int
    site: str
    pseudonym_hmac: str
    key_id: str
    erased_at: str
    rows: dict[str, int]
    notes: list[str]


def erase(
    connection: Connection,
    site: str,
    student: Chosen,
    vault: Vault,
    reason: str,
    now: dt.datetime,
) -> Receipt:
    """Erase a student in the caller's transaction.

    Args:
        connection: of the database's owner.
        site: slug of the student's site.
        student: who.
        vault: whose key hashes the pseudonym.
        reason: for the audit.
        now: aware time.

    Raises:
        ErasureError: a lesson with the student is being held.
    """
    values = {"student_id": student.student_id, "pseudonym": str(student.pseudonym), "now": now}
    lock = select(students.c.student_id).where(students.c.student_id == student.student_id)
    connection.execute(lock.with_for_update())
    if held := connection.execute(IS_HELD, values).scalars().all():
        raise ErasureError(
            f"a lesson with the student is being held in {', '.join(sorted(set(held)))}: its "
            "figures would come after the erasure; erase when the lesson is over"
        )
    sent = connection.execute(SENT, values).scalar_one()
    rows = {table: connection.execute(sql, values).rowcount for table, sql in ERASE.items()}
    snapshots = forget_in_snapshots(connection, student.student_id)
    rows["room_state"] = snapshots.rewritten
    receipt = Receipt(
        receipt_version=RECEIPT_VERSION,
        site=site,
        pseudonym_hmac=vault.hash_pseudonym(student.pseudonym).hex(),
        key_id=vault.key_id,
        erased_at=now.astimezone(dt.UTC).isoformat(timespec="seconds"),
        rows={table: count for table, count in rows.items() if count},
        notes=list(_notes(sent, rows, snapshots.left)),
    )
    _remember(connection, receipt, now)
    connection.execute(
        _AUDIT,
        {
            "action": "erasure",
            "pseudonym": student.pseudonym,
            "reason": reason,
            "rows": sum(rows.values()),
        },
    )
    return receipt


def erase_again(
    connection: Connection, vault: Vault, receipts: Collection[Receipt], now: dt.datetime
) -> list[Receipt]:
    """Erase whom a restored back-up has brought back.

    Args:
        connection: of the database's owner.
        vault: with the key of the receipts; those of other keys find nobody.
        receipts: kept elsewhere; those that the database holds count, too.
        now: aware time.

    Raises:
        ErasureError: a lesson with one of them is being held.
    """
    known = select(erasure_requests.c.pseudonym_hmac)
    wanted = {bytes(value) for value in connection.execute(known).scalars()}
    wanted |= {bytes.fromhex(receipt.pseudonym_hmac) for receipt in receipts}
    query = (
        select(students.c.student_id, students.c.pseudonym, sites.c.slug)
        .join(sites)
        .where(students.c.erased_at.is_(None))
    )
    done = []
    for number, pseudonym, site in connection.execute(query).all():
        if vault.hash_pseudonym(pseudonym) in wanted:
            chosen = Chosen(number, pseudonym)
            done.append(
                erase(connection, site, chosen, vault, "again, after a restored back-up", now)
            )
    return done


def _notes(sent: int, rows: dict[str, int], rooms: tuple[str, ...]) -> Iterator[str]:
    if sent:
        yield f"{sent} deliveries of the deleted report files are with their recipients"
    if rows["report_defs"]:
        yield "the site file still asks for a report about the student: take it out there"
    if rooms:
        yield (
            f"the state of {', '.join(rooms)} is held by a running aggregator, which takes the "
            "student out of its seating plan within about a minute"
        )


def _remember(connection: Connection, receipt: Receipt, now: dt.datetime) -> None:
    digest = bytes.fromhex(receipt.pseudonym_hmac)
    values: dict[str, Any] = {
        "pseudonym_hmac": digest,
        "received_at": now,
        "due_at": now + _DUE,
        "done_at": now,
        "receipt": msgspec.to_builtins(receipt),
    }
    connection.execute(insert(erasure_requests).values(values))
