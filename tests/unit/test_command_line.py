"""The `facepose` command as a user runs it: exit statuses, sentences instead of tracebacks."""

import errno
import os
import socket
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
from sqlalchemy import make_url
from typer.testing import CliRunner

from deploy import cli, process_setup, services_app
from deploy.cli import app
from deploy.init import render
from deploy.local.servers import EmbeddedPostgres
from tests.fixtures_films import write_film

SECRET = "hunter2"
ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ("REDIS_URL", "FRAMES_URL", "FACES_URL", "DATABASE_URL")
INIT = ("--name", "School", "--time-zone", "UTC", "--profile", "eu")
HEAVY = ("torch", "torchvision", "cv2", "av", "openvino", "scipy", "sqlalchemy")


def all_commands(group: object = None, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    group = group or typer.main.get_command(app)
    found = [before]
    for name, command in getattr(group, "commands", {}).items():
        found += all_commands(command, (*before, name))
    return found


@dataclass
class Run:
    """What a finished command left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def facepose(monkeypatch, capsys):
    """Run the command in this process, where the libraries are loaded already."""
    for module in (cli, process_setup):
        monkeypatch.setattr(module, "configure_logs", lambda *_: None)
    for module in (cli, services_app):
        monkeypatch.setattr(module, "stop_on_signals", threading.Event)

    def run(*arguments: str, folder: Path, **variables: str) -> Run:
        monkeypatch.chdir(folder)
        for name in SETTINGS:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["facepose", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        return Run(int(ended.value.code or 0), out, err)

    return run


def facepose_process(*arguments: str, folder: Path, **variables: str) -> Run:
    """The same as a process of its own, as a user starts it."""
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    done = subprocess.run(
        [sys.executable, "-m", "deploy", *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Run(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def site(tmp_path) -> Path:
    text = render("site.yaml", "School", "UTC", "demo", [("Lab", "film.mp4")])
    (tmp_path / "site.yaml").write_text(text)
    return tmp_path


@pytest.mark.parametrize("command", all_commands(), ids=" ".join)
def test_every_command_explains_itself(command):
    result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "Usage:" in result.output


@pytest.mark.parametrize("command", [c for c in all_commands() if c], ids=" ".join)
def test_every_command_has_a_line_that_says_what_it_does(command):
    found = typer.main.get_command(app)
    for name in command:
        found = found.commands[name]
    assert found.help
    assert found.help.splitlines()[0].endswith(".")


def test_help_waits_for_no_heavy_library():
    code = f"""
        import sys
        from typer.testing import CliRunner
        from deploy.cli import app
        for command in {all_commands()!r}:
            assert CliRunner().invoke(app, [*command, "--help"]).exit_code == 0
        print([name for name in {HEAVY!r} if name in sys.modules])
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["fly"], "No such command"),
        (["check"], "Missing argument"),
        (["check", "site.yaml", "extra"], "unexpected extra argument"),
        (["up", "site.yaml", "--workers", "0"], "--workers"),
        (["demo", "--minutes", "0"], "--minutes"),
        (
            ["init", "new.yaml", *INIT, "--camera", "nonsense"],
            "expected ROOM=URL",
        ),
    ],
)
def test_a_wrong_command_line_is_status_2(arguments, reason):
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert reason in result.output


@pytest.mark.parametrize("shard", ["1/1", "3/2", "a/b", "0", "-1/2", ""])
def test_a_wrong_shard_is_status_2(facepose, site, shard):
    run = facepose("ingest", "site.yaml", "--shard", shard, folder=site, REDIS_URL="redis://h/0")
    assert run.returncode == 2
    assert "expected i/n with 0 <= i < n" in run.stderr


def test_without_a_command_the_help_is_shown():
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert "Commands" in result.output


