"""The live table of `up` and `demo`, over a real log: what it shows, and what is away."""

import io

import pytest
import redis
from msgspec import structs
from rich.console import Console

from deploy.init import render
from deploy.local.live_view import LiveView
from schemas.database import create_engine
from schemas.messages import CameraStatus, FrameFaces, encode
from schemas.site_file import parse_site
from schemas.streams import faces_stream
from schemas.transport import connect, publish

NOWHERE = "postgresql://me:hunter2@127.0.0.1:1/nowhere"
NOW_S = 1_800_000_000.0
NS = 1_000_000_000


@pytest.fixture
def log(valkey_server):
    with redis.Redis.from_url(valkey_server) as client:
        client.flushdb()
    return connect(valkey_server)


@pytest.fixture
def view(log, valkey_server):
    text = render("site.yaml", "School", "UTC", "demo", [("Lab", "rtsp://camera/")])
    return LiveView(parse_site(text), valkey_server, create_engine(NOWHERE), lambda: NOW_S)


def say(log, message) -> None:
    publish(log, faces_stream("lab"), encode(message))


def status(state="up", **fields) -> CameraStatus:
    return CameraStatus(
        room_id="lab", camera_id="lab-1", at=int(NOW_S) * NS, state=state, epoch="e1", **fields
    )


def frame(seq: int, outcome="analysed", camera="lab-1", lag_s=0.25) -> FrameFaces:
    captured_ns = int(NOW_S) * NS
    return FrameFaces(
        room_id="lab",
        camera_id=camera,
        epoch="e1",
        seq=seq,
        captured_at=captured_ns,
        analysed_at=captured_ns + int(lag_s * NS),
        width=640,
        height=360,
        outcome=outcome,
    )


def shown(view: LiveView) -> str:
    console = Console(width=120, record=True, file=io.StringIO())

    console.print(view.render("School"))
    return console.export_text()


def row(view: LiveView) -> tuple[str, ...]:
    view.update()
    return view.cameras["lab-1"].row(NOW_S)


def test_before_the_first_word_a_camera_is_waited_for(view):
    assert row(view) == ("waiting", "0.0", "–", "–", "0")


def test_a_camera_shows_its_rate_its_lag_and_its_drops(view, log):
    say(log, status(refused=3))
    for seq in range(20):
        say(log, frame(seq))
    say(log, frame(20, outcome="expired"))
    assert row(view) == ("up", "2.0", "0", "0.25 s", "4")


def test_a_camera_that_is_down_says_why(view, log):
    say(log, status("down", reason="no answer"))
    assert row(view)[0] == "down: no answer"


def test_a_camera_that_is_down_without_words_shows_the_cause(view, log):
    say(log, status("down", cause="frozen"))
    assert row(view)[0] == "down: frozen"


def test_a_clock_that_is_off_is_told_until_it_is_right_again(view, log):
    say(log, status(clock_offset_ms=-251))
    assert row(view)[0] == "up: this machine's clock is -0.25 s off"
    say(log, status("down", reason="no answer", clock_offset_ms=1400))
    assert row(view)[0] == "down: no answer; this machine's clock is +1.40 s off"
    say(log, status(clock_offset_ms=250))
    assert row(view)[0] == "up"


def test_months_of_reconnects_are_counted_without_being_remembered(view, log):
    for epoch in ("e1", "e2", "e3", "e4", "e5", "e1"):  # the last one is a record that came late
        say(log, structs.replace(frame(9, outcome="expired"), epoch=epoch))
    view.update()
    camera = view.cameras["lab-1"]
    assert camera.dropped == 50
    assert set(camera.sampled) == {"e3", "e4", "e5"}


def test_what_was_said_before_the_start_is_not_counted(log, valkey_server):
    say(log, frame(0))
    text = render("site.yaml", "School", "UTC", "demo", [("Lab", "rtsp://camera/")])
    view = LiveView(parse_site(text), valkey_server, create_engine(NOWHERE), lambda: NOW_S)
    assert row(view)[1] == "0.0"


def test_entries_that_cannot_be_read_and_strange_cameras_are_passed_over(view, log):
    publish(log, faces_stream("lab"), {"v": b"1", "kind": b"nonsense", "body": b"?"})
    say(log, frame(0, camera="another"))
    say(log, frame(0))
    assert row(view)[1] == "0.1"


def test_a_database_that_is_away_is_told_below_the_tables(view):
    told = shown(view)
    assert "database not reachable; waiting for it" in told
    assert "no window yet" in told
    assert "hunter2" not in told


def test_an_observations_server_that_went_away_is_told(view, log, monkeypatch):
    log.connection_pool.disconnect()
    monkeypatch.setattr(view, "_client", connect("redis://127.0.0.1:1/0"))
    view.update()
    assert "observations server not reachable; waiting for it" in shown(view)


def test_old_frames_leave_the_rate(view, log):
    say(log, frame(0))
    view.update()
    assert view.cameras["lab-1"].row(NOW_S + 11)[1:4] == ("0.0", "–", "–")
