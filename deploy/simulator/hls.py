"""A film as HTTP Live Streaming (RFC 8216): a playlist and MPEG-TS segments."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
from av.packet import Packet

from deploy.simulator.access_unit import TICKS_PER_S, AccessUnit
from deploy.simulator.rtsp_film import Film

_LISTED: Final = 4  # segments in a live playlist
_START: Final = 10 * TICKS_PER_S  # pictures that others refer to early on have dts below 0


@dataclass(frozen=True)
class _Segment:
    start: int  # ticks
    end: int
    units: tuple[AccessUnit, ...]

    @property
    def duration_s(self) -> float:
        return (self.end - self.start) / TICKS_PER_S


class HlsFilm:
    """A film cut at key pictures.

    Args:
        film: H.264 or H.265.
        segment_s: a segment is at least so long, but for the last.
    """

    def __init__(self, film: Film, segment_s: float = 1.0) -> None:
        self._film = film
        self._segments = _cut(film, round(segment_s * TICKS_PER_S))

    def recording(self) -> str:
        """The playlist of the whole film."""
        listed = list(enumerate(self._segments))
        return _playlist(listed, "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-ENDLIST")

    def live(self, position_s: float) -> str:
        """The playlist of the newest segments of a film that is repeated for ever."""
        count, now = len(self._segments), int(position_s * TICKS_PER_S)
        turn, within = divmod(max(now, 0), self._film.duration)
        done = turn * count + sum(segment.end <= within for segment in self._segments)
        done = max(done, 1)  # clients give up on an empty playlist
        numbers = range(max(0, done - _LISTED), done)
        return _playlist([(number, self._segments[number % count]) for number in numbers])

    def segment(self, number: int) -> bytes:
        """One segment; its time stamps follow those of the one before, across repetitions."""
        turn, index = divmod(number, len(self._segments))
        sink = io.BytesIO()
        with av.open(sink, "w", format="mpegts") as container:
            film = self._film
            stream = container.add_mux_stream(
                film.codec, rate=film.fps, width=film.width, height=film.height
            )
            for unit in self._segments[index].units:
                moved = unit.later(turn * film.duration + _START)
                packet = Packet(moved.data)
                packet.time_base = Fraction(1, TICKS_PER_S)
                packet.pts, packet.dts = moved.pts, moved.dts
                packet.is_keyframe = moved.is_key
                packet.stream = stream
                container.mux(packet)
        return sink.getvalue()


def _cut(film: Film, shortest: int) -> list[_Segment]:
    starts: list[int] = []
    for index, unit in enumerate(film.units):
        if unit.is_key and (not starts or unit.pts - film.units[starts[-1]].pts >= shortest):
            starts.append(index)
    segments = []
    for first, after in zip(starts, [*starts[1:], len(film.units)], strict=True):
        end = film.units[after].pts if after < len(film.units) else film.duration
        segments.append(_Segment(film.units[first].pts, end, film.units[first:after]))
    return segments


def _playlist(listed: Sequence[tuple[int, _Segment]], kind: str = "", last: str = "") -> str:
    longest_s = max((segment.duration_s for _, segment in listed), default=1.0)
    lines = ["#EXTM3U", "#EXT-X-VERSION:3", f"#EXT-X-TARGETDURATION:{round(longest_s + 0.5)}"]
    lines += [f"#EXT-X-MEDIA-SEQUENCE:{listed[0][0] if listed else 0}", kind]
    for number, segment in listed:
        lines += [f"#EXTINF:{segment.duration_s:.5f},", f"{number}.ts"]
    return "\n".join(line for line in [*lines, last] if line) + "\n"
