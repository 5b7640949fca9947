"""Reports of a scripted school, and what stands in them."""

from __future__ import annotations

from aggregator.reports.build import build_report
from aggregator.reports.document import Period, Report, Table
from schemas.site_reports import ReportDefinition
from tests.integration.school_history import SchoolHistory


def define(kind: str, **more: object) -> ReportDefinition:
    return ReportDefinition.model_validate({"id": "r", "kind": kind, **more})


def build(history: SchoolHistory, definition: ReportDefinition, first, last) -> Report:
    period = Period(first=first, last=last, time_zone=history.site.site.time_zone)
    with history.engine.connect() as connection:
        return build_report(connection, definition, period, history.site)


def table(report: Report, name: str) -> Table:
    [found] = [t for section in report.sections for t in section.tables if t.name == name]
    return found


def cells(found: Table, *names: str) -> list[tuple[object, ...]]:
    at = [[column.name for column in found.columns].index(name) for name in names]
    return [tuple(row[i] for i in at) for row in found.rows]


def figure(report: Report, name: str) -> object:
    [found] = [one.value for one in report.key_figures if one.name == name]
    return found
