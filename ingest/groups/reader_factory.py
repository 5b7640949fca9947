"""Builds the readers of one process from what they share."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass

from ingest.backoff import Backoff
from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.groups.running_reader import RunningReader
from ingest.minute_log import MinuteLog
from ingest.publisher import (
    FIRST_REST_S,
    LONGEST_REST_S,
    FramePublisher,
    ServerRest,
    kept_frames,
)
from ingest.reader import CameraReader
from ingest.stream.film import FilmSource
from ingest.stream.live import LiveSource
from ingest.stream.source import HostClocks
from schemas.settings import Settings
from schemas.transport import Client


@dataclass(frozen=True)
class ReaderFactory:
    """What the readers of one process share."""

    frames: Client
    settings: Settings
    clocks: HostClocks
    rng: random.Random

    def rest(self) -> ServerRest:
        """A pause for a failing server."""
        backoff = Backoff(self.rng, first_s=FIRST_REST_S, cap_s=LONGEST_REST_S)
        return ServerRest(backoff, self.clocks.monotonic_ns)

    def state(self, spec: CameraSpec) -> CameraState:
        """The state of a camera that was not read so far."""
        return CameraState(spec.room_id, spec.camera_id, self.clocks.monotonic_ns)

    def start(self, spec: CameraSpec, state: CameraState, number: int = 1) -> RunningReader:
        """Start to read a camera; with another `number` its counters begin anew."""
        stop = threading.Event()
        rest = self.rest()
        maxlen = kept_frames(self.settings.frames_kept_s, spec.analysis_fps)
        source = FilmSource if spec.is_film else LiveSource
        reader = CameraReader(
            source=source(spec, self.clocks, state, stop.wait),
            spec=spec,
            state=state,
            publisher=FramePublisher(self.frames, state, rest, maxlen),
            log=MinuteLog(self.clocks.monotonic_ns, camera=spec.camera_id),
            backoff=Backoff(self.rng),
            clocks=self.clocks,
            wait=stop.wait,
            jpeg_quality=self.settings.jpeg_quality,
        )
        return RunningReader(spec, reader, rest, stop, self.clocks.monotonic_ns, number)
