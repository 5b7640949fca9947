"""From an entry of a frames stream to a picture fit for analysis, or to the reason why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from schemas.errors import MalformedMessageError
from schemas.messages import Frame, FrameFaces, decode, decode_frame
from schemas.site import Site
from schemas.streams import frames_stream
from schemas.transport import Entry
from workers.decode import Image, Jpeg
from workers.errors import DecodeError
from workers.records import dead_record, expired_record
from workers.stages import View

MAX_DELIVERIES: Final = 3


@dataclass(frozen=True)
class Picture:
    """A frame that can be analysed.

    Attributes:
        entry: where it came from.
        frame: its header.
        image: (H, W, 3) uint8 RGB, as large as the header says, or the JPEG as it came.
        view: its camera, for the analysis.
    """

    entry: Entry
    frame: Frame
    image: Image | Jpeg
    view: View


@dataclass(frozen=True)
class Verdict:
    """What is settled about an entry: its record, its dead letter, or both.

    Attributes:
        entry: where it came from; acknowledged once the rest is published.
        record: for the room's log; None when not even camera and number are known.
        dead_letter: why nobody can use the entry, or None.
    """

    entry: Entry
    record: FrameFaces | None
    dead_letter: str | None = None


class Screening:
    """Checks entries one by one.

    Args:
        site: says which cameras there are.
        max_age_s: older frames expire.
        model_version: goes into the records.
        decode_jpeg: bytes and `matrix` to an image, or to a JPEG whose header was read; raises
            `DecodeError`.
    """

    def __init__(
        self,
        site: Site,
        *,
        max_age_s: float,
        model_version: str,
        decode_jpeg: Callable[..., Image | Jpeg],
    ) -> None:
        self._room_of = {camera.id: room.id for room, camera in site.cameras()}
        self._detection = {camera.id: camera.detection for _, camera in site.cameras()}
        self._max_age_s = max_age_s
        self._model_version = model_version
        self._decode_jpeg = decode_jpeg

    def screen(self, entry: Entry, now_ns: int) -> Picture | Verdict:
        """The picture in `entry`, or the verdict that settles it.

        Raises:
            NewerMessageError: a newer program wrote it; do not acknowledge, wait for an upgrade.
        """
        try:
            frame, jpeg = decode_frame(entry.fields)
        except MalformedMessageError as exc:
            return self._malformed(entry, str(exc), now_ns)
        if (stranger := self._stranger(frame, entry.stream)) is not None:
            return Verdict(entry, None, stranger)
        is_live = not frame.run_id  # a recording has no age limit
        if is_live and now_ns - frame.captured_at > self._max_age_s * 1e9:
            return Verdict(entry, self._expired(frame, now_ns))
        if entry.deliveries > MAX_DELIVERIES:
            reason = f"gave up after {MAX_DELIVERIES} deliveries: workers died with it"
            return self._dead(entry, frame, reason, now_ns)
        return self._picture(entry, frame, jpeg, now_ns)

    def _picture(self, entry: Entry, frame: Frame, jpeg: bytes, now_ns: int) -> Picture | Verdict:
        """The decoded picture, if it is the one that its header announces."""
        try:
            image = self._decode_jpeg(jpeg, matrix=frame.matrix)
        except DecodeError as exc:
            return self._dead(entry, frame, str(exc), now_ns)
        height, width = image.shape[:2]
        if (width, height) != (frame.width, frame.height):
            reason = (
                f"the picture has {width} x {height} pixels, "
                f"its header says {frame.width} x {frame.height}"
            )
            return self._dead(entry, frame, reason, now_ns)
        return Picture(entry, frame, image, self._view(frame))

    def _view(self, frame: Frame) -> View:
        return View(
            source=frames_stream(frame.camera_id, frame.run_id),
            at_s=frame.captured_at / 1e9,
            detection=self._detection[frame.camera_id],
        )

    def _stranger(self, frame: Frame, stream: str) -> str | None:
        """Why this frame does not belong here, or None."""
        if frame.camera_id not in self._room_of:
            return f"unknown camera {frame.camera_id!r}: not in this worker's site file"
        if frame.room_id != self._room_of[frame.camera_id]:
            return (
                f"camera {frame.camera_id!r} says room {frame.room_id!r}, "
                f"the site file says {self._room_of[frame.camera_id]!r}"
            )
        if stream != frames_stream(frame.camera_id, frame.run_id):
            return f"a frame of camera {frame.camera_id!r} in the stream {stream!r}"
        return None

    def _malformed(self, entry: Entry, reason: str, now_ns: int) -> Verdict:
        """A dead letter, and a dead record too when at least the header can be read."""
        try:
            message = decode(entry.fields)
        except MalformedMessageError:
            return Verdict(entry, None, reason)
        if isinstance(message, Frame) and self._stranger(message, entry.stream) is None:
            return self._dead(entry, message, reason, now_ns)
        return Verdict(entry, None, reason)

    def _expired(self, frame: Frame, now_ns: int) -> FrameFaces:
        return expired_record(
            frame, at_ns=now_ns, max_age_s=self._max_age_s, model_version=self._model_version
        )

    def _dead(self, entry: Entry, frame: Frame, reason: str, now_ns: int) -> Verdict:
        record = dead_record(frame, reason, at_ns=now_ns, model_version=self._model_version)
        return Verdict(entry, record, reason)
