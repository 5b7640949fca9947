"""The ingest service: which cameras are this process's, and how its parts fit together."""

from __future__ import annotations

import os
import random
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import structlog

from ingest.backoff import Backoff
from ingest.camera_state import CameraState
from ingest.camera_url import film_path
from ingest.film import FilmSource
from ingest.live import LiveSource
from ingest.minute_log import MinuteLog
from ingest.publisher import (
    FIRST_REST_S,
    LONGEST_REST_S,
    FramePublisher,
    ServerRest,
    StatusPublisher,
    kept_frames,
    with_timeout,
)
from ingest.reader import CameraReader
from ingest.source import HostClocks, Source
from ingest.supervisor import Supervisor
from schemas.redaction import redact_url
from schemas.settings import Settings
from schemas.site import Camera, Room, Site
from schemas.transport import Client, connect


def run_ingest(
    site: Site,
    settings: Settings,
    shard: tuple[int, int] = (0, 1),
    stop: threading.Event | None = None,
    *,
    folder: Path = Path(),
    environ: Mapping[str, str] = os.environ,
    clocks: HostClocks = HostClocks(),  # noqa: B008  frozen
    rng: random.Random | None = None,
) -> None:
    """Read this shard's cameras until `stop` is set.

    Args:
        site: rooms and cameras.
        settings: where the servers are.
        shard: (i, n): this process reads part i of n, 0 <= i < n.
        stop: set it to end cleanly.
        folder: the site file's; relative film paths start there.
        environ: where the urls' placeholders are looked up.
        clocks: this machine's clocks.
        rng: for the jitter of retries.

    Raises:
        SettingsError: a server's url or a camera's secret is not set.
        ReaderHungError: end this process with an error, and start another.
    """
    cv2.setNumThreads(1)  # threads are for cameras; cv2's own would only compete with them
    stop = stop or threading.Event()
    rng = rng or random.Random()  # noqa: S311  jitter, no secret
    frames = connect(with_timeout(settings.require_frames_url()))
    faces = connect(with_timeout(settings.require_faces_url()))
    build = _Builder(frames, settings, stop, folder, environ, clocks, rng)
    readers = [build.reader(room, camera) for room, camera in cameras_of_shard(site, shard)]
    statuses = StatusPublisher(
        faces, build.rest(), MinuteLog(clocks.monotonic_ns, server="faces"), clocks.utc_ns
    )
    structlog.get_logger("facepose.ingest").info(
        "Ingest has started.", action="ingest_started", cameras=len(readers), shard=shard
    )
    try:
        Supervisor(readers, statuses, stop, clocks.monotonic_ns).run()
    finally:
        stop.set()  # also after an error: no reader may outlive this call for long
        frames.close()
        faces.close()


def cameras_of_shard(site: Site, shard: tuple[int, int]) -> list[tuple[Room, Camera]]:
    """The enabled cameras of part i of n.

    By a hash of the id, so that adding a camera moves no other one.
    """
    index, count = shard
    if not 0 <= index < count:
        raise ValueError(f"a shard is i/n with 0 <= i < n, got {shard = }")
    return [
        (room, camera)
        for room, camera in site.cameras()
        if zlib.crc32(camera.id.encode()) % count == index
    ]


@dataclass(frozen=True)
class _Builder:
    """What the readers of one process share."""

    frames: Client
    settings: Settings
    stop: threading.Event
    folder: Path
    environ: Mapping[str, str]
    clocks: HostClocks
    rng: random.Random

    def rest(self) -> ServerRest:
        """A pause for a failing server."""
        backoff = Backoff(self.rng, first_s=FIRST_REST_S, cap_s=LONGEST_REST_S)
        return ServerRest(backoff, self.clocks.monotonic_ns)

    def reader(self, room: Room, camera: Camera) -> CameraReader:
        """The reader of one camera."""
        state = CameraState(room.id, camera.id, self.clocks.monotonic_ns)
        url = camera.resolved_url(self.environ)
        maxlen = kept_frames(self.settings.frames_kept_s, camera.analysis_fps)
        return CameraReader(
            source=self._source(camera, url, state),
            shown_url=redact_url(url),
            state=state,
            publisher=FramePublisher(self.frames, state, self.rest(), maxlen),
            log=MinuteLog(self.clocks.monotonic_ns, camera=camera.id),
            backoff=Backoff(self.rng),
            clocks=self.clocks,
            wait=self.stop.wait,
            analysis_fps=camera.analysis_fps,
            jpeg_quality=self.settings.jpeg_quality,
        )

    def _source(self, camera: Camera, url: str, state: CameraState) -> Source:
        if not camera.is_film:
            return LiveSource(url, self.clocks, state.alive)
        path = film_path(url, self.folder)
        return FilmSource(path, self.clocks, state.alive, self.stop.wait, loop=camera.loop)
