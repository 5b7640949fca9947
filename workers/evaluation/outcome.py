"""What a run found out, before the command adds which models and which data it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workers.evaluation.bootstrap import Estimate
from workers.evaluation.report import Confusion


@dataclass(frozen=True, slots=True)
class Outcome:
    """Figures of one run.

    Attributes:
        counts: faces, faces not found and so on.
        groups: name of a group of examples to name of a measure to its estimate.
        notes: the rules that the figures follow.
        confusion: of expressions.
    """

    counts: Mapping[str, int]
    groups: Mapping[str, Mapping[str, Estimate]]
    notes: Sequence[str] = ()
    confusion: Confusion | None = None
