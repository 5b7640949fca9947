"""Frames to the frames server, statuses to the rooms' logs.

A server that is full or away costs frames, which are counted, and never stops a reader: after a
failure the next attempts are left out for a moment.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from ingest.backlog import Backlog
from ingest.backoff import Backoff
from ingest.camera_report import RefusalCause
from ingest.camera_state import CameraState
from ingest.minute_log import MinuteLog
from ingest.stream.timestamps import NS, NsClock
from schemas import streams
from schemas.messages import CameraStatus, EndOfStream, Frame, encode
from schemas.transport import (
    Client,
    StreamFullError,
    TransportError,
    entry_time_ns,
    forget_after,
    id_before_ns,
    publish,
)

FIRST_REST_S: Final = 0.25
LONGEST_REST_S: Final = 2.0
TIMEOUT_S: Final = 2.0
# The last frames of a camera that was removed, or whose ingest is gone, do not stay for ever.
FORGOTTEN_AFTER_S: Final = 120  # kept seconds are 60 at most
REMEMBER_EVERY_NS: Final = 30 * NS


def with_timeout(url: str) -> str:
    """The server's url with short time-outs: a hung server must not hold up a reader.

    redis-py takes such options in a url's query; what stands there already is kept.
    """
    taken = dict(parse_qsl(urlsplit(url).query))
    wanted = ("socket_timeout", "socket_connect_timeout")
    missing = urlencode({name: TIMEOUT_S for name in wanted if name not in taken})
    return f"{url}{'&' if taken else '?'}{missing}" if missing else url


def kept_frames(kept_s: float, analysis_fps: float) -> int:
    """How many frames of one camera stay in its stream."""
    return max(1, math.ceil(kept_s * analysis_fps))


@dataclass
class ServerRest:
    """A server that just failed is left alone for .25 s, then longer, up to 2 s.

    Attributes:
        is_failing: whether it did not answer the last time.
    """

    backoff: Backoff
    monotonic_ns: NsClock
    is_failing: bool = field(default=False, init=False)
    _until_ns: int = field(default=0, init=False)

    @property
    def is_on(self) -> bool:
        """Whether attempts are left out now."""
        return self.monotonic_ns() < self._until_ns

    def failed(self) -> None:
        """The server did not answer."""
        self.is_failing = True
        self._until_ns = self.monotonic_ns() + int(self.backoff.next_wait_s() * NS)

    def worked(self) -> None:
        """The server answered."""
        self.is_failing = False
        self._until_ns = 0
        self.backoff.reset()


class FramePublisher:
    """Puts one camera's frames into its stream; used by that camera's reader thread only."""

    def __init__(self, client: Client, state: CameraState, rest: ServerRest, maxlen: int) -> None:
        self._client = client
        self._state = state
        self._rest = rest
        self._maxlen = maxlen
        self._stream = streams.frames_stream(state.camera_id)
        self._backlog = Backlog()
        self._remembered_ns: int | None = None
        self.trouble = ""  # why the newest refused frame was refused

    def publish(self, frame: Frame, jpeg: bytes) -> bool:
        """Whether the frame is on the server now; if not, it is counted as refused."""
        now_ns = self._rest.monotonic_ns()
        is_too_old = self._backlog.is_too_old(frame.captured_at, now_ns)
        if self._rest.is_on:
            return self._refused("down")
        if is_too_old:
            self.trouble = "the Redis server is slow; newer frames go first"
            return self._refused("slow")
        try:
            publish(self._client, self._stream, encode(frame, jpeg), maxlen=self._maxlen)
        except StreamFullError as exc:
            self.trouble = str(exc)
            return self._refused("full")
        except TransportError as exc:
            self.trouble = str(exc)
            self._rest.failed()
            return self._refused("down")
        finally:
            self._backlog.took(self._rest.monotonic_ns())
        self._rest.worked()
        self._state.count_published()
        self._remember(now_ns)
        return True

    def _remember(self, now_ns: int) -> None:
        """Put the stream's end off, now and then."""
        if self._remembered_ns is None or now_ns - self._remembered_ns > REMEMBER_EVERY_NS:
            with suppress(TransportError):  # then it is made up for with one of the next frames
                forget_after(self._client, self._stream, FORGOTTEN_AFTER_S)
                self._remembered_ns = now_ns

    def _refused(self, cause: RefusalCause) -> bool:
        self._state.count_refused(cause)
        return False


class StatusPublisher:
    """Appends what ingest knows of its cameras to the logs of their rooms."""

    def __init__(self, client: Client, rest: ServerRest, log: MinuteLog, utc_ns: NsClock) -> None:
        self._client = client
        self._rest = rest
        self._log = log
        self._utc_ns = utc_ns
        self._newest_ids: dict[str, str] = {}

    @property
    def is_failing(self) -> bool:
        """Whether the faces server does not answer."""
        return self._rest.is_failing

    def report(self, state: CameraState, clock_offset_ms: int | None = None) -> bool:
        """Tell the status now; True when the camera has ended and its end of stream is told too.

        Args:
            state: of one camera.
            clock_offset_ms: this machine's clock less the faces server's; None: not known.
        """
        ended = state.ended  # asked first: the last status must be younger
        while (closed := state.take_closed()) is not None:
            if not self._send_status(state, closed):
                return False
        if not self._send_status(state, state.take_status(self._utc_ns(), clock_offset_ms)):
            return False
        return ended and self._send(state.end_of_stream(self._utc_ns()))

    def _send_status(self, state: CameraState, status: CameraStatus) -> bool:
        if self._send(status):
            return True
        state.put_back(status)
        return False

    def _send(self, message: CameraStatus | EndOfStream) -> bool:
        if self._rest.is_on:
            return False
        stream = streams.faces_stream(message.room_id)
        try:
            newest_id = publish(self._client, stream, encode(message), minid=self._oldest(stream))
        except TransportError as exc:
            if not isinstance(exc, StreamFullError):
                self._rest.failed()
            self._log.say(
                "The faces server does not take statuses; their counters go on.",
                "status_refused",
                reason=str(exc),
            )
            return False
        self._newest_ids[stream] = newest_id
        self._rest.worked()
        return True

    def _oldest(self, stream: str) -> str | None:
        """The log's hard time cap, by the server's own clock: ours may be wrong by hours."""
        newest_id = self._newest_ids.get(stream)
        if newest_id is None:
            return None
        return id_before_ns(entry_time_ns(newest_id) - int(streams.LOG_MAX_AGE_S * NS))
