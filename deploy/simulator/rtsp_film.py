"""A film as a camera would send it: access units with the moment at which each is due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final, Literal

import av
import av.error
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from schemas.errors import FacePoseError

TICKS_PER_S: Final = 90_000  # RTP's clock for video
MAX_FILM_BYTES: Final = 512 * 1024 * 1024  # films are held in memory
NAL_SPS: Final = 7
NAL_PPS: Final = 8

OnEnd = Literal["loop", "hold", "close"]


class FilmError(FacePoseError):
    """A film that cannot be served."""


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded picture.

    Attributes:
        data: Annex B byte stream; key pictures carry their parameter sets.
        pts: when it is shown, 1/90000 s after the film's first picture.
        dts: when it is sent, the same unit; below 0 for pictures that others refer to early on.
        is_key: whether decoding can begin here.
    """

    data: bytes
    pts: int
    dts: int
    is_key: bool

    @property
    def due_s(self) -> float:
        """When it is sent, in seconds after the start of the first picture."""
        return self.dts / TICKS_PER_S

    def later(self, ticks: int) -> AccessUnit:
        """The same picture, `ticks` later."""
        return replace(self, pts=self.pts + ticks, dts=self.dts + ticks)


@dataclass(frozen=True)
class Film:
    """An H.264 film in memory.

    Attributes:
        units: pictures in the order of sending.
        duration: 1/90000 s from its first picture to the end of its last.
        fps: pictures a second.
        width: pixels.
        height: pixels.
        sps: sequence parameter set, without start code.
        pps: picture parameter set, without start code.
        still: the last picture as a key picture, for holding it; None unless asked for.
    """

    units: tuple[AccessUnit, ...]
    duration: int
    fps: Fraction
    width: int
    height: int
    sps: bytes
    pps: bytes
    still: bytes | None = None

    def schedule(self, from_s: float, on_end: OnEnd) -> Iterator[AccessUnit]:
        """What a client that joins at `from_s` gets: from the next key picture on.

        The next one, not the one before: a burst of old pictures would come late, and readers
        who date pictures by their arrival would date this connection wrongly.
        """
        for unit in self._endless(from_s, on_end):
            if unit.is_key and unit.due_s >= from_s:
                yield unit
                break
        else:
            return
        yield from self._endless(unit.due_s, on_end, after=unit.dts)

    def is_over(self, at_s: float, on_end: OnEnd) -> bool:
        """Whether a client that joins now would get nothing."""
        return next(self.schedule(at_s, on_end), None) is None

    def _endless(
        self, from_s: float, on_end: OnEnd, after: int | None = None
    ) -> Iterator[AccessUnit]:
        """Units of the round in which `from_s` lies and of those that follow."""
        turn = max(0, int(from_s * TICKS_PER_S) // self.duration) if on_end == "loop" else 0
        while True:
            for unit in self.units:
                moved = unit.later(turn * self.duration)
                if after is None or moved.dts > after:
                    yield moved
            if on_end != "loop":
                break
            turn += 1
        if on_end == "hold" and self.still is not None:
            yield from self._held(self.still, from_s, after)

    def _held(self, still: bytes, from_s: float, after: int | None) -> Iterator[AccessUnit]:
        step = round(TICKS_PER_S / self.fps)
        first = AccessUnit(still, self.duration, self.duration, is_key=True)
        number = max(0, (int(from_s * TICKS_PER_S) - self.duration) // step)
        while True:
            unit = first.later(number * step)
            if after is None or unit.dts > after:
                yield unit
            number += 1


def load_film(path: Path, *, with_still: bool = False) -> Film:
    """Read a whole film.

    Args:
        path: a file with an H.264 video stream.
        with_still: whether its last picture is to be held.

    Raises:
        FilmError: not readable, not H.264, no picture, or too large.
    """
    try:
        if path.stat().st_size > MAX_FILM_BYTES:
            raise FilmError(f"{path} is larger than {MAX_FILM_BYTES >> 20} MiB: cut the film")
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise FilmError(f"{path} holds no video")
            film = _read(path, container)
    except (OSError, av.error.FFmpegError) as exc:
        raise FilmError(f"{path} cannot be read as a film: {exc}") from exc
    return replace(film, still=_last_picture(path)) if with_still else film


def _read(path: Path, container: InputContainer) -> Film:
    """The film in `container`, its time stamps moved so that the first picture is shown at 0."""
    stream = container.streams.video[0]
    if stream.codec_context.name != "h264":
        raise FilmError(f"{path} is {stream.codec_context.name}, only H.264 films are served")
    units = _units(container, stream)
    if not units:
        raise FilmError(f"{path} holds no picture")
    first = min(unit.pts for unit in units)
    units = [unit.later(-first) for unit in units]
    fps = stream.average_rate or Fraction(25)
    sps, pps = _parameter_sets(units[0].data)
    if not units[0].is_key or not sps or not pps:
        raise FilmError(f"{path} does not begin with a key picture")
    return Film(
        tuple(units),
        max(unit.pts for unit in units) + round(TICKS_PER_S / fps),
        fps,
        stream.codec_context.width,
        stream.codec_context.height,
        sps,
        pps,
    )


def _units(container: InputContainer, stream: VideoStream) -> list[AccessUnit]:
    """All coded pictures in Annex B form, as the file dates them."""
    to_annexb = BitStreamFilterContext("h264_mp4toannexb", stream)
    units = []
    for packet in container.demux(stream):
        if packet.size == 0:
            continue
        for filtered in to_annexb.filter(packet):
            units.append(_unit(filtered))  # noqa: PERF401  (two loops read better than one line)
    return units


def _unit(packet: Packet[VideoStream]) -> AccessUnit:
    if packet.pts is None or packet.dts is None or packet.time_base is None:
        raise FilmError("the film's pictures carry no time stamps: put it into an MP4 file")
    ticks = packet.time_base * TICKS_PER_S
    return AccessUnit(
        bytes(packet), round(packet.pts * ticks), round(packet.dts * ticks), packet.is_keyframe
    )


def _parameter_sets(data: bytes) -> tuple[bytes, bytes]:
    """Sequence and picture parameter set of an access unit, empty where it has none."""
    nals = [nal.rstrip(b"\x00") for nal in data.split(b"\x00\x00\x01")[1:]]
    kinds = {nal[0] & 31: nal for nal in reversed(nals) if nal}
    return kinds.get(NAL_SPS, b""), kinds.get(NAL_PPS, b"")


def _last_picture(path: Path) -> bytes:
    """The last picture, encoded alone."""
    with av.open(str(path)) as container:
        last = None
        for frame in container.decode(video=0):
            last = frame
    if last is None:
        raise FilmError(f"{path} holds no picture")
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = last.width, last.height, "yuv420p"
    encoder.time_base = Fraction(1, TICKS_PER_S)
    encoder.options = {"preset": "veryfast", "tune": "zerolatency"}
    still = last.reformat(format="yuv420p")
    still.pts = 0
    return b"".join(bytes(packet) for packet in [*encoder.encode(still), *encoder.encode(None)])