@pytest.mark.parametrize(
    ("arguments", "variables", "reason"),
    [
        (["up", "none.yaml"], {}, "no such file; `facepose init` writes one"),
        (["db", "sync", "none.yaml"], {"DATABASE_URL": "postgresql://h/d"}, "no such file"),
        (["db", "upgrade"], {}, "DATABASE_URL is not set"),
        (["db", "upgrade"], {"DATABASE_URL": f"{SECRET}"}, "DATABASE_URL is not a url"),
        (["db", "upgrade"], {"DATABASE_URL": f"mysql://u:{SECRET}@h/d"}, "only postgresql"),
        (["check", "site.yaml"], {"FACEPOSE_THREADS": "0"}, "FACEPOSE_THREADS"),
        (["check", "site.yaml"], {"FACEPOSE_DEVICE": "tpu"}, "FACEPOSE_DEVICE"),
        (["worker", "site.yaml"], {}, "FRAMES_URL (or REDIS_URL) is not set"),
        (["ingest", "site.yaml"], {"REDIS_URL": f"http://u:{SECRET}@h"}, "not the url of a Redis"),
        (["aggregator", "site.yaml"], {"REDIS_URL": "redis://h/0"}, "DATABASE_URL is not set"),
        (["init", "site.yaml"], {}, "exists already"),
        (["init", "no/site.yaml", *INIT, "--camera", "a=b"], {}, "cannot be written"),
    ],
)  # fmt: skip
def test_a_wrong_setting_or_file_is_a_sentence_and_status_78(
    facepose, site, arguments, variables, reason
):
    run = facepose(*arguments, folder=site, **variables)
    assert run.returncode == 78, run.stderr
    assert_is_a_sentence(run.stderr, reason)


def test_all_mistakes_of_a_site_file_are_told_at_once(facepose, site):
    (site / "site.yaml").write_text("version: 2\nsite: {id: A b, time_zone: Mars}\nrooms: []\n")
    run = facepose("up", "site.yaml", folder=site)
    assert run.returncode == 78
    assert_is_a_sentence(run.stderr, "5 mistakes")
    for place in ("version", "site.id", "site.time_zone", "rooms", "policy"):
        assert f": {place}: " in run.stderr


def test_a_database_that_is_not_there_is_status_69(facepose, site):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"postgresql://me:{SECRET}@127.0.0.1:{port}/x"
    for command in (["db", "upgrade"], ["db", "sync", "site.yaml"]):
        run = facepose(*command, folder=site, DATABASE_URL=url)
        assert run.returncode == 69
        assert_is_a_sentence(run.stderr, "Connection refused")


def test_a_database_that_refuses_the_password_is_a_wrong_setting(facepose, site, database_url):
    head, _, tail = database_url.partition("@")
    url = f"{head.rpartition(':')[0]}:{SECRET}@{tail}"
    run = facepose("db", "upgrade", folder=site, DATABASE_URL=url)
    assert run.returncode == 78
    assert_is_a_sentence(run.stderr, "password authentication failed")


def test_a_database_without_tables_names_the_command(facepose, site, database_url):
    run = facepose("db", "sync", "site.yaml", folder=site, DATABASE_URL=database_url)
    assert run.returncode == 69
    assert_is_a_sentence(run.stderr, "run `facepose db upgrade`")


def test_tables_and_site_file_reach_the_database(facepose, site, database_url):
    upgraded = facepose("db", "upgrade", folder=site, DATABASE_URL=database_url)
    assert (upgraded.returncode, upgraded.stderr) == (0, "")
    again = facepose("db", "upgrade", folder=site, DATABASE_URL=database_url)
    assert again.stdout == "The tables are up to date.\n"
    dry = facepose("db", "sync", "site.yaml", "--dry-run", folder=site, DATABASE_URL=database_url)
    assert "site school: 4 would be added" in dry.stdout
    synced = facepose("db", "sync", "site.yaml", folder=site, DATABASE_URL=database_url)
    assert "camera lab-1 added" in synced.stdout
    unchanged = facepose("db", "sync", "site.yaml", folder=site, DATABASE_URL=database_url)
    assert "site school: nothing changed" in unchanged.stdout


