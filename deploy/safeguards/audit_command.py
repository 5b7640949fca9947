"""Body of `facepose audit`, and of `facepose policy`."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from deploy.safeguards.audit import ENTRIES, verify
from schemas.database import connect, create_engine, require_migrated
from schemas.errors import SettingsError

_DAYS: Final = 30
_FORBIDDEN: Final = text("SELECT * FROM purge_forbidden_rows(:dry_run)")


def show_audit(
    url: str, since: str, until: str, console: Console, now: dt.datetime, *, as_json: bool
) -> None:
    """Print the entries of some days, the oldest first.

    Raises:
        SettingsError: a day is not one.
    """
    last = _day(until) if until else now.astimezone(dt.UTC).date()
    first = _day(since) if since else last - dt.timedelta(days=_DAYS)
    with connect(create_engine(url, pooled=False)) as connection:
        require_migrated(connection)
        rows = connection.execute(ENTRIES, {"since": first, "until": last}).mappings().all()
    if as_json:
        console.print_json(json.dumps([dict(row) for row in rows], default=str))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("at (UTC)", "actor", "role", "did", "on", "which", "rows", "reason"):
        table.add_column(name)
    for row in rows:
        which = row["pseudonym"] or row["object_id"]
        cells = (row["actor"], row["role"], row["action"], row["object"], which, row["row_count"])
        time = f"{row['at']:%Y-%m-%d %H:%M:%S}"
        table.add_row(time, *("" if c is None else str(c) for c in cells), row["reason"])
    console.print(table, markup=False)


def verify_audit(url: str, expected: str, console: Console, *, as_json: bool) -> bool:
    """Follow the chain and say whether it is whole; True: it is."""
    with connect(create_engine(url, pooled=False)) as connection:
        require_migrated(connection)
        verdict = verify(connection, expected)
    if as_json:
        found: dict[str, Any] = {
            "whole": verdict.is_whole,
            "entries": verdict.entries,
            "head": verdict.head,
            "faults": verdict.faults,
            "found": verdict.found,
        }
        console.print_json(json.dumps(found))
        return verdict.is_whole
    for fault in verdict.faults:
        console.print(fault, style="red", highlight=False)
    if verdict.found is False:
        console.print(f"The hash {expected} is not in the chain.", style="red", highlight=False)
    if verdict.is_whole:
        console.print(f"The audit is whole: {verdict.entries} entries.", highlight=False)
    if verdict.head:
        console.print(f"Newest hash, to be noted elsewhere: {verdict.head}", soft_wrap=True)
    return verdict.is_whole


def forbidden_rows(url: str, console: Console, *, purge: bool) -> bool:
    """Count, or delete, rows that policy does not permit any more; True: none are left."""
    with connect(create_engine(url, pooled=False)) as connection:
        require_migrated(connection)
        rows = connection.execute(_FORBIDDEN, {"dry_run": not purge}).all()
        connection.commit()
    for site, table, count in rows:
        done = "deleted" if purge else "not permitted any more"
        console.print(f"site {site}: {count} rows of {table} {done}", highlight=False)
    if not rows:
        console.print("No row is there that policy does not permit.")
    elif not purge:
        console.print("`facepose policy purge` deletes them.")
    return purge or not rows


def _day(text_: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text_)
    except ValueError:
        raise SettingsError(f"{text_!r} is not a day; write 2027-03-01") from None
