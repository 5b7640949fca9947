"""A database that does not let us in is a wrong setting: said at once, nothing is waited for."""

import os
import subprocess
import sys

import pytest
import yaml
from sqlalchemy import make_url

from deploy import exit_codes
from schemas.database import DatabaseRefusedError, connect, create_engine
from tests.integration.running_rooms import a_site


def changed(url: str, **parts: str) -> str:
    return make_url(url).set(**parts).render_as_string(hide_password=False)


@pytest.mark.parametrize(
    "parts",
    [{"password": "geheim"}, {"username": "stranger"}, {"database": "nowhere"}, {"password": ""}],
    ids=lambda parts: next(iter(parts)),
)
def test_a_refusal_is_told_from_a_server_that_is_away(database_url, parts):
    engine = create_engine(changed(database_url, **parts), pooled=False)
    with (
        pytest.raises(DatabaseRefusedError, match="check user, password and name") as caught,
        connect(engine),
    ):
        pass
    assert "geheim" not in str(caught.value)


def test_the_aggregator_ends_with_the_status_of_a_wrong_setting(
    database_url, valkey_server, tmp_path
):
    site = tmp_path / "site.yaml"
    site.write_text(yaml.safe_dump(a_site().model_dump(mode="json", exclude_none=True)))
    ended = subprocess.run(
        [sys.executable, "-m", "deploy", "aggregator", str(site)],
        env={
            **os.environ,
            "DATABASE_URL": changed(database_url, password="geheim"),
            "FACES_URL": valkey_server,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == exit_codes.CONFIG, ended.stderr
    assert "does not let us in" in ended.stderr
    assert "geheim" not in ended.stderr
    assert "Traceback" not in ended.stderr
