"""Bodies of `facepose consent …`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, Engine, text

from deploy.safeguards.consent_rows import ConsentRow, read_consents, refuse_mistakes
from deploy.safeguards.student_choice import chosen_student
from schemas.consents import PURPOSES, may_link, purpose_number, record, withdraw
from schemas.consents import Word as ConsentWord
from schemas.database import connect, require_migrated
from schemas.errors import SettingsError
from schemas.settings import Settings
from schemas.site import Site

_A_MOMENT: Final = dt.timedelta(microseconds=1)  # so that the last day is shown, not the next
_LIST: Final = text(
    """
    SELECT CAST(pseudonym AS text) AS pseudonym, purpose, granted, granted_by, notice_version,
           coalesce(evidence_ref, '') AS evidence, lower(valid) AS since, upper(valid) AS until
    FROM consents JOIN students USING (student_id) JOIN sites USING (site_id)
    WHERE sites.slug = :site AND (CAST(:student_id AS bigint) IS NULL OR student_id = :student_id)
    ORDER BY pseudonym, purpose, lower(valid), granted_by
    """
)


def write_consent(
    engine: Engine, site: Site, settings: Settings, row: ConsentRow, console: Console
) -> None:
    """Write one word down and say what holds now.

    Raises:
        SettingsError: the site has no such student, or policy links none.
    """
    _refuse_where_locked(site)
    with connect(engine) as connection:
        require_migrated(connection)
        done = _apply(connection, site, settings, row)
        connection.commit()
    console.print(done, highlight=False, soft_wrap=True)


def import_consents(
    engine: Engine, site: Site, settings: Settings, path: Path, dry_run: bool, console: Console
) -> None:
    """Write all words of a CSV file down, or none.

    Raises:
        SettingsError: every mistake with its line.
    """
    _refuse_where_locked(site)
    rows, mistakes, changed = read_consents(path), [], 0
    with connect(engine) as connection:
        require_migrated(connection)
        for number, row in rows:
            try:
                changed += not _apply(connection, site, settings, row).startswith("Nothing")
            except SettingsError as exc:
                mistakes.append(f"  line {number}: {exc}")
        refuse_mistakes(path, mistakes)
        if dry_run:
            connection.rollback()
        else:
            connection.commit()
    would = "would be new" if dry_run else "were new and are written down"
    console.print(f"{changed} of {len(rows)} words {would}", highlight=False)


def list_consents(
    engine: Engine,
    site: Site,
    settings: Settings,
    pseudonym: str | None,
    sourced_id: str | None,
    console: Console,
    now: dt.datetime,
) -> None:
    """Print what was said, and whether it is enough now."""
    student = None
    with connect(engine) as connection:
        require_migrated(connection)
        if pseudonym or sourced_id:
            student = chosen_student(connection, site.site.id, settings, pseudonym, sourced_id)
        number = student.student_id if student else None
        rows = connection.execute(_LIST, {"site": site.site.id, "student_id": number}).all()
    columns = ("student", "purpose", "word", "by", "notice", "from", "to", "evidence")
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(
            row.pseudonym,
            PURPOSES[row.purpose - 1],
            "consent" if row.granted else "refusal",
            row.granted_by,
            row.notice_version,
            _local(row.since, site),
            _local(row.until and row.until - _A_MOMENT, site),
            row.evidence,
        )
    console.print(table)
    if student:
        words = [
            ConsentWord(r.granted, r.granted_by, r.notice_version, r.since, r.until)
            for r in rows
            if r.purpose == purpose_number("score")
        ]
        may = "may" if may_link(site.rules.profile, words, now) else "may not"
        console.print(
            f"Under policy {site.rules.profile} the student {may} be linked to lessons now.",
            highlight=False,
        )


def _apply(connection: Connection, site: Site, settings: Settings, row: ConsentRow) -> str:
    student = chosen_student(connection, site.site.id, settings, row.pseudonym, row.sourced_id)
    zone = site.time_zone
    about = f"purpose {row.purpose}, by {row.by}"
    if row.deed == "withdraw":
        ended = withdraw(connection, student.student_id, row.purpose, row.by, row.since(zone))
        if not ended:
            return f"Nothing to withdraw: {about}."
        return f"Withdrawn from {row.first} on: {about}."
    if not record(connection, student.student_id, row.purpose, row.word(zone)):
        return f"Nothing new: {about}."
    until = f" to {row.last}" if row.last else ""
    what = "Consent" if row.deed == "grant" else "Refusal"
    return f"{what} written down from {row.first}{until}: {about}."


def _refuse_where_locked(site: Site) -> None:
    if not site.rules.per_student:
        raise SettingsError(
            f"policy {site.rules.profile!r} links no seat to a student, whatever was consented: "
            "no consent is needed and none is stored"
        )


def _local(at: dt.datetime | None, site: Site) -> str:
    return "" if at is None else f"{at.astimezone(site.time_zone):%Y-%m-%d}"
