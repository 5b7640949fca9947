"""What a camera's fault looks like from outside, and that it never tells a password."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import pytest
from structlog.testing import capture_logs

from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.errors import CameraError
from ingest.stream.live import LiveSource
from ingest.stream.opening import explain
from ingest.stream.source import HostClocks
from tests.fixtures_films import write_film
from tests.fixtures_worker import LocalValkey
from tests.integration.broken_cameras import CLOSE, SILENT, broken_camera
from tests.integration.running_ingest import Seen, running_ingest, site_of, wait_for

PASSWORD = "s3cret/p@ss"
IN_URL = "s3cret%2Fp%40ss"
SPEC = CameraSpec(room_id="r1", camera_id="c1", url=f"rtsp://admin:{IN_URL}@camera/1")


def live_source(url: str) -> LiveSource:
    spec = CameraSpec(room_id="r1", camera_id="c1", url=url)
    state = CameraState("r1", "c1", time.monotonic_ns)
    return LiveSource(spec, HostClocks(), state, lambda _s: False)


@pytest.fixture
def valkey() -> Iterator[LocalValkey]:
    with LocalValkey() as server:
        yield server


@pytest.mark.parametrize(
    ("answer", "reason", "slowly"),
    [
        ("401 Unauthorized", "the camera refuses user or password (401)", True),
        ("404 Not Found", "the camera knows no such stream (404); check the path", True),
        ("403 Forbidden", "the camera forbids access (403)", False),
        ("500 Internal Server Error", "the camera reports an internal error (5xx)", False),
        (CLOSE, None, False),
        (SILENT, "the camera was silent for some seconds", False),
    ],
)
def test_each_fault_has_its_reason_and_none_tells_the_password(
    answer: str, reason: str | None, slowly: bool
) -> None:
    with broken_camera(answer) as port:
        url = f"rtsp://admin:{IN_URL}@127.0.0.1:{port}/main?token={IN_URL}"
        with pytest.raises(CameraError) as caught:
            list(live_source(url).frames())

    assert caught.value.slowly is slowly
    assert reason is None or str(caught.value) == reason
    assert str(caught.value)
    for secret in ("s3cret", "admin"):
        assert secret not in str(caught.value)


def test_a_refused_connection_says_so() -> None:
    with broken_camera(SILENT) as port:
        pass  # closed again: nobody listens there now

    with pytest.raises(CameraError, match="the connection is refused") as caught:
        list(live_source(f"rtsp://127.0.0.1:{port}/1").frames())

    assert not caught.value.slowly


def test_no_error_of_av_is_told_with_its_url() -> None:
    kinds = [
        kind
        for kind in vars(av.error).values()
        if isinstance(kind, type) and issubclass(kind, av.error.FFmpegError)
    ]
    assert len(kinds) > 30
    for kind in kinds:
        error = kind(-5, "Input/output error", f"rtsp://admin:{IN_URL}@camera/1")
        assert "s3cret" not in str(explain(error, SPEC))


def test_a_wrong_password_shows_in_status_and_log_without_it(
    valkey: LocalValkey, capfd: pytest.CaptureFixture[str]
) -> None:
    seen = Seen(valkey.url)
    with broken_camera("401 Unauthorized") as port, capture_logs() as logs:
        url = f"rtsp://admin:${{CAMERA_PASSWORD}}@127.0.0.1:{port}/main"
        camera = f"{{id: c1, url: '{url}'}}"
        with running_ingest(site_of(camera), valkey.url, CAMERA_PASSWORD=IN_URL):
            wait_for(
                lambda: any("401" in status.reason for status in seen.statuses()), "the reason"
            )

    everything = f"{logs} {seen.log()} {capfd.readouterr()}"
    down = next(line for line in logs if line["action"] == "camera_down")
    assert down["reason"] == "the camera refuses user or password (401)"
    assert down["url"] == f"rtsp://***@127.0.0.1:{port}/main"
    assert down["retry_in_s"] >= 15
    for secret in (PASSWORD, IN_URL, "s3cret", "admin"):
        assert secret not in everything


def test_a_camera_that_hangs_up_is_tried_again_within_a_second(valkey: LocalValkey) -> None:
    with broken_camera(CLOSE) as port, capture_logs() as logs:
        camera = f"{{id: hangs-up, url: 'rtsp://127.0.0.1:{port}/1'}}"
        with running_ingest(site_of(camera), valkey.url) as ingest:
            wait_for(lambda: ingest.reconnects("hangs-up") >= 2, "a retry")

    assert next(line for line in logs if line["action"] == "camera_down")["retry_in_s"] <= 1


def test_one_bad_camera_does_not_stop_another(valkey: LocalValkey, tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4")
    seen = Seen(valkey.url)
    with broken_camera(SILENT) as port:
        bad = f"{{id: bad, url: 'rtsp://127.0.0.1:{port}/1'}}"
        good = "{id: c1, url: film.mp4, loop: true, analysis_fps: 5}"
        with running_ingest(site_of(bad, good), valkey.url, folder=tmp_path):
            wait_for(
                lambda: any("silent" in status.reason for status in seen.statuses("bad")),
                "the silent camera to be noticed",
            )
            frames = seen.frames()

    headers = [frame for frame, _ in frames]
    assert headers[-1].seq >= 15
    assert all(b.captured_at - a.captured_at == 200_000_000 for a, b in pairwise(headers))
