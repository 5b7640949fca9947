"""What a stream is made of, as seen by watching its packets pass: rate, key pictures, bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.stream import VideoStream

from ingest.stream.source import to_ns
from ingest.stream.timestamps import NS, NsClock

if TYPE_CHECKING:
    from av.container import InputContainer


@dataclass(frozen=True)
class StreamFacts:
    """A video stream in figures; None is what could not be seen in the time.

    Attributes:
        codec: as FFmpeg calls it: `h264`, `hevc`, `mjpeg`.
        width, height: of its pictures, pixels.
        fps: pictures a second by the stream's own time, else by their arrival.
        key_every_s: seconds from a key picture to the next.
        key_every: the same in pictures.
        bits_per_s: of the video.
    """

    codec: str
    width: int
    height: int
    fps: float | None
    key_every_s: float | None
    key_every: float | None
    bits_per_s: float | None


class StreamWatch:
    """Stands in for an open container and notes the packets that are taken from it.

    Args:
        container: with a video stream, or none.
        monotonic_ns: for packets without a time.
    """

    def __init__(self, container: InputContainer, monotonic_ns: NsClock) -> None:
        self.streams = container.streams
        self.format = container.format
        self._container = container
        self._monotonic_ns = monotonic_ns
        self._pts_ns: list[int] = []
        self._arrivals_ns: list[int] = []
        self._keys: list[int] = []  # which packets are key pictures
        self._bytes = 0
        self._began_ns: int | None = None

    @property
    def keys(self) -> int:
        """Key pictures so far."""
        return len(self._keys)

    @property
    def watched_s(self) -> float:
        """Since the first packet."""
        return 0.0 if self._began_ns is None else (self._monotonic_ns() - self._began_ns) / NS

    def since_key_s(self, number: int) -> float:
        """Since the key picture of that number came; 1 is the first."""
        return (self._monotonic_ns() - self._arrivals_ns[self._keys[number - 1]]) / NS

    def demux(self, *args: Any) -> Iterator[av.Packet[VideoStream]]:  # noqa: ANN401  as the container's own
        """The container's packets."""
        for packet in self._container.demux(*args):
            if packet.size:
                self._note(packet)
            yield packet

    def facts(self) -> StreamFacts:
        """Of the first video stream."""
        context = self.streams.video[0].codec_context
        times_ns = self._pts_ns if len(self._pts_ns) > 1 else self._arrivals_ns
        span_s = (max(times_ns) - min(times_ns)) / NS if times_ns else 0.0
        fps = (len(times_ns) - 1) / span_s if span_s > 0 else None
        every = float(np.median(np.diff(self._keys))) if len(self._keys) > 1 else None
        return StreamFacts(
            codec=context.name,
            width=context.width,
            height=context.height,
            fps=fps,
            key_every_s=every / fps if every is not None and fps else None,
            key_every=every,
            bits_per_s=8 * self._bytes / len(self._arrivals_ns) * fps if fps else None,
        )

    def _note(self, packet: av.Packet[VideoStream]) -> None:
        now_ns = self._monotonic_ns()
        if self._began_ns is None:
            self._began_ns = now_ns
        if packet.is_keyframe:
            self._keys.append(len(self._arrivals_ns))
        self._arrivals_ns.append(now_ns)
        if packet.pts is not None:  # the first of a connection has none
            self._pts_ns.append(to_ns(packet.pts, packet.time_base))
        self._bytes += packet.size
