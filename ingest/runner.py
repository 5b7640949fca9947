"""The ingest service: whose cameras, read by which processes, watched from outside.

This process decodes nothing and loads no codec, so that no library can hang or crash it.
"""

from __future__ import annotations

import os
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from ingest.camera_spec import CameraSpec, spec_of
from ingest.clock_alarm import ClockAlarm
from ingest.groups.manager import GroupManager
from ingest.metrics import IngestMetrics
from schemas.errors import SettingsError
from schemas.settings import Settings
from schemas.site import Camera, Room, Site
from schemas.site_watch import SiteWatch
from schemas.transport import connect

POLL_S: Final = 0.2
SITE_EVERY_S: Final = 1.0

_log = structlog.get_logger("facepose.ingest")


def run_ingest(
    site_path: Path,
    site: Site,
    settings: Settings,
    command: Sequence[str],
    *,
    stop: threading.Event,
    shard: tuple[int, int] = (0, 1),
    metrics: IngestMetrics | None = None,
    environ: Mapping[str, str] = os.environ,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Read this shard's cameras until `stop` is set, and follow the site file.

    Args:
        site_path: the site file; films' paths are relative to its folder.
        site: what it says now.
        settings: where the servers are; the groups' processes read their own.
        command: starts a group's process, which runs `run_group_process`.
        stop: set it to end cleanly.
        shard: (i, n): this service reads part i of n, 0 <= i < n.
        metrics: told about everything; by default registered in the process' registry.
        environ: where the urls' placeholders are looked up.
        clock: seconds that only grow.

    Raises:
        SettingsError: a server's url or a camera's secret is not set.
    """
    for url in (settings.require_frames_url(), settings.require_faces_url()):
        connect(url).close()  # refuses what is no url, before any process is started
    metrics = metrics or IngestMetrics()
    cameras = CamerasOfSite(site_path, site, shard, environ)
    manager = GroupManager(command, settings.ingest_processes, clock)
    manager.set_cameras(cameras.specs)
    alarm = ClockAlarm()
    _log.info(
        "Ingest has started.", action="ingest_started", cameras=len(cameras.specs), shard=shard
    )
    try:
        look_s = clock()
        while not stop.wait(POLL_S):
            manager.watch()
            if clock() >= look_s:
                look_s = clock() + SITE_EVERY_S
                if cameras.have_changed():
                    manager.set_cameras(cameras.specs)
            overview = manager.overview()
            alarm.note(overview.clock_offset_ms)
            metrics.show(overview)
    finally:
        manager.end()
    _log.info("Ingest has stopped.", action="ingest_stopped", cameras=len(cameras.specs))


class CamerasOfSite:
    """The cameras of a shard as the site file says now.

    Raises:
        SettingsError: a camera's secret is not set.
    """

    def __init__(
        self, path: Path, site: Site, shard: tuple[int, int], environ: Mapping[str, str]
    ) -> None:
        self._folder = path.parent
        self._shard = shard
        self._environ = environ
        self._watch = SiteWatch(path, site)
        self.specs = self._specs_of(site)

    def have_changed(self) -> bool:
        """Look at the file; whether there are other cameras now. A file that cannot be used: no."""
        site = self._watch.poll()
        if site is None:
            return False
        try:
            specs = self._specs_of(site)
        except SettingsError as exc:
            _log.warning(
                "The site file cannot be used; what it said before stays in force.",
                action="site_file_refused",
                mistakes=[f"{exc}: this service was started without it"],
            )
            return False
        self._tell(specs)
        self.specs = specs
        return True

    def _specs_of(self, site: Site) -> list[CameraSpec]:
        return [
            spec_of(room, camera, self._folder, self._environ)
            for room, camera in cameras_of_shard(site, self._shard)
        ]

    def _tell(self, specs: Sequence[CameraSpec]) -> None:
        before = {spec.camera_id: spec for spec in self.specs}
        after = {spec.camera_id: spec for spec in specs}
        both = before.keys() & after.keys()
        _log.info(
            "The cameras follow the site file.",
            action="cameras_changed",
            added=sorted(after.keys() - before.keys()),
            removed=sorted(before.keys() - after.keys()),
            changed=sorted(camera for camera in both if before[camera] != after[camera]),
        )


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
