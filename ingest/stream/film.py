"""A film or an HLS stream, played in real time as if it were a camera.

Also GIFs. A film that is repeated keeps its epoch: each round's time stamps follow the last one's.
HLS comes in pieces of some seconds; played evenly, its pictures are as late as the player's buffer.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

import av

from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.errors import CameraError, FilmEndedError, TimeBreakError
from ingest.stream.connection import SILENCE_S
from ingest.stream.fuse import Fuse
from ingest.stream.opening import explain, open_stream
from ingest.stream.sampler import Sampler
from ingest.stream.source import HostClocks, TimedFrame, Wait, to_ns
from ingest.stream.timestamps import NS, AnchoredClock

ALIVE_S: Final = 12.0
# A playlist is asked for again every few seconds, and its pieces are seconds long.
HLS_SILENCE_S: Final = 12.0
FALLBACK_FRAME_NS: Final = NS // 25  # when a film does not say how long its last frame shows
LATE_NS: Final = 3 * NS
LONGEST_WAIT_S: Final = 5.0


class FilmSource:
    """Frames of a film at their own pace; `captured_at` is the start plus the time in the film."""

    def __init__(
        self, spec: CameraSpec, clocks: HostClocks, state: CameraState, wait: Wait
    ) -> None:
        self._spec = spec
        self._clocks = clocks
        self._state = state
        self._wait = wait
        self._fuse = Fuse(clocks.monotonic_ns)
        self._what = f"the film {PurePath(spec.url).name}" if spec.is_film else "the stream"

    def frames(self) -> Generator[TimedFrame, None, None]:
        """See `Source.frames`; also raises `FilmEndedError` at the end of a film without loop."""
        clock = AnchoredClock(self._clocks.monotonic_ns, self._clocks.utc_ns)
        sampler = Sampler(self._spec.analysis_fps)
        start_ns = clock.now_ns()
        played_ns = 0
        while True:
            end_ns = played_ns
            for image, pts_ns, shown_ns in self._round():
                at_ns = played_ns + pts_ns
                end_ns = at_ns + shown_ns
                if self._is_stopped_before(start_ns + at_ns, clock):
                    return
                self._state.heard()
                if sampler.wants(at_ns):
                    yield TimedFrame(image, start_ns + at_ns)
            if end_ns == played_ns:
                raise CameraError(f"{self._what} has no picture", "unusable", slowly=True)
            if self._is_stopped_before(start_ns + end_ns, clock):
                return
            if not self._spec.is_film:
                raise CameraError("the camera ended the stream", "dropped")
            if not self._spec.loop:
                raise FilmEndedError(f"{self._what} has ended")
            played_ns = end_ns

    def _round(self) -> Iterator[tuple[av.VideoFrame, int, int]]:
        """Each frame once, with its time since the first one and how long it shows, in ns."""
        first_ns: int | None = None
        last_ns = -1
        for image in self._images():
            if image.pts is None or image.time_base is None:
                continue
            pts_ns = to_ns(image.pts, image.time_base)
            first_ns = pts_ns if first_ns is None else first_ns
            if pts_ns - first_ns <= last_ns:
                continue
            shown_ns = to_ns(image.duration or 0, image.time_base)
            shown_ns = shown_ns or (pts_ns - first_ns - last_ns if last_ns >= 0 else 0)
            last_ns = pts_ns - first_ns
            yield image, last_ns, shown_ns or FALLBACK_FRAME_NS

    def _images(self) -> Iterator[av.VideoFrame]:
        """All pictures of the film, in order."""
        self._state.alive(ALIVE_S)
        self._fuse.light(SILENCE_S if self._spec.is_film else HLS_SILENCE_S)
        try:
            with open_stream(self._spec, self._fuse) as container:
                if not container.streams.video:
                    raise CameraError(f"{self._what} holds no video", "unusable", slowly=True)
                stream = container.streams.video[0]
                stream.thread_type = "NONE"
                self._state.tell_decoding("all", "software")
                self._fuse.light(HLS_SILENCE_S)
                for packet in container.demux(stream):
                    self._fuse.light(HLS_SILENCE_S)
                    self._state.received(packet.size)
                    yield from self._decoded(packet)
        except av.error.FFmpegError as exc:
            if not self._spec.is_film:
                # `from None`: av's own text holds the url with its password
                raise explain(exc, self._spec, in_silence=self._fuse.is_burnt) from None
            raise CameraError(
                f"{self._what} cannot be played: {exc.strerror}", "unusable", slowly=True
            ) from exc

    def _decoded(self, packet: av.Packet[av.VideoStream]) -> list[av.VideoFrame]:
        """The packet's frames; none when it is broken."""
        with self._state.stage("decode"):
            try:
                images = packet.decode()
            except av.error.FFmpegError:
                return []
        self._state.count_decoded(len(images))
        return images

    def _is_stopped_before(self, due_ns: int, clock: AnchoredClock) -> bool:
        """Wait until `due_ns`; True when the reader is to stop.

        Raises:
            TimeBreakError: decoding is too slow for real time, or the host's clock was stepped.
        """
        while True:
            self._state.alive(ALIVE_S)
            clock.check_step()
            ahead_ns = due_ns - clock.now_ns()
            if ahead_ns < -LATE_NS:
                reason = f"{self._what} fell {-ahead_ns / NS:.0f} s behind real time"
                raise TimeBreakError(reason, "behind")
            if self._wait(min(max(ahead_ns / NS, 0.0), LONGEST_WAIT_S)):
                return True
            if due_ns <= clock.now_ns():
                return False


def is_played(spec: CameraSpec) -> bool:
    """Whether the camera is a film, or HLS, and not a stream that sets its own pace."""
    return spec.is_film or urlsplit(spec.url).path.endswith((".m3u8", ".m3u"))
