"""The labelled film: H.264 in yuv420p, with the time stamps and the sound of the film it shows.

It is written beside its place under another name, and put there when it is closed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from numpy.typing import NDArray

from deploy.film.errors import FilmNotWrittenError
from deploy.film.film_reader import AudioPacket
from deploy.film.sound import SoundTrack

Image = NDArray[np.uint8]

FORMATS: Final = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Formats that hold H.264 with free time stamps, by the name's ending."""
# No B-frames: the first picture needs no offset that some players ignore, and sound stays in step.
_CODEC_OPTIONS: Final = {"preset": "veryfast", "crf": "20", "bf": "0"}


class FilmWriter:
    """Writes one film; use it in a `with` statement: whatever ends it, what was written is kept.

    Attributes:
        sound: what became of each stream of sound.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        time_base: Fraction,
        rate: Fraction,
        *,
        sound: Sequence[av.AudioStream] = (),
        start_s: Fraction = Fraction(0),
        threads: int = 1,
        warn: Callable[[str], object] = len,
    ) -> None:
        """Begin a film.

        Args:
            path: its place; its ending tells the format.
            size: width and height of the pictures [px]; odd ones are filled up by repeating the
                last row or column.
            time_base: of their time stamps [s].
            rate: about how many there are a second.
            sound: streams to take over; their packets come to `write_sound`.
            start_s: taken off the sound's time stamps [s].
            threads: of the encoder.
            warn: told when sound is lost.

        Raises:
            FilmNotWrittenError: it cannot be written there.
        """
        if path.suffix.lower() not in FORMATS:
            raise FilmNotWrittenError(
                f"{path}: H.264 goes into {', '.join(FORMATS)}; name the film so"
            )
        self._path = path
        self._part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
        self._format = FORMATS[path.suffix.lower()]
        self._warn = warn
        self._size = size
        self._durations: dict[int, int] = {}
        self._reformatter = VideoReformatter()
        self._sound_is_broken = False
        self.frames = 0
        self.sound: list[str] = []
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._container = av.open(
                str(self._part), "w", format=self._format, options=self._options(time_base)
            )
            self._video = self._add_video(time_base, rate, threads)
            self._tracks = self._add_sound(sound, start_s)
            self._container.start_encoding()
        except (av.error.FFmpegError, OSError) as exc:
            self._clear_away()
            raise self._not_written(exc) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def write(self, image: Image, pts: int, duration: int = 0) -> None:
        """Add a picture.

        Args:
            image: (H, W, 3) uint8 RGB of the film's size.
            pts: when it is shown [ticks]; later than the one before.
            duration: how long [ticks]; 0 where it is not known.

        Raises:
            FilmNotWrittenError: it cannot be written, for instance on a full disk.
        """
        frame = self._reformatter.reformat(
            av.VideoFrame.from_ndarray(_even(image), format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        frame.pts, frame.time_base = pts, self._video.codec_context.time_base
        self._durations[pts] = duration
        try:
            self._mux(self._video.encode(frame))
        except (av.error.FFmpegError, OSError) as exc:
            raise self._not_written(exc) from exc
        self.frames += 1

    def write_sound(self, packet: AudioPacket) -> None:
        """Add a packet of sound; a broken one is left out, and the first is told.

        Raises:
            FilmNotWrittenError: the disk is full.
        """
        track = self._tracks.get(packet.stream_index)
        if track is None:
            return
        at_s = float((packet.pts or 0) * packet.time_base)
        try:
            track.mux(packet)
        except av.error.InvalidDataError:
            if not self._sound_is_broken:
                self._warn(f"the sound is broken at {at_s:.2f} s; such parts are left out")
            self._sound_is_broken = True
        except (av.error.FFmpegError, OSError) as exc:
            raise self._not_written(exc) from exc

    def _options(self, time_base: Fraction) -> dict[str, str]:
        # A film that does not begin at 0 says so in this unit; the default is the millisecond.
        exact = self._format != "matroska" and 1000 < time_base.denominator < 2**31
        return {"movie_timescale": str(time_base.denominator)} if exact else {}

    def _add_video(self, time_base: Fraction, rate: Fraction, threads: int) -> av.VideoStream:
        stream = self._container.add_stream("libx264", rate=rate, options=dict(_CODEC_OPTIONS))
        stream.width, stream.height = (side + side % 2 for side in self._size)
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = time_base
        context.thread_count = threads
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU709
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        return stream

    def _add_sound(
        self, streams: Sequence[av.AudioStream], start_s: Fraction
    ) -> dict[int, SoundTrack]:
        tracks = {}
        for stream in streams:
            try:
                track = SoundTrack(self._container, stream, self._format, start_s)
            except (ValueError, av.error.FFmpegError) as exc:
                self._warn(f"the sound is left out: {exc}")
                self.sound.append("left out")
            else:
                tracks[stream.index] = track
                self.sound.append(track.kept)
        return tracks

    def _mux(self, packets: list[av.Packet[av.VideoStream]]) -> None:
        for packet in packets:
            # The encoder forgets how long a picture shows; it matters for the film's last one.
            packet.duration = self._durations.pop(packet.pts or 0, 0)
            self._container.mux(packet)

    def _close(self) -> None:
        """Finish the film and put it in its place; one without a picture is taken away.

        Raises:
            FilmNotWrittenError: it cannot be finished.
        """
        try:
            if self.frames:
                self._mux(self._video.encode(None))
                for track in self._tracks.values():
                    track.close()
            self._container.close()
            if self.frames:
                self._part.replace(self._path)
        except (av.error.FFmpegError, OSError) as exc:
            raise self._not_written(exc) from exc
        finally:
            self._clear_away()

    def _clear_away(self) -> None:
        with suppress(OSError):
            self._part.unlink()

    def _not_written(self, exc: Exception) -> FilmNotWrittenError:
        reason = getattr(exc, "strerror", None) or exc
        return FilmNotWrittenError(f"{self._path}: cannot be written: {reason}")


def _even(image: Image) -> Image:
    """Return a picture with even sides, as halved chroma wants."""
    height, width = image.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return np.ascontiguousarray(image)
    return cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE).astype(
        np.uint8, copy=False
    )
