"""A film's pictures, upright and with their times; its sound as packets beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias, cast

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from deploy.film.ending import Ending
from deploy.film.errors import FilmBrokenError, FilmUnreadableError
from deploy.film.frame_times import FrameTimes
from deploy.film.upright import Turn, turn_of_frame

Image = NDArray[np.uint8]
# PyAV's packets take a parameter for type checkers only.
VideoPacket: TypeAlias = "av.Packet[av.VideoStream]"
AudioPacket: TypeAlias = "av.Packet[av.AudioStream]"

MAX_SIDE_PX: Final = 8192  # as for pictures; a frame of that size takes 200 MB
_FALLBACK_RATE: Final = Fraction(25)
_GAP_S: Final = 1.0
# FFmpeg opens these too, but they are a text, or a list of other files.
_NOT_FILMS: Final = frozenset({"tty", "concat", "hls", "dash", "sdp", "lavfi"})


@dataclass(frozen=True, slots=True, eq=False)
class FilmFrame:
    """One picture of a film.

    Attributes:
        index: 0 for the first that can be decoded.
        at_s: when it is shown, since the film's start [s].
        pts: the same [ticks of `FilmReader.time_base`]; grows strictly.
        duration: how long it is shown [ticks]; 0 where the film does not say.
        image: (H, W, 3) uint8 RGB, upright, with square pixels; all of one size.
    """

    index: int
    at_s: float
    pts: int
    duration: int
    image: Image


@dataclass(slots=True)
class Damage:
    """What is broken in a film, where reading went on after it.

    Attributes:
        packets: that could not be decoded, or only in part.
        missing_s: time for which there is no picture, though the one before it was over [s].
        first_at_s: where the first of it is in the film [s].
    """

    packets: int = 0
    missing_s: float = 0.0
    first_at_s: float | None = None

    def note(self, at_s: float | None, *, packets: int = 0, missing_s: float = 0.0) -> None:
        """Count packets or time."""
        if self.first_at_s is None and at_s is not None:
            self.first_at_s = round(at_s, 3)
        self.packets += packets
        self.missing_s = round(self.missing_s + missing_s, 3)


class FilmReader:
    """Any file that FFmpeg opens; use it in a `with` statement, read it once.

    Attributes:
        damage: what could not be decoded so far.
        audio_streams: its sound.
        time_base: of the frames' `pts` [s].
        rate: pictures a second, as far as the film knows.
        start_s: time stamp of the film's first moment, taken off all others [s].
        expected_frames: how many there should be; None where the file does not say.
    """

    def __init__(self, path: Path) -> None:
        """Open a film.

        Raises:
            FilmUnreadableError: no such file, not a film, or one without pictures.
        """
        self._path = path
        self._container = _open(path)
        try:
            self._stream = _video_of(self._container, path)
        except FilmUnreadableError:
            self._container.close()
            raise
        self.damage = Damage()
        self.audio_streams = tuple(self._container.streams.audio)
        self.time_base = self._stream.time_base or Fraction(1, 90_000)
        self.rate = self._stream.guessed_rate or _FALLBACK_RATE
        self.start_s = Fraction(max(0, self._container.start_time or 0), av.time_base)
        self.expected_frames = self._expected_frames()
        self._reformatter = VideoReformatter()
        self._size: tuple[int, int] | None = None  # stored size with square pixels
        self._turned: tuple[int, Turn] | None = None
        self._count = 0
        self._shown_until_s: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._container.close()

    def parts(self) -> Iterator[FilmFrame | AudioPacket]:
        """Yield pictures, and packets of sound as they lie between them.

        Raises:
            FilmUnreadableError: there is not a single picture.
            FilmBrokenError: the film breaks off; says where. All before it was yielded.
        """
        ending = Ending(self._path, self._container, self._stream)
        times = FrameTimes(self.time_base, self.rate, self._start_ticks())
        at_s = 0.0
        try:
            for packet in self._container.demux():
                ending.note(packet)
                if packet.stream is self._stream:
                    for frame in self._decoded(cast("VideoPacket", packet)):
                        made = self._made(frame, times)
                        at_s = made.at_s
                        yield made
                elif packet.stream in self.audio_streams and packet.dts is not None:
                    yield cast("AudioPacket", packet)
        except av.error.FFmpegError as exc:
            raise self._broken(at_s, exc.strerror or str(exc)) from exc
        if not self._count:
            raise FilmUnreadableError(f"{self._path}: not one picture can be decoded")
        if reason := ending.early(at_s, self.damage.packets):
            raise self._broken(at_s, reason)

    def _decoded(self, packet: VideoPacket) -> list[av.VideoFrame]:
        """Return a packet's pictures; none when it is broken, which is counted."""
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            self._note_damage(packet)
            return []
        if packet.is_corrupt or any(frame.is_corrupt for frame in frames):
            self._note_damage(packet)
        return frames

    def _note_damage(self, packet: VideoPacket) -> None:
        stamp = packet.dts if packet.pts is None else packet.pts
        at = None if stamp is None else (stamp - self._start_ticks()) * self.time_base
        self.damage.note(None if at is None else float(at), packets=1)

    def _made(self, frame: av.VideoFrame, times: FrameTimes) -> FilmFrame:
        pts = times.place(frame.pts)
        self._note_gap(float(pts * self.time_base))
        until = pts + frame.duration if frame.duration else None
        self._shown_until_s = None if until is None else float(until * self.time_base)
        made = FilmFrame(
            index=self._count,
            at_s=float(pts * self.time_base),
            pts=pts,
            duration=frame.duration or 0,
            image=self._image(frame),
        )
        self._count += 1
        return made

    def _note_gap(self, at_s: float) -> None:
        # Only where films say how long a picture shows: many stand still on purpose.
        until_s = self._shown_until_s
        if until_s is not None and at_s > until_s + _GAP_S:
            self.damage.note(until_s, missing_s=at_s - until_s)

    def _image(self, frame: av.VideoFrame) -> Image:
        """Return the picture upright; one of another size becomes as large as the first."""
        turn = self._turn_of(frame)
        if self._size is None:
            self._size = _square_size(frame, self._stream.sample_aspect_ratio)
            self._first_turn = turn
        width, height = self._size if self._fits(turn) else self._size[::-1]
        rgb = self._reformatter.reformat(
            frame, format="rgb24", width=width, height=height, threads=1
        )
        return turn.apply(rgb.to_ndarray().astype(np.uint8, copy=False))

    def _turn_of(self, frame: av.VideoFrame) -> Turn:
        # Looking at `side_data` ties a frame into a cycle, and 4K frames would pile up until the
        # garbage collector comes by (+14 MiB a frame was seen): only when something has changed.
        if self._turned is None or self._turned[0] != frame.rotation:
            self._turned = (frame.rotation, turn_of_frame(frame))
        return self._turned[1]

    def _fits(self, turn: Turn) -> bool:
        return turn.transposed == self._first_turn.transposed

    def _start_ticks(self) -> int:
        """Return the film's start in ticks of its pictures, exact where they begin with it."""
        start = round(self.start_s / self.time_base)
        own = self._stream.start_time
        # The container's start is in microseconds; a coarser or finer tick would be off by one.
        close = own is not None and abs(own * self.time_base - self.start_s) < Fraction(1, 10**5)
        return own if own is not None and close else start

    def _expected_frames(self) -> int | None:
        if self._stream.frames:
            return self._stream.frames
        if self._container.duration is None:
            return None
        return round(Fraction(self._container.duration, av.time_base) * self.rate) or None

    def _broken(self, at_s: float, reason: str) -> FilmBrokenError:
        if not self._count:
            return FilmBrokenError(f"{self._path}: breaks off before the first picture: {reason}")
        return FilmBrokenError(
            f"{self._path}: breaks off at {at_s:.2f} s, after frame {self._count - 1}: {reason}"
        )


