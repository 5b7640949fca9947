"""`facepose report …` and what `facepose check` says of recipients; real figures and files."""

import datetime as dt
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from rich.console import Console
from sqlalchemy import Engine, text

from aggregator.reports.errors import NotMadeError, PeriodError, UnknownReportError
from aggregator.reports.metrics import ReportMetrics
from aggregator.reports.service import utc_now
from deploy.check_reports import check_reports
from deploy.local.report_lines import report_lines
from deploy.report_command import ReportDesk
from schemas.database import create_engine, upgrade
from schemas.settings import Settings
from schemas.site_file import load_site
from schemas.sync import sync_site
from tests.integration.fresh_database import fresh_database
from tests.integration.ingest_process import ROOT, free_port, get_page
from tests.integration.report_school import SYNCED, Clock, School, work
from tests.integration.report_servers import (
    HOST,
    PASSWORD,
    USER,
    Certificate,
    mail_server,
    make_certificate,
)
from tests.integration.running_ingest import wait_for

SITE = """
version: 1
site: {id: NAME, name: Sunnyside, time_zone: Europe/Amsterdam}
policy: standard
rooms:
  - id: room-1
    cameras: [{id: c1, url: film.mp4}]
reports:
  - {id: weekly, kind: weekly_site, formats: [pdf, json], recipients: [out]}
  - {id: daily, kind: daily_operations, formats: [html], recipients: [out]}
"""


@pytest.fixture(scope="module")
def url(postgres_server: str) -> Iterator[str]:
    with fresh_database(postgres_server) as url:
        upgrade(url, now=dt.datetime.now(dt.UTC))
        yield url


@pytest.fixture(scope="module")
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def site_path(engine: Engine, tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE.replace("NAME", f"s-{tmp_path.name}"[-60:].replace("_", "-").lower()))
    sync_site(engine, load_site(path), at=SYNCED)
    return path


@pytest.fixture
def desk(url: str, site_path: Path) -> Iterator[ReportDesk]:
    with closing(ReportDesk(site_path, Settings(database_url=SecretStr(url)), None)) as desk:
        yield desk


class Shown(Console):
    """A terminal whose text can be read again."""

    def __init__(self) -> None:
        super().__init__(file=io.StringIO(), width=400)

    @property
    def text(self) -> str:
        return self.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def out(site_path: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (site_path.parent / "out").glob("*")}


def test_a_preview_writes_files_and_leaves_no_run(desk: ReportDesk, tmp_path: Path):
    console = Shown()
    desk.preview("weekly", "2026-W12", tmp_path / "look", console)
    names = sorted(path.name for path in (tmp_path / "look").iterdir())
    assert names == ["weekly_2026-03-16_2026-03-22.json", "weekly_2026-03-16_2026-03-22.pdf"]
    assert "weekly_2026-03-16_2026-03-22.pdf" in console.text
    listed = Shown()
    assert desk.show(5, listed, as_json=True)
    assert json.loads(listed.text)["runs"] == []


def test_a_run_by_hand_is_kept_and_sent_only_when_told_to(desk: ReportDesk, site_path: Path):
    assert desk.run("weekly", "2026-W12", Shown(), deliver=False)
    assert out(site_path) == {}
    with pytest.raises(NotMadeError, match="was made already"):
        desk.run("weekly", "2026-W12", Shown(), deliver=True)
    assert desk.resend("weekly", "2026-W12", Shown())
    first = out(site_path)
    assert set(first) == {"weekly_2026-03-16_2026-03-22.json", "weekly_2026-03-16_2026-03-22.pdf"}
    for path in (site_path.parent / "out").iterdir():
        path.unlink()
    assert desk.resend("weekly", "2026-W12", Shown())
    assert out(site_path) == first  # byte for byte
    assert desk.run("weekly", "2026-W11", Shown(), deliver=True)
    assert len(out(site_path)) == 4


def test_the_service_sends_nothing_that_waits_for_a_word(
    desk: ReportDesk, engine: Engine, site_path: Path
):
    assert desk.run("daily", None, Shown(), deliver=False)
    school = School.of(engine, site_path.parent, load_site(site_path))
    work(school.scheduler(Clock(utc_now() + dt.timedelta(minutes=1))))
    assert school.deliveries() == [("pending", 0, None)]


