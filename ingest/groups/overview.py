"""What the ingest service knows of itself, for metrics and for whoever asks whether it works."""

from __future__ import annotations

from dataclasses import dataclass, field

from ingest.camera_report import CameraReport


@dataclass(frozen=True)
class GroupView:
    """One group as it is now.

    Attributes:
        pid: of its process; None: it waits to be started again.
        is_working: its process has said that it works.
    """

    number: int
    cameras: tuple[str, ...]
    pid: int | None
    is_working: bool
    servers_away: tuple[str, ...] = ()
    clock_offset_ms: int | None = None


@dataclass(frozen=True)
class Overview:
    """A picture of one moment; replaced as a whole, so any thread may read it.

    Attributes:
        restarts: group processes that were replaced, by cause.
    """

    groups: tuple[GroupView, ...] = ()
    cameras: tuple[CameraReport, ...] = ()
    restarts: dict[str, int] = field(default_factory=dict)
    is_started: bool = False

    @property
    def clock_offset_ms(self) -> int | None:
        """This machine's clock less the faces server's; None: not known."""
        known = [g.clock_offset_ms for g in self.groups if g.clock_offset_ms is not None]
        return min(known, key=abs, default=None)

    def missing(self) -> list[str]:
        """What stands between this service and its work, as sentences; empty: nothing."""
        if not self.is_started:
            return ["the service is starting"]
        sentences = [
            f"group {group.number} ({', '.join(group.cameras[:8])}) is being started"
            for group in self.groups
            if not group.is_working
        ]
        away = sorted({server for group in self.groups for server in group.servers_away})
        return sentences + [f"the {server} server does not answer" for server in away]
