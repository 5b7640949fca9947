"""`facepose ingest` as a user starts it: a service and the processes of its groups."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.running_ingest import Seen, wait_for

ROOT = Path(__file__).resolve().parents[2]
SITE = """\
version: 1
site: {id: school, time_zone: Europe/Amsterdam}
policy: demo
rooms:
  - id: r1
    cameras:
"""


class IngestProcess:
    """A running service and its site file."""

    def __init__(self, folder: Path, server_url: str, **environ: str) -> None:
        self.seen = Seen(server_url)
        self.site_path = folder / "site.yaml"
        self.port = free_port()
        self._log_path = folder / "ingest.log"
        self._environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "REDIS_URL": server_url,
            "FACEPOSE_METRICS_PORT": str(self.port),
            "FACEPOSE_FRAMES_KEPT_S": "60",  # so that a test sees all frames
            **environ,
        }

    def write_site(self, cameras: Sequence[str]) -> None:
        """As an editor does: beside the file, then by a rename."""
        new = self.site_path.with_suffix(".new")
        new.write_text(SITE + "".join(f"      - {camera}\n" for camera in cameras))
        new.replace(self.site_path)

    def start(self) -> None:
        with self._log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy", "ingest", str(self.site_path)],
                env=self._environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.service = psutil.Process(self.process.pid)

    def stop(self) -> int:
        """Ask it to end; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def kill_all(self) -> None:
        """Whatever a test left."""
        for process in (*self.groups(), self.process):
            process.kill()
        self.process.wait()

    # --- what can be seen -------------------------------------------------------------------

    def groups(self) -> list[psutil.Process]:
        """The groups' processes, in the order in which they were started."""
        try:
            return sorted(self.service.children(), key=lambda child: child.create_time())
        except psutil.NoSuchProcess:
            return []

    @property
    def log(self) -> str:
        return self._log_path.read_text("utf-8", "replace")

    def get(self, page: str) -> tuple[int, str]:
        """Status and text of a page."""
        return get_page(self.port, page)

    def metric(self, name: str, **labels: str) -> float | None:
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return sample.value
        return None

    def epochs(self, *cameras: str) -> dict[str, set[str]]:
        """Of all frames that the server has."""
        return {c: {frame.epoch for frame, _ in self.seen.frames(c)} for c in cameras}

    def newest(self, camera: str) -> int:
        """Number of the camera's newest frame; -1: none."""
        return max((frame.seq for frame, _ in self.seen.frames(camera)), default=-1)

    def wait_for_frames(self, *cameras: str, more: int = 4) -> None:
        """Until each camera has so many more frames than now."""
        before = {camera: len(self.seen.frames(camera)) for camera in cameras}
        wait_for(
            lambda: all(len(self.seen.frames(c)) >= n + more for c, n in before.items()),
            f"{more} frames of each of {cameras}\n{self.log}",
        )

    def ended(self, camera: str) -> dict[str, int]:
        """Connections that ended by cause, as the camera's statuses tell."""
        total: dict[str, int] = {}
        for status in self.seen.statuses(camera):
            for cause, count in status.ended.items():
                total[cause] = total.get(cause, 0) + count
        return total


@contextmanager
def ingest_process(
    folder: Path, server_url: str, cameras: Sequence[str], **environ: str
) -> Iterator[IngestProcess]:
    """The service runs inside; nothing of it is left afterwards."""
    ingest = IngestProcess(folder, server_url, **environ)
    ingest.write_site(cameras)
    ingest.start()
    try:
        yield ingest
    finally:
        ingest.kill_all()


def assert_undisturbed(ingest: IngestProcess, camera: str) -> None:
    """Every frame of one connection is there, each 200 ms after the one before."""
    frames = [frame for frame, _ in ingest.seen.frames(camera)]
    assert len({frame.epoch for frame in frames}) == 1
    assert [frame.seq for frame in frames] == list(range(frames[0].seq, frames[-1].seq + 1))
    times = [frame.captured_at for frame in frames]
    gaps_ms = [(b - a) / 1e6 for a, b in pairwise(times)]
    assert all(abs(gap - 200) < 5 for gap in gaps_ms), gaps_ms
    assert ingest.ended(camera) == {}
    states = [status.state for status in ingest.seen.statuses(camera)]
    assert set(states[states.index("up") :]) == {"up"}


def wait_for_end(processes: Sequence[psutil.Process]) -> None:
    """Until none of them runs."""
    wait_for(lambda: not any(_runs(process) for process in processes), "the processes' end")


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def get_page(port: int, page: str) -> tuple[int, str]:
    """Status and text of a service's page; 0 while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{page}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()
    except urllib.error.URLError:
        return 0, ""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
