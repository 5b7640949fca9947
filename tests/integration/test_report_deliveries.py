"""At least once, under one id: deaths between send and commit, races, servers that are away."""

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from aggregator.reports.deliveries import MAX_ATTEMPTS
from aggregator.reports.making import load_package
from aggregator.reports.schedule import period_of
from schemas.database import create_engine, upgrade
from schemas.fault_points import RUN_CLAIMED, RUN_MADE, RUN_STORED, SEND_BEGUN, SEND_ENDED
from tests.integration import report_process
from tests.integration.fresh_database import fresh_database
from tests.integration.report_school import SYNCED, Clock, School, work
from tests.integration.report_servers import (
    HOST,
    PASSWORD,
    USER,
    Certificate,
    MailBox,
    mail_server,
    make_certificate,
    webhook,
)

HEAD = "mailto:head@school.example"
BEFORE = dt.datetime(2026, 3, 2, 12, 0, tzinfo=ZoneInfo("Europe/Amsterdam"))
DUE = dt.datetime(2026, 3, 3, 6, 0, tzinfo=ZoneInfo("Europe/Amsterdam"))
LEASE_S = 0.5


@pytest.fixture(scope="module")
def url(postgres_server: str) -> Iterator[str]:
    with fresh_database(postgres_server) as url:
        upgrade(url, now=SYNCED)
        yield url


@pytest.fixture(scope="module")
def engine(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def box(certificate: Certificate, monkeypatch: pytest.MonkeyPatch) -> Iterator[MailBox]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.path))
    monkeypatch.setenv("MAIL_USER", USER)
    monkeypatch.setenv("MAIL_PASSWORD", PASSWORD)
    with mail_server(certificate) as box:
        yield box


def a_school(engine: Engine, folder: Path, port: int, *recipients: str, reports: int = 1) -> School:
    """Its daily reports are due at DUE."""
    mail = {
        "host": HOST,
        "port": port,
        "user": "${MAIL_USER}",
        "password": "${MAIL_PASSWORD}",
        "from": "reports@school.example",
    }
    definitions = [
        {
            "id": f"daily-{number}",
            "kind": "daily_operations",
            "cron": "0 6 * * *",
            "recipients": list(recipients),
        }
        for number in range(reports)
    ]
    school = School(engine, folder, definitions, mail=mail)
    work(school.scheduler(Clock(BEFORE)))
    return school


def ids(box: MailBox) -> list[str]:
    return [str(mail["Message-ID"]) for mail in box.mails]


def run_process(school: School, url: str, **values: str) -> int:
    process = report_process.start(url, school.site, school.folder, DUE, lease_s=LEASE_S, **values)
    return process.wait(60)


def take_over(school: School) -> None:
    """Another scheduler, once the dead one's lease is over."""
    time.sleep(LEASE_S + 0.1)
    work(school.scheduler(Clock(DUE)))


