"""`facepose lesson --video` at small scale: films, ingest, worker, servers, rows, judgement."""

import json

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.lesson.judgement import Judgement

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_a_lesson_on_film_is_judged_by_the_rows_that_stand_in_the_database(tmp_path):
    answer = CliRunner().invoke(
        app,
        ["lesson", "--video", "--json", "--minutes", "2", "--seats", "6",
         "--state", str(tmp_path / "state")],
    )  # fmt: skip
    # The command itself compares the rows that it judges with PostgreSQL's, and fails otherwise.
    figures = json.loads(answer.stdout)
    assert figures.keys() >= set(Judgement.__annotations__)
    assert figures["students"] == 5  # one of six never comes
    assert figures["duplicates"] == 0
    assert figures["mean_abs_diff"] <= 6
    assert figures["seconds"] == 120
