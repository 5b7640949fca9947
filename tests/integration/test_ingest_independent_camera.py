"""Ingest and a camera that owes nothing to this project: GStreamer's RTSP server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from schemas.messages import CameraStatus
from tests.fixtures_worker import LocalValkey
from tests.gst_camera import GstCamera, gst_camera
from tests.integration.running_ingest import Seen, running_ingest, site_of, wait_for


@pytest.fixture
def valkey() -> Iterator[LocalValkey]:
    with LocalValkey() as server:
        yield server


@pytest.fixture
def camera() -> Iterator[GstCamera]:
    with gst_camera() as server:
        yield server


def test_its_pictures_are_sampled_evenly(valkey: LocalValkey, camera: GstCamera) -> None:
    seen = Seen(valkey.url)
    with running_ingest(site(camera), valkey.url):
        frames = wait_for(lambda: f if len(f := seen.frames()) >= 10 else None, "10 frames")
    assert [frame.seq for frame, _ in frames] == list(range(len(frames)))
    assert {(frame.width, frame.height) for frame, _ in frames} == {(320, 180)}


def test_it_is_killed_and_started_again(valkey: LocalValkey, camera: GstCamera) -> None:
    down = trouble(valkey, camera, camera.kill, camera.start)
    assert down.cause in {"dropped", "unreachable"}


def test_it_is_stopped_and_goes_on(valkey: LocalValkey, camera: GstCamera) -> None:
    """SIGSTOP: the kernel still takes its connections."""
    down = trouble(valkey, camera, camera.freeze, camera.thaw)
    assert down.cause == "silent"


def trouble(
    valkey: LocalValkey, camera: GstCamera, begin: Callable[[], None], heal: Callable[[], None]
) -> CameraStatus:
    """The first word on it; the camera is up and gives new pictures when this returns."""
    seen = Seen(valkey.url)
    with running_ingest(site(camera), valkey.url):
        wait_for(seen.frames, "the first frame")
        wait_for(lambda: any(s.state == "up" for s in seen.statuses()), "the camera to be up")
        begin()
        down = wait_for(
            lambda: next((s for s in seen.statuses() if s.epoch and s.state == "down"), None),
            "the camera to be down",
        )
        heal()
        healed_ns = time.time_ns()
        wait_for(lambda: any(f.captured_at > healed_ns for f, _ in seen.frames()), "new pictures")
        wait_for(lambda: seen.statuses()[-1].state == "up", "the camera to be up again")
    return down


def site(camera: GstCamera):
    return site_of(f"{{id: c1, url: '{camera.url}', analysis_fps: 5}}")