@pytest.mark.slow
@pytest.mark.parametrize("point", [RUN_CLAIMED, RUN_MADE, RUN_STORED])
def test_a_run_whose_maker_died_is_made_and_sent_once_by_another(
    engine: Engine, url: str, box: MailBox, tmp_path: Path, point: str
):
    school = a_school(engine, tmp_path, box.port, HEAD, "out")
    assert run_process(school, url, die_at=point) == -9
    work(school.scheduler(Clock(DUE)))
    assert box.raw == []  # the dead one's lease still lasts
    take_over(school)
    assert len(box.raw) == 1
    assert [status for status, _, _ in school.deliveries()] == ["sent", "sent"]
    assert len(list((tmp_path / "out").iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("point", "mails"), [(SEND_BEGUN, 1), (SEND_ENDED, 2)])
def test_what_a_death_leaves_in_doubt_is_sent_once_more_under_the_same_id(
    engine: Engine, url: str, box: MailBox, tmp_path: Path, point: str, mails: int
):
    school = a_school(engine, tmp_path, box.port, HEAD)
    assert run_process(school, url, die_at=point) == -9
    assert [status for status, _, _ in school.deliveries()] == ["sending"]
    take_over(school)
    assert school.deliveries() == [("sent", 2, None)]
    assert len(box.raw) == mails
    assert len(set(ids(box))) == 1
    assert len(set(box.raw)) == 1  # byte for byte
    assert [kind for kind, _ in school.events()] == ["report_delivery_in_doubt"]
    work(school.scheduler(Clock(DUE + dt.timedelta(hours=10))))
    assert len(box.raw) == mails


@pytest.mark.slow
def test_what_stays_in_doubt_after_that_is_left_to_people(
    engine: Engine, url: str, box: MailBox, tmp_path: Path
):
    school = a_school(engine, tmp_path, box.port, HEAD)
    assert run_process(school, url, die_at=SEND_ENDED) == -9
    time.sleep(LEASE_S + 0.1)
    assert run_process(school, url, die_at=SEND_ENDED) == -9
    take_over(school)
    assert len(box.raw) == 2
    [(status, attempts, _)] = school.deliveries()
    assert (status, attempts) == ("in_doubt", 2)
    assert run_process(school, url) == 0
    assert len(box.raw) == 2


def test_a_server_that_hangs_up_twice_without_an_answer_is_not_tried_a_third_time(
    engine: Engine, box: MailBox, tmp_path: Path
):
    school = a_school(engine, tmp_path, box.port, HEAD)
    box.before_answer = lambda server: server.transport.close()
    clock = Clock(DUE)
    scheduler = school.scheduler(clock)
    for _ in range(40):
        work(scheduler)
        clock.pass_(minutes=6)
    assert len(box.raw) == 2
    assert len(set(ids(box))) == 1
    [(status, attempts, error)] = school.deliveries()
    assert (status, attempts) == ("in_doubt", 2)
    assert error is not None
    assert [kind for kind, _ in school.events()] == ["report_delivery_in_doubt"]


@pytest.mark.slow
def test_processes_that_race_make_and_send_each_run_once(
    engine: Engine, url: str, box: MailBox, tmp_path: Path
):
    school = a_school(engine, tmp_path, box.port, HEAD, "mailto:b@school.example", reports=8)
    go = tmp_path / "go"
    processes = [
        report_process.start(url, school.site, tmp_path, DUE, lease_s=30, go=go) for _ in range(3)
    ]
    time.sleep(2)
    go.touch()
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert len(school.runs()) == 8
    assert len(ids(box)) == len(set(ids(box))) == 16
    assert set(school.deliveries()) == {("sent", 1, None)}
    holders = school.ask(
        """SELECT DISTINCT holder FROM report_runs JOIN report_defs USING (report_id)
           JOIN sites s USING (site_id) WHERE s.slug = :site AND status = 'done'"""
    )
    assert len(holders) >= 2  # or it was no race


def test_a_mail_server_that_is_away_is_tried_again_with_growing_pauses(
    engine: Engine, box: MailBox, tmp_path: Path
):
    school = a_school(engine, tmp_path, 9, HEAD)
    clock = Clock(DUE)
    scheduler = school.scheduler(clock)
    tried_at = []
    for minute in range(140):
        before = school.deliveries()[:1]
        work(scheduler)
        if school.deliveries()[:1] != before:
            tried_at.append(minute)
        clock.pass_(minutes=1)
    assert tried_at == [0, 1, 3, 7, 15, 31, 63, 127]
    [(status, attempts, error), *_] = school.deliveries()
    assert (status, attempts) == ("failed", 8)
    assert error is not None
    assert "localhost:9" in error


def test_when_the_server_is_back_the_mail_goes_out_under_its_first_id(
    engine: Engine, box: MailBox, tmp_path: Path
):
    school = a_school(engine, tmp_path, box.port, HEAD)
    box.answer = "451 try later"
    clock = Clock(DUE)
    scheduler = school.scheduler(clock)
    work(scheduler)
    [(status, _, error)] = school.deliveries()
    assert (status, error) == ("failed", "the mail server says 451 try later")
    box.answer = "250 taken"
    clock.pass_(seconds=61)
    work(scheduler)
    assert school.deliveries() == [("sent", 2, None)]
    assert len(set(ids(box))) == 1


def test_after_the_last_attempt_people_are_told(
    engine: Engine, box: MailBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MAIL_PASSWORD", "wrong-horse")
    school = a_school(engine, tmp_path, box.port, HEAD)
    clock = Clock(DUE)
    scheduler = school.scheduler(clock)
    for _ in range(MAX_ATTEMPTS + 3):
        work(scheduler)
        clock.pass_(hours=4)
    [(status, attempts, error), *_] = school.deliveries()
    assert (status, attempts) == ("failed", MAX_ATTEMPTS)
    assert error is not None
    assert "refuses user and password" in error
    [payload, *_] = [
        payload for kind, payload in school.events() if kind == "report_delivery_failed"
    ]
    assert payload["to"] == "mailto:h***@school.example"
    told = str((school.events(), school.deliveries()))
    assert "wrong-horse" not in told
    assert box.raw == []


def test_one_recipient_that_fails_holds_up_no_other(engine: Engine, box: MailBox, tmp_path: Path):
    (tmp_path / "file").write_text("no folder")
    school = a_school(engine, tmp_path, box.port, "file/reports", HEAD, "out")
    work(school.scheduler(Clock(DUE)))
    assert [status for status, _, _ in school.deliveries()] == ["failed", "sent", "sent"]
    assert len(box.raw) == 1


def test_a_webhook_s_secret_stands_in_no_row(
    engine: Engine,
    box: MailBox,
    certificate: Certificate,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    with webhook(certificate) as hook:
        monkeypatch.setenv("HOOK", "hidden-token")
        school = a_school(
            engine, tmp_path, box.port, f"https://{HOST}:{hook.port}/hook?token=${{HOOK}}"
        )
        hook.status = 500
        clock = Clock(DUE)
        scheduler = school.scheduler(clock)
        work(scheduler)
        hook.status = 204
        clock.pass_(minutes=2)
        work(scheduler)
    assert [path for path, _, _ in hook.posts] == ["/hook?token=hidden-token"] * 2
    assert len({key for _, key, _ in hook.posts}) == 1
    rows = school.ask(
        """SELECT y::text, d::text FROM report_deliveries y JOIN report_runs USING (run_id)
           JOIN report_defs d USING (report_id) JOIN sites s USING (site_id) WHERE s.slug = :site"""
    )
    assert "hidden-token" not in str((rows, school.events(), capsys.readouterr()))
    assert "facepose-" in str(rows)


def test_who_has_left_the_list_gets_nothing_any_more(engine: Engine, box: MailBox, tmp_path: Path):
    school = a_school(engine, tmp_path, 9, HEAD, "out")
    work(school.scheduler(Clock(DUE)))
    school.define(
        [
            {
                "id": "daily-0",
                "kind": "daily_operations",
                "cron": "0 6 * * *",
                "recipients": ["out"],
            }
        ]
    )
    work(school.scheduler(Clock(DUE + dt.timedelta(hours=1))))
    assert ("failed", 1, "no recipient of this report any more") in school.deliveries()


def test_files_are_kept_byte_for_byte(engine: Engine, box: MailBox, tmp_path: Path):
    school = a_school(engine, tmp_path, box.port, "out")
    work(school.scheduler(Clock(DUE)))
    [path] = (tmp_path / "out").iterdir()
    [(run_id,)] = school.ask(
        """SELECT run_id FROM report_runs JOIN report_defs USING (report_id)
           JOIN sites s USING (site_id) WHERE s.slug = :site AND status = 'done'"""
    )
    definition = school.site.reports[0]
    with engine.connect() as connection:
        stored = connection.exec_driver_sql(
            "SELECT period FROM report_runs WHERE run_id = %s", (run_id,)
        ).scalar_one()
        period = period_of(stored, "Europe/Amsterdam")
        package = load_package(connection, run_id, definition, period)
    assert [file.content for file in package.files] == [path.read_bytes()]
