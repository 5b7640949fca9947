"""Reports of sites that are large, strict, or have too few students in a class."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from aggregator.reports.figures.student import PolicyError
from aggregator.reports.tables_out import csv_files, report_json
from tests.integration.built_reports import build, cells, define, figure, table
from tests.integration.fresh_database import fresh_database
from tests.integration.school_history import Lesson, SchoolHistory, a_school, weeks_of

MONDAY, SUNDAY = dt.date(2026, 11, 2), dt.date(2026, 11, 8)
CLASSES = 60


@pytest.fixture(scope="module")
def large(postgres_server: str) -> Iterator[SchoolHistory]:
    """A week of sixty classes of one short lesson each; every other one has six students."""
    with fresh_database(postgres_server) as url:
        history = SchoolHistory(url, "standard", rooms=1)
        history.hold(
            *(
                Lesson(
                    MONDAY + dt.timedelta(days=number % 5),
                    dt.time(8 + number // 5),
                    class_id=f"c{number:02d}",
                    minutes=10,
                    students=6 if number % 2 else 9,
                    level=40.0 + number / 2,
                )
                for number in range(CLASSES)
            )
        )
        yield history
        history.close()


@pytest.fixture(scope="module")
def strict(postgres_server: str) -> Iterator[SchoolHistory]:
    """One class of twelve and one of eight in the European Union."""
    with fresh_database(postgres_server) as url:
        history = SchoolHistory(url, "eu", rooms=2)
        lessons = weeks_of(dt.date(2026, 10, 12), 4, ("3b",))
        small = replace(lessons[-1], class_id="4a", room="room-2", students=8)
        history.hold(*lessons, small)
        yield history
        history.close()


def paragraphs(report, name: str) -> str:
    [found] = [section for section in report.sections if section.name == name]
    return " ".join(found.paragraphs)


def test_sixty_classes_are_the_lowest_the_highest_and_forty_more(large):
    report = build(large, define("weekly_site"), MONDAY, SUNDAY)
    found = cells(table(report, "classes"), "class", "attention")
    assert [name for name, _ in found] == [
        *(f"c{number:02d}" for number in range(10)),
        *(f"c{number:02d}" for number in range(50, 60)),
    ]
    assert "and 40 classes more" in paragraphs(report, "classes")
    assert figure(report, "reported") == CLASSES
    rows = sum(len(t.rows) for section in report.sections for t in section.tables)
    assert rows < 200


def test_what_a_larger_k_hides_is_in_no_figure_and_no_total(large):
    large.execute("UPDATE sites SET k = 8")
    try:
        stricter = a_school("standard", rooms=1, k=8)
        large.site, before = stricter, large.site
        report = build(large, define("weekly_site"), MONDAY, SUNDAY)
    finally:
        large.site = before
        large.execute("UPDATE sites SET k = 5")
    assert report.k == 8
    assert figure(report, "reported") == CLASSES // 2
    own = [(40.0 + number / 2, number % 2) for number in range(CLASSES)]
    shown = [level for level, small in own if not small]
    offsets = sum(number % 5 - 2 for number in range(9)) / 9
    assert figure(report, "attention") == pytest.approx(sum(shown) / len(shown) + offsets, abs=0.01)
    assert ("fewer students were scored than the smallest group that may be shown", 30) in cells(
        table(report, "not_reported_reasons"), "reason", "lessons"
    )
    for name, content in csv_files(report):
        if name == "classes":
            assert not re.search(rb"^c\d[13579],", content, re.MULTILINE)


def test_one_class_makes_a_whole_report(strict):
    report = build(strict, define("weekly_class", **{"class": "3b"}), MONDAY, SUNDAY)
    assert figure(report, "reported") == 5
    assert "no clear change" in " ".join(report.summary)
    assert table(report, "weeks").rows[0][0] == "2026-10-12"


def test_a_class_with_nothing_reported_says_so(strict):
    report = build(strict, define("weekly_class", **{"class": "4a"}), MONDAY, SUNDAY)
    assert (figure(report, "reported"), figure(report, "attention")) == (0, None)
    assert "No lesson has a figure" in " ".join(report.summary)
    site = build(strict, define("weekly_site"), MONDAY, SUNDAY)
    assert ("4a", 1, 0, None) in cells(
        table(site, "classes"), "class", "lessons", "reported", "attention"
    )


def test_the_strictest_profile_has_no_students_and_no_expressions(strict):
    report = build(strict, define("weekly_site"), MONDAY, SUNDAY)
    assert not {"students", "expressions"} & {section.name for section in report.sections}
    assert (report.policy_profile, report.k, report.per_student) == ("eu", 10, False)
    assert "No figures of single students are kept" in " ".join(report.privacy.paragraphs)
    assert b"pseudonym" not in report_json(report).replace(b"under pseudonyms", b"")


def test_a_students_report_is_refused_where_policy_has_none(strict):
    definition = define("student", student="be25fdff-c45d-534d-954b-36d913b587dc", reason="test")
    with pytest.raises(PolicyError, match="permits no figures of single students"):
        build(strict, definition, MONDAY, SUNDAY)
    assert strict.ask("SELECT * FROM audit_log") == []
