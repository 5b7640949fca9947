"""One camera's thread: connect, sample, encode, publish; and connect again, whatever happened."""

from __future__ import annotations

from contextlib import closing
from typing import Final

from ingest.backoff import Backoff
from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.encoder import Picture, encode_planes, full_range
from ingest.errors import CameraError, FilmEndedError, PictureError, TimeBreakError
from ingest.frame_header import frame_header
from ingest.minute_log import MinuteLog
from ingest.publisher import FramePublisher
from ingest.stream.knock import answers_knock
from ingest.stream.source import HostClocks, Source, TimedFrame, Wait
from ingest.stream.timestamps import NS
from schemas.messages import Frame

ALIVE_S: Final = 12.0
KNOCK_EVERY_S: Final = 1.5
# An attempt at a silent camera lasts 4.5 s, in which it is seen to come back; so the waits between
# attempts may be short, and yet it has one client in 6 s.
SILENT_WAIT_S: Final = 2.0
# Encoding, and a frames server whose time-outs and retry are all used up.
HAND_ON_LIMIT_S: Final = 20.0


class CameraReader:
    """Reads one camera until it is stopped.

    Args:
        source: makes a new connection at each call of its `frames`.
        spec: the camera.
        wait: waits so many seconds, True at once when the reader is to stop.
    """

    def __init__(
        self,
        *,
        source: Source,
        spec: CameraSpec,
        state: CameraState,
        publisher: FramePublisher,
        log: MinuteLog,
        backoff: Backoff,
        clocks: HostClocks,
        wait: Wait,
        jpeg_quality: int,
    ) -> None:
        self.state = state
        self.log = log
        self._source = source
        self._spec = spec
        self._publisher = publisher
        self._backoff = backoff
        self._clocks = clocks
        self._wait = wait
        self._jpeg_quality = jpeg_quality
        self._epoch_ns = 0
        self._up_since_ns: int | None = None

    def run(self) -> None:
        """Read until stopped, or until a film without loop has ended."""
        while not self._wait(0):
            self._up_since_ns = None
            try:
                self._read_one_connection()
            except FilmEndedError as exc:
                self.log.say("The film has ended.", "film_ended")
                self.state.end(str(exc))
                return
            except CameraError as exc:
                self._pause(exc)

    def _read_one_connection(self) -> None:
        # Closed here, by the thread that iterates: see live.py.
        with closing(self._source.frames()) as frames:
            for timed in frames:
                if self._up_since_ns is None:
                    self._come_up()
                if self._wait(0):
                    return
                self._hand_on(timed)

    def _come_up(self) -> None:
        # Above the last epoch even after the host's clock was set back, so that epochs sort.
        self._epoch_ns = max(self._epoch_ns + 1, self._clocks.utc_ns())
        self._up_since_ns = self._clocks.monotonic_ns()
        self.state.begin_epoch(f"{self._epoch_ns:016x}", self._clocks.utc_ns())
        self.log.say("The camera gives frames.", "camera_up", url=self._spec.shown_url)

    def _hand_on(self, timed: TimedFrame) -> None:
        self.state.alive(HAND_ON_LIMIT_S)
        seq = self.state.next_seq()
        try:
            picture = self._picture(timed)
        except PictureError as exc:
            self.state.count_refused("picture")
            self.log.say("A frame could not be encoded.", "picture_refused", reason=str(exc))
            return
        frame = self._header(timed, seq, picture)
        with self.state.stage("publish"):
            is_published = self._publisher.publish(frame, picture.jpeg)
        if not is_published:
            self.log.say(
                "The frames server does not take frames; they are counted as refused.",
                "frame_refused",
                refused=self.state.refused,
                reason=self._publisher.trouble,
            )

    def _picture(self, timed: TimedFrame) -> Picture:
        with self.state.stage("convert"):
            planes = full_range(timed.image, self._spec.region)
        with self.state.stage("encode"):
            return encode_planes(planes, self._jpeg_quality)

    def _header(self, timed: TimedFrame, seq: int, picture: Picture) -> Frame:
        return frame_header(
            picture,
            room_id=self.state.room_id,
            camera_id=self.state.camera_id,
            epoch=self.state.epoch,
            seq=seq,
            captured_at=timed.captured_at,
        )

    def _pause(self, error: CameraError) -> None:
        """Tell why the connection ended, and wait before the next one."""
        held_s = 0.0
        if self._up_since_ns is not None:
            held_s = (self._clocks.monotonic_ns() - self._up_since_ns) / NS
        wait_s = self._backoff.next_wait_s(held_s, slowly=error.slowly)
        if error.cause == "silent":
            wait_s = min(wait_s, SILENT_WAIT_S)
        self.state.go_down(str(error), error.cause)
        self.state.connection_ended(error.cause)
        self.state.alive(wait_s + ALIVE_S)
        self.log.say(
            "The camera's clock broke; a new epoch begins."
            if isinstance(error, TimeBreakError)
            else "The camera is down; it will be tried again.",
            "camera_down",
            reason=str(error),
            cause=error.cause,
            url=self._spec.shown_url,
            retry_in_s=round(wait_s, 1),
        )
        self._wait_or_see_it_back(wait_s)

    def _wait_or_see_it_back(self, wait_s: float) -> None:
        """The wait before the next attempt, shorter when the camera comes back to the network.

        So the waits may be long, to spare a camera that is in trouble, and yet one that was
        switched on again is seen within seconds.
        """
        end_ns = self._clocks.monotonic_ns() + int(wait_s * NS)
        knocks = not self._spec.is_film and wait_s > KNOCK_EVERY_S
        # At once: a camera that is back before the first look would seem never to have been away.
        is_away = knocks and not answers_knock(self._spec.url)
        while (left_s := (end_ns - self._clocks.monotonic_ns()) / NS) > 0:
            if self._wait(min(left_s, KNOCK_EVERY_S)) or left_s <= KNOCK_EVERY_S:
                return
            if not knocks:
                continue
            answers = answers_knock(self._spec.url)
            if answers and is_away:
                return
            is_away = not answers
