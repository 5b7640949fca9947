"""What a worker says about a frame: numbers for the wire, verdicts for what cannot be used."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from schemas import messages
from schemas.errors import NewerMessageError
from schemas.messages import Frame, encode
from schemas.site_file import parse_site
from schemas.streams import frames_stream
from schemas.transport import Entry
from tests.fixtures_analyzer import StandInAnalyzer, StandInFace
from workers.analysis import AnalyzerBrokenError, BatchAnalysis, Failure
from workers.errors import DecodeError
from workers.records import analysed_record, wire_face
from workers.screening import Picture, Screening, Verdict
from workers.stages import View

NOW_NS = 1_790_000_000_000_000_000
SITE = parse_site(
    """
version: 1
site: {id: school, time_zone: Europe/Amsterdam}
policy: demo
rooms:
  - id: r1
    cameras:
      - {id: c1, url: "rtsp://camera.invalid/1"}
  - id: r2
    cameras:
      - {id: c2, url: "rtsp://camera.invalid/2"}
      - {id: c3, url: "rtsp://camera.invalid/3", enabled: false}
"""
)
FRAME = Frame(
    room_id="r1",
    camera_id="c1",
    epoch="e1",
    seq=7,
    captured_at=NOW_NS - 100_000_000,
    width=8,
    height=6,
)


STREAM = frames_stream("c1")


def delivered(fields, stream=STREAM, deliveries=1) -> Entry:
    return Entry(stream, "1-1", fields, deliveries)


def decode_stand_in(jpeg: bytes, *, matrix: str) -> np.ndarray:
    if jpeg == b"broken":
        raise DecodeError("not a picture")
    return np.zeros((6, 8, 3), np.uint8)


def screen(entry: Entry) -> Picture | Verdict:
    screening = Screening(SITE, max_age_s=3.0, model_version="v1", decode_jpeg=decode_stand_in)
    return screening.screen(entry, NOW_NS)


def frame_with(**changes) -> Frame:
    return msgspec.structs.replace(FRAME, **changes)


def test_a_good_frame_becomes_a_picture():
    item = screen(delivered(encode(FRAME, b"jpeg")))
    assert isinstance(item, Picture)
    assert item.frame == FRAME
    assert item.image.shape == (6, 8, 3)


def test_an_old_frame_expires_and_is_not_a_dead_letter():
    old = frame_with(captured_at=NOW_NS - 3_200_000_000)
    item = screen(delivered(encode(old, b"broken")))
    assert isinstance(item, Verdict)
    assert item.dead_letter is None
    assert (item.record.outcome, item.record.reason) == ("expired", "3.2 s old, more than 3 s")


def test_a_frame_of_a_recording_never_expires():
    old = frame_with(captured_at=1, run_id="film-1")
    item = screen(delivered(encode(old, b"jpeg"), stream=frames_stream("c1", "film-1")))
    assert isinstance(item, Picture)


def test_boxes_of_a_cut_out_picture_travel_in_pixels_of_the_whole():
    cut = frame_with(left=640, top=100, whole_width=1920, whole_height=1080)
    face = StandInFace(box_xyxy=(1.0, 2.0, 5.0, 6.0))
    record = analysed_record(cut, [face], at_ns=1, model_version="v1", with_expression=False)
    assert record.faces[0].box_xyxy == (641.0, 102.0, 645.0, 106.0)
    assert (record.width, record.height) == (1920, 1080)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (delivered(encode(FRAME, b"broken")), "not a picture"),
        (delivered(encode(FRAME, b"jpeg"), deliveries=4), "gave up after 3 deliveries"),
        (delivered(encode(FRAME)), "frame without a picture"),
        (delivered(encode(frame_with(width=9), b"jpeg")), "8 x 6 pixels, its header says 9 x 6"),
    ],
)
def test_a_frame_nobody_can_use_is_recorded_as_dead_and_kept_as_a_dead_letter(entry, reason):
    item = screen(entry)
    assert isinstance(item, Verdict)
    assert (item.record.outcome, item.record.seq) == ("dead", 7)
    assert reason in item.record.reason
    assert reason in item.dead_letter


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (delivered({b"v": b"1", b"kind": b"frame", b"body": b"\xc1"}), "message 'frame'"),
        (delivered({b"nonsense": b"1"}), "carries no version"),
        (delivered(encode(frame_with(camera_id="c9"), b"jpeg")), "unknown camera 'c9'"),
        (delivered(encode(frame_with(camera_id="c3"), b"jpeg")), "unknown camera 'c3'"),
        (delivered(encode(frame_with(room_id="r2"), b"jpeg")), "the site file says 'r1'"),
        (
            delivered(encode(FRAME, b"jpeg"), stream=frames_stream("c2")),
            "a frame of camera 'c1' in the stream",
        ),
        (delivered(encode(messages.Tick(room_id="r1"))), "expected a frame, got 'tick'"),
    ],
)
def test_what_belongs_to_no_known_camera_is_only_a_dead_letter(entry, reason):
    item = screen(entry)
    assert isinstance(item, Verdict)
    assert item.record is None
    assert reason in item.dead_letter


def test_a_newer_message_is_nobodys_dead_letter():
    fields = encode(FRAME, b"jpeg") | {messages.FIELD_VERSION: b"2"}
    with pytest.raises(NewerMessageError, match="upgrade this service"):
        screen(delivered(fields, deliveries=9))


def test_floats_are_rounded_for_the_wire():
    face = replace(StandInFace(), confidence=0.912345678, box_xyxy=(1.23456, 2.0, 3.0, 4.0))
    wire = wire_face(face, with_expression=True)
    assert wire.box_xyxy == (1.23, 2.0, 3.0, 4.0)
    assert (wire.confidence, wire.yaw_deg) == (0.9123, 10.12)


def test_numpy_numbers_travel_as_plain_ones():
    face = replace(
        StandInFace(),
        box_xyxy=np.array([1, 2, 3, 4], np.float32),
        confidence=np.float32(1.0000001),
        expression_probs=np.full(7, 1 / 7, np.float32),
    )
    record = analysed_record(FRAME, [face], at_ns=NOW_NS, model_version="v1", with_expression=True)
    assert messages.decode_room_message(encode(record)) == record
    assert type(record.faces[0].box_xyxy[0]) is float


def test_without_permission_an_expression_never_leaves_the_worker():
    face = replace(StandInFace(), expression_probs=(1.0, 0, 0, 0, 0, 0, 0))
    assert wire_face(face, with_expression=False).expression is None
    assert wire_face(face, with_expression=True).expression is not None


number = st.floats(width=32) | st.none()


@given(
    st.tuples(number, number, number),
    st.none() | st.tuples(st.floats(width=32), st.floats(width=32)),
    number,
    st.floats(width=32),
)
def test_no_nan_ever_travels_and_what_travels_can_be_read(angles, eyes, presence, confidence):
    face = StandInFace(
        confidence=confidence,
        yaw_deg=angles[0],
        pitch_deg=angles[1],
        roll_deg=angles[2],
        eye_openness=eyes,
        presence=presence,
    )
    record = analysed_record(FRAME, [face], at_ns=NOW_NS, model_version="v1", with_expression=True)
    assert messages.decode_room_message(encode(record)) == record  # NaN would not equal itself
    for wire in record.faces:
        pose = (wire.yaw_deg, wire.pitch_deg, wire.roll_deg)
        assert all(a is None for a in pose) or all(math.isfinite(a) for a in pose)


def test_a_frame_without_faces_is_seen_and_empty():
    record = analysed_record(FRAME, [], at_ns=NOW_NS, model_version="v1", with_expression=True)
    assert (record.outcome, record.faces, record.analysed_at) == ("analysed", (), NOW_NS)


def grey(level: int) -> np.ndarray:
    return np.full((6, 8, 3), level, np.uint8)


def test_a_poison_picture_does_not_take_down_its_neighbours():
    analyzer = StandInAnalyzer(warmed_up=True)
    with capture_logs() as logs:
        results = BatchAnalysis(analyzer).run([grey(10), grey(255), grey(30)], [View()] * 3)
    assert [isinstance(result, Failure) for result in results] == [False, True, False]
    assert results[2][0].box_xyxy[2] == 30.0
    assert results[1].reason == "the analysis failed: ValueError: a poison picture"
    assert analyzer.batch_sizes == [3, 1, 1, 1]
    assert [(log["action"], log["exc_info"]) for log in logs] == [("analysis_failed", True)] * 2


def test_an_analyzer_that_fails_for_everything_ends_the_worker():
    analysis = BatchAnalysis(StandInAnalyzer(warmed_up=True), give_up_after=5)
    with capture_logs():
        analysis.run([grey(255)] * 4, [View()] * 4)
        with pytest.raises(AnalyzerBrokenError, match="5 pictures in a row"):
            analysis.run([grey(255)], [View()])


def test_one_good_picture_resets_the_count_of_failures():
    analysis = BatchAnalysis(StandInAnalyzer(warmed_up=True), give_up_after=5)
    with capture_logs():
        for _ in range(3):
            analysis.run([grey(255)] * 4, [View()] * 4)
            analysis.run([grey(1)], [View()])
