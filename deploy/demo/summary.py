"""What the demo tells at its end: each student's score beside the truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import sqlalchemy as sa
from scipy.stats import spearmanr

from deploy.demo.truth import SeatKey, TrueScores

HEADING: Final = "simulation, below the reporting threshold"
LEAST_COVERAGE: Final = 0.5

STUDENTS: Final = sa.text(
    """
    SELECT r.slug AS room, s.label AS seat, sum(w.sum_x) AS sum_x, sum(w.n_obs) AS n_obs,
           sum(w.n_exp) AS n_exp, count(*) AS windows, p.participation_id,
           (SELECT array_agg(extract(epoch FROM lower(u))::float8 ORDER BY lower(u))
            FROM unnest(p.present) u) AS starts,
           (SELECT array_agg(extract(epoch FROM upper(u))::float8 ORDER BY lower(u))
            FROM unnest(p.present) u) AS ends
    FROM participations p
    JOIN meetings m USING (meeting_id)
    JOIN rooms r ON r.room_id = m.room_id
    JOIN sites t ON t.site_id = r.site_id
    LEFT JOIN seats s ON s.seat_id = p.seat_id
    JOIN attention_windows w ON w.participation_id = p.participation_id
    WHERE t.slug = :site AND lower(m.actual) >= to_timestamp(:since)
    GROUP BY r.slug, s.label, p.participation_id, p.present
    ORDER BY r.slug, s.label
    """
)


@dataclass(frozen=True)
class Student:
    """One student's lesson, measured and true, 0..100."""

    room: str
    seat: str
    score: float | None
    true_score: float | None
    coverage: float
    windows: int


@dataclass(frozen=True)
class Summary:
    """The demo's figures; the fields of the JSON file."""

    rooms: int
    cameras: int
    students: int
    windows: int
    first_score_s: float | None
    spearman: float | None
    mean_abs_diff: float | None
    coverage_mean: float | None
    frames: int
    dropped: int
    report_paths: tuple[str, ...]
    database_url: str

    def write(self, path: Path) -> None:
        """Write the figures as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def read_students(
    engine: sa.Engine, site_id: str, since_s: float, truth: TrueScores
) -> list[Student]:
    """Every student of the meetings that began after `since_s` (Unix time)."""
    with engine.connect() as connection:
        rows = connection.execute(STUDENTS, {"site": site_id, "since": since_s}).all()
    return [
        Student(
            room=row.room,
            seat=row.seat or "–",
            score=row.sum_x / row.n_obs / 100 if row.n_obs else None,
            true_score=truth.score(
                SeatKey(row.room, row.seat or ""),
                zip(row.starts or (), row.ends or (), strict=True),
            ),
            coverage=row.n_obs / row.n_exp if row.n_exp else 0.0,
            windows=row.windows,
        )
        for row in rows
    ]


def agreement(students: Sequence[Student]) -> tuple[float | None, float | None]:
    """Spearman's rank correlation over all students, and the mean absolute difference.

    The correlation is over every student with both scores; the difference, in points, over those
    with a coverage of at least one half.
    """
    pairs = [
        (s.score, s.true_score, s.coverage)
        for s in students
        if s.score is not None and s.true_score is not None
    ]
    covered = [(score, true) for score, true, coverage in pairs if coverage >= LEAST_COVERAGE]
    rank: float | None = None
    if len({score for score, _, _ in pairs}) > 1 and len({true for _, true, _ in pairs}) > 1:
        rank = float(spearmanr([p[0] for p in pairs], [p[1] for p in pairs]).statistic)
    difference = float(np.mean([abs(a - b) for a, b in covered])) if covered else None
    return rank, difference
