"""One connection to a network camera: packets in, sampled frames with their times out."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import chain
from time import thread_time
from typing import Final

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.errors import CameraError
from ingest.stream.dating import Dating
from ingest.stream.frozen import FrozenPicture
from ingest.stream.fuse import Fuse
from ingest.stream.opening import SILENT
from ingest.stream.sampler import Sampler
from ingest.stream.skipping import Skipper
from ingest.stream.source import HostClocks, TimedFrame, Wait
from ingest.stream.timestamps import NS, AnchoredClock

SILENCE_S: Final = 4.5  # of a connection, or of one that is being opened
READ_LIMIT_S: Final = 8.0
# Cameras with "smart" codecs send a key frame only every 20 s.
NO_PICTURE_NS: Final = 30 * NS
STILL_FROZEN_NS: Final = 30 * NS  # then a new connection is tried
TELL_EVERY_NS: Final = NS
MAX_CAMERA_OFFSET_S: Final = 1e9
UNDATED_FORMATS: Final = frozenset({"mpjpeg"})  # their time stamps are FFmpeg's invention


class Connection:
    """One connection to a camera, to be used up by one thread.

    Args:
        container: open.
        spec: the camera.
        state: is told of everything that comes.
        fuse: the container's time-out; still burning from the opening.
        frozen: of the camera, over its connections.
        clocks: of this machine.
        wait: True when the reader is to stop.
        by_arrival: the stream's time stamps were found to be of no use.

    Raises:
        CameraError: there is no video in it.
    """

    def __init__(
        self,
        container: InputContainer,
        spec: CameraSpec,
        state: CameraState,
        *,
        fuse: Fuse,
        frozen: FrozenPicture,
        clocks: HostClocks,
        wait: Wait,
        by_arrival: bool,
    ) -> None:
        if not container.streams.video:
            raise CameraError("the camera sends no video", "unusable")
        self._container = container
        self._stream: VideoStream = container.streams.video[0]
        self._spec = spec
        self._state = state
        self._fuse = fuse
        self._frozen = frozen
        self._wait = wait
        self._clock = AnchoredClock(clocks.monotonic_ns, clocks.utc_ns)
        self._dating = Dating(by_arrival=by_arrival or container.format.name in UNDATED_FORMATS)
        self._sampler = Sampler(spec.analysis_fps)
        self._skipper = Skipper(self._sampler, self._stream.codec_context.name)
        self._pictured_ns = self._clock.now_ns()
        self._told_ns = 0
        self._frozen.begin_connection()

    def frames(self) -> Iterator[TimedFrame]:
        """Until the stream ends or the reader is to stop."""
        # Threads only add work: 3.6 ms a frame without, 4.4 with.
        self._stream.thread_type = "NONE"
        for packet in self._packets():
            if self._wait(0):
                return
            now_ns = self._clock.now_ns()
            self._state.alive(READ_LIMIT_S)
            self._clock.check_step()
            pts_ns = self._dating.date(packet, now_ns)
            self._tell(packet, now_ns)
            if pts_ns is None:
                self._skipper.pass_undated(packet)
            elif not self._skipper.needs(packet, pts_ns):
                self._pictured_ns = now_ns
                self._state.heard()
                continue
            yield from self._sampled(self._decoded(packet), now_ns)
            if now_ns - self._pictured_ns > NO_PICTURE_NS:
                raise CameraError(
                    "the camera sends data, but no picture that can be decoded", "no_picture"
                )

    def _packets(self) -> Iterator[av.Packet[VideoStream]]:
        """The stream's packets, their number, size and cost counted.

        PyAV asks for the read's time-out when `demux` begins: the first packet burns the fuse of
        the opening, all others have one of their own.
        """
        first = next(self._container.demux(self._stream), None)
        self._fuse.light(SILENCE_S)
        began_s = thread_time()
        for packet in chain((first,), self._container.demux(self._stream)):
            self._state.spend("network", thread_time() - began_s)
            if self._fuse.is_burnt:
                # Before it raises, FFmpeg hands out the picture that its parser held back: that
                # came 4.5 s ago, and the next read would wait as long again.
                raise CameraError(SILENT, "silent")
            if packet is not None and packet.size:
                self._state.received(packet.size)
                yield packet
            self._fuse.light(SILENCE_S)  # now: what is done with a picture is not the camera's time
            began_s = thread_time()

    def _decoded(self, packet: av.Packet[VideoStream]) -> list[av.VideoFrame]:
        """The packet's pictures. A broken packet gives none; the stream goes on."""
        with self._state.stage("decode"):
            try:
                images = packet.decode()
            except av.error.FFmpegError:
                return []
        self._state.count_decoded(len(images))
        return [image for image in images if not image.is_corrupt]

    def _sampled(self, images: list[av.VideoFrame], arrival_ns: int) -> Iterator[TimedFrame]:
        for image in images:
            self._pictured_ns = arrival_ns
            self._state.heard()
            times = self._dating.captured_at(image, arrival_ns)
            if times is None or not self._sampler.wants(times[0]):
                continue
            if not self._stands_still(image, times[0]):
                yield TimedFrame(image, times[1])

    def _stands_still(self, image: av.VideoFrame, pts_ns: int) -> bool:
        """Whether the picture is an old one; it is not sent, and what is known says so.

        Raises:
            CameraError: it has just been noticed, or has lasted for long: a new connection may
                cure it.
        """
        was_frozen = self._frozen.is_frozen
        if not self._frozen.look(image, pts_ns):
            return False
        reason = "the picture stands still, byte for byte"
        if not was_frozen or self._frozen.still_ns > STILL_FROZEN_NS:
            raise CameraError(reason, "frozen")
        self._state.go_down(reason, "frozen")
        return True

    def _tell(self, packet: av.Packet[VideoStream], now_ns: int) -> None:
        """Once a second: what is decoded and by what, and the camera's own clock."""
        if now_ns - self._told_ns < TELL_EVERY_NS:
            return
        self._told_ns = now_ns
        context = self._stream.codec_context
        decoder = self._spec.hardware if context.is_hwaccel else "software"
        self._state.tell_decoding(self._skipper.decoding, decoder)
        self._state.tell_camera_offset(self._camera_offset_s(packet, now_ns))

    def _camera_offset_s(self, packet: av.Packet[VideoStream], now_ns: int) -> float | None:
        """The camera's wall clock, as its RTCP sender reports give it, less ours at arrival."""
        if not packet.has_sidedata("prft"):
            return None
        (wall_us,) = struct.unpack_from("=q", bytes(packet.get_sidedata("prft")))
        offset_s = wall_us / 1e6 - now_ns / NS
        return float(offset_s) if abs(offset_s) < MAX_CAMERA_OFFSET_S else None
