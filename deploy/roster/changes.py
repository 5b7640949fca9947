"""What an import changed or would change, in sentences without names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Kind = Literal["added", "changed", "removed", "unchanged"]
KINDS: Final[tuple[Kind, ...]] = ("added", "changed", "removed", "unchanged")


@dataclass
class Changes:
    """Counts by subject (`students`, `classes`, …), and lines about single classes."""

    counts: dict[str, Counter[Kind]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)

    def note(self, subject: str, kind: Kind, count: int = 1) -> None:
        """So many of a subject."""
        self.counts.setdefault(subject, Counter())[kind] += count

    @property
    def is_empty(self) -> bool:
        """Whether the tables already said all of it."""
        return not any(
            count[kind] for count in self.counts.values() for kind in KINDS if kind != "unchanged"
        )

    def text(self, site: str, *, dry_run: bool, subject: str = "roster") -> str:
        """For a terminal: each class, then the counts."""
        lines = [*self.lines]
        lines += [f"{subject}: {_told(count)}" for subject, count in self.counts.items()]
        if self.is_empty:
            lines.append(f"site {site}: the {subject} is stored already, nothing changes")
        elif dry_run:
            lines.append(f"site {site}: a dry run, nothing was written")
        return "\n".join(lines)


def class_line(slug: str, before: str, counts: Mapping[Kind, int], what: str) -> str:
    """One line about a class; `before` tells what became of the class itself."""
    told = [f"{counts[kind]} {kind}" for kind in KINDS if counts.get(kind) and kind != "unchanged"]
    parts = [before] if before else []
    parts += [f"{what}: {', '.join(told)}"] if told else []
    return f"class {slug}: {'; '.join(parts)}"


def _told(count: Mapping[Kind, int]) -> str:
    return ", ".join(f"{count[kind]} {kind}" for kind in KINDS)
