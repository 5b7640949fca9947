"""What an evaluation says: figures with intervals, by group, and what was left out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.evaluation.bootstrap import Estimate


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A picture that could not be read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Confusion:
    """Pictures of each labelled class by the answer given.

    Attributes:
        labelled: names of the rows.
        answered: names of the columns; the last one is "none".
        counts: rows by columns.
    """

    labelled: tuple[str, ...]
    answered: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One run of `facepose evaluate`.

    Attributes:
        task: detection, landmarks, pose or expression.
        format: of the data set.
        models: the choices by name, and the version string of what was loaded.
        counts: pictures, faces, faces not found and so on.
        groups: name of a group of examples to name of a measure to its estimate.
        notes: rules that the figures follow, what was left out.
        unreadable: pictures that could not be read.
        confusion: of expressions.
    """

    task: str
    format: str
    models: Mapping[str, str]
    counts: Mapping[str, int]
    groups: Mapping[str, Mapping[str, Estimate]]
    notes: Sequence[str] = ()
    unreadable: Sequence[Unreadable] = ()
    confusion: Confusion | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def as_record(self) -> dict[str, Any]:
        """Return the JSON form: one object; a figure that does not exist is null."""
        record: dict[str, Any] = {
            "task": self.task,
            "format": self.format,
            "models": dict(self.models),
            "settings": dict(self.settings),
            "counts": dict(self.counts),
            "groups": {
                group: {name: _estimate_record(estimate) for name, estimate in measures.items()}
                for group, measures in self.groups.items()
            },
            "notes": list(self.notes),
            "unreadable": [{"path": u.path, "reason": u.reason} for u in self.unreadable],
        }
        if self.confusion is not None:
            record["confusion"] = {
                "labelled": list(self.confusion.labelled),
                "answered": list(self.confusion.answered),
                "counts": [list(row) for row in self.confusion.counts],
            }
        return record


def _estimate_record(estimate: Estimate) -> dict[str, float | int | None]:
    return {
        "value": _known(estimate.value),
        "low": _known(estimate.low),
        "high": _known(estimate.high),
        "n": estimate.n,
    }


def _known(value: float) -> float | None:
    return round(value, 5) if math.isfinite(value) else None
