"""A report from the views, in one snapshot of the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection

from aggregator.reports.document import Kind, Period, Report, Section
from aggregator.reports.figures.by_class import class_title, classes_section
from aggregator.reports.figures.changes import MOST_PERIODS, Change, compare
from aggregator.reports.figures.curve import curve_section, minutes
from aggregator.reports.figures.expressions import expressions_section
from aggregator.reports.figures.hours import hours_section
from aggregator.reports.figures.lessons import Totals, by_month, by_week, totals
from aggregator.reports.figures.losses import losses_section
from aggregator.reports.figures.method import method_section, privacy_section
from aggregator.reports.figures.operations import cameras_section, events, events_section
from aggregator.reports.figures.quality import quality, quality_section
from aggregator.reports.figures.scope import Scope, analyst_snapshot
from aggregator.reports.figures.student import student_report
from aggregator.reports.figures.student_groups import student_groups_section
from aggregator.reports.figures.summary import (
    Findings,
    lesson_key_figures,
    lesson_sentences,
    operations_key_figures,
    operations_sentences,
)
from aggregator.reports.figures.trend import WEEK, trend_section, weeks_between
from aggregator.reports.figures.unreported import unreported, unreported_section
from aggregator.reports.figures.uptime import coverage_section, uptime
from schemas.site import Site
from schemas.site_reports import ReportDefinition

_TITLES: Final[dict[Kind, str]] = {
    "daily_operations": "Daily operations",
    "weekly_class": "Weekly report of a class",
    "weekly_site": "Weekly report",
    "monthly": "Monthly report",
    "term": "Term report",
    "student": "Lessons of a student",
}
_PERIODS: Final[dict[Kind, str]] = {"monthly": "month", "term": "term"}
_WEEKS_BEFORE: Final = {"monthly": 13}
_NO_LESSONS: Final = Totals()


def build_report(
    connection: Connection, definition: ReportDefinition, period: Period, site: Site
) -> Report:
    """Fill a report with the figures of its period.

    Args:
        connection: without a transaction of its own; its login is a member of facepose_analyst,
            and of facepose_admin for a student's report, whose reading is written to the audit.
        definition: what is reported.
        period: local days of the site.
        site: its policy, name and zone.

    Raises:
        PolicyError: policy permits no figures of single students.
    """
    if definition.kind == "student":
        return student_report(connection, definition, period, site)
    scope = Scope(
        site=site.site.id,
        zone=site.time_zone,
        first=period.first,
        last=period.last,
        class_id=definition.class_id,
        room=definition.room,
    )
    with analyst_snapshot(connection):
        if definition.kind == "daily_operations":
            return _operations(connection, definition, scope, site)
        return _lessons(connection, definition, scope, site)


def _lessons(
    connection: Connection, definition: ReportDefinition, scope: Scope, site: Site
) -> Report:
    kind = definition.kind
    all_ = totals(connection, scope)
    word = _PERIODS.get(kind, "week")
    weeks = _weeks(connection, scope, _WEEKS_BEFORE.get(kind, 0 if kind == "term" else 8))
    earlier = _earlier(connection, definition, scope, weeks)
    change = _change(all_, list(earlier.values()))
    cameras = None if scope.class_id else uptime(connection, scope)
    missing = unreported(connection, scope)
    evidence = quality(connection, scope)
    found = Findings(all_, change, word, cameras, missing)
    before = next(reversed(earlier), None) or _same_length_before(scope)
    sections = [coverage_section(all_, cameras), trend_section(weeks, change, word, scope.first)]
    if all_.lessons:
        sections += _figures(connection, scope, before, all_, site)
        sections.append(quality_section(evidence))
    sections.append(unreported_section(missing))
    if site.rules.expression and all_.lessons:
        sections.append(expressions_section(connection, scope, all_.lessons))
    return Report(
        report_id=definition.id,
        kind=kind,
        title=_TITLES[kind],
        subject=_subject(connection, scope, site),
        site_name=_site_name(site),
        period=scope.period,
        policy_profile=site.rules.profile,
        k=site.rules.k,
        key_figures=lesson_key_figures(found),
        summary=tuple(lesson_sentences(found)),
        sections=tuple(sections),
        method=method_section(connection, all_.score_versions, evidence["model_versions"] or ()),
        privacy=privacy_section(site),
        left_out=missing.left_out,
        score_versions=all_.score_versions,
    )


def _figures(
    connection: Connection, scope: Scope, before: Scope, all_: Totals, site: Site
) -> Iterator[Section]:
    """What the lessons say; there are some."""
    k = site.rules.k
    yield curve_section(minutes(connection, scope))
    yield losses_section(connection, scope, all_)
    yield hours_section(connection, scope, k)
    if scope.class_id is None:
        yield classes_section(connection, scope, before, all_, k)
    if site.rules.per_student and scope.room is None:
        groups = student_groups_section(connection, scope)
        if groups is not None:
            yield groups


def _operations(
    connection: Connection, definition: ReportDefinition, scope: Scope, site: Site
) -> Report:
    all_ = totals(connection, scope)
    cameras = uptime(connection, scope)
    missing = unreported(connection, scope)
    happened = events(connection, scope)
    evidence = quality(connection, scope)
    return Report(
        report_id=definition.id,
        kind=definition.kind,
        title=_TITLES[definition.kind],
        subject=_subject(connection, scope, site),
        site_name=_site_name(site),
        period=scope.period,
        policy_profile=site.rules.profile,
        k=site.rules.k,
        key_figures=operations_key_figures(all_, cameras, missing, happened),
        summary=tuple(operations_sentences(all_, cameras, missing, happened)),
        sections=(
            coverage_section(all_, cameras),
            events_section(happened),
            cameras_section(connection, scope),
            unreported_section(missing),
            quality_section(evidence),
        ),
        method=method_section(connection, all_.score_versions, evidence["model_versions"] or ()),
        privacy=privacy_section(site),
        left_out=missing.left_out,
        score_versions=all_.score_versions,
    )


def _weeks(connection: Connection, scope: Scope, before: int) -> dict[dt.date, Totals]:
    """All weeks of the scope and `before` weeks more, those without lessons too."""
    first = scope.first - before * WEEK
    mondays = weeks_between(first, scope.last)
    found = by_week(connection, scope.between(mondays[0], scope.last))
    return {monday: found.get(monday, _NO_LESSONS) for monday in mondays}


def _earlier(
    connection: Connection,
    definition: ReportDefinition,
    scope: Scope,
    weeks: Mapping[dt.date, Totals],
) -> dict[Scope, Totals]:
    """The periods before, the oldest first, that the report's own is compared with."""
    if definition.kind == "term":
        terms = [term for term in definition.terms if term.last < scope.first][-MOST_PERIODS:]
        scopes = [scope.between(term.first, term.last) for term in terms]
        return {one: totals(connection, one) for one in scopes}
    if definition.kind == "monthly":
        return _months_before(connection, scope)
    mondays = [monday for monday in weeks if monday < scope.first]
    return {
        scope.between(monday, monday + WEEK - dt.timedelta(days=1)): weeks[monday]
        for monday in mondays
    }


