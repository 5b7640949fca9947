"""The rows of a lesson judged by the truth, and the limits that they must keep."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import spearmanr

from aggregator.rows import AttentionWindowRow, EventRow, ParticipationRow, Row
from deploy.lesson.true_class import TrueClass
from deploy.lesson.watched_room import Note

SWAP_EVENT: Final = "seat_change"
HEAD_COUNT_OFF: Final = 1
LEAST_OBSERVED_S: Final = 300  # SCORE §1: what a lesson's score needs …
LEAST_OBSERVED_SHARE: Final = 0.25  # … or this share of a lesson too short for it
LEAST_COVERAGE: Final = 0.4


@dataclass(frozen=True)
class Judged:
    """One participation beside the truth.

    Attributes:
        seat: its label; "": anonymous.
        owner: the student to whom it belongs; None: to nobody.
        score, true_score: 0..100.
        coverage: 0..1.
        n_obs: seconds scored.
    """

    seat: str
    owner: int | None
    score: float | None
    true_score: float | None
    coverage: float
    n_obs: int


@dataclass(frozen=True)
class Judgement:
    """The figures; misattribution counts seconds of others, of passers-by and of nobody alike."""

    misattributed_share: float
    duplicates: int
    spearman: float | None
    mean_abs_diff: float | None
    head_count_within_1: float
    head_count_within_1_from_start: float
    swap_noticed_s: float | None
    named_after_swap_s: int
    needlessly_anonymous: int
    misattributed_s: int
    student_seconds: int
    coverage_mean: float | None
    students: int
    participations: int
    seconds: int


def judge(rows: Iterable[Row], notes: Sequence[Note], truth: TrueClass) -> Judgement:
    """Judge a lesson's rows; `notes` say whose face stood behind each second of them."""
    all_rows = list(rows)
    latest = _latest(all_rows)
    owners = _owners(latest, notes, truth)
    scored = [note for note in notes if note.scored]
    wrong = sum(note.person != owners.get(note.participation_id) for note in scored)
    judged = judge_participations(all_rows, latest, owners, truth)
    noticed_at = _noticed_at(all_rows, truth)
    rank, difference, coverage = agreement(judged, truth.seconds)
    measured = _head_count(latest.values(), truth)
    return Judgement(
        misattributed_share=wrong / max(len(scored) - wrong, 1),
        duplicates=_duplicates(notes),
        spearman=rank,
        mean_abs_diff=difference,
        head_count_within_1=_within(measured, truth.settled_count),
        head_count_within_1_from_start=_within(measured, truth.head_count),
        swap_noticed_s=None if noticed_at is None else max(0.0, noticed_at - truth.swapped_at_s),
        named_after_swap_s=_named_after(scored, latest, truth, noticed_at),
        needlessly_anonymous=_needless(latest, owners, truth),
        misattributed_s=wrong,
        student_seconds=len(scored),
        coverage_mean=coverage,
        students=len({person for note in notes if (person := note.person) is not None
                      and 0 <= person < len(truth.labels)}),
        participations=len(latest),
        seconds=truth.seconds,
    )  # fmt: skip


def _latest(rows: Sequence[Row]) -> dict[int, ParticipationRow]:
    """The last word on each participation; its seat is the first one: names are not given back."""
    latest: dict[int, ParticipationRow] = {}
    for row in rows:
        if isinstance(row, ParticipationRow):
            latest[row.participation_id] = row
    return latest


def _owners(
    latest: Mapping[int, ParticipationRow], notes: Sequence[Note], truth: TrueClass
) -> dict[int, int]:
    """A seat belongs to whom it is assigned; a number to whom most of its seconds show."""
    seconds: dict[int, Counter[int]] = defaultdict(Counter)
    for note in notes:
        if note.scored and note.person is not None and 0 <= note.person < len(truth.labels):
            seconds[note.participation_id][note.person] += 1
    owners = {key: count.most_common(1)[0][0] for key, count in seconds.items()}
    for key, row in latest.items():
        if row.seat:
            owners[key] = truth.labels.index(row.seat)
    return owners


