"""`facepose replay` as people run it: processes that are killed, beside a school that is live."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from sqlalchemy import text

from deploy import exit_codes
from deploy.local.stack import Servers
from deploy.recording import Recording
from schemas.site import Site
from tests.e2e.running_pipeline import Pipeline, window_key
from tests.e2e.simulated_school import one_row
from tests.fixtures_analyzer import StandInAnalyzer
from tests.fixtures_films import write_film
from tests.integration.running_replay import ROWS, ReplaySchool, Threads, a_site

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
LENGTH_S = 70
START = "2026-11-20T09:00:30"
WAIT_S = 120.0


class Command:
    """A `facepose replay` process whose workers are threads of the test."""

    def __init__(self, school_site: Path, servers: Servers, folder: Path, *words: str) -> None:
        self.output = folder / "replay.out"
        arguments = ["replay", *words, "--site", str(school_site), "--start", START]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy", *arguments, "--no-workers"],
                env={**servers.environment, "PYTHONPATH": str(ROOT)},
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def ends(self) -> int:
        return self.process.wait(WAIT_S)

    def kill_all(self) -> None:
        """The command and its aggregator at once, as the power would."""
        parent = psutil.Process(self.process.pid)
        for process in [parent, *parent.children(recursive=True)]:
            os.kill(process.pid, signal.SIGKILL)
        self.process.wait(WAIT_S)


@pytest.fixture
def school(database_url: str, valkey_server: str, tmp_path: Path) -> Iterator[ReplaySchool]:
    site = a_site()
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(site.model_dump(mode="json", by_alias=True)))
    made = ReplaySchool(database_url, valkey_server, valkey_server, site)
    made.frames.flushall()
    yield made
    made.close()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "lesson.mp4", seconds=LENGTH_S, fps=4)


def working(site: Site, school: ReplaySchool, run_id: str, room: str) -> Threads:
    """Slow workers elsewhere, which serve a run until they are stopped."""
    analyzer = StandInAnalyzer(before=lambda images: time.sleep(0.05))
    threads = Threads(site, [analyzer], aggregates=False)
    threads.start(Servers(school.settings), Recording(run_id, room))
    return threads


def wait_until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {WAIT_S:g} s for {what}"
        time.sleep(0.05)


def test_a_replay_that_is_killed_twice_ends_with_the_rows_of_an_undisturbed_one(
    school: ReplaySchool, film: Path, tmp_path: Path
):
    request = school.request(film, start=START, activity="unknown")
    assert school.replay(request)
    undisturbed = school.dump(ROWS)
    school.forget()

    site_path, servers = tmp_path / "site.yaml", Servers(school.settings)
    words = (str(film), "--room", "r1")
    workers = working(school.site, school, request.run_id, "r1")
    analyzed = workers.analyzers[0].batch_sizes
    try:
        for share in (0.3, 0.6):
            command = Command(site_path, servers, tmp_path, *words)
            wait_until(lambda at=share: sum(analyzed) > at * 2 * LENGTH_S, "frames")
            command.kill_all()
        command = Command(site_path, servers, tmp_path, *words)
        assert command.ends() == exit_codes.OK, command.said
        assert school.dump(ROWS) == undisturbed

        before = school.dump()
        command = Command(site_path, servers, tmp_path, *words)
        assert command.ends() == exit_codes.OK, command.said
        assert "part of the history already" in command.said
        assert school.dump() == before
    finally:
        workers.stop()


def test_ctrl_c_ends_a_replay_cleanly_and_the_same_command_goes_on(
    school: ReplaySchool, film: Path, tmp_path: Path
):
    request = school.request(film, start=START, activity="unknown")
    words = (str(film), "--room", "r1")
    workers = working(school.site, school, request.run_id, "r1")
    try:
        command = Command(tmp_path / "site.yaml", Servers(school.settings), tmp_path, *words)
        wait_until(lambda: sum(workers.analyzers[0].batch_sizes) > LENGTH_S, "frames")
        children = psutil.Process(command.process.pid).children()
        command.process.send_signal(signal.SIGINT)
        assert command.ends() == exit_codes.FAILED
        assert "The same command goes on from there." in command.said
        assert not any(child.is_running() for child in children)
        command = Command(tmp_path / "site.yaml", Servers(school.settings), tmp_path, *words)
        assert command.ends() == exit_codes.OK, command.said
    finally:
        workers.stop()
    assert school.one("SELECT status FROM meetings") == ("held",)


def test_a_live_room_with_a_replay_beside_it_has_the_rows_of_its_own_log(
    networks: None, service_environment: Path, tmp_path: Path
):
    simulation = one_row(1.0)
    room, camera = simulation.rooms[0].id, simulation.films[0].camera_id
    pipeline = Pipeline(tmp_path / "state", simulation)
    try:
        pipeline.start()
        film = f"{camera}={write_film(tmp_path / 'lesson.mp4', seconds=LENGTH_S, fps=4)}"
        command = Command(pipeline.site_path, pipeline.servers, tmp_path, film, "--room", room)
        wait_until(lambda: "--run" in command.said, "the run's id")
        run_id = command.said.partition("--run ")[2].split()[0]
        analyzer = StandInAnalyzer(before=lambda images: time.sleep(0.3))
        workers = Threads(pipeline.site, [analyzer], aggregates=False)
        workers.start(pipeline.servers, Recording(run_id, room))
        try:
            pipeline.until(lambda: command.process.poll() is not None, "the replay", WAIT_S)
        finally:
            workers.stop()
        assert command.ends() == exit_codes.OK, command.said
        pipeline.until(lambda: _live_windows(pipeline) != [], "a live window", WAIT_S)
        pipeline.end_lesson()
        live = [message for entries in pipeline.entries.values() for _, message in entries]
        assert {message.run_id for message in live} == {""}
        expected = [r for r in pipeline.expected_rows() if type(r).__name__ == "AttentionWindowRow"]
        assert sorted(map(window_key, expected), key=repr) == _live_windows(pipeline)
        keys = pipeline.rows("SELECT left(source_key, 5) AS kind, status FROM meetings")
        assert ("film:", "held") in [tuple(row) for row in keys]
        assert ("auto:", "held") in [tuple(row) for row in keys]
    finally:
        pipeline.close()


def _live_windows(pipeline: Pipeline) -> list[object]:
    with pipeline.engine.connect() as connection:
        query = text("SELECT meeting_id FROM meetings WHERE source_key LIKE 'film:%'")
        films = set(connection.execute(query).scalars())
    live = [row for row in pipeline.windows() if row.meeting_id not in films]
    return sorted(map(window_key, live), key=repr)
