"""`facepose check` against real servers: each finding's good and bad form."""

import datetime as dt
import json
import socket
from contextlib import closing

import psycopg
import pytest
import redis
from rich.console import Console

from deploy import check
from deploy.check import (
    check_device,
    check_disk,
    check_site,
    check_weights,
    conclusion,
    run_check,
)
from deploy.check_servers import check_database, check_redis
from deploy.finding import Finding
from deploy.init import render
from deploy.local.servers import EmbeddedValkey
from schemas.database import head_revision, upgrade
from schemas.settings import Settings
from schemas.site_file import parse_site
from tests.fixtures_films import write_film

SECRET = "hunter2"
VARIABLES = ("REDIS_URL", "FRAMES_URL", "FACES_URL", "DATABASE_URL", "FACEPOSE_STATE")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def faces_server(tmp_path_factory):
    server = EmbeddedValkey(tmp_path_factory.mktemp("faces"), persistent=True)
    yield server.start()
    server.stop()


@pytest.fixture
def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def site(profile="demo", extra="", url="film.mp4"):
    return parse_site(render("site.yaml", "School", "UTC", profile, [("Lab", url)]) + extra)


def redis_findings(**urls: str) -> dict[str, Finding]:
    return {finding.what: finding for finding in check_redis(Settings(**urls))}


def database_finding(url: str) -> Finding:
    (finding,) = check_database(Settings(database_url=url))
    return finding


def test_the_policy_is_told_in_words():
    found = {finding.what: finding for finding in check_site(site("eu"))}
    assert found["policy"].text == "eu: per student no, expressions no, smallest group 10"


def test_a_camera_without_calibration_is_a_warning():
    found = {finding.what: finding for finding in check_site(site())}
    assert found["calibration of lab-1"].verdict == "warning"
    assert "no_calibration" in found["calibration of lab-1"].text


def test_missing_weights_name_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("FACEPOSE_CACHE", str(tmp_path))
    finding = check_weights(site("eu"))
    assert finding.verdict == "failed"
    assert (
        finding.text
        == "not here: yunet, face_landmarker; run `facepose weights pull yunet face_landmarker`"
    )


def test_weights_that_are_here(weights):
    assert check_weights(site()).verdict == "ok"


def test_the_cpu_is_named_with_its_threads():
    finding = check_device(Settings(device="cpu", threads=2))
    assert (finding.verdict, finding.text) == (
        "ok",
        "CPU, as FACEPOSE_DEVICE says; 2 threads a worker",
    )


def test_fast_is_a_warning_where_it_is_no_faster(monkeypatch):
    fast = site(extra="models: {precision: fast}\n")
    monkeypatch.setattr(check, "cpu_has_bf16", lambda: False)
    (finding,) = check.check_precision(fast)
    assert finding.verdict == "warning"
    assert list(check.check_precision(site())) == []
    monkeypatch.setattr(check, "cpu_has_bf16", lambda: True)
    assert list(check.check_precision(fast)) == []


def test_a_gpu_that_was_asked_for_and_is_not_there():
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert check_device(Settings(device="cuda")).verdict == "failed"


def test_a_disk_without_room(tmp_path, monkeypatch):
    from deploy import check

    assert check_disk(tmp_path / "not" / "yet").verdict == "ok"
    monkeypatch.setattr(check, "LEAST_FREE_GB", 1e9)
    finding = check_disk(tmp_path / "not" / "yet")
    assert finding.verdict == "failed"
    assert finding.text.endswith(f"GB free at {tmp_path}: make room")


def test_without_urls_embedded_servers_will_be_used():
    assert all("embedded" in finding.text for finding in redis_findings().values())
    (finding,) = check_database(Settings())
    assert "embedded" in finding.text


def test_one_url_alone_is_looked_at(valkey_server):
    found = redis_findings(frames_url=valkey_server)
    assert found["frames server"].text == "reachable, persistence off"
    assert "embedded" in found["faces server"].text


def test_servers_with_the_right_persistence(valkey_server, faces_server):
    found = redis_findings(frames_url=valkey_server, faces_url=faces_server)
    assert found["frames server"].verdict == found["faces server"].verdict == "ok"
    assert found["faces server"].text == "reachable, append-only file on"


def test_servers_with_the_wrong_persistence(valkey_server, faces_server):
    found = redis_findings(frames_url=faces_server, faces_url=valkey_server)
    assert found["frames server"].verdict == found["faces server"].verdict == "warning"
    assert "frames must not" in found["frames server"].text
    assert "a crash loses" in found["faces server"].text


def test_frames_on_a_server_that_saves_snapshots(redis7_server):
    with closing(redis.Redis.from_url(redis7_server)) as client:
        client.config_set("save", "3600 1")
        finding = redis_findings(frames_url=redis7_server)["frames server"]
        client.config_set("save", "")
    assert finding.verdict == "warning"


def test_one_server_for_both_says_what_a_crash_loses(valkey_server):
    found = redis_findings(redis_url=valkey_server)
    assert found["faces server"].verdict == "warning"
    assert "are lost when it crashes" in found["faces server"].text


