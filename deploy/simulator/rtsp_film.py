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

from deploy.simulator.access_unit import TICKS_PER_S, AccessUnit
from deploy.simulator.parameter_sets import Codec, ParameterSets, parameter_sets
from deploy.simulator.still import last_picture
from schemas.errors import FacePoseError

MAX_FILM_BYTES: Final = 512 * 1024 * 1024  # films are held in memory

OnEnd = Literal["loop", "hold", "close"]


class FilmError(FacePoseError):
    """A film that cannot be served."""


@dataclass(frozen=True)
class Film:
    """An H.264 or H.265 film in memory.

    Attributes:
        codec: of its pictures.
        units: pictures in the order of sending.
        duration: 1/90000 s from its first picture to the end of its last.
        fps: pictures a second.
        width: pixels.
        height: pixels.
        sets: what a client's decoder must know before the first picture.
        still: the last picture as a key picture, for holding it; None unless asked for.
    """

    codec: Codec
    units: tuple[AccessUnit, ...]
    duration: int
    fps: Fraction
    width: int
    height: int
    sets: ParameterSets
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

    def key_picture(self, at_s: float) -> bytes:
        """The newest picture at a moment that needs no other."""
        at = int(at_s * TICKS_PER_S) % self.duration
        keys = [unit for unit in self.units if unit.is_key]
        past = [key for key in keys if key.pts <= at]
        return (past or keys)[-1].data

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
        path: a file with an H.264 or H.265 video stream.
        with_still: whether its last picture is to be held.

    Raises:
        FilmError: not readable, another codec, no picture, or too large.
    """
    try:
        if path.stat().st_size > MAX_FILM_BYTES:
            raise FilmError(f"{path} is larger than {MAX_FILM_BYTES >> 20} MiB: cut the film")
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise FilmError(f"{path} holds no video")
            film = _read(path, container)
        return replace(film, still=last_picture(path, film.codec)) if with_still else film
    except (OSError, av.error.FFmpegError) as exc:
        raise FilmError(f"{path} cannot be read as a film: {exc}") from exc


def _read(path: Path, container: InputContainer) -> Film:
    """The film in `container`, its time stamps moved so that the first picture is shown at 0."""
    stream = container.streams.video[0]
    codec = _codec(path, stream)
    units = _units(container, stream, codec)
    if not units:
        raise FilmError(f"{path} holds no picture")
    first = min(unit.pts for unit in units)
    units = [unit.later(-first) for unit in units]
    fps = stream.average_rate or Fraction(25)
    sets = parameter_sets(units[0].data, codec)
    if not units[0].is_key or sets is None:
        raise FilmError(f"{path} does not begin with a key picture")
    return Film(
        codec,
        tuple(units),
        max(unit.pts for unit in units) + round(TICKS_PER_S / fps),
        fps,
        stream.codec_context.width,
        stream.codec_context.height,
        sets,
    )


def _codec(path: Path, stream: VideoStream) -> Codec:
    name = stream.codec_context.name
    if name == "h264":
        return "h264"
    if name == "hevc":
        return "hevc"
    raise FilmError(f"{path} is {name}, only H.264 and H.265 films are served")


def _units(container: InputContainer, stream: VideoStream, codec: Codec) -> list[AccessUnit]:
    """All coded pictures in Annex B form, as the file dates them."""
    to_annexb = BitStreamFilterContext(f"{codec}_mp4toannexb", stream)
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
