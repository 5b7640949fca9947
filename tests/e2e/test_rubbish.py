"""Rubbish in both kinds of streams: real worker, real aggregator, and everything else goes on."""

import time

import pytest

from schemas.messages import FrameFaces, Tick, decode_room_message, encode
from schemas.streams import faces_stream, frames_stream
from tests.e2e.camera_pictures import FakeCamera
from tests.e2e.conftest import Lesson
from tests.e2e.running_pipeline import CAMERAS, entry_key
from tests.e2e.side_stage import SideStage

pytestmark = pytest.mark.timeout(300)

LATER_MS = 130_000


@pytest.fixture(scope="module")
def stage(lesson: Lesson, tmp_path_factory):
    """A worker and an aggregator; the tests disturb different rooms."""
    stage = SideStage(lesson.pipeline, 6, tmp_path_factory.mktemp("rubbish") / "site", "demo")
    try:
        stage.start("worker", "aggregator")
        rooms = ("three", "twelve")
        stage.until(lambda: all(stage.position(r) > (0, 0) for r in rooms), "the aggregator")
        yield stage
    finally:
        stage.close()


def film(lesson, camera_id):
    return next(f for f in lesson.pipeline.simulation.films if f.camera_id == camera_id)


def records(stage, room="three"):
    decoded = [decode_room_message(fields) for _, fields in log_entries(stage, room)]
    return [message for message in decoded if isinstance(message, FrameFaces)]


def log_entries(stage, room):
    """What can be read of the log; rubbish is left out."""
    entries = stage.faces_client.xrange(faces_stream(room))
    return [(i, f) for i, f in entries if f.get(b"body") != b"\xc1" and f[b"v"] == b"1"]


def outcome_of(stage, camera_id, seq):
    return {(r.camera_id, r.seq): r.outcome for r in records(stage)}.get((camera_id, seq))


def letters(stage):
    return [fields for _, fields in stage.faces_client.xrange("dead:{0}")]


def test_rubbish_becomes_dead_letters_and_the_next_good_frame_a_row(lesson: Lesson, stage):
    camera = FakeCamera(stage.frames_client, film(lesson, "three-1"))
    first = camera.good()
    stage.until(lambda: outcome_of(stage, "three-1", first) is not None, "the worker", 120)
    torn = camera.header()
    camera.add(encode(torn, camera.jpeg[: len(camera.jpeg) // 2]))
    camera.add({b"v": b"1", b"kind": b"frame", b"body": b"\xc1", b"jpeg": camera.jpeg})
    camera.add(encode(camera.header(camera_id="nobody"), camera.jpeg))
    camera.seq -= 1  # that one was not of this camera
    stage.faces_client.xadd(
        faces_stream("three"), {b"v": b"1", b"kind": b"frame_faces", b"body": b"\xc1"}
    )
    stage.faces_client.xadd(faces_stream("three"), dict(encode(Tick(room_id="elsewhere"))))
    last = camera.good()
    stage.until(lambda: outcome_of(stage, "three-1", last) == "analysed", "the next good frame")
    assert outcome_of(stage, "three-1", torn.seq) == "dead"

    stage.until(lambda: len(letters(stage)) >= 5, "the dead letters")
    errors = sorted(letter[b"error"].decode() for letter in letters(stage))
    assert len(errors) == 5
    for part in ("unknown camera 'nobody'", "'frame'", "'frame_faces'", "'elsewhere'"):
        assert sum(part in error for error in errors) == 1, (part, errors)
    assert not any(b"\xff\xd8" in value for letter in letters(stage) for value in letter.values())

    later = f"{time.time_ns() // 1_000_000 + LATER_MS}-0"
    stage.faces_client.xadd(faces_stream("three"), dict(encode(Tick(room_id="three"))), id=later)
    stage.until_read(("three", later))
    [books] = [row for row in stage.rows(CAMERAS) if row.camera == "three-1"]
    expired = sum(r.outcome == "expired" for r in records(stage))
    assert (books.published, books.dead, books.lost) == (last + 1, 1, 0)
    assert books.analysed == last - expired
    assert stage.supervisor.restarts == {"worker": 0, "aggregator": 0}


def test_a_newer_version_is_waited_for_and_the_rest_goes_on(lesson: Lesson, stage):
    newer = FakeCamera(stage.frames_client, film(lesson, "twelve-1"))
    other = FakeCamera(stage.frames_client, film(lesson, "three-2"))
    dead_before, position_before = len(letters(stage)), stage.position("twelve")
    newer.add({**encode(newer.header(), newer.jpeg), b"v": b"2"})
    newer_id = stage.faces_client.xadd(
        faces_stream("twelve"), {b"v": b"2", b"kind": b"tick", b"body": b"\x80"}
    )
    good = other.good()
    stage.until(lambda: outcome_of(stage, "three-2", good) is not None, "the other room", 120)
    newest = stage.faces_client.xrevrange(faces_stream("three"), count=1)[0][0]
    stage.until_read(("three", newest.decode()))

    assert position_before <= stage.position("twelve") < entry_key(newer_id.decode())
    [group] = stage.frames_client.xinfo_groups(frames_stream("twelve-1"))
    assert group["pending"] == 1
    assert len(letters(stage)) == dead_before
    for service in ("worker", "aggregator"):
        assert "newer_message" in stage.log_of(service)
    assert stage.supervisor.restarts == {"worker": 0, "aggregator": 0}
