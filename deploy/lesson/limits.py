"""What a lesson must keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from deploy.lesson.judgement import Judgement

MISATTRIBUTED: Final = 0.005
SPEARMAN: Final = 0.95
MEAN_ABS_DIFF: Final = 6.0
HEAD_COUNT: Final = 0.95
SWAP_S: Final = 60.0


@dataclass(frozen=True)
class Verdict:
    """One figure and its limit, as people read them."""

    name: str
    figure: str
    limit: str
    kept: bool


def verdicts(judgement: Judgement) -> list[Verdict]:
    """Each figure beside its limit."""
    j = judgement
    noticed = j.swap_noticed_s
    return [
        Verdict(
            "student-seconds under another's name",
            f"{100 * j.misattributed_share:.2f} % ({j.misattributed_s} of {j.student_seconds})",
            f"≤ {100 * MISATTRIBUTED:g} %",
            j.misattributed_share <= MISATTRIBUTED,
        ),
        Verdict(
            "change of seats noticed after",
            "never" if noticed is None else f"{noticed:.0f} s",
            f"≤ {SWAP_S:g} s",
            noticed is not None and noticed <= SWAP_S,
        ),
        Verdict(
            "seconds of the two under a name afterwards",
            f"{j.named_after_swap_s}",
            "0",
            j.named_after_swap_s == 0,
        ),
        Verdict("student-seconds counted twice", f"{j.duplicates}", "0", j.duplicates == 0),
        Verdict(
            "rank correlation of scores with the truth",
            _shown(j.spearman, ".3f"),
            f"≥ {SPEARMAN:g}",
            j.spearman is not None and j.spearman >= SPEARMAN,
        ),
        Verdict(
            "mean absolute difference, points",
            _shown(j.mean_abs_diff, ".2f"),
            f"≤ {MEAN_ABS_DIFF:g}",
            j.mean_abs_diff is not None and j.mean_abs_diff <= MEAN_ABS_DIFF,
        ),
        Verdict(
            "seconds with a head count at most 1 off",
            f"{100 * j.head_count_within_1:.1f} %",
            f"≥ {100 * HEAD_COUNT:g} %",
            j.head_count_within_1 >= HEAD_COUNT,
        ),
    ]


def _shown(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
