"""A film's sound, into the labelled film: as it is where the container can hold it, else as AAC."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Final, Literal

import av

from deploy.film.film_reader import AudioPacket

_AAC_RATES: Final = frozenset(
    {96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}
)
_IN_MP4: Final = frozenset({"aac", "ac3", "alac", "eac3", "flac", "mp3", "opus"})
_FALLBACK_RATE: Final = 48_000
Kept = Literal["copied", "re-encoded"]


class SoundTrack:
    """One stream of sound on its way from film to film."""

    def __init__(
        self,
        target: av.container.OutputContainer,
        source: av.AudioStream,
        format_name: str,
        start_s: Fraction,
    ) -> None:
        """Add a stream to `target`, before its header is written.

        Args:
            target: the film being written.
            source: the stream of the film being read.
            format_name: FFmpeg's name of the target's format.
            start_s: of the film being read, taken off all time stamps.

        Raises:
            ValueError, FFmpegError: neither way is possible.
        """
        if source.codec_context is None:
            raise ValueError("its codec is not known here")
        self._target = target
        # MP4 can say that the first samples are not to be heard; Matroska would move everything.
        self._only_from_zero = format_name == "matroska"
        self._start_s = start_s
        self._last_dts: int | None = None
        self.kept: Kept = "copied" if _can_hold(format_name, source) else "re-encoded"
        if self.kept == "copied":
            self._stream = target.add_stream_from_template(source)
            return
        layout = "mono" if source.codec_context.layout.nb_channels == 1 else "stereo"
        rate = source.codec_context.sample_rate
        rate = rate if rate in _AAC_RATES else _FALLBACK_RATE
        self._stream = target.add_stream("aac", rate=rate, layout=layout)
        self._resampler = av.AudioResampler("fltp", layout, rate, frame_size=1024)

    def mux(self, packet: AudioPacket) -> None:
        """Take over a packet; one whose time stamp does not grow is left out.

        Raises:
            FFmpegError: it cannot be written, or not be decoded.
        """
        if packet.is_corrupt or packet.dts is None:
            return
        if self._last_dts is not None and packet.dts <= self._last_dts:
            return
        self._last_dts = packet.dts
        start = round(self._start_s / packet.time_base)
        packet.dts -= start
        packet.pts = packet.dts if packet.pts is None else packet.pts - start
        if self._only_from_zero and packet.pts < 0:
            return
        if self.kept == "copied":
            packet.stream = self._stream
            self._target.mux(packet)
            return
        for frame in packet.decode():
            self._encode(frame)

    def close(self) -> None:
        """Write what the encoder still holds."""
        if self.kept == "re-encoded":
            self._encode(None)
            self._target.mux(self._stream.encode(None))

    def _encode(self, frame: av.AudioFrame | None) -> None:
        for part in self._resampler.resample(frame):
            self._target.mux(self._stream.encode(part))


def _can_hold(format_name: str, source: av.AudioStream) -> bool:
    """Whether a film of this format can carry the stream as it is: tried on an empty one.

    Some formats refuse a codec only when their header is written. MP4 takes more than players
    read, and refuses some of that at the very end.
    """
    if format_name == "mp4" and source.codec_context.codec.canonical_name not in _IN_MP4:
        return False
    try:
        with av.open(io.BytesIO(), "w", format=format_name) as trial:
            trial.add_stream_from_template(source)
            trial.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    return True
