"""The run's own worker and aggregator, so that the live ones never touch it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from deploy.local.stack import Servers
from deploy.local.supervisor import Service, Supervisor
from deploy.recording import Recording
from deploy.worker_command import worker_arguments
from schemas.site import Site


class Processes(Protocol):
    """Who analyses a run and writes its rows."""

    def start(self, servers: Servers, recording: Recording) -> None:
        """Begin with a run."""

    def watch(self) -> None:
        """Restart what died; called about twice a second."""

    def stop(self) -> None:
        """End all of them, finished or not."""


@dataclass
class OwnProcesses:
    """Child processes of the command.

    Attributes:
        devices: GPUs, a worker for each; none: one worker on the CPU.
        has_workers: False: somebody else starts the workers.
    """

    site_path: Path
    site: Site
    logs: Path
    devices: Sequence[str] = ()
    has_workers: bool = True
    supervisor: Supervisor = field(init=False)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.logs)

    def start(self, servers: Servers, recording: Recording) -> None:
        """See `Processes`."""
        # Live services may serve their metrics on those ports.
        environment = {**servers.environment, "FACEPOSE_METRICS_PORT": "0"}
        for name, arguments in self._services(recording):
            service = Service(f"replay-{recording.room}-{name}", arguments, environment)
            self.supervisor.start(service)

    def watch(self) -> None:
        """See `Processes`.

        Raises:
            LocalError: one says that it cannot work as things are.
        """
        self.supervisor.watch()

    def stop(self) -> None:
        """See `Processes`."""
        self.supervisor.stop()

    def _services(self, recording: Recording) -> list[tuple[str, tuple[str, ...]]]:
        aggregator = ("aggregator", str(self.site_path.absolute()), *recording.arguments)
        services = [("aggregator", aggregator)]
        if not self.has_workers:
            return services
        devices: Sequence[str | None] = self.devices or (None,)
        parts = len(devices) if self.site.models.follow else 1
        for number, device in enumerate(devices):
            arguments = worker_arguments(
                self.site_path, (0, 1), number % parts, parts, device, recording
            )
            services.append((f"worker-{number}", arguments))
        return services
