"""Sends films through the pipeline as fast as workers take them; nothing is dropped.

States of a frame: sampled → published → acknowledged by a worker, which has put its record into the
room's log before. Only then the run's time passes it (`run_log`). At most `MAX_FRAMES` are on their
way at once; a server that is away is waited for.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import structlog

from ingest.encoder import Picture, encode_picture
from ingest.errors import PictureError, ReplayStoppedError
from ingest.frame_header import frame_header
from ingest.recording.recorded_films import RecordedCamera, RecordedFrame, recorded_frames
from ingest.recording.run_log import Run, RunLog
from ingest.recording.unread_frames import UnreadFrames
from ingest.stream.source import Wait
from ingest.stream.timestamps import NS
from schemas.messages import CameraStatus, EndOfStream, Frame, encode
from schemas.streams import faces_stream, frames_stream
from schemas.transport import (
    Client,
    StreamFullError,
    TransportDownError,
    back_off,
    length,
    publish,
)

LOOK_AGAIN_S: Final = 0.05
# Records and statuses that no aggregator has committed yet; about 60 MB in a full class.
MAX_LOG_ENTRIES: Final = 20_000

Value = TypeVar("Value")
_log = structlog.get_logger(__name__)


@dataclass
class ReplayProgress:
    """How far a run is.

    Attributes:
        film_s: seconds of the film behind which all is analysed.
        sent: frames published since this process took the run up.
        refused: frames that could not become a picture.
        waiting: frames that no worker has acknowledged yet.
        trouble: the server that is waited for, or empty.
    """

    film_s: int = 0
    sent: int = 0
    refused: int = 0
    waiting: int = 0
    trouble: str = ""


class Replay:
    """One run's publisher.

    Args:
        run: which, and from which second on.
        cameras: with their films.
        frames: client of the frames server.
        faces: client of the observations server.
        jpeg_quality: of the frames.
        wait: waits so many seconds, True at once when the replay is to stop.
        look: called often, also while waiting: to show progress, to watch over processes.
    """

    def __init__(
        self,
        run: Run,
        cameras: Sequence[RecordedCamera],
        frames: Client,
        faces: Client,
        *,
        jpeg_quality: int,
        wait: Wait,
        look: Callable[[ReplayProgress], None],
    ) -> None:
        self.progress = ReplayProgress()
        self._run = run
        self._cameras = cameras
        streams = [frames_stream(camera.camera_id, run.run_id) for camera in cameras]
        self._unread = UnreadFrames(frames, streams)
        self._faces = faces
        self._log_stream = faces_stream(run.room_id, run.run_id)
        self._log = RunLog(run, cameras, self._append)
        self._jpeg_quality = jpeg_quality
        self._wait = wait
        self._look = look

    def send(self) -> None:
        """Send all films, and return when every frame's record is in the room's log.

        Raises:
            ReplayError: a film cannot be read to its end.
            ReplayStoppedError: `wait` said so; the run can be taken up again.
            TransportRefusedError: a server does not let us in.
        """
        self._insist(self._unread.join)
        with ExitStack() as films:
            recorded = [
                films.enter_context(closing(recorded_frames(camera, number, self._run.start_ns)))
                for number, camera in enumerate(self._cameras)
            ]
            for frame in heapq.merge(*recorded, key=_film_order):
                self._make_way(frame.captured_at)
                self._hand_on(frame)
        while len(self._unread):
            self._settle()
            self._pause()
        self._log.say_all()
        self._show()

    def _make_way(self, captured_at: int) -> None:
        """Tell of the seconds before a frame, and wait until there is room for it."""
        if (captured_at - 1) // NS >= self._log.next_s:
            self._settle(captured_at)
            while self._insist(partial(length, self._faces, self._log_stream)) > MAX_LOG_ENTRIES:
                self._pause()
        while self._unread.is_full:
            self._settle(captured_at)
            if self._unread.is_full:
                self._pause()

    def _settle(self, sent_until_ns: int | None = None) -> None:
        """Let the run's time follow what workers have acknowledged.

        Args:
            sent_until_ns: all that was captured before is sent; None: all is.
        """
        self._insist(self._unread.settle)
        oldest_ns = self._unread.oldest_ns
        limits = []
        if sent_until_ns is not None:
            limits.append((sent_until_ns - 1) // NS)
        if oldest_ns is not None:
            limits.append(oldest_ns // NS)
        if limits:
            self._log.say_until(min(limits))
        self._show()

    def _hand_on(self, frame: RecordedFrame) -> None:
        if frame.image is None:
            self._log.ended(frame.number, frame.captured_at)
            return
        self._log.sampled(frame.number, frame.captured_at, frame.seq)
        if frame.captured_at < self._run.from_s * NS:
            self._show()
            return
        camera = self._cameras[frame.number]
        try:
            picture = encode_picture(frame.image, self._jpeg_quality, camera.region)
        except PictureError as exc:
            self._log.refused(frame.number)
            self.progress.refused += 1
            _log.warning(str(exc), action="picture_refused", camera=camera.camera_id)
            return
        header = self._header(camera, frame, picture)
        self._insist(partial(self._unread.send, frame.number, header, picture.jpeg))
        self.progress.sent += 1

    def _header(self, camera: RecordedCamera, frame: RecordedFrame, picture: Picture) -> Frame:
        return frame_header(
            picture,
            room_id=camera.room_id,
            camera_id=camera.camera_id,
            epoch=self._run.epoch,
            seq=frame.seq,
            captured_at=frame.captured_at,
            run_id=self._run.run_id,
        )

    def _append(self, message: CameraStatus | EndOfStream) -> None:
        fields = encode(message)
        self._insist(partial(publish, self._faces, self._log_stream, fields))

    def _insist(self, action: Callable[[], Value]) -> Value:
        """What `action` gives; a server that is away or full is waited for."""
        waits = back_off()
        while True:
            try:
                done = action()
            except (TransportDownError, StreamFullError) as exc:
                self.progress.trouble = str(exc)
                self._pause(next(waits))
            else:
                self.progress.trouble = ""
                return done

    def _pause(self, seconds: float = LOOK_AGAIN_S) -> None:
        self._show()
        if self._wait(seconds):
            raise ReplayStoppedError("the replay was stopped")

    def _show(self) -> None:
        """Let the caller look; also the moment to stop in."""
        self.progress.film_s = max(0, self._log.next_s - 1 - self._run.start_s)
        self.progress.waiting = len(self._unread)
        self._look(self.progress)
        if self._wait(0):
            raise ReplayStoppedError("the replay was stopped")


def _film_order(frame: RecordedFrame) -> tuple[int, int]:
    return frame.captured_at, frame.number
