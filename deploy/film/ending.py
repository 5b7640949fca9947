"""Whether a film has come to its end, or was cut off: FFmpeg reports both alike."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import av

# Formats that write down how long the film is. Others are measured by what is there.
_DECLARE_LENGTH: Final = frozenset({"mov", "matroska", "webm", "avi", "flv", "asf"})
_TOLERANCE_S: Final = 0.5
_GIF_TRAILER: Final = b"\x3b"  # GIF89a, §27


class Ending:
    """Watches the packets of a film go by."""

    def __init__(
        self, path: Path, container: av.container.InputContainer, stream: av.VideoStream
    ) -> None:
        self._path = path
        self._formats = set(container.format.name.split(","))
        declares = bool(self._formats & _DECLARE_LENGTH) and container.duration is not None
        self._length_s = (container.duration or 0) / av.time_base if declares else None
        self._start_s = (container.start_time or 0) / av.time_base
        self._stream = stream
        self._reached_s = 0.0
        self._video_s = 0.0  # when its last packet of pictures is shown
        self._longest_gap_s = 0.0
        self._last_is_corrupt = False

    def note(self, packet: av.Packet[av.stream.Stream]) -> None:
        """Take notice of a packet."""
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None or packet.time_base is None:
            return
        at_s = float(stamp * packet.time_base) - self._start_s
        shown_s = float((packet.duration or 0) * packet.time_base)
        self._reached_s = max(self._reached_s, at_s + shown_s)
        if packet.stream is self._stream:
            self._longest_gap_s = max(self._longest_gap_s, at_s - self._video_s)
            self._video_s = max(self._video_s, at_s)
            self._last_is_corrupt = packet.is_corrupt

    def early(self, last_picture_s: float, broken_packets: int) -> str | None:
        """Say why this is not the film's end, None when it is.

        Args:
            last_picture_s: when the last picture that was decoded is shown.
            broken_packets: how many could not be decoded.
        """
        # A film of few pictures may show the last one for long without saying so.
        tolerance_s = max(_TOLERANCE_S, 2 * self._longest_gap_s)
        if self._length_s is not None and self._reached_s < self._length_s - tolerance_s:
            return f"the file is cut off, it should last {self._length_s:.2f} s"
        if self._last_is_corrupt:
            return "the file is cut off"
        if broken_packets and last_picture_s < self._video_s - tolerance_s:
            return f"nothing after it can be decoded, up to the end at {self._video_s:.2f} s"
        if "gif" in self._formats and not self._has_gif_trailer():
            return "the file is cut off"
        return None

    def _has_gif_trailer(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(-1, 2)
            return file.read(1) == _GIF_TRAILER
