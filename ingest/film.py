"""A film, played in real time as if it were a camera.

Also GIFs. A film that is repeated keeps its epoch: each round's time stamps follow the last one's.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Final

import av

from ingest.errors import CameraError, FilmEndedError, TimeBreakError
from ingest.source import Alive, HostClocks, TimedFrame, Wait, to_ns
from ingest.timestamps import NS, AnchoredClock

ALIVE_S: Final = 12.0
FALLBACK_FRAME_NS: Final = NS // 25  # when a film does not say how long its last frame shows
LATE_NS: Final = 3 * NS
LONGEST_WAIT_S: Final = 5.0


class FilmSource:
    """Frames of a film at their own pace; `captured_at` is the start plus the time in the film."""

    def __init__(
        self, path: Path, clocks: HostClocks, alive: Alive, wait: Wait, *, loop: bool = False
    ) -> None:
        self._path = path
        self._clocks = clocks
        self._alive = alive
        self._wait = wait
        self._loop = loop

    def frames(self) -> Generator[TimedFrame, None, None]:
        """See `Source.frames`; also raises `FilmEndedError` at the end of a film without loop."""
        clock = AnchoredClock(self._clocks.monotonic_ns, self._clocks.utc_ns)
        start_ns = clock.now_ns()
        played_ns = 0
        while True:
            end_ns = played_ns
            for image, pts_ns, shown_ns in self._round():
                at_ns = played_ns + pts_ns
                end_ns = at_ns + shown_ns
                if self._is_stopped_before(start_ns + at_ns, clock):
                    return
                yield TimedFrame(image, at_ns, start_ns + at_ns)
            if end_ns == played_ns:
                raise CameraError(f"the film {self._path.name} has no picture", slowly=True)
            if self._is_stopped_before(start_ns + end_ns, clock):
                return
            if not self._loop:
                raise FilmEndedError(f"the film {self._path.name} has ended")
            played_ns = end_ns

    def _round(self) -> Iterator[tuple[av.VideoFrame, int, int]]:
        """Each frame once, with its time since the first one and how long it shows, in ns."""
        first_ns: int | None = None
        last_ns = -1
        try:
            with av.open(str(self._path), mode="r") as container:
                if not container.streams.video:
                    raise CameraError(f"{self._path.name} holds no video", slowly=True)
                stream = container.streams.video[0]
                stream.thread_type = "NONE"
                for packet in container.demux(stream):
                    for image in _decoded(packet):
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
        except av.error.FFmpegError as exc:
            raise CameraError(
                f"the film {self._path.name} cannot be played: {exc.strerror}", slowly=True
            ) from exc

    def _is_stopped_before(self, due_ns: int, clock: AnchoredClock) -> bool:
        """Wait until `due_ns`; True when the reader is to stop.

        Raises:
            TimeBreakError: decoding is too slow for real time, or the host's clock was stepped.
        """
        while True:
            self._alive(ALIVE_S)
            clock.check_step()
            ahead_ns = due_ns - clock.now_ns()
            if ahead_ns < -LATE_NS:
                raise TimeBreakError(f"the film fell {-ahead_ns / NS:.0f} s behind real time")
            if self._wait(min(max(ahead_ns / NS, 0.0), LONGEST_WAIT_S)):
                return True
            if due_ns <= clock.now_ns():
                return False


def _decoded(packet: av.Packet[av.VideoStream]) -> list[av.VideoFrame]:
    """The packet's frames; none when it is broken."""
    try:
        return packet.decode()
    except av.error.FFmpegError:
        return []
