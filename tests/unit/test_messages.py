"""The wire format: round trips, versions, and rubbish refused with a clear error."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import messages as m
from schemas.errors import MalformedMessageError, NewerMessageError
from schemas.policy import resolve

slugs = st.from_regex(r"\A[a-z0-9][a-z0-9._-]{0,20}\Z")
unix_ns = st.integers(0, 2**63 - 1)
angles = st.floats(-180, 180, allow_nan=False)
unit = st.floats(0, 1)

faces = st.builds(
    m.Face,
    box_xyxy=st.tuples(*[st.floats(0, 4096)] * 4),
    confidence=unit,
    yaw_deg=st.none() | angles,
    pitch_deg=st.none() | angles,
    roll_deg=st.none() | angles,
    eye_openness=st.none() | st.tuples(unit, unit),
    presence=st.none() | unit,
    expression=st.none() | st.tuples(*[unit] * 7),
)
frame_faces = st.builds(
    m.FrameFaces,
    room_id=slugs,
    camera_id=slugs,
    epoch=st.text(max_size=20),
    seq=st.integers(0, 2**40),
    captured_at=unix_ns,
    width=st.integers(1, 8192),
    height=st.integers(1, 8192),
    outcome=st.sampled_from(["analysed", "expired", "dead"]),
    faces=st.lists(faces, max_size=4).map(tuple),
    reason=st.text(max_size=50),
    analysed_at=unix_ns,
)
statuses = st.builds(
    m.CameraStatus,
    room_id=slugs,
    camera_id=slugs,
    at=unix_ns,
    state=st.sampled_from(["up", "down"]),
    last_seq=st.integers(-1, 2**40),
)
FRAME = m.Frame(room_id="a", camera_id="b", epoch="e", seq=1, captured_at=2, width=640, height=480)


@given(frame_faces | statuses | st.builds(m.Tick, room_id=slugs))
def test_every_room_message_survives_the_wire(message):
    assert m.decode_room_message(m.encode(message)) == message


@given(st.binary(min_size=1, max_size=100))
def test_a_frame_and_its_picture_survive_the_wire(jpeg):
    assert m.decode_frame(m.encode(FRAME, jpeg)) == (FRAME, jpeg)


def test_a_room_plan_survives_the_wire():
    plan = m.RoomPlan(
        room_id="a",
        at=1,
        site_id="s",
        time_zone="UTC",
        policy=resolve("eu"),
        cameras=(m.CameraPlan(camera_id="c", mask_bit=0, analysis_fps=2.0),),
    )
    assert m.decode_room_message(m.encode(plan)) == plan


def test_a_newer_major_version_is_refused_by_name():
    fields = m.encode(FRAME, b"jpeg") | {m.FIELD_VERSION: b"2"}
    with pytest.raises(NewerMessageError, match=r"version 2, this program understands up to 1"):
        m.decode(fields)


def test_unknown_fields_of_the_same_major_version_are_ignored():
    body = msgspec.msgpack.decode(m.encode(FRAME)[m.FIELD_BODY]) | {"invented_later": 1}
    fields = m.encode(FRAME) | {m.FIELD_BODY: msgspec.msgpack.encode(body)}
    assert m.decode(fields) == FRAME


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {m.FIELD_VERSION: b"x"},
        {m.FIELD_VERSION: b"0", m.FIELD_KIND: b"frame"},
        {m.FIELD_VERSION: b"1", m.FIELD_KIND: b"gossip", m.FIELD_BODY: b""},
        {m.FIELD_VERSION: b"1", m.FIELD_KIND: b"frame"},
        {m.FIELD_VERSION: b"1", m.FIELD_KIND: b"frame", m.FIELD_BODY: b"\x80"},
        m.encode(FRAME) | {m.FIELD_BODY: b"\x00" * (m.MAX_BODY_BYTES + 1)},
        m.encode(FRAME),  # without a picture
        m.encode(m.Tick(room_id="a")),
    ],
)
def test_what_is_not_a_frame_is_malformed(fields):
    with pytest.raises(MalformedMessageError):
        m.decode_frame(fields)


@given(st.dictionaries(st.sampled_from([b"v", b"kind", b"body"]), st.binary(max_size=40)))
def test_rubbish_raises_only_our_own_errors(fields):
    with pytest.raises((MalformedMessageError, NewerMessageError)):
        m.decode(fields)


def test_a_frame_does_not_belong_into_a_rooms_log():
    with pytest.raises(MalformedMessageError, match="does not belong"):
        m.decode_room_message(m.encode(FRAME, b"jpeg"))
