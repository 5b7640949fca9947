"""What service and groups say to each other, in whatever pieces the pipe hands it on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.camera_report import CameraReport
from ingest.camera_spec import CameraSpec
from ingest.errors import GroupProtocolError
from ingest.groups.protocol import (
    MAX_LINE_BYTES,
    GroupReport,
    LineBuffer,
    Order,
    decode_order,
    decode_report,
    encode_line,
)

SPEC = CameraSpec(
    room_id="r1",
    camera_id="c1",
    url="rtsp://admin:s3cret@camera/1",
    transport="udp",
    region=(0.1, 0.2, 0.8, 0.9),
    analysis_fps=2.5,
)


def test_an_order_comes_back_as_it_was_sent() -> None:
    order = Order(cameras=(SPEC,), ended={"c1": {"hung": 2, "crashed": 1}})

    assert decode_order(encode_line(order)) == order


def test_a_report_comes_back_as_it_was_sent() -> None:
    camera = CameraReport(
        room_id="r1",
        camera_id="c1",
        state="down",
        cause="silent",
        ended={"silent": 3},
        cpu_s={"decode": 0.5},
    )
    report = GroupReport(
        cameras=(camera,), readers={"c1": 2}, servers_away=("faces",), clock_offset_ms=-12
    )

    assert decode_report(encode_line(report)) == report


@given(st.lists(st.binary().filter(lambda line: b"\n" not in line)), st.integers(1, 7))
def test_lines_are_the_same_however_the_pipe_cuts_them(lines: list[bytes], size: int) -> None:
    data = b"".join(line + b"\n" for line in lines)
    buffer = LineBuffer()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]

    assert [line for piece in pieces for line in buffer.feed(piece)] == lines


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    buffer = LineBuffer(limit_bytes=100)
    assert buffer.feed(b"x" * 99) == []
    with pytest.raises(GroupProtocolError, match="more than 100 bytes"):
        buffer.feed(b"xx")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"s3cret",
        b"\xff",
        b'{"cameras": 7}',
        b'{"cameras": [{"room_id": "r1", "url": "s3cret"}]}',
    ],
)
def test_what_is_no_order_is_refused_without_being_shown(line: bytes) -> None:
    with pytest.raises(GroupProtocolError) as caught:
        decode_order(line)
    assert "s3cret" not in str(caught.value)


def test_an_order_that_is_too_long_is_refused() -> None:
    spec = CameraSpec(room_id="r1", camera_id="c1", url="x" * MAX_LINE_BYTES)
    with pytest.raises(GroupProtocolError, match="more than"):
        encode_line(Order(cameras=(spec,)))


def test_an_order_shows_no_secret() -> None:
    assert "s3cret" not in repr(Order(cameras=(SPEC,)))
