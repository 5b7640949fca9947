"""Films as cameras, and what ingest does when its servers fail: real Valkey, real decoding."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import simplejpeg
from structlog.testing import capture_logs

from ingest.runner import cameras_of_shard
from schemas.errors import SettingsError
from schemas.messages import CameraStatus, EndOfStream
from tests.fixtures_films import write_film
from tests.fixtures_worker import LocalValkey
from tests.integration.running_ingest import Seen, running_ingest, site_of, wait_for

FILM = "{id: c1, url: film.mp4, analysis_fps: 5, loop: true}"


@pytest.fixture
def valkey() -> Iterator[LocalValkey]:
    with LocalValkey() as server:
        yield server


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return write_film(tmp_path / "film.mp4")


def test_a_repeated_film_has_continuous_time_stamps_in_one_epoch(
    valkey: LocalValkey, film: Path
) -> None:
    seen = Seen(valkey.url)
    with running_ingest(site_of(FILM), valkey.url, folder=film.parent):
        frames = wait_for(lambda: f if len(f := seen.frames()) >= 14 else None, "14 frames")
        taken_ms = seen.frame_times_ms()

    headers = [frame for frame, _ in frames]
    assert len({header.epoch for header in headers}) == 1
    assert [header.seq for header in headers] == list(range(len(headers)))
    gaps_ms = [(b.captured_at - a.captured_at) / 1e6 for a, b in pairwise(headers)]
    assert all(abs(gap - 200) < 0.01 for gap in gaps_ms)
    # In real time: no frame before its moment.
    for header, at_ms in zip(headers, taken_ms, strict=False):
        assert at_ms >= header.captured_at // 1_000_000 - 1
    for header, jpeg in frames:
        assert simplejpeg.decode_jpeg_header(jpeg)[:2] == (180, 320)
        assert (header.width, header.height, header.matrix) == (320, 180, "bt601")


def test_a_film_without_loop_ends_its_stream_and_says_no_more(
    valkey: LocalValkey, film: Path
) -> None:
    seen = Seen(valkey.url)
    other = "{id: c2, url: film.mp4, analysis_fps: 1, loop: true}"
    once = FILM.replace("true", "false")
    with running_ingest(site_of(once, other), valkey.url, folder=film.parent):
        wait_for(
            lambda: any(isinstance(m, EndOfStream) and m.camera_id == "c1" for m in seen.log()),
            "the end of the film's stream",
        )
        seen_then = len(seen.statuses("c2"))
        wait_for(lambda: len(seen.statuses("c2")) >= seen_then + 2, "two more seconds")

    mine = [m for m in seen.log() if getattr(m, "camera_id", "") == "c1"]
    end = mine[-1]
    assert isinstance(end, EndOfStream)
    assert sum(isinstance(m, EndOfStream) for m in mine) == 1
    assert (end.last_seq, end.epoch) == (4, seen.frames()[-1][0].epoch)
    assert len(seen.frames()) == 5
    last = seen.statuses()[-1]
    assert (last.state, last.reason, last.last_seq) == ("down", "the film film.mp4 has ended", 4)


@pytest.mark.parametrize("size", [(160, 120), (161, 121)])
def test_a_gif_is_a_film_too(valkey: LocalValkey, tmp_path: Path, size: tuple[int, int]) -> None:
    write_film(tmp_path / "film.gif", codec="gif", pixel_format="rgb8", size=size)
    seen = Seen(valkey.url)
    camera = FILM.replace("film.mp4", f"'file://{tmp_path}/film.gif'")
    with running_ingest(site_of(camera), valkey.url):
        frames = wait_for(lambda: f if len(f := seen.frames()) >= 7 else None, "7 frames")

    headers = [frame for frame, _ in frames]
    assert {(h.width, h.height) for h in headers} == {(160, 120)}
    gaps_ms = [(b.captured_at - a.captured_at) / 1e6 for a, b in pairwise(headers)]
    assert all(abs(gap - 200) <= 10 for gap in gaps_ms)  # a GIF counts hundredths
    assert all(simplejpeg.is_jpeg(jpeg) for _, jpeg in frames)


def test_the_stream_keeps_only_the_newest_seconds(valkey: LocalValkey, film: Path) -> None:
    seen = Seen(valkey.url)
    write_film(film, size=(640, 480), fps=25)
    with running_ingest(site_of(FILM.replace("5,", "10,")), valkey.url, folder=film.parent):
        wait_for(lambda: any(f.seq >= 55 for f, _ in seen.frames()), "55 frames")
        kept = len(seen.frames())

    assert 40 <= kept <= 45  # 4 s at 10 a second; trimming is exact for entries above 4 KB


def test_every_camera_has_a_status_a_second_also_one_that_is_down(
    valkey: LocalValkey, film: Path
) -> None:
    seen = Seen(valkey.url)
    missing = "{id: c2, url: no-such-film.mp4}"
    with running_ingest(site_of(FILM, missing), valkey.url, folder=film.parent):
        wait_for(lambda: len(seen.statuses("c2")) >= 3, "three statuses")

    up = seen.statuses("c1")[-2]
    assert (up.state, up.reason, up.refused) == ("up", "", 0)
    assert up.last_seq > 0
    assert 0 < up.max_gap_ms < 1000
    down = seen.statuses("c2")[-2]
    assert (down.state, down.epoch, down.last_seq) == ("down", "", -1)
    assert down.reason == ("the film no-such-film.mp4 cannot be played: No such file or directory")


def test_a_clean_stop_ends_the_stream_of_every_camera(valkey: LocalValkey, film: Path) -> None:
    seen = Seen(valkey.url)
    missing = "{id: c2, url: no-such-film.mp4}"
    with running_ingest(site_of(FILM, missing), valkey.url, folder=film.parent):
        wait_for(lambda: seen.frames() and seen.statuses("c2"), "both cameras")

    ends = {m.camera_id: m for m in seen.log() if isinstance(m, EndOfStream)}
    assert set(ends) == {"c1", "c2"}
    newest = seen.frames()[-1][0]
    assert (ends["c1"].epoch, ends["c1"].last_seq) == (newest.epoch, newest.seq)
    assert ends["c2"].last_seq == -1


def test_while_the_frames_server_is_away_frames_are_counted_and_work_resumes(
    valkey: LocalValkey, film: Path
) -> None:
    with LocalValkey() as frames_server:
        seen = Seen(frames_server.url, valkey.url)
        with running_ingest(
            site_of(FILM), frames_server.url, valkey.url, folder=film.parent
        ) as ingest:
            wait_for(seen.frames, "the first frames")
            frames_server.stop()
            lost = wait_for(
                lambda: next((s for s in seen.statuses() if s.refused >= 25), None),
                "5 s of refused frames",
            )
            assert lost.state == "up"  # the camera is well, the server is not
            frames_server.start()
            frames = wait_for(seen.frames, "frames after the outage")
            assert frames[0][0].seq > lost.last_seq
            assert frames[0][0].epoch == lost.epoch

    last, counts = seen.statuses()[-1], ingest.report()
    assert last.last_seq + 1 == counts.sampled == counts.published + last.refused
    assert counts.refused == {"down": last.refused}


def test_a_frames_server_that_hangs_holds_no_reader_for_long(
    valkey: LocalValkey, film: Path
) -> None:
    with LocalValkey() as frames_server:
        seen = Seen(frames_server.url, valkey.url)
        pid = frames_server.client().info("server")["process_id"]
        with running_ingest(site_of(FILM), frames_server.url, valkey.url, folder=film.parent):
            wait_for(lambda: seen.frames() and seen.statuses(), "the first frames")
            os.kill(pid, signal.SIGSTOP)
            try:
                hung = wait_for(
                    lambda: next((s for s in seen.statuses() if s.refused >= 12), None), "refusals"
                )
            finally:
                os.kill(pid, signal.SIGCONT)
            frames = wait_for(
                lambda: [f for f, _ in seen.frames() if f.seq > hung.last_seq], "frames again"
            )

    assert frames[-1].epoch == hung.epoch


def test_a_full_frames_server_costs_frames_and_nothing_else(
    valkey: LocalValkey, film: Path
) -> None:
    with LocalValkey() as frames_server:
        seen = Seen(frames_server.url, valkey.url)
        with running_ingest(site_of(FILM), frames_server.url, valkey.url, folder=film.parent):
            wait_for(seen.frames, "the first frames")
            frames_server.client().config_set("maxmemory", 1)
            full = wait_for(
                lambda: next((s for s in seen.statuses() if s.refused >= 3), None), "refusals"
            )
            frames_server.client().config_set("maxmemory", 0)
            wait_for(lambda: any(f.seq > full.last_seq for f, _ in seen.frames()), "frames again")


def test_statuses_lost_in_an_outage_are_made_good_by_the_counters(
    valkey: LocalValkey, film: Path
) -> None:
    with LocalValkey() as faces_server:
        seen = Seen(valkey.url, faces_server.url)
        with running_ingest(site_of(FILM), valkey.url, faces_server.url, folder=film.parent):
            wait_for(seen.statuses, "the first status")
            faces_server.stop()
            newest = seen.frames()[-1][0].seq
            wait_for(lambda: seen.frames()[-1][0].seq > newest + 10, "frames during the outage")
            faces_server.start()
            status = wait_for(seen.statuses, "a status after the outage")[0]

    assert isinstance(status, CameraStatus)
    assert status.last_seq > newest
    assert status.refused == 0


def test_a_missing_secret_stops_the_start_with_its_name(valkey: LocalValkey) -> None:
    camera = "{id: c1, url: 'rtsp://user:${CAMERA_PASSWORD}@camera.invalid/1'}"
    with (
        pytest.raises(SettingsError, match="CAMERA_PASSWORD"),
        running_ingest(site_of(camera), valkey.url),
    ):
        pass


def test_a_camera_that_fails_for_long_writes_one_line_a_minute(
    valkey: LocalValkey, tmp_path: Path
) -> None:
    seen = Seen(valkey.url)
    camera = "{id: c1, url: 'rtsp://127.0.0.1:9/1'}"  # the discard port: refused at once
    with capture_logs() as logs, running_ingest(site_of(camera), valkey.url) as ingest:
        wait_for(lambda: ingest.reconnects() >= 3, "three attempts")
        wait_for(lambda: any("refused" in s.reason for s in seen.statuses()), "its reason")

    assert len([line for line in logs if line["action"] == "camera_down"]) == 1


def test_shards_share_the_cameras_without_overlap() -> None:
    site = site_of(*(f"{{id: c{i}, url: film.mp4}}" for i in range(20)))

    shards = [{camera.id for _, camera in cameras_of_shard(site, (i, 3))} for i in range(3)]

    assert sum(len(shard) for shard in shards) == 20
    assert set.union(*shards) == {f"c{i}" for i in range(20)}
    with pytest.raises(ValueError, match="shard = "):
        cameras_of_shard(site, (3, 3))
