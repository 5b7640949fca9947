"""A run's files: figures from the views, drawn, and kept byte for byte."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec
from sqlalchemy import Connection, Engine, text

from aggregator.reports import deliveries
from aggregator.reports.delivery.package import DeliveredFile, Package, message_id, message_key
from aggregator.reports.document import Period, Report
from aggregator.reports.errors import ReportError
from aggregator.reports.periods import label
from aggregator.reports.runs import HeldRun, check_run
from schemas.database import connect
from schemas.site import Site
from schemas.site_reports import ReportDefinition, ReportFormat, channel_of

MAX_RUN_BYTES: Final = 128 << 20

_ADD_FILE: Final = text(
    """
    INSERT INTO report_files (run_id, name, media_type, sha256, content, per_student)
    VALUES (:run_id, :name, :media_type, :sha256, :content, :per_student)
    """
)
_DROP_FILES: Final = text("DELETE FROM report_files WHERE run_id = :run_id")
_DONE: Final = text(
    """
    UPDATE report_runs
    SET status = 'done', finished_at = :now, score_version = :score_version,
        left_out = cast(:left_out AS jsonb), error = NULL
    WHERE run_id = :run_id
    """
)
_FILES: Final = text(
    """
    SELECT name, media_type, sha256, content FROM report_files WHERE run_id = :run_id ORDER BY name
    """
)
_RUN: Final = text(
    """
    SELECT d.slug AS report, d.kind, r.period, r.finished_at, r.left_out, s.slug AS site,
           s.name AS site_name
    FROM report_runs r JOIN report_defs d USING (report_id) JOIN sites s USING (site_id)
    WHERE r.run_id = :run_id
    """
)


class MadeFile(Protocol):
    """A file as a renderer gives it."""

    @property
    def name(self) -> str:
        """Unique in the run, and by report and period in the whole site."""

    @property
    def media_type(self) -> str:
        """Like application/pdf."""

    @property
    def content(self) -> bytes:
        """All of it."""


Build = Callable[[Connection, ReportDefinition, Period, Site], Report]
Render = Callable[[Report, Sequence[ReportFormat]], Sequence[MadeFile]]


class Maker:
    """Makes the files of runs.

    Args:
        build: figures of a definition and a period.
        render: figures as files.
    """

    def __init__(self, engine: Engine, site: Site, build: Build, render: Render) -> None:
        self._engine = engine
        self._site = site
        self._build = build
        self._render = render

    def make(
        self, definition: ReportDefinition, period: Period, left_out: Sequence[str]
    ) -> tuple[Report, list[MadeFile]]:
        """The report and its files; nothing is written."""
        with connect(self._engine) as connection:
            report = self._build(connection, definition, period, self._site)
        report = msgspec.structs.replace(report, left_out=tuple(left_out) or report.left_out)
        files = list(self._render(report, definition.formats))
        size = sum(len(file.content) for file in files)
        if size > MAX_RUN_BYTES:
            raise ReportError(f"its files have {size >> 20} MiB, more than {MAX_RUN_BYTES >> 20}")
        return report, files

    def store(
        self,
        run: HeldRun,
        definition: ReportDefinition,
        period: Period,
        made: tuple[Report, Sequence[MadeFile]],
        now: dt.datetime,
        deliver_at: dt.datetime | None,
    ) -> None:
        """The files, their recipients and that it is done, in one transaction.

        Raises:
            RunLostError: another scheduler holds the run now.
        """
        report, files = made
        with connect(self._engine) as connection:
            check_run(connection, run)
            connection.execute(_DROP_FILES, {"run_id": run.run_id})
            for file in files:
                connection.execute(_ADD_FILE, _file_row(run, file, report))
            self.address(connection, run.run_id, definition, period, deliver_at)
            connection.execute(
                _DONE,
                {
                    "run_id": run.run_id,
                    "now": now,
                    "score_version": max(report.score_versions, default=None),
                    "left_out": msgspec.json.encode(report.left_out).decode(),
                },
            )
            connection.commit()

    def address(
        self,
        connection: Connection,
        run_id: int,
        definition: ReportDefinition,
        period: Period,
        deliver_at: dt.datetime | None,
    ) -> None:
        """Add the recipients of a run, each under its id; those that are there stay as they are."""
        named = (self._site.site.id, definition.id, label(definition, period))
        host = self._site.mail.sender.rpartition("@")[2] if self._site.mail else "localhost"
        for recipient in definition.recipients:
            channel = channel_of(recipient)
            id_ = message_id(channel, message_key(*named, recipient), host)
            deliveries.add_delivery(connection, run_id, recipient, channel, id_, deliver_at)


def load_package(
    connection: Connection, run_id: int, definition: ReportDefinition, period: Period
) -> Package:
    """A finished run as it goes to a recipient.

    Raises:
        ReportError: a file is not what was made.
    """
    run = connection.execute(_RUN, {"run_id": run_id}).one()
    files = connection.execute(_FILES, {"run_id": run_id}).all()
    for file in files:
        if hashlib.sha256(file.content).hexdigest() != file.sha256:
            raise ReportError(f"file {file.name} of run {run_id} is not what was made")
    return Package(
        site=run.site,
        site_name=run.site_name,
        report=run.report,
        kind=run.kind,
        period=label(definition, period),
        first=period.first,
        last=period.last,
        finished_at=run.finished_at,
        left_out=tuple(run.left_out or ()),
        files=tuple(
            DeliveredFile(name=f.name, media_type=f.media_type, content=bytes(f.content))
            for f in files
        ),
    )


def _file_row(run: HeldRun, file: MadeFile, report: Report) -> dict[str, object]:
    return {
        "run_id": run.run_id,
        "name": file.name,
        "media_type": file.media_type,
        "sha256": hashlib.sha256(file.content).hexdigest(),
        "content": file.content,
        "per_student": report.per_student,
    }
