"""`facepose up` as a process of its own, on a film: starts, ends, and what dies in between."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from deploy.init import render
from tests.fixtures_films import write_film

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ("REDIS_URL", "FRAMES_URL", "FACES_URL", "DATABASE_URL", "FACEPOSE_STATE")
PATIENCE_S = 60.0


class Up:
    """A running `facepose up` in a folder of its own."""

    def __init__(self, folder: Path, **variables: str) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        self.folder = folder
        self.output = folder / "up.log"
        self._logged_before = {path.stem: len(path.read_text()) for path in self._logs.glob("*")}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy", "up", "site.yaml"],
                cwd=folder,
                env={**kept, "PYTHONPATH": str(ROOT), "FACEPOSE_DEVICE": "cpu", **variables},
                stdout=output,
                stderr=output,
            )

    @property
    def told(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def log(self, service: str) -> str:
        """What a service wrote since this start."""
        path = self._logs / f"{service}.log"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return text[self._logged_before.get(service, 0) :]

    @property
    def _logs(self) -> Path:
        return self.folder / ".facepose" / "logs"

    def family(self) -> list[psutil.Process]:
        """Every process that belongs to it, those below its children too."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, *words: str) -> psutil.Process:
        """The child whose command line holds all of `words`."""
        (found,) = [p for p in self.family() if _is_alive(p) and set(words) <= _words(p)]
        return found

    def wait(self, condition: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, self.told
            assert time.monotonic() < deadline_s, self.told + self.log("worker-0")
            time.sleep(0.05)

    def wait_until_at_work(self) -> None:
        self.wait(lambda: "camera_up" in self.log("ingest"))

    def terminate(self) -> int:
        self.process.terminate()
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def start(tmp_path, weights) -> Iterator[Callable[[], Up]]:
    write_film(tmp_path / "film.mp4", seconds=2)
    text = render("site.yaml", "School", "UTC", "demo", [("Lab", "film.mp4")])
    text = text.replace('url: "film.mp4"', 'url: "film.mp4"\n        loop: true')
    (tmp_path / "site.yaml").write_text(text)
    started: list[Up] = []

    def start_one(**variables: str) -> Up:
        started.append(Up(tmp_path, **variables))
        return started[-1]

    yield start_one
    for up in started:
        if up.process.poll() is None:
            up.terminate()


def test_it_starts_refuses_a_second_start_and_leaves_nothing_behind(start):
    up = start()
    up.wait_until_at_work()
    family = up.family()
    assert {"ingest", "worker", "aggregator"} <= {w for p in family for w in _words(p)}

    second = subprocess.run(
        [sys.executable, "-m", "deploy", "up", "site.yaml"],
        cwd=up.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert second.returncode == 69
    assert f"already running in {up.folder / '.facepose'} (process {up.process.pid})" in (
        second.stderr
    )
    assert len(second.stderr.strip().splitlines()) == 1

    assert up.terminate() == 0, up.told
    assert_gone(family, up.folder)
    assert up.told.endswith("Stopped.\n")
    assert "Traceback" not in up.told


@pytest.mark.slow
def test_ctrl_c_ends_it_and_the_next_start_finds_the_same_database(start):
    up = start()
    up.wait_until_at_work()
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(PATIENCE_S) == 0, up.told
    assert "Tables:   site school: 4 added" in up.told
    again = start()
    again.wait_until_at_work()
    assert "Tables:   site school: nothing changed" in again.told
    password = (again.folder / ".facepose" / "postgres" / "password").read_text().strip()
    assert password not in again.told


@pytest.mark.slow
def test_a_service_that_refuses_its_settings_ends_the_start_with_its_words(start):
    up = start(FRAMES_URL="http://me:hunter2@127.0.0.1/")
    assert up.process.wait(PATIENCE_S) == 78
    assert "ingest cannot start:" in up.told
    assert "is not the url of a Redis server" in up.told
    assert "Traceback" not in up.told
    assert "hunter2" not in up.told
    assert_gone([], up.folder)


@pytest.mark.slow
def test_a_killed_worker_is_started_again(start):
    up = start()
    up.wait(lambda: "worker_ready" in up.log("worker-0"))
    killed = up.child("worker")
    killed.kill()
    up.wait(lambda: up.log("worker-0").count("worker_ready") == 2)
    assert up.child("worker").pid != killed.pid
    assert "worker-0 ended with status -9; it starts again in 0.5 s" in up.told
    assert up.terminate() == 0


@pytest.mark.slow
@pytest.mark.parametrize("server", ["postgres", "frames", "faces"])
def test_a_killed_server_is_started_again_and_work_resumes(start, server):
    up = start()
    up.wait(lambda: "room_taken" in up.log("aggregator"))
    up.wait(lambda: "worker_ready" in up.log("worker-0"))
    killed = _server(up, server)
    killed.kill()
    up.wait(lambda: f"the server in {up.folder / '.facepose' / server} died" in up.told)
    up.wait(lambda: _server(up, server) not in (None, killed))
    before = _position(up)
    up.wait(lambda: _position(up) > max(before, (1, 0)))
    assert up.terminate() == 0
    assert "Traceback" not in up.told


@pytest.mark.slow
def test_a_killed_start_takes_everything_with_it_and_the_next_one_works(start):
    up = start()
    up.wait(lambda: "worker_ready" in up.log("worker-0"))
    family = up.family()
    up.process.kill()
    up.process.wait()
    assert_gone(family, up.folder)
    again = start()
    again.wait_until_at_work()
    assert again.terminate() == 0


def assert_gone(family: list[psutil.Process], folder: Path) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while alive := [p for p in family if _is_alive(p)] + _those_naming(folder):
        assert time.monotonic() < deadline_s, alive
        time.sleep(0.05)


def _those_naming(folder: Path) -> list[psutil.Process]:
    state = str(folder / ".facepose")
    return [p for p in psutil.process_iter() if any(state in word for word in _words(p))]


def _server(up: Up, name: str) -> psutil.Process | None:
    """The embedded server's first process; None while there is none."""
    mark = str(up.folder / ".facepose" / name)
    found = [
        p
        for p in psutil.Process(up.process.pid).children()
        if _is_alive(p) and any(mark in word for word in _words(p))
    ]
    return found[0] if found else None


def _position(up: Up) -> tuple[int, ...]:
    """How far in the room's log the rows of PostgreSQL stand; () while it is away."""
    state = up.folder / ".facepose" / "postgres"
    try:
        with psycopg.connect(
            host="127.0.0.1",
            port=(state / "port").read_text(),
            user="facepose",
            password=(state / "password").read_text().strip(),
            dbname="facepose",
            connect_timeout=2,
        ) as connection:
            row = connection.execute("SELECT max(position) FROM room_state").fetchone()
    except psycopg.OperationalError:
        return ()
    return tuple(int(part) for part in (row[0] or "0-0").split("-"))


def _words(process: psutil.Process) -> set[str]:
    try:
        return set(process.cmdline())
    except psutil.Error:
        return set()


def _is_alive(process: psutil.Process) -> bool:
    """Whether it runs; what nobody has reaped yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