def judge_participations(
    rows: Sequence[Row],
    latest: Mapping[int, ParticipationRow],
    owners: Mapping[int, int],
    truth: TrueClass,
) -> list[Judged]:
    """Each participation's score beside its owner's true one over the same seconds."""
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        if isinstance(row, AttentionWindowRow):
            total = sums[row.participation_id]
            for index, value in enumerate((row.sum_x, row.n_obs, row.n_exp)):
                total[index] += value
    judged = []
    for key, row in latest.items():
        sum_x, n_obs, n_exp = sums[key]
        owner = owners.get(key)
        judged.append(
            Judged(
                seat=row.seat,
                owner=owner,
                score=sum_x / n_obs / 100 if n_obs else None,
                true_score=None if owner is None else truth.score(owner, row.present or ()),
                coverage=n_obs / n_exp if n_exp else 0.0,
                n_obs=n_obs,
            )
        )
    return judged


def agreement(
    judged: Sequence[Judged], seconds: int
) -> tuple[float | None, float | None, float | None]:
    """Spearman, mean absolute difference [points] and mean coverage of the scores worth showing."""
    least = min(LEAST_OBSERVED_S, LEAST_OBSERVED_SHARE * seconds)
    shown = [
        (p.score, p.true_score, p.coverage)
        for p in judged
        if p.score is not None and p.true_score is not None
        and p.n_obs >= least and p.coverage >= LEAST_COVERAGE
    ]  # fmt: skip
    if len(shown) < 3:
        return None, None, None
    scores, true, coverage = (np.array(values) for values in zip(*shown, strict=True))
    rank = float(spearmanr(scores, true).statistic)
    return rank, float(np.abs(scores - true).mean()), float(coverage.mean())


def _duplicates(notes: Sequence[Note]) -> int:
    """Student-seconds that were counted in more than one participation."""
    times = Counter(
        (note.second, note.person) for note in notes if note.person is not None and note.person >= 0
    )
    return sum(count - 1 for count in times.values())


def _changes(rows: Sequence[Row]) -> list[tuple[int, frozenset[str]]]:
    """When which seats were said to have changed hands."""
    return [
        (row.ts, frozenset(row.payload.get("seats", ())))
        for row in rows
        if isinstance(row, EventRow) and row.kind == SWAP_EVENT
    ]


def _noticed_at(rows: Sequence[Row], truth: TrueClass) -> int | None:
    """When both seats of the two who changed had been named."""
    named: dict[str, int] = {}
    for at, seats in sorted(_changes(rows), key=lambda change: change[0]):
        for seat in seats:
            named.setdefault(seat, at)
    both = [named.get(truth.labels[student]) for student in truth.swapped]
    moments = [at for at in both if at is not None]
    return max(moments) if len(moments) == len(both) else None


def _needless(
    latest: Mapping[int, ParticipationRow], owners: Mapping[int, int], truth: TrueClass
) -> int:
    """Students who lost their names though they kept their seats."""
    nameless = {owners[key] for key, row in latest.items() if not row.seat and key in owners}
    return len(nameless - set(truth.swapped))


def _named_after(
    scored: Sequence[Note],
    latest: Mapping[int, ParticipationRow],
    truth: TrueClass,
    noticed_at: int | None,
) -> int:
    """Seconds of the two who changed seats that still went under a seat's name afterwards."""
    since = truth.swapped_at_s if noticed_at is None else noticed_at
    return sum(
        note.second > since
        and note.person in truth.swapped
        and latest[note.participation_id].seat != ""
        for note in scored
    )


def _head_count(latest: Iterable[ParticipationRow], truth: TrueClass) -> np.ndarray:
    counts = np.zeros(truth.seconds, int)
    for row in latest:
        for start, end in row.present or ():
            counts[max(start - truth.start_s, 0) : max(end - truth.start_s, 0)] += 1
    return counts


def _within(measured: np.ndarray, true: np.ndarray) -> float:
    return float(np.mean(np.abs(measured - true) <= HEAD_COUNT_OFF))
