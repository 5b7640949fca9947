"""Bodies of `facepose erase`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from sqlalchemy import Engine

from deploy.safeguards.erasure import Receipt, erase, erase_again
from deploy.safeguards.student_choice import chosen_student
from schemas.database import connect, require_migrated
from schemas.errors import SettingsError
from schemas.settings import Settings
from schemas.site import Site
from schemas.vault import Vault, vault_of

_MAX_RECEIPT: Final = 2**20


def erase_student(
    engine: Engine,
    site: Site,
    settings: Settings,
    pseudonym: str | None,
    sourced_id: str | None,
    reason: str,
    receipt_path: Path | None,
    dry_run: bool,
    console: Console,
) -> None:
    """Erase one student and print the receipt; a dry run rolls back.

    Raises:
        SettingsError: no such student, or no key.
        ErasureError: a lesson with the student is being held.
    """
    vault, now = vault_of(settings), dt.datetime.now(dt.UTC)
    if receipt_path is not None and receipt_path.exists():
        raise SettingsError(f"{receipt_path} exists already: name a new file for the receipt")
    with connect(engine) as connection:
        require_migrated(connection)
        student = chosen_student(connection, site.site.id, settings, pseudonym, sourced_id)
        receipt = erase(connection, site.site.id, student, vault, reason, now)
        if dry_run:
            connection.rollback()
            rows = ", ".join(f"{count} of {table}" for table, count in receipt.rows.items())
            console.print(f"Nothing was erased. It would be: {rows}", highlight=False)
            return
        if receipt_path is not None:  # before the commit: no erasure is without its receipt
            receipt_path.write_bytes(_json(receipt))
        connection.commit()
    console.print(_json(receipt).decode(), highlight=False, markup=False, soft_wrap=True)


def reapply_erasures(
    engine: Engine, settings: Settings, receipts: Path | None, console: Console
) -> None:
    """Erase again whom a restored back-up has brought back, and print how many.

    Raises:
        SettingsError: a receipt cannot be used, or needs another key.
    """
    vault, now = vault_of(settings), dt.datetime.now(dt.UTC)
    kept = _receipts(receipts, vault) if receipts is not None else []
    with connect(engine) as connection:
        require_migrated(connection)
        done = erase_again(connection, vault, kept, now)
        connection.commit()
    console.print(f"{len(done)} students were erased again", highlight=False)
    for receipt in done:
        console.print(_json(receipt).decode(), highlight=False, markup=False, soft_wrap=True)


def _receipts(path: Path, vault: Vault) -> list[Receipt]:
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise SettingsError(f"there is no receipt (*.json) in {path}")
    receipts = [_read(file) for file in files]
    other = {receipt.key_id for receipt in receipts} - {vault.key_id}
    if other:
        raise SettingsError(
            f"receipts were made with the vault's key {', '.join(sorted(other))}, the key in use "
            f"is {vault.key_id}: run once with each key in FACEPOSE_VAULT_KEY"
        )
    return receipts


def _read(file: Path) -> Receipt:
    with file.open("rb") as stream:
        data = stream.read(_MAX_RECEIPT)
    try:
        receipt = msgspec.json.decode(data, type=Receipt)
        bytes.fromhex(receipt.pseudonym_hmac)
    except (msgspec.MsgspecError, ValueError) as exc:
        raise SettingsError(f"{file} is not a receipt of `facepose erase`: {exc}") from None
    return receipt


def _json(receipt: Receipt) -> bytes:
    return msgspec.json.format(msgspec.json.encode(receipt), indent=2)