def test_what_cannot_be_asked_for_is_told(desk: ReportDesk):
    with pytest.raises(UnknownReportError, match="it has: weekly, daily"):
        desk.run("wekly", None, Shown(), deliver=False)
    with pytest.raises(PeriodError, match="like 2026-W12"):
        desk.run("weekly", "2026-03", Shown(), deliver=False)
    with pytest.raises(PeriodError, match="is not over"):
        desk.run("weekly", "2099-W01", Shown(), deliver=False)
    with pytest.raises(NotMadeError, match="has not been made"):
        desk.resend("weekly", "2026-W02", Shown())


def test_a_list_shows_what_failed_and_says_so_by_its_status(desk: ReportDesk, site_path: Path):
    (site_path.parent / "out").write_text("no folder")
    assert not desk.run("daily", "2026-03-02", Shown(), deliver=True)
    console = Shown()
    assert not desk.show(5, console, as_json=False)
    assert "cannot be written" in console.text
    assert "2026-03-02" in console.text
    told = Shown()
    desk.show(5, told, as_json=True)
    [run] = [run for run in json.loads(told.text)["runs"] if run["status"] == "done"]
    assert (run["report"], run["deliveries"][0]["status"]) == ("daily", "failed")


def test_the_live_table_says_what_comes_next_and_what_did_not_arrive(
    engine: Engine, tmp_path: Path
):
    daily = {"id": "daily", "kind": "daily_operations", "cron": "0 6 * * *"}
    school = School(engine, tmp_path, [{**daily, "recipients": ["site.yaml/x"]}])
    (tmp_path / "site.yaml").write_text("no folder")
    clock = Clock(SYNCED)
    scheduler = school.scheduler(clock)
    with engine.connect() as connection:
        assert list(report_lines(connection, school.site)) == []
    work(scheduler)
    clock.pass_(hours=7)
    work(scheduler)
    with engine.connect() as connection:
        assert list(report_lines(connection, school.site)) == [
            "Next report: daily, Fri 02 Jan 06:00",
            "Reports that did not arrive for certain: 1 (facepose report list)",
        ]


def test_metrics_count_runs_deliveries_and_what_is_overdue(engine: Engine, tmp_path: Path):
    daily = {"id": "daily", "kind": "daily_operations", "recipients": ["out"]}
    school = School(engine, tmp_path, [{**daily, "cron": "0 6 * * *"}])
    clock = Clock(SYNCED)
    scheduler = school.scheduler(clock)
    work(scheduler)
    clock.pass_(days=1)
    work(scheduler)
    clock.pass_(days=1, hours=1)
    scheduler.plan(clock.now)
    registry = CollectorRegistry()
    metrics = ReportMetrics(registry)
    with engine.connect() as connection:
        metrics.look(connection, school.id, clock.now)
    value = registry.get_sample_value
    assert value("facepose_report_runs", {"status": "done"}) == 1
    assert value("facepose_report_runs", {"status": "waiting"}) == 2
    assert value("facepose_report_deliveries", {"channel": "folder", "status": "sent"}) == 1
    assert value("facepose_report_overdue_seconds") == 20 * 3600


@pytest.mark.slow
def test_the_service_makes_what_is_due_follows_its_file_and_ends_cleanly(
    engine: Engine, url: str, site_path: Path
):
    port = free_port()
    planned_at = utc_now() - dt.timedelta(days=8)

    def plan() -> None:
        """As a scheduler would have that was up then."""
        school = School.of(engine, site_path.parent, load_site(site_path))
        school.scheduler(Clock(planned_at)).plan(planned_at)

    plan()
    process = subprocess.Popen(
        [sys.executable, "-m", "deploy", "report", "serve", str(site_path)],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": url,
            "FACEPOSE_METRICS_PORT": str(port),
        },
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: any("weekly" in name for name in out(site_path)), "the weekly report")
        wait_for(lambda: get_page(port, "/readyz") == (200, "ready\n"), "readiness")
        assert "facepose_report_partitions_ahead_days 14.0" in get_page(port, "/metrics")[1]
        added = "  - {id: added, kind: weekly_site, formats: [json], recipients: [out]}\n"
        site_path.write_text(site_path.read_text() + added)
        sync_site(engine, load_site(site_path), at=SYNCED)

        def is_made() -> bool:
            plan()
            return any("added" in name for name in out(site_path))

        wait_for(is_made, "the report that was added to the site file")
        assert get_page(port, "/healthz") == (200, "alive\n")
    finally:
        process.terminate()
        status = process.wait(30)
    assert status == 0
    assert b"%PDF" in next(v for k, v in out(site_path).items() if k.endswith(".pdf"))


