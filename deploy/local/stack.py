"""The whole pipeline on one machine: servers, tables, one process for each service."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from deploy.local.caretaker import Caretaker
from deploy.local.embedded_server import EmbeddedServer
from deploy.local.servers import EmbeddedPostgres, EmbeddedValkey, FolderLock
from deploy.local.supervisor import Service, Supervisor
from deploy.worker_command import worker_arguments
from schemas.settings import Settings
from schemas.site import Site
from schemas.transport import connect
from schemas.transport.failures import translated

CAMERA_MB: Final = 8  # kept seconds x fps x JPEG size is about 4 MB; twice that
LEAST_MB: Final = 128

SERVICES: Final = ("ingest", "worker", "aggregator", "reports")
# Several processes cannot listen on one port: workers take the numbers after these three.
METRICS_PORT_AFTER: Final = {"ingest": 0, "aggregator": 1, "reports": 2, "worker": 3}


@dataclass(frozen=True)
class Servers:
    """Urls of the three servers, and which of them were started here."""

    settings: Settings
    embedded: tuple[str, ...] = ()
    folder: Path = Path()
    caretaker: Caretaker | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a child process: ours, with the servers' urls."""
        return {
            **os.environ,
            "FRAMES_URL": self.settings.require_frames_url(),
            "FACES_URL": self.settings.require_faces_url(),
            "DATABASE_URL": self.settings.require_database_url(),
        }


def state_folder(site_path: Path, settings: Settings) -> Path:
    """Where the embedded servers of a site keep their files."""
    return (settings.state or site_path.parent / ".facepose").absolute()


def frames_memory_mb(cameras: int) -> int:
    """What the kept frames of so many cameras need."""
    return max(LEAST_MB, cameras * CAMERA_MB)


@contextmanager
def running_servers(folder: Path, settings: Settings, cameras: int) -> Iterator[Servers]:
    """Start an embedded server for each url that the settings do not name; stop them at the end.

    Raises:
        LocalError: the folder is in use, the disk is full, a server does not start.
    """
    urls: dict[str, SecretStr] = {}
    started: dict[EmbeddedServer, str] = {}
    with ExitStack() as cleanup:
        cleanup.enter_context(FolderLock(folder))
        if settings.database_url is None:
            postgres = EmbeddedPostgres(folder / "postgres")
            started[postgres] = cleanup.enter_context(_running(postgres))
            urls["database_url"] = SecretStr(started[postgres])
        if settings.frames_url is None and settings.redis_url is None:
            frames = EmbeddedValkey(
                folder / "frames", persistent=False, maxmemory_mb=frames_memory_mb(cameras)
            )
            started[frames] = cleanup.enter_context(_running(frames))
            urls["frames_url"] = SecretStr(started[frames])
        if settings.faces_url is None and settings.redis_url is None:
            faces = EmbeddedValkey(folder / "faces", persistent=True, maxmemory_mb=LEAST_MB * 4)
            started[faces] = cleanup.enter_context(_running(faces))
            urls["faces_url"] = SecretStr(started[faces])
        faces_url = urls["faces_url"].get_secret_value() if "faces_url" in urls else None
        caretaker = Caretaker(started, faces_url)
        yield Servers(settings.model_copy(update=urls), tuple(urls), folder, caretaker)


@contextmanager
def _running(server: EmbeddedServer) -> Iterator[str]:
    """The started server's url; stopped at the end."""
    url = server.start()
    try:
        yield url
    finally:
        server.stop()


@dataclass
class Stack:
    """A running pipeline for one site file."""

    site_path: Path
    site: Site
    servers: Servers
    supervisor: Supervisor
    workers: int = 1
    devices: Sequence[str] = ()
    _names: list[str] = field(default_factory=list)

    def start(self, services: Sequence[str] = SERVICES) -> None:
        """Start the named services, or all."""
        for service in services:
            for number in range(self.workers if service == "worker" else 1):
                name = f"{service}-{number}" if service == "worker" else service
                arguments = self._arguments(service, number)
                environment = {**self.servers.environment, **self._metrics_port(service, number)}
                self.supervisor.start(Service(name, arguments, environment))
                self._names.append(name)

    def follow(self, site: Site) -> None:
        """Another site is in force: more cameras need more memory for their frames."""
        self.site = site
        cameras = sum(1 for _ in site.cameras())
        if "frames_url" in self.servers.embedded:
            with connect(self.servers.settings.require_frames_url()) as client, translated():
                client.config_set("maxmemory", f"{frames_memory_mb(cameras)}mb")

    def _arguments(self, service: str, number: int) -> tuple[str, ...]:
        if service != "worker":
            command = ("report", "serve") if service == "reports" else (service,)
            return (*command, str(self.site_path.absolute()))
        # Workers that follow faces need all frames of their cameras; others share every camera.
        parts = self.workers if self.site.models.follow else 1
        device = self.devices[number % len(self.devices)] if self.devices else None
        return worker_arguments(self.site_path, (0, 1), number % parts, parts, device)

    def watch(self) -> None:
        """Restart what died, servers first; call it about every second.

        Raises:
            LocalError: something does not start again; its text says what to do.
        """
        if self.servers.caretaker is not None:
            self.servers.caretaker.look()
        self.supervisor.watch()

    def _metrics_port(self, service: str, number: int) -> dict[str, str]:
        first = self.servers.settings.metrics_port
        port = first + METRICS_PORT_AFTER[service] + number
        return {"FACEPOSE_METRICS_PORT": str(port)} if first else {}

    def stop_ingest(self) -> None:
        """Close the cameras cleanly, so that the rest can finish what is under way."""
        self.supervisor.stop(["ingest"])

    def stop(self) -> None:
        """Stop every service, in the order of the data's flow."""
        for service in SERVICES:
            self.supervisor.stop([name for name in self._names if name.startswith(service)])
