"""What a site file may say about reports, and what is told about the rest."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas.errors import SiteFileError
from schemas.site import Site
from schemas.site_file import parse_site
from schemas.site_reports import ReportDefinition, masked

SITE = """
version: 1
site: {id: school, time_zone: Europe/Amsterdam}
policy: PROFILE
rooms:
  - id: room-1
    cameras: [{id: c1, url: film.mp4}]
"""
REPORTS = """
mail: {host: smtp.school.example, user: "${MAIL_USER}", password: "${MAIL_PASSWORD}",
       from: reports@school.example}
reports:
  - {id: daily, kind: daily_operations, recipients: [reports]}
  - id: maths-7b
    kind: weekly_class
    class: 7b
    cron: "30 6 * * 1"
    formats: [pdf, csv]
    recipients: ["mailto:head@school.example", "https://hooks.example.org/${HOOK}"]
"""


def site_of(text: str, profile: str = "standard") -> Site:
    return parse_site(SITE.replace("PROFILE", profile) + text)


def a_report(**values: object) -> ReportDefinition:
    return ReportDefinition.model_validate({"id": "r", "kind": "weekly_site", **values})


def mistakes(text: str, profile: str = "standard") -> str:
    with pytest.raises(SiteFileError) as raised:
        site_of(text, profile)
    return str(raised.value)


def test_reports_and_their_mail_server_are_read():
    site = site_of(REPORTS)
    daily, weekly = site.reports
    assert daily.cron == "0 6 * * 2-6"  # the mornings after school days
    assert daily.formats == ("pdf",)
    assert weekly.params == {"class": "7b"}
    assert weekly.secret_names == ("HOOK",)
    assert site.mail is not None
    assert (site.mail.security, site.mail.active_port) == ("starttls", 587)


@pytest.mark.parametrize(
    ("cron", "told"),
    [
        ("0 6 * *", "5 fields"),
        ("0 0 6 * * 1", "5 fields"),
        ("0 25 * * *", "not a cron expression"),
        ("0 6 30 2 *", "not a cron expression"),
        ("* 6 * * *", "at most once a day"),
        ("0 6,18 * * *", "at most once a day"),
    ],
)
def test_a_wrong_cron_expression_is_told(cron: str, told: str):
    with pytest.raises(ValidationError, match=told):
        a_report(cron=cron)


@pytest.mark.parametrize(
    ("recipient", "told"),
    [
        ("http://hooks.example.org/", "'http' is not known here"),
        ("ftp://files.example.org/", "'ftp' is not known here"),
        ("mailto:head", "not a mail address"),
        ("mailto:a@b.example\nBcc: x@y.example", "not a mail address"),
        ("https://user:secret@hooks.example.org/", "do not stand"),
        ("https:///path", "names no host"),
        ("reports\x00", "control characters"),
    ],
)
def test_a_wrong_recipient_is_told(recipient: str, told: str):
    with pytest.raises(ValidationError, match=told):
        a_report(recipients=[recipient])


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"kind": "weekly_class"}, "needs `class`"),
        ({"kind": "term"}, "`terms` belong to kind term"),
        ({"kind": "student"}, "`student`, a pseudonym"),
        ({"formats": ["pdf", "pdf"]}, "a format stands twice"),
        (
            {
                "kind": "term",
                "terms": [
                    {"name": "autumn", "from": "2026-08-24", "until": "2026-12-18"},
                    {"name": "winter", "from": "2026-12-18", "until": "2027-02-19"},
                ],
            },
            "do not overlap",
        ),
    ],
)
def test_a_report_without_what_its_kind_needs_is_told(values: dict[str, object], told: str):
    with pytest.raises(ValidationError, match=told):
        a_report(**values)


def test_mistakes_between_reports_and_the_rest_are_told_with_their_lines():
    told = mistakes(
        """
reports:
  - {id: weekly, kind: weekly_site, room: attic, recipients: ["mailto:head@school.example"]}
  - {id: weekly, kind: weekly_site}
"""
    )
    assert "line 10: reports[0].room: there is no room 'attic'" in told
    assert "reports[0].recipients: mails need a server" in told
    assert "line 11: reports[1].id: report 'weekly' stands twice" in told


def test_where_no_rows_of_students_are_permitted_there_is_no_report_of_one():
    report = """
reports:
  - {id: one, kind: student, student: 7b2e2bd0-5a3c-4b5e-9a52-0d7b0f4a8c11, reason: parents asked}
"""
    assert site_of(report).reports[0].student is not None
    assert "no figures of single students" in mistakes(report, "eu")


def test_the_reports_of_the_manual_can_be_used():
    page = Path(__file__).resolve().parents[2] / "docs" / "reports.md"
    [block] = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert [report.kind for report in site_of(block).reports] == [
        "daily_operations",
        "weekly_class",
        "term",
    ]


def test_a_password_in_the_file_is_refused():
    told = mistakes(
        'mail: {host: smtp.school.example, user: "${U}", password: secret1, from: r@s.example}'
    )
    assert "mail.password: it must not stand in the site file" in told
    assert "secret1" not in told


@pytest.mark.parametrize(
    ("recipient", "shown"),
    [
        ("mailto:head@school.example", "mailto:h***@school.example"),
        ("https://hooks.example.org:8443/services/T0/secret", "https://hooks.example.org:8443/***"),
        ("https://${HOST}/x", "https://${HOST}/***"),
        ("reports/weekly", "reports/weekly"),
    ],
)
def test_a_recipient_is_shown_without_what_opens_a_door(recipient: str, shown: str):
    assert masked(recipient) == shown
