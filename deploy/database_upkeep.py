"""Bodies of `facepose db status | retention | rollup`."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from aggregator.history.rollup import RollupReport, roll_up
from aggregator.history.status import ROLLUP_DAYS, DatabaseStatus, TableStatus, read_status
from aggregator.history.upkeep import UpkeepReport, keep_house
from deploy.progress_bar import counting
from schemas.database import connect, create_engine, require_migrated
from schemas.errors import SettingsError

_SHOWN: Final = 20  # names in one sentence


def show_status(url: str, console: Console, *, as_json: bool) -> bool:
    """Print how the database is; False: something needs doing."""
    engine = create_engine(url, pooled=False)
    status = read_status(engine, dt.datetime.now(dt.UTC))
    if as_json:
        console.print_json(msgspec.json.encode(status).decode())
    else:
        _print_status(status, console)
    return not status.to_do


def apply_retention(url: str, console: Console, *, dry_run: bool, as_json: bool) -> bool:
    """Make partitions, drop what is too old, and say so; False: some table was never free."""
    engine = create_engine(url)
    with connect(engine) as connection:
        require_migrated(connection)
    report = keep_house(engine, dt.datetime.now(dt.UTC), dry_run=dry_run)
    engine.dispose()
    if as_json:
        console.print_json(msgspec.json.encode(report).decode())
    else:
        _say(console, retention_sentences(report, dry_run=dry_run))
    return not (report.is_busy or report.retention.postponed)


def make_rollups(
    url: str,
    since: str | None,
    until: str | None,
    console: Console,
    stop: threading.Event,
    *,
    dry_run: bool,
    as_json: bool,
) -> bool:
    """Make the daily curves again and say what was wrong; False: stopped before the end.

    Raises:
        SettingsError: a day is not written like 2026-09-01.
    """
    first, last = _day(since), _day(until)
    engine = create_engine(url)
    with connect(engine) as connection:
        require_migrated(connection)
    with counting(console, hidden=as_json) as bar:
        task = bar.add_task("Days", total=None)
        report = roll_up(
            engine,
            first,
            last,
            dry_run=dry_run,
            stop=stop.is_set,
            progress=lambda done, n: bar.update(task, completed=done, total=n),
        )
    engine.dispose()
    if as_json:
        console.print_json(msgspec.json.encode(report).decode())
    else:
        _say(console, rollup_sentences(report, dry_run=dry_run))
    return not stop.is_set()


def retention_sentences(report: UpkeepReport, *, dry_run: bool) -> Iterator[str]:
    """What was done, or would be."""
    if report.is_busy:
        yield "Somebody else does it at this moment: nothing was done here."
        return
    would, dropped = "would be " if dry_run else "", report.retention
    if report.created:
        yield f"{len(report.created)} partitions {would}created."
    if dropped.partitions:
        yield f"{len(dropped.partitions)} partitions {would}dropped: {_listed(dropped.partitions)}."
    for table, n in sorted(dropped.rows.items()):
        yield f"{n:,} rows {would}deleted from {table}."
    if dropped.postponed:
        yield (
            "Not dropped, because somebody used their tables all the time: "
            f"{_listed(dropped.postponed)}. Run it again, or wait for tomorrow."
        )
    if not (report.created or dropped.partitions or dropped.rows or dropped.postponed):
        yield "There is nothing to do: partitions are ready, and nothing is too old."


def rollup_sentences(report: RollupReport, *, dry_run: bool) -> Iterator[str]:
    """What was found, and what was done about it."""
    if report.corrected:
        done = "would be made again" if dry_run else "made again"
        yield f"{len(report.corrected)} of {report.days} days {done}: {_listed(report.corrected)}."
    else:
        yield f"{report.days} days: every curve is what the class minutes say."
    if report.without_minutes:
        yield (
            f"{report.without_minutes} days keep their curves: not all of their class minutes are "
            "kept any more."
        )


def _print_status(status: DatabaseStatus, console: Console) -> None:
    _say(console, [f"Migration {status.migration or 'none'}, newest {status.newest_migration}."])
    if status.tables:
        console.print(_sizes(status.tables))
        roles = ", ".join(role for role, is_there in status.roles.items() if is_there)
        _say(
            console,
            [
                f"Roles: {roles or 'none'}.",
                f"Daily curves of the last {ROLLUP_DAYS} days: {status.rollup_days} compared with "
                f"the class minutes, {len(status.wrong_rollups)} differ.",
            ],
        )
    _say(console, [f"To do: {sentence}." for sentence in status.to_do] or ["Nothing to do."])


def _sizes(tables: Sequence[TableStatus]) -> Table:
    shown = Table("table", box=None, pad_edge=False)
    for name in ("MB", "rows, about", "partitions", "days ahead", "oldest", "kept, days"):
        shown.add_column(name, justify="right")
    for one in tables:
        shown.add_row(
            one.name,
            f"{one.size_bytes / 1e6:,.1f}",
            "?" if one.rows is None else f"{one.rows:,}",
            _or_blank(one.partitions or None),
            _or_blank(one.days_ahead),
            _or_blank(one.oldest),
            _or_blank(one.keep_days),
        )
    return shown


def _or_blank(value: object) -> str:
    return "" if value is None else str(value)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _day(text: str | None) -> dt.date | None:
    try:
        return None if text is None else dt.date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{text!r} is not a day; write it like 2026-09-01") from None


def _say(console: Console, sentences: Iterable[str]) -> None:
    for line in sentences:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
