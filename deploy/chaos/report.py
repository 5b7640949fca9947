"""What a chaos run found, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from deploy.chaos.books import CameraBook
from deploy.chaos.comparison import Comparison
from deploy.chaos.schedule import Target

LEAST_COVERAGE: Final = 0.6  # below, too little was seen for a loss to show


@dataclass(frozen=True)
class ChaosReport:
    """The result of one run.

    Attributes:
        seed: of the schedule.
        asked: kills that were asked for.
        kills: processes and servers that were killed, by target.
        points: of the aimed ones, where they died.
        lasted_s: from the first pause to the last kill.
        comparison: of the rows.
        books: of the cameras.
        log_entries: of all rooms, recorded.
        log_forgotten: entries that the faces server gave out and lost in a restart.
    """

    seed: int
    asked: int
    kills: Mapping[Target, int]
    points: Mapping[str, int]
    lasted_s: float
    comparison: Comparison
    books: Sequence[CameraBook]
    log_entries: int
    log_forgotten: int

    @property
    def failures(self) -> list[str]:
        """A sentence for everything that is not as it must be."""
        found = []
        compared = self.comparison
        if compared.lost or compared.doubled or compared.differing_rows:
            found.append(
                f"{compared.lost} student-seconds are lost, {compared.doubled} are doubled, "
                f"{compared.differing_rows} rows differ"
            )
        found += [
            f"the accounts of {book.camera} do not close" for book in self.books if not book.closes
        ]
        if self.log_forgotten:
            found.append(f"the faces server forgot entries at {self.log_forgotten} restarts")
        if sum(self.kills.values()) < self.asked:
            found.append(f"only {sum(self.kills.values())} of {self.asked} kills were made")
        if compared.coverage < LEAST_COVERAGE:
            found.append(
                f"coverage was {compared.coverage:.2f}, below {LEAST_COVERAGE:g}: too little was "
                "seen for this run to prove anything; give it a slower pace"
            )
        return found

    def as_json(self) -> dict[str, Any]:
        """Everything, flat where it counts."""
        compared = self.comparison
        return {
            "kills": sum(self.kills.values()),
            "seconds_expected": compared.seconds_expected,
            "lost": compared.lost,
            "doubled": compared.doubled,
            "differing_rows": compared.differing_rows,
            "coverage": round(compared.coverage, 4),
            "seed": self.seed,
            "lasted_s": round(self.lasted_s, 1),
            "kills_by_target": {str(target): self.kills.get(target, 0) for target in Target},
            "kills_by_point": dict(sorted(self.points.items())),
            "rows": {name: count for name, count in compared.rows.items() if count},
            "differing": compared.differing,
            "examples": compared.examples[:20],
            "log_entries": self.log_entries,
            "log_forgotten": self.log_forgotten,
            "accounting_closes": all(book.closes for book in self.books),
            "cameras": [{**asdict(book), "closes": book.closes} for book in self.books],
            "failures": self.failures,
        }

    def print(self, console: Console) -> None:
        """Tables, and a last line that says it."""
        console.print(self._kills_table())
        console.print(self._books_table())
        console.print(self._rows_table())
        for failure in self.failures:
            console.print(failure, style="red", highlight=False)
        if not self.failures:
            console.print(
                f"{sum(self.kills.values())} kills in {self.lasted_s / 60:.1f} min: "
                f"{self.comparison.seconds_expected} student-seconds, 0 lost, 0 doubled; "
                f"{sum(self.comparison.rows.values())} rows, 0 differ; all accounts close.",
                style="green",
                highlight=False,
            )

    def _kills_table(self) -> Table:
        table = Table("killed", "times", title=f"kill -9, seed {self.seed}")
        for target in Target:
            table.add_row(str(target), str(self.kills.get(target, 0)))
        return table

    def _books_table(self) -> Table:
        table = Table("frames", *(book.camera for book in self.books), title="accounts")
        for name in ("sampled", "published", "analysed", "expired", "dead", "lost", "refused"):
            table.add_row(name, *(str(getattr(book, name)) for book in self.books))
        table.add_row("in flight", *(str(book.in_flight) for book in self.books))
        table.add_row("closes", *("yes" if book.closes else "NO" for book in self.books))
        return table

    def _rows_table(self) -> Table:
        compared = self.comparison
        table = Table("rows of", "undisturbed", "differing", title="PostgreSQL")
        for name, count in compared.rows.items():
            if count or name in compared.differing:
                table.add_row(name, str(count), str(compared.differing.get(name, 0)))
        table.add_section()
        table.add_row("student-seconds", str(compared.seconds_expected), "")
        table.add_row("  lost / doubled", "", f"{compared.lost} / {compared.doubled}")
        table.add_row("  coverage", f"{compared.coverage:.2f}", "")
        return table
