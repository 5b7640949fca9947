"""A site file that is edited while everything runs: the new camera comes into the tables."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.fixtures_films import write_film

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 180.0
SITE = """
version: 1
site: {id: school, time_zone: Europe/Amsterdam}
policy: demo
rooms:
  - id: lab
    cameras:
      - {id: lab-1, url: film.mp4, loop: true, analysis_fps: 1}
"""
SECOND_ROOM = """  - id: hall
    cameras:
      - {id: hall-1, url: film.mp4, loop: true, analysis_fps: 2}
"""
MINUTES = """
    SELECT k.slug, sum(frames_analysed)::int, sum(reconnects)::int
    FROM camera_minutes JOIN cameras k USING (camera_id) GROUP BY k.slug
"""


class School:
    """A running `facepose up` and its database."""

    def __init__(self, folder: Path) -> None:
        self.site = folder / "site.yaml"
        self._state = folder / ".facepose"
        self._output = folder / "up.log"
        self.site.write_text(SITE)
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy", "up", "site.yaml"],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "FACEPOSE_DEVICE": "cpu"},
                stdout=output,
                stderr=output,
            )

    @property
    def told(self) -> str:
        logs = "".join(path.read_text()[-4000:] for path in (self._state / "logs").glob("*.log"))
        return self._output.read_text() + logs

    def log(self, service: str) -> str:
        path = self._state / "logs" / f"{service}.log"
        return path.read_text() if path.exists() else ""

    def wait(self, condition: Callable[[], object], what: str) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, self.told
            assert time.monotonic() < deadline_s, f"waited in vain for {what}\n{self.told}"
            time.sleep(0.5)

    def minutes(self) -> dict[str, tuple[int, int]]:
        """Analysed frames and reconnects of each camera."""
        password = (self._state / "postgres" / "password").read_text().strip()
        port = (self._state / "postgres" / "port").read_text().strip()
        with psycopg.connect(
            host="127.0.0.1", port=port, user="facepose", password=password, dbname="facepose"
        ) as connection:
            rows = connection.execute(MINUTES).fetchall()
        return {slug: (analysed, reconnects) for slug, analysed, reconnects in rows}


@pytest.fixture
def school(networks: None, tmp_path: Path) -> Iterator[School]:
    write_film(tmp_path / "film.mp4", seconds=4)
    running = School(tmp_path)
    yield running
    running.process.terminate()
    assert running.process.wait(60) == 0, running.told


def test_a_room_that_is_added_while_all_runs_comes_into_the_tables(school: School) -> None:
    for service, word in (
        ("ingest", "camera_up"),
        ("worker-0", "worker_ready"),
        ("aggregator", "room_taken"),
    ):
        school.wait(lambda s=service, w=word: w in school.log(s), f"{service} to be at work")

    school.site.write_text(SITE + SECOND_ROOM)

    for camera in ("hall-1", "lab-1"):  # each room commits for itself
        school.wait(lambda c=camera: school.minutes().get(c, (0, 0))[0] > 0, f"{camera}'s minute")
    minutes = school.minutes()
    assert minutes["lab-1"][1] == 0  # nobody touched the first camera
    for service in ("worker-0", "aggregator"):
        assert "site_file_read" in school.log(service)
        assert "Traceback" not in school.log(service)
    assert school.log("ingest").count("camera=lab-1") == 1