def test_unknown_weights_are_status_69(facepose, tmp_path):
    run = facepose("weights", "pull", "no-such-net", folder=tmp_path)
    assert run.returncode == 69
    assert_is_a_sentence(run.stderr, "no weights named 'no-such-net'")


def test_a_cache_folder_that_cannot_be_used_is_status_69(facepose, tmp_path):
    (tmp_path / "cache").write_text("a file")
    run = facepose("weights", "pull", folder=tmp_path, FACEPOSE_CACHE=str(tmp_path / "cache"))
    assert run.returncode == 69
    assert_is_a_sentence(run.stderr, "cache")


def test_weights_that_are_here_are_listed(facepose, tmp_path):
    run = facepose("weights", "list", folder=tmp_path, FACEPOSE_CACHE=str(tmp_path))
    assert run.returncode == 0
    assert "yunet" in run.stdout
    assert "MIT" in run.stdout


def test_a_failed_check_is_status_1(facepose, site):
    run = facepose("check", "site.yaml", folder=site)
    assert run.returncode == 1
    assert "1 failed: see above what to do" in " ".join(run.stdout.split())
    assert "Traceback" not in run.stderr


def test_a_passed_check_is_status_0(facepose, site, weights):
    write_film(site / "film.mp4", seconds=0.2)
    run = facepose("check", "site.yaml", folder=site)
    assert (run.returncode, run.stderr) == (0, "")


def test_a_metrics_port_in_use_is_a_sentence(facepose, site):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        run = facepose(
            "ingest", "site.yaml", folder=site, REDIS_URL="redis://h/0", FACEPOSE_METRICS_PORT=port
        )
    assert run.returncode == 78
    assert_is_a_sentence(run.stderr, f"FACEPOSE_METRICS_PORT: port {port} on 127.0.0.1")


def test_a_shell_on_a_database_that_is_not_there_is_status_69(facepose, site):
    run = facepose("db", "shell", "--state", "none", folder=site)
    assert run.returncode == 69
    assert_is_a_sentence(run.stderr, "no embedded database in none; name its folder with --state")


def test_the_shell_opens_the_embedded_database_whether_it_runs_or_not(site):
    server = EmbeddedPostgres(site / "state" / "postgres", durable=False)
    password = make_url(server.start()).password
    ask = ("db", "shell", "--", "-Atc", "SELECT current_database()")
    try:
        running = facepose_process(*ask, folder=site, FACEPOSE_STATE="state")
    finally:
        server.stop()
    stopped = facepose_process(*ask, folder=site, FACEPOSE_STATE="state")
    for run in (running, stopped):
        assert (run.returncode, run.stdout, run.stderr) == (0, "facepose\n", "")
    assert password not in running.stdout + stopped.stdout


def test_as_a_process_of_its_own_it_ends_the_same_way(site):
    refused = facepose_process("up", "none.yaml", folder=site)
    assert (refused.returncode, refused.stdout) == (78, "")
    assert_is_a_sentence(refused.stderr, "no such file; `facepose init` writes one")
    url = f"postgresql://me:{SECRET}@127.0.0.1:1/x"
    away = facepose_process("db", "upgrade", folder=site, DATABASE_URL=url)
    assert (away.returncode, away.stdout) == (69, "")
    assert_is_a_sentence(away.stderr, "Connection refused")


def test_an_error_that_nobody_expected_keeps_its_traceback(facepose, site, monkeypatch):
    def broken(*_, **__):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("deploy.check.run_check", broken)
    with pytest.raises(OSError, match="Input/output error"):
        facepose("check", "site.yaml", folder=site)


def test_a_full_disk_is_a_sentence(facepose, site, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("deploy.check.run_check", full)
    run = facepose("check", "site.yaml", folder=site)
    assert run.returncode == 69
    assert_is_a_sentence(run.stderr, "the disk is full")


def assert_is_a_sentence(told: str, reason: str) -> None:
    assert reason in told
    assert "Traceback" not in told
    assert SECRET not in told