def _open(path: Path) -> av.container.InputContainer:
    if not path.exists():
        raise FilmUnreadableError(f"{path}: no such file")
    if not path.is_file():
        raise FilmUnreadableError(f"{path}: not a file")
    try:
        if not path.stat().st_size:
            raise FilmUnreadableError(f"{path}: the file is empty")
        # file: and the whitelist: a name or a text in the file must not lead anywhere else.
        container = av.open(
            f"file:{path}",
            mode="r",
            options={"protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except (av.error.FFmpegError, OSError) as exc:
        raise FilmUnreadableError(f"{path}: cannot be opened as a film: {_reason(exc)}") from exc
    if container.format.name in _NOT_FILMS:
        container.close()
        raise FilmUnreadableError(f"{path}: not a film")
    return container


def _reason(exc: Exception) -> str:
    if isinstance(exc, av.error.InvalidDataError):
        return "not a film, or its index at the end is missing (a recording that was cut off)"
    return str(getattr(exc, "strerror", None) or exc)


def _video_of(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """Return the stream of pictures; a record's cover is none."""
    cover = av.stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & cover]
    if not streams:
        raise FilmUnreadableError(f"{path}: holds no video")
    stream = streams[0]
    if stream.codec_context is None:
        raise FilmUnreadableError(f"{path}: its video codec is not known here")
    width, height = stream.codec_context.width, stream.codec_context.height
    if max(width, height) > MAX_SIDE_PX:
        raise FilmUnreadableError(
            f"{path}: {width} x {height} px; the limit is {MAX_SIDE_PX} a side"
        )
    # Threads over frames would report a broken packet some frames late.
    stream.thread_type = "SLICE"
    return stream


def _square_size(frame: av.VideoFrame, aspect: Fraction | None) -> tuple[int, int]:
    """Return width and height with square pixels: never fewer of them, within the limit."""
    width, height = frame.width, frame.height
    if not aspect or not Fraction(1, 4) <= aspect <= 4:
        return width, height
    wide, high = (width * aspect, height) if aspect > 1 else (width, height / aspect)
    if max(wide, high) > MAX_SIDE_PX:
        return width, height
    return round(wide), round(high)
