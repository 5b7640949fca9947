"""`facepose roster` as a person runs it, with its exit statuses."""

import base64
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from deploy import exit_codes
from deploy.cli import app
from schemas.errors import SettingsError
from tests.integration.rostered_school import KEY, RosteredSchool
from tests.made_rosters import a_roster


@pytest.fixture
def run(database_url, tmp_path, monkeypatch):
    school = RosteredSchool(database_url, tmp_path)
    site = school.site.model_dump(mode="json", by_alias=True, exclude_unset=True)
    site_path = tmp_path / "site.yaml"
    site_path.write_text(yaml.safe_dump(site))
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("FACEPOSE_VAULT_KEY", base64.b64encode(KEY).decode())
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(command: str, *arguments: object):
        words = [str(word) for word in (command, *arguments, site_path)]
        return CliRunner().invoke(app, ["roster", *words])

    invoke.folder = tmp_path
    invoke.site_path = site_path
    return invoke


def test_a_roster_and_a_plan_are_imported_and_listed_without_a_name(run, monkeypatch):
    path = a_roster().write(run.folder / "set.zip")
    dry = run("import", path, "--dry-run")
    assert dry.exit_code == exit_codes.OK
    assert "students: 6 added, 0 changed, 0 removed, 0 unchanged" in dry.stdout
    assert "a dry run, nothing was written" in dry.stdout
    told = run("import", path).stdout
    assert "class 4a: changed (Maths 4A); enrolments: 6 added" in told
    assert "the roster is stored already, nothing changes" in run("import", path).stdout
    plan = run.folder / "plan.csv"
    plan.write_text("class,room,seat,sourced_id,from\n4a,room-1,S2,pupil-3,2026-09-01\n")
    assert "class 4a: seats: 1 added" in run("seating", plan).stdout
    assert "the seating plan is stored already" in run("seating", plan, "--dry-run").stdout

    listed = run("list").stdout
    assert "4a" in listed
    assert "Maths 4A" in listed
    runner = CliRunner()
    found = runner.invoke(app, ["roster", "find", str(run.site_path), "pupil-3"]).stdout.strip()
    students = run("list", "--class", "4a").stdout
    (line,) = [line for line in students.splitlines() if found in line]
    assert line.split()[-2:] == ["room-1", "S2"]
    everything = dry.stdout + told + listed + students
    assert "Given" not in everything
    assert "pupil" not in everything

    old_key = run.folder / "old.key"
    old_key.write_text(base64.b64encode(KEY).decode())
    new_key = runner.invoke(app, ["roster", "key"]).stdout.strip()
    monkeypatch.setenv("FACEPOSE_VAULT_KEY", new_key)
    with pytest.raises(SettingsError, match="facepose roster rekey"):
        raise run("import", path).exception
    again = run("rekey", "--old-key-file", old_key).stdout
    assert "6 identities were re-encrypted" in again
    assert new_key not in again
    assert "nothing changes" in run("import", path).stdout


def test_a_wrong_set_is_told_and_ends_with_the_status_of_a_failed_check(run):
    roster = a_roster()
    roster.files["enrollments"][0]["classSourcedId"] = "nope"
    path = roster.write(run.folder / "set.zip")
    failed = run("import", path)
    assert failed.exit_code == exit_codes.FAILED
    assert "enrollments.csv, line 2: its class 'nope' is not in classes.csv" in failed.stderr
    left = run("import", path, "--skip-bad")
    assert left.exit_code == exit_codes.OK
    assert "left out: enrollments.csv, line 2" in left.stdout
    assert "1 were left out" in left.stdout


def test_without_a_key_nothing_is_read(run, monkeypatch):
    monkeypatch.delenv("FACEPOSE_VAULT_KEY")
    with pytest.raises(SettingsError, match="make one with `facepose roster key`"):
        raise run("import", Path("nowhere")).exception
