"""Isolation: what one process, one camera or one edit of the site file does to the others: nothing.

A real service, real group processes, real RTSP and a real Valkey.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from deploy.simulator.rtsp_server import RtspServer
from schemas.messages import EndOfStream
from tests.fixtures_cameras import camera_thread
from tests.fixtures_films import write_film
from tests.fixtures_worker import LocalValkey
from tests.integration.ingest_process import (
    IngestProcess,
    assert_undisturbed,
    ingest_process,
    wait_for_end,
)
from tests.integration.running_ingest import wait_for

CAMERAS = ("c0", "c1", "c2", "c3")


@pytest.fixture
def valkey() -> Iterator[LocalValkey]:
    with LocalValkey() as server:
        yield server


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    return write_film(folder / "film.mp4", seconds=4, fps=25, gop=25)


@pytest.fixture(scope="module")
def cameras(film: Path) -> Iterator[RtspServer]:
    server = RtspServer(dict.fromkeys((*CAMERAS, "new"), film), loop=True)
    with camera_thread(server):
        yield server


def line(camera: str, server: RtspServer, *, mount: str = "", fps: int = 5) -> str:
    return f"{{id: {camera}, url: '{server.url(mount or camera)}', analysis_fps: {fps}}}"


@pytest.fixture
def ingest(tmp_path: Path, valkey: LocalValkey, cameras: RtspServer) -> Iterator[IngestProcess]:
    """Four cameras in two processes, all of them up."""
    lines = [line(camera, cameras) for camera in CAMERAS]
    with ingest_process(tmp_path, valkey.url, lines, FACEPOSE_INGEST_PROCESSES="2") as ingest:
        ingest.wait_for_frames(*CAMERAS)
        yield ingest


def ends(ingest: IngestProcess) -> dict[str, EndOfStream]:
    return {m.camera_id: m for m in ingest.seen.log() if isinstance(m, EndOfStream)}


def disturbed(ingest: IngestProcess, cause: str) -> set[str]:
    """The cameras that told of such an end."""
    return {camera for camera in CAMERAS if cause in ingest.ended(camera)}


@pytest.mark.slow
def test_a_killed_group_comes_back_and_the_other_one_loses_no_frame(ingest: IngestProcess) -> None:
    first, second = ingest.groups()
    first.kill()
    hit = wait_for(lambda: len(c := disturbed(ingest, "crashed")) == 2 and c, "the word of it")
    ingest.wait_for_frames(*CAMERAS)

    assert all(len(epochs) == 2 for epochs in ingest.epochs(*hit).values())
    assert all(ingest.ended(camera) == {"crashed": 1} for camera in hit)
    for camera in set(CAMERAS) - hit:
        assert_undisturbed(ingest, camera)
    assert second in ingest.groups()
    assert first not in ingest.groups()
    assert ingest.log.count("group_replaced") == 1
    assert ingest.metric("facepose_ingest_group_restarts_total", cause="crashed") == 1
    for camera in hit:
        name = "facepose_ingest_reconnects_total"
        assert ingest.metric(name, camera=camera, cause="crashed") == 1


@pytest.mark.slow
def test_a_stopped_group_is_killed_from_outside_and_replaced(ingest: IngestProcess) -> None:
    first, second = ingest.groups()
    first.suspend()
    hit = wait_for(lambda: len(c := disturbed(ingest, "hung")) == 2 and c, "the word of it")
    ingest.wait_for_frames(*CAMERAS)

    assert not first.is_running()
    assert second in ingest.groups()
    for camera in set(CAMERAS) - hit:
        assert_undisturbed(ingest, camera)


@pytest.mark.slow
def test_a_reader_that_hangs_in_its_library_is_replaced_and_soon_hurts_nobody(
    tmp_path: Path, valkey: LocalValkey, cameras: RtspServer
) -> None:
    os.mkfifo(tmp_path / "film.fifo")  # open() waits for a writer, for ever
    lines = ["{id: bad, url: film.fifo}", line("c0", cameras), line("c1", cameras)]
    with ingest_process(tmp_path, valkey.url, lines, FACEPOSE_INGEST_PROCESSES="1") as ingest:
        ingest.wait_for_frames("c0", "c1")
        [only] = ingest.groups()
        wait_for(lambda: ingest.ended("bad") == {"hung": 1}, f"the word of it\n{ingest.log}")
        wait_for(lambda: len(ingest.groups()) == 2, "the bad camera's own process")
        ingest.wait_for_frames("c0", "c1")
        spared = ingest.epochs("c0", "c1")
        wait_for(lambda: ingest.ended("bad").get("hung", 0) >= 2, "the second time")
        ingest.wait_for_frames("c0", "c1")

        assert not only.is_running()
        assert ingest.epochs("c0", "c1") == spared
        assert all(len(epochs) == 2 for epochs in spared.values())
        for camera in ("c0", "c1"):
            assert ingest.ended(camera) == {"crashed": 1}  # it had shared the process, once


@pytest.mark.slow
def test_an_edit_of_the_site_file_touches_only_the_cameras_that_it_changes(
    ingest: IngestProcess, cameras: RtspServer
) -> None:
    groups = ingest.groups()
    ingest.write_site(
        [
            line("c0", cameras),
            line("c1", cameras, fps=10),  # changed
            line("c3", cameras),
            line("c4", cameras, mount="new"),  # added; and c2 is removed
        ]
    )
    ingest.wait_for_frames("c4")
    wait_for(lambda: len(ingest.epochs("c1")["c1"]) == 2, "the changed camera's new connection")
    wait_for(lambda: set(ends(ingest)) == {"c2"}, "the end of the removed camera's stream")
    after_end = len(ingest.seen.statuses("c2"))
    ingest.wait_for_frames("c0", "c3", more=8)

    for camera in ("c0", "c3"):
        assert_undisturbed(ingest, camera)
    assert ingest.groups() == groups
    assert len(ingest.seen.statuses("c2")) == after_end
    last = ingest.seen.statuses("c2")[-1]
    assert (last.state, last.cause) == ("down", "ended")
    assert last.reason == "the camera was removed from the site file"
    assert ends(ingest)["c2"].last_seq == ingest.newest("c2")
    assert set(ends(ingest)) == {"c2"}  # the changed one only has a new epoch
    first, second = sorted(ingest.epochs("c1")["c1"])
    told = {status.epoch: status.last_seq for status in ingest.seen.statuses("c1")}
    newest = [frame.seq for frame, _ in ingest.seen.frames("c1") if frame.epoch == first]
    assert told[first] == newest[-1]
    assert second in told
    assert ingest.metric("facepose_ingest_camera_up", camera="c2") is None
    assert ingest.metric("facepose_ingest_camera_up", camera="c4") == 1
    [told] = [text for text in ingest.log.splitlines() if "cameras_changed" in text]
    for what in ("added=['c4']", "removed=['c2']", "changed=['c1']"):
        assert what in told


@pytest.mark.slow
def test_a_broken_site_file_changes_nothing_and_a_mended_one_counts(
    ingest: IngestProcess, cameras: RtspServer
) -> None:
    good = ingest.site_path.read_text()
    ingest.site_path.write_text(good.replace("version: 1", "version: 9"))
    wait_for(lambda: "site_file_refused" in ingest.log, "the refusal")
    ingest.wait_for_frames(*CAMERAS, more=10)
    ingest.site_path.write_text(good + f"      - {line('c4', cameras)}\n")
    wait_for(lambda: "404" in str(ingest.seen.statuses("c4")), "the new camera")

    assert ingest.log.count("site_file_refused") == 1
    for camera in CAMERAS:
        assert_undisturbed(ingest, camera)


@pytest.mark.slow
def test_a_camera_with_an_unknown_secret_is_refused_while_the_others_go_on(
    ingest: IngestProcess, cameras: RtspServer
) -> None:
    secret = "{id: c9, url: 'rtsp://viewer:${NOT_SET_ANYWHERE}@127.0.0.1/1'}"
    ingest.write_site([*(line(camera, cameras) for camera in CAMERAS), secret])
    wait_for(lambda: "NOT_SET_ANYWHERE" in ingest.log, "the refusal")
    ingest.wait_for_frames(*CAMERAS)

    assert ingest.log.count("site_file_refused") == 1
    for camera in CAMERAS:
        assert_undisturbed(ingest, camera)


@pytest.mark.slow
def test_a_clean_stop_ends_every_stream_and_leaves_nothing(ingest: IngestProcess) -> None:
    groups = ingest.groups()
    assert ingest.stop() == 0

    assert not any(group.is_running() for group in groups)
    assert set(ends(ingest)) == set(CAMERAS)
    for camera, end in ends(ingest).items():
        assert end.last_seq == ingest.newest(camera)
    assert "group_killed" not in ingest.log
    assert "Traceback" not in ingest.log


@pytest.mark.slow
def test_a_killed_service_leaves_no_process_behind(ingest: IngestProcess) -> None:
    groups = ingest.groups()
    groups[0].suspend()  # not even one that sees nothing of it
    ingest.process.send_signal(signal.SIGKILL)

    wait_for_end(groups)
    assert ends(ingest) == {}  # nothing was closed on purpose: the next service reads on


@pytest.mark.slow
def test_metrics_health_and_readiness_tell_of_cameras_groups_and_servers(
    ingest: IngestProcess, valkey: LocalValkey
) -> None:
    wait_for(lambda: ingest.get("/readyz") == (200, "ready\n"), "readiness")
    assert ingest.get("/healthz") == (200, "alive\n")
    for camera in CAMERAS:
        is_up = partial(ingest.metric, "facepose_ingest_camera_up", camera=camera)
        wait_for(lambda is_up=is_up: is_up() == 1, "the camera")
        for name in ("packets", "bytes", "frames_decoded", "frames_sampled", "frames_published"):
            value = ingest.metric(f"facepose_ingest_{name}_total", camera=camera)
            assert value is not None
            assert value > 0
        for stage in ("decode", "encode", "publish"):
            assert ingest.metric("facepose_ingest_cpu_seconds_total", camera=camera, stage=stage)
    assert ingest.metric("facepose_ingest_groups", state="working") == 2
    assert ingest.metric("facepose_ingest_group_memory_bytes", group="1") > 50 << 20
    assert abs(ingest.metric("facepose_ingest_clock_offset_seconds")) < 0.1
    offsets = [
        s.clock_offset_ms for s in ingest.seen.statuses("c0") if s.clock_offset_ms is not None
    ]
    assert offsets
    assert all(abs(offset) < 100 for offset in offsets)

    valkey.stop()
    away = (503, "the faces server does not answer\nthe frames server does not answer\n")
    wait_for(lambda: ingest.get("/readyz") == away, "both servers to be missed")
    assert ingest.get("/healthz") == (200, "alive\n")
    valkey.start()
    wait_for(lambda: ingest.get("/readyz") == (200, "ready\n"), "readiness again")
    ingest.wait_for_frames(*CAMERAS)


@pytest.mark.slow
def test_the_service_loads_no_codec_and_no_process_shows_a_secret(
    tmp_path: Path, valkey: LocalValkey, cameras: RtspServer
) -> None:
    url = cameras.url("c0").replace("//", "//viewer:${CAMERA_PASSWORD}@")
    lines = [f"{{id: c0, url: '{url}'}}"]
    with ingest_process(tmp_path, valkey.url, lines, CAMERA_PASSWORD="s3cret-word") as ingest:
        ingest.wait_for_frames("c0")
        loaded = {Path(part.path).name for part in ingest.service.memory_maps()}
        decoding = {Path(part.path).name for part in ingest.groups()[0].memory_maps()}
        shown = [" ".join(process.cmdline()) for process in (ingest.service, *ingest.groups())]

        assert any("avcodec" in name for name in decoding)
        assert not [name for name in loaded if "avcodec" in name or "cv2" in name]
        assert "s3cret-word" not in " ".join(shown) + ingest.log
