"""Re-encrypts the vault under a new key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Engine, func, select

from deploy.roster.students import sealed_row, write_sealed
from schemas.database import connect, require_migrated
from schemas.errors import SettingsError
from schemas.tables import identities, sites, students
from schemas.vault import Vault

_BATCH: Final = 2_000


def rekey(
    engine: Engine, old: Vault, new: Vault, progress: Callable[[int], None] = lambda _rows: None
) -> int:
    """Bring every identity of the database from the old key to the new one, or none.

    What is under the new key already stays, so that it may be run again.

    Args:
        engine: of a migrated database.
        old: opens what is stored.
        new: seals it anew.
        progress: told how many were sealed since it was last told.

    Returns:
        How many were re-encrypted.

    Raises:
        SettingsError: some are under a third key; nothing was changed.
        VaultError: one does not open; nothing was changed.
    """
    done = 0
    with connect(engine) as connection:
        require_migrated(connection)
        keys = select(identities.c.key_id, func.count()).group_by(identities.c.key_id)
        for key_id, count in connection.execute(keys):
            if key_id not in {old.key_id, new.key_id}:
                raise SettingsError(
                    f"{count} identities are sealed with key {key_id}, which is neither the old "
                    f"key ({old.key_id}) nor the new one ({new.key_id})"
                )
        columns = identities.c
        query = (
            select(columns.student_id, columns.name_enc, sites.c.slug)
            .join(students, students.c.student_id == columns.student_id)
            .join(sites, sites.c.site_id == students.c.site_id)
            .where(columns.key_id == old.key_id, columns.key_id != new.key_id)
            .order_by(columns.student_id)
            .limit(_BATCH)
            .with_for_update(of=identities)
        )
        while batch := connection.execute(query).all():
            rows = [
                sealed_row(new, site, number, old.open(number, bytes(sealed)))
                for number, sealed, site in batch
            ]
            write_sealed(connection, rows)
            done += len(rows)
            progress(len(rows))
        connection.commit()
    return done
