"""One camera's thread: connect, sample, encode, publish; and connect again, whatever happened."""

from __future__ import annotations

from contextlib import closing
from typing import Final

from ingest import metrics
from ingest.backoff import Backoff
from ingest.camera_state import CameraState
from ingest.encoder import encode_picture
from ingest.errors import CameraError, FilmEndedError, PictureError, TimeBreakError
from ingest.minute_log import MinuteLog
from ingest.publisher import FramePublisher
from ingest.sampler import Sampler
from ingest.source import HostClocks, Source, TimedFrame, Wait
from ingest.timestamps import NS
from schemas.messages import Frame

ALIVE_S: Final = 12.0
# Encoding, and a frames server whose time-outs and retry are all used up.
HAND_ON_LIMIT_S: Final = 20.0


class CameraReader:
    """Reads one camera until it is stopped.

    Args:
        source: makes a new connection at each call of its `frames`.
        shown_url: the url without credentials, for the log.
        wait: waits so many seconds, True at once when the reader is to stop.
    """

    def __init__(
        self,
        *,
        source: Source,
        shown_url: str,
        state: CameraState,
        publisher: FramePublisher,
        log: MinuteLog,
        backoff: Backoff,
        clocks: HostClocks,
        wait: Wait,
        analysis_fps: float,
        jpeg_quality: int,
    ) -> None:
        self.state = state
        self.log = log
        self._source = source
        self._shown_url = shown_url
        self._publisher = publisher
        self._backoff = backoff
        self._clocks = clocks
        self._wait = wait
        self._analysis_fps = analysis_fps
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
        sampler = Sampler(self._analysis_fps)
        # Closed here, by the thread that iterates: see live.py.
        with closing(self._source.frames()) as frames:
            for timed in frames:
                if self._up_since_ns is None:
                    self._come_up()
                if self._wait(0):
                    return
                self.state.heard()
                if sampler.wants(timed.pts_ns):
                    self._hand_on(timed)

    def _come_up(self) -> None:
        # Above the last epoch even after the host's clock was set back, so that epochs sort.
        self._epoch_ns = max(self._epoch_ns + 1, self._clocks.utc_ns())
        self._up_since_ns = self._clocks.monotonic_ns()
        self.state.begin_epoch(f"{self._epoch_ns:016x}", self._clocks.utc_ns())
        self.log.say("The camera gives frames.", "camera_up", url=self._shown_url)

    def _hand_on(self, timed: TimedFrame) -> None:
        self.state.alive(HAND_ON_LIMIT_S)
        seq = self.state.next_seq()
        metrics.SAMPLED.labels(self.state.camera_id).inc()
        try:
            picture = encode_picture(timed.image, self._jpeg_quality)
        except PictureError as exc:
            self.state.count_refused()
            metrics.REFUSED.labels(self.state.camera_id, "picture").inc()
            self.log.say("A frame could not be encoded.", "picture_refused", reason=str(exc))
            return
        frame = Frame(
            room_id=self.state.room_id,
            camera_id=self.state.camera_id,
            epoch=self.state.epoch,
            seq=seq,
            captured_at=timed.captured_at,
            width=picture.width,
            height=picture.height,
            matrix=picture.matrix,
        )
        if not self._publisher.publish(frame, picture.jpeg):
            self.log.say(
                "The frames server does not take frames; they are counted as refused.",
                "frame_refused",
                refused=self.state.refused,
                reason=self._publisher.trouble,
            )

    def _pause(self, error: CameraError) -> None:
        """Tell why the connection ended, and wait before the next one."""
        held_s = 0.0
        if self._up_since_ns is not None:
            held_s = (self._clocks.monotonic_ns() - self._up_since_ns) / NS
        wait_s = self._backoff.next_wait_s(held_s, slowly=error.slowly)
        self.state.go_down(str(error))
        self.state.alive(wait_s + ALIVE_S)
        metrics.RECONNECTS.labels(self.state.camera_id).inc()
        self.log.say(
            "The camera's clock broke; a new epoch begins."
            if isinstance(error, TimeBreakError)
            else "The camera is down; it will be tried again.",
            "camera_down",
            reason=str(error),
            url=self._shown_url,
            retry_in_s=round(wait_s, 1),
        )
        self._wait(wait_s)
