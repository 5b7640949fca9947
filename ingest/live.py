"""A network camera over RTSP.

What PyAV does with hanging cameras was measured: with both time-outs set every silence ends in an
error after 5 s, but closing a container from another thread crashes the process. So a container is
opened, read and closed by the one thread that iterates `frames`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from ingest.errors import CameraError
from ingest.source import Alive, HostClocks, TimedFrame, to_ns
from ingest.timestamps import NS, AnchoredClock, StreamClock

TIMEOUT_S: Final = 5.0
# The time-outs do not cover name look-up, which may take the resolver's own 10 to 20 s.
OPEN_LIMIT_S: Final = 30.0
READ_LIMIT_S: Final = 12.0
# Cameras with "smart" codecs send a key frame only every 20 s.
NO_PICTURE_NS: Final = 30 * NS


class LiveSource:
    """Frames of a network camera, in real time."""

    def __init__(self, url: str, clocks: HostClocks, alive: Alive) -> None:
        self._url = url
        self._clocks = clocks
        self._alive = alive

    def frames(self) -> Generator[TimedFrame, None, None]:
        """See `Source.frames`."""
        try:
            self._alive(OPEN_LIMIT_S)
            with av.open(
                self._url,
                options={"rtsp_transport": "tcp"},
                timeout=(TIMEOUT_S, TIMEOUT_S),
            ) as container:
                yield from self._timed(container)
        except av.error.FFmpegError as exc:
            raise explain(exc) from None  # av's own text holds the url with its password
        raise CameraError("the camera ended the stream")

    def _timed(self, container: InputContainer) -> Iterator[TimedFrame]:
        if not container.streams.video:
            raise CameraError("the camera sends no video")
        stream = container.streams.video[0]
        stream.thread_type = "NONE"  # measured: threads only add work (3.6 against 4.4 ms a frame)
        clock = AnchoredClock(self._clocks.monotonic_ns, self._clocks.utc_ns)
        times = StreamClock()
        pictured_ns = clock.now_ns()
        for packet in container.demux(stream):
            now_ns = clock.now_ns()
            self._alive(READ_LIMIT_S)
            clock.check_step()
            if packet.pts is not None and packet.time_base is not None:
                times.observe(to_ns(packet.pts, packet.time_base), now_ns)
            for timed in _decoded(packet, times):
                pictured_ns = now_ns
                yield timed
            if now_ns - pictured_ns > NO_PICTURE_NS:
                raise CameraError("the camera sends data, but no picture that can be decoded")


def _decoded(packet: av.Packet[VideoStream], times: StreamClock) -> Iterator[TimedFrame]:
    """The packet's frames that have a time. A broken packet gives none; the stream goes on."""
    try:
        images = packet.decode()
    except av.error.FFmpegError:
        return
    for image in images:
        if image.pts is None or image.time_base is None or image.is_corrupt:
            continue
        pts_ns = to_ns(image.pts, image.time_base)
        captured_at = times.captured_at(pts_ns)
        if captured_at is not None:
            yield TimedFrame(image, pts_ns, captured_at)


_REASONS: Final[dict[type[av.error.FFmpegError], str]] = {
    av.error.HTTPForbiddenError: "the camera forbids access (403)",
    av.error.HTTPTooManyRequestsError: "the camera has too many viewers (429)",
    av.error.HTTPServerError: "the camera reports an internal error (5xx)",
    av.error.ConnectionRefusedError: "the connection is refused; is the address right?",
    av.error.ConnectionResetError: "the camera dropped the connection",
    av.error.BrokenPipeError: "the camera dropped the connection",
    av.error.EOFError: "the camera ended the stream",
    av.error.ExitError: f"the camera was silent for {TIMEOUT_S:.0f} s",
    av.error.TimeoutError: f"the camera was silent for {TIMEOUT_S:.0f} s",
    # also what av says after 5 s of silence before the first answer
    av.error.InvalidDataError: "the camera gave no usable answer",
    av.error.OSError: "the connection broke or the address cannot be reached",
}


def explain(error: av.error.FFmpegError) -> CameraError:
    """The error for people, without the url that av puts into its own text."""
    if isinstance(error, av.error.HTTPUnauthorizedError):
        return CameraError("the camera refuses user or password (401)", slowly=True)
    if isinstance(error, av.error.HTTPNotFoundError):
        return CameraError("the camera knows no such stream (404); check the path", slowly=True)
    for kind, reason in _REASONS.items():
        if isinstance(error, kind):
            return CameraError(reason)
    return CameraError(f"the stream failed: {error.strerror or type(error).__name__}")