@pytest.mark.parametrize("name", ["frames", "faces"])
def test_a_redis_that_is_not_there(name, free_port):
    url = f"redis://:{SECRET}@127.0.0.1:{free_port}/0"
    finding = redis_findings(**{f"{name}_url": url})[f"{name} server"]
    assert finding.verdict == "failed"
    assert "check the url and the server" in finding.text
    assert SECRET not in finding.text


def test_a_redis_with_another_password(faces_server):
    head, _, tail = faces_server.partition("@")
    assert head
    finding = redis_findings(faces_url=f"redis://:{SECRET}@{tail}")["faces server"]
    assert finding.verdict == "failed"
    assert "invalid username-password pair" in finding.text
    assert SECRET not in finding.text


def test_a_url_of_another_kind():
    finding = redis_findings(faces_url=f"http://me:{SECRET}@h/")["faces server"]
    assert finding.verdict == "failed"
    assert "not the url of a Redis server" in finding.text
    assert SECRET not in finding.text


def test_a_database_with_this_versions_tables(database_url):
    upgrade(database_url, now=dt.datetime.now(dt.UTC))
    finding = database_finding(database_url)
    assert finding.verdict == "ok"
    assert finding.text.endswith(f"tables at {head_revision()}, clocks agree")


def test_a_database_without_tables(database_url):
    finding = database_finding(database_url)
    assert finding.verdict == "warning"
    assert "no tables yet: run `facepose db upgrade`" in finding.text


def test_a_database_of_a_newer_version(database_url):
    upgrade(database_url, now=dt.datetime.now(dt.UTC))
    execute(database_url, "UPDATE alembic_version SET version_num = '9999'")
    finding = database_finding(database_url)
    assert finding.verdict == "failed"
    assert "tables at 9999, newer than this program knows" in finding.text


def test_a_database_whose_clock_is_wrong(database_url):
    execute(
        database_url,
        "CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql "
        "AS $$ SELECT pg_catalog.clock_timestamp() + interval '90 s' $$",
    )
    name = database_url.rpartition("/")[2]
    execute(database_url, f"ALTER DATABASE {name} SET search_path = public, pg_catalog")
    finding = database_finding(database_url)
    assert finding.verdict == "failed"
    assert "differs from ours by 90.0 s: set up NTP" in finding.text


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://me:hunter2@127.0.0.1:{port}/x", "Connection refused"),
        ("mysql://me:hunter2@h/x", "only postgresql is known"),
        ("me:hunter2", "not a url"),
    ],
)
def test_a_database_that_cannot_be_used(url, reason, free_port):
    finding = database_finding(url.format(port=free_port))
    assert finding.verdict == "failed"
    assert reason in finding.text
    assert SECRET not in finding.text


def test_a_database_that_does_not_let_us_in(database_url):
    head, _, tail = database_url.partition("@")
    user = head.rpartition(":")[0]
    finding = database_finding(f"{user}:{SECRET}@{tail}")
    assert finding.verdict == "failed"
    assert "password authentication failed" in finding.text
    assert SECRET not in finding.text


def test_the_verdict_of_the_whole(tmp_path, weights):
    (tmp_path / "site.yaml").write_text(
        render("site.yaml", "School", "UTC", "demo", [("Lab", "film.mp4")])
    )
    console = Console(width=100, record=True)
    assert not run_check(tmp_path / "site.yaml", Settings(), console)
    assert "1 failed: see above what to do" in console.export_text()
    write_film(tmp_path / "film.mp4", seconds=0.2)
    assert run_check(tmp_path / "site.yaml", Settings(), console)
    assert "Ready (2 warnings: see above). Start with: facepose up" in console.export_text()


def test_programs_get_one_json_object(tmp_path, capsys):
    (tmp_path / "site.yaml").write_text("version: 1\n")
    assert not run_check(tmp_path / "site.yaml", Settings(), Console(), as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is False
    assert [(f["what"], f["verdict"]) for f in told["findings"]] == [("site file", "failed")]


def test_a_wrong_site_file_fails_with_all_its_mistakes(tmp_path):
    (tmp_path / "site.yaml").write_text("version: 1\nsite: {id: A, time_zone: Mars}\nrooms: []\n")
    console = Console(width=100, record=True)
    assert not run_check(tmp_path / "site.yaml", Settings(), console)
    told = console.export_text()
    assert all(place in told for place in ("site.id", "site.time_zone", "rooms", "policy"))


def test_names_are_not_taken_for_markup(tmp_path):
    folder = tmp_path / "[bold]"
    folder.mkdir()
    console = Console(width=200, record=True)
    run_check(folder / "[red]site.yaml", Settings(), console)
    assert "[red]site.yaml" in console.export_text()


def test_the_conclusion_counts(tmp_path):
    found = [Finding("a", "ok", ""), Finding("b", "warning", ""), Finding("c", "failed", "")]
    assert conclusion(found, tmp_path).startswith("1 failed")
    assert conclusion(found[:1], tmp_path).startswith("Ready. ")


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(statement)