@pytest.mark.slow
def test_a_login_with_three_roles_is_enough_for_the_service(
    engine: Engine, url: str, site_path: Path
):
    """Writer for runs and deliveries, maintenance for partitions, analyst for the figures."""
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE report_service LOGIN PASSWORD 'x' NOSUPERUSER"))
        connection.execute(
            text("GRANT facepose_writer, facepose_maintenance, facepose_analyst TO report_service")
        )
    login = engine.url.set(username="report_service", password="x")
    limited = create_engine(login.render_as_string(hide_password=False))
    try:
        path = site_path
        settings = Settings(database_url=SecretStr(login.render_as_string(hide_password=False)))
        with closing(ReportDesk(path, settings, None)) as desk:
            assert desk.run("weekly", None, Shown(), deliver=True)
            assert desk.run("daily", None, Shown(), deliver=True)
        school = School.of(limited, path.parent, load_site(path))
        work(school.scheduler(Clock(utc_now() + dt.timedelta(days=9))))
        assert len(school.runs()) >= 3
    finally:
        limited.dispose()
        with engine.begin() as connection:
            connection.execute(text("DROP OWNED BY report_service"))
            connection.execute(text("DROP ROLE report_service"))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def a_checked_site(port: int, *recipients: str) -> Any:
    school = {
        "version": 1,
        "site": {"id": "s", "time_zone": "UTC"},
        "policy": "demo",
        "rooms": [{"id": "r", "cameras": [{"id": "c1", "url": "film.mp4"}]}],
        "mail": {
            "host": HOST,
            "port": port,
            "user": "${MAIL_USER}",
            "password": "${MAIL_PASSWORD}",
            "from": "reports@school.example",
        },
        "reports": [{"id": "w", "kind": "weekly_site", "recipients": list(recipients)}],
    }
    from schemas.site import Site

    return Site.model_validate(school)


def test_check_tries_folders_and_the_mail_server_and_calls_no_webhook(
    certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    (tmp_path / "file").write_text("no folder")
    environ = {"MAIL_USER": USER, "MAIL_PASSWORD": PASSWORD, "HOOK": "secret-token"}
    recipients = (
        "out",
        "file/x",
        "mailto:a@school.example",
        "https://nowhere.example/${HOOK}",
        "https://nowhere.example/${MISSING}",
    )
    with mail_server(certificate) as box:
        site = a_checked_site(box.port, *recipients)
        findings = list(check_reports(site, tmp_path, environ))
        assert box.raw == []
    found = {finding.what: (finding.verdict, finding.text) for finding in findings}
    assert found["reports to out"][0] == "ok"
    assert found["reports to file/x"][0] == "failed"
    assert found["mail server"][0] == "ok"
    assert "its certificate holds, logged in" in found["mail server"][1]
    verdicts = [f.verdict for f in findings if "nowhere" in f.what]
    assert sorted(verdicts) == ["failed", "ok"]
    assert "MISSING" in str(findings)
    assert "secret-token" not in str(findings)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize("password", ["wrong", PASSWORD])
def test_check_tells_a_refused_login_and_an_untrusted_server(
    certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
):
    if password == "wrong":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    with mail_server(certificate) as box:
        site = a_checked_site(box.port, "mailto:a@school.example")
        environ = {"MAIL_USER": USER, "MAIL_PASSWORD": password}
        [finding] = check_reports(site, tmp_path, environ)
    assert finding.verdict == "failed"
    expected = "refuses user and password" if password == "wrong" else "certificate"
    assert expected in finding.text
