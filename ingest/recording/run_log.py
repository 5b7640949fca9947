"""What a run's publisher tells the room's log: how far the film is, second by second.

Its word is the run's only clock (see `aggregator.log_time`): a status at T says that the records of
all frames captured before T, of all cameras of the run, are in the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ingest.recording.recorded_films import RecordedCamera
from ingest.stream.timestamps import NS
from schemas.messages import CameraStatus, EndOfStream


@dataclass(frozen=True)
class Run:
    """One recording on its way.

    Attributes:
        start_ns: when the first frame of every camera was captured, Unix time.
        from_s: second of Unix time from which frames are needed: later than the start where an
            interrupted run is taken up again.
    """

    run_id: str
    room_id: str
    start_ns: int
    from_s: int = 0

    @property
    def start_s(self) -> int:
        """The first second."""
        return self.start_ns // NS

    @property
    def epoch(self) -> str:
        """A run has one connection to each camera, the same whenever it is repeated."""
        return f"{self.start_ns:016x}"


@dataclass
class _Camera:
    camera_id: str
    last_seq: int = -1
    refused: int = 0
    end_s: int | None = None
    sampled: deque[tuple[int, int]] = field(default_factory=deque)  # captured_at, seq

    def last_seq_before(self, second: int) -> int:
        while self.sampled and self.sampled[0][0] < second * NS:
            _, self.last_seq = self.sampled.popleft()
        return self.last_seq


class RunLog:
    """The word of one run.

    Args:
        run: which.
        cameras: of the run.
        append: puts a message into the room's log, and returns only when it is there.
    """

    def __init__(
        self,
        run: Run,
        cameras: Sequence[RecordedCamera],
        append: Callable[[CameraStatus | EndOfStream], None],
    ) -> None:
        self._run = run
        self._append = append
        self._cameras = [_Camera(camera.camera_id) for camera in cameras]
        self.next_s = max(run.start_s, run.from_s)

    def sampled(self, number: int, captured_at: int, seq: int) -> None:
        """A frame of camera `number` is on its way, or was settled before this run began."""
        self._cameras[number].sampled.append((captured_at, seq))
        if captured_at < self.next_s * NS:
            self._cameras[number].last_seq_before(self.next_s)

    def refused(self, number: int) -> None:
        """The camera's newest frame cannot be sent."""
        self._cameras[number].refused += 1

    def ended(self, number: int, at_ns: int) -> None:
        """The camera's last film ends there."""
        self._cameras[number].end_s = -(-at_ns // NS)

    def say_until(self, second: int) -> None:
        """Tell of every second up to `second`: all captured before it is in the log."""
        while self.next_s <= second:
            for camera in self._cameras:
                self._say(camera, self.next_s)
            self.next_s += 1

    def say_all(self) -> None:
        """All films have ended, and the records of all frames are in the log."""
        end_s = max(camera.end_s or 0 for camera in self._cameras)
        self.say_until(end_s)
        for camera in self._cameras:
            over = self._status(camera, end_s + 1)
            self._append(over)

    def _say(self, camera: _Camera, second: int) -> None:
        if camera.end_s is None or second < camera.end_s:
            self._append(self._status(camera, second))
        elif second == camera.end_s:
            end = EndOfStream(
                room_id=self._run.room_id,
                camera_id=camera.camera_id,
                at=second * NS,
                epoch=self._run.epoch,
                last_seq=camera.last_seq_before(second),
                run_id=self._run.run_id,
            )
            self._append(end)

    def _status(self, camera: _Camera, second: int) -> CameraStatus:
        is_over = camera.end_s is not None and second > camera.end_s
        return CameraStatus(
            room_id=self._run.room_id,
            camera_id=camera.camera_id,
            at=second * NS,
            state="down" if is_over else "up",
            epoch=self._run.epoch,
            last_seq=camera.last_seq_before(second),
            refused=camera.refused,
            reason="the film has ended" if is_over else "",
            cause="ended" if is_over else "",
            run_id=self._run.run_id,
        )
