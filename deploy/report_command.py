"""Bodies of `facepose report …`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aggregator.reports import by_hand
from aggregator.reports.delivery.folder import deliver_files
from aggregator.reports.listing import ListedRun, newest_runs
from aggregator.reports.scheduler import ReportScheduler
from aggregator.reports.service import build_report, draw_report, utc_now
from aggregator.runner import holder_name
from deploy.embedded_database import opened_database
from deploy.local.stack import state_folder
from schemas.database import connect, create_engine, require_migrated
from schemas.settings import Settings
from schemas.site_file import load_site
from schemas.site_reports import masked

_GOOD: Final = frozenset({"sent"})
_STYLES: Final = {"done": "green", "sent": "green", "failed": "red", "in_doubt": "red"}


class ReportDesk:
    """A site's reports beside its service: each command is one method. Close it at the end.

    Args:
        site_path: the site file.
        settings: DATABASE_URL counts, unless a state folder is asked for by name.
        state: folder of the embedded servers; None: DATABASE_URL, or `facepose up`'s own.

    Raises:
        LocalError, DatabaseError: there is no database that can be used.
    """

    def __init__(self, site_path: Path, settings: Settings, state: Path | None) -> None:
        self._site = load_site(site_path)
        self._folder = site_path.absolute().parent
        self._cleanup = ExitStack()
        if state is None and settings.database_url is None:
            state = state_folder(site_path, settings)
        url = self._cleanup.enter_context(opened_database(settings, state))
        self._engine = create_engine(url)
        self._cleanup.callback(self._engine.dispose)
        with connect(self._engine) as connection:
            require_migrated(connection)

    def close(self) -> None:
        """Give back the database."""
        self._cleanup.close()

    def run(self, report: str, period: str | None, console: Console, *, deliver: bool) -> bool:
        """Make it now; whether it was made and, if told to, has arrived everywhere."""
        now = utc_now()
        asked = by_hand.asked_for(self._site, report, period, now)
        make = by_hand.run_now(self._engine, self._site, self._scheduler(), asked, now)
        with console.status(f"making {asked.name} …"):
            make(deliver)
        return self._show(asked, console, delivered=deliver)

    def resend(self, report: str, period: str, console: Console) -> bool:
        """Send it again; whether it has arrived everywhere."""
        now = utc_now()
        asked = by_hand.asked_for(self._site, report, period, now)
        with console.status(f"sending {asked.name} …"):
            by_hand.resend(self._engine, self._site, self._scheduler(), asked, now)
        return self._show(asked, console, delivered=True)

    def preview(self, report: str, period: str | None, out: Path, console: Console) -> None:
        """Write its files to `out`."""
        asked = by_hand.asked_for(self._site, report, period, utc_now())
        with console.status(f"making {asked.name} …"):
            files, left_out = by_hand.preview(
                self._engine, self._site, self._folder, build_report, draw_report, asked
            )
        deliver_files(files, out)
        for line in left_out:
            _say(console, f"left out: {line}")
        for file in files:
            _say(console, str(out / file.name))

    def show(self, most: int, console: Console, *, as_json: bool) -> bool:
        """Print the schedule; whether nothing failed."""
        with connect(self._engine) as connection:
            runs = newest_runs(connection, self._site, most)
        if as_json:
            _say(console, msgspec.json.encode({"reports": self._reports(), "runs": runs}).decode())
        else:
            console.print(self._definitions(), _table(runs, self._site.site.time_zone))
        return not any(
            run.status == "failed"
            or any(y.status in {"failed", "in_doubt"} for y in run.deliveries)
            for run in runs
        )

    def _scheduler(self) -> ReportScheduler:
        return ReportScheduler(
            self._engine,
            self._site,
            self._folder,
            build_report,
            draw_report,
            holder=holder_name(),
            clock=utc_now,
        )

    def _show(self, asked: by_hand.Asked, console: Console, *, delivered: bool) -> bool:
        with connect(self._engine) as connection:
            found = [
                run
                for run in newest_runs(connection, self._site, 100_000)
                if f"{run.report} {run.period}" == asked.name
            ]
        console.print(_table(found, self._site.site.time_zone))
        [run] = found
        return run.status == "done" and (
            not delivered or all(y.status in _GOOD for y in run.deliveries)
        )

    def _reports(self) -> list[dict[str, object]]:
        return [
            {
                "id": d.id,
                "kind": d.kind,
                "cron": d.cron,
                "time_zone": self._site.site.time_zone,
                "formats": d.formats,
                "recipients": [masked(recipient) for recipient in d.recipients],
                "enabled": d.enabled,
            }
            for d in self._site.reports
        ]

    def _definitions(self) -> Table:
        table = Table("report", "kind", "cron", "formats", "to", title="Reports")
        for d in self._site.reports:
            to = "\n".join(masked(recipient) for recipient in d.recipients) or "nobody"
            cron = d.cron if d.enabled else f"{d.cron} (switched off)"
            row = (d.id, d.kind, cron, ", ".join(d.formats), to)
            table.add_row(*(escape(cell) for cell in row))
        return table


def _table(runs: Sequence[ListedRun], time_zone: str) -> Table:
    title = f"Runs, newest first ({time_zone})"
    table = Table("report", "period", "status", "due", "made", "deliveries", title=title)
    for run in runs:
        lines = [f"left out: {len(run.left_out)}"] if run.left_out else []
        lines += [escape(run.error)] if run.error else []
        for y in run.deliveries:
            again = f", again {_time(y.next_at)}" if y.next_at and y.status != "pending" else ""
            reason = f": {escape(y.error)}" if y.error else ""
            lines.append(f"{escape(y.recipient)} {_styled(y.status)}{again}{reason}")
        table.add_row(
            escape(run.report),
            escape(run.period),
            _styled(run.status),
            _time(run.due_at),
            _time(run.finished_at),
            "\n".join(lines),
        )
    return table


def _styled(status: str) -> str:
    style = _STYLES.get(status)
    return f"[{style}]{status}[/]" if style else status


def _time(time: dt.datetime | None) -> str:
    return "–" if time is None else f"{time:%Y-%m-%d %H:%M}"


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
