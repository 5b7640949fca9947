"""What a sync changed, in sentences."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from schemas.errors import FacePoseError

Kind = Literal["added", "changed", "disabled"]


class SyncError(FacePoseError):
    """The site file asks for something that the tables' history forbids."""


@dataclass(frozen=True)
class SyncReport:
    """Counts and lines of one sync."""

    site_id: str
    dry_run: bool
    added: int
    changed: int
    disabled: int
    lines: tuple[str, ...]  # such as "camera room-a-1 added"

    @property
    def is_empty(self) -> bool:
        """Whether the tables already said what the site file says."""
        return not self.lines

    def text(self) -> str:
        """For a terminal: every line, then the counts."""
        if self.is_empty:
            return f"site {self.site_id}: nothing changed"
        would = "would be " if self.dry_run else ""
        counts = ", ".join(
            f"{count} {would}{kind}"
            for kind, count in (
                ("added", self.added),
                ("changed", self.changed),
                ("disabled", self.disabled),
            )
            if count
        )
        return "\n".join([*self.lines, f"site {self.site_id}: {counts}"])


@dataclass
class ChangeLog:
    """Collects changes while a sync runs."""

    lines: list[str] = field(default_factory=list)
    counts: dict[Kind, int] = field(
        default_factory=lambda: {"added": 0, "changed": 0, "disabled": 0}
    )

    def note(self, kind: Kind, thing: str, what: str = "") -> None:
        """One change of one thing."""
        self.counts[kind] += 1
        self.lines.append(f"{thing} {what or kind}")

    def report(self, site_id: str, *, dry_run: bool) -> SyncReport:
        """All of it."""
        return SyncReport(
            site_id=site_id,
            dry_run=dry_run,
            added=self.counts["added"],
            changed=self.counts["changed"],
            disabled=self.counts["disabled"],
            lines=tuple(self.lines),
        )