def _months_before(connection: Connection, scope: Scope) -> dict[Scope, Totals]:
    day, firsts = scope.first.replace(day=1), list[dt.date]()
    for _ in range(MOST_PERIODS):
        day = (day - dt.timedelta(days=1)).replace(day=1)
        firsts.insert(0, day)
    ends = [*(first - dt.timedelta(days=1) for first in firsts[1:]), scope.first - _one_day()]
    found = by_month(connection, scope.between(firsts[0], ends[-1]))
    return {
        scope.between(first, end): found.get(first, _NO_LESSONS)
        for first, end in zip(firsts, ends, strict=True)
    }


def _same_length_before(scope: Scope) -> Scope:
    end = scope.first - _one_day()
    return scope.between(end - dt.timedelta(days=scope.days - 1), end)


def _change(now: Totals, earlier: Sequence[Totals]) -> Change:
    """Against periods of the same score versions only."""
    same = [one.attention if one.score_versions == now.score_versions else None for one in earlier]
    return compare(now.attention, same)


def _subject(connection: Connection, scope: Scope, site: Site) -> str:
    if scope.class_id is not None:
        return f"Class {class_title(connection, scope)}"
    return _site_name(site) if scope.room is None else f"{_site_name(site)}, room {scope.room}"


def _site_name(site: Site) -> str:
    return site.site.name or site.site.id


def _one_day() -> dt.timedelta:
    return dt.timedelta(days=1)
