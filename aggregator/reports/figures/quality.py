"""How good the evidence is behind the figures."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from aggregator.reports.document import Section, Table
from aggregator.reports.figures.lessons import IN_SCOPE
from aggregator.reports.figures.scope import Row, Scope, ask_one
from aggregator.reports.figures.wording import column

SMALL_FACE_PX: Final = 64  # below, eyes are not judged (SCORE §1)

# Evidence of the scope's reported lessons.
QUALITY: Final = text(
    f"""
    SELECT count(*) AS lessons,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY face_px) AS face_px,
           count(*) FILTER (WHERE face_px < {SMALL_FACE_PX}) AS small_faces,
           count(*) FILTER (WHERE calibration_stale) AS stale,
           count(*) FILTER (WHERE coverage < 0.6) AS thin,
           sum(seat_doubt_s) / nullif(sum(students_present * minutes * 60.0), 0) AS seat_doubt,
           min(coverage) AS least_coverage,
           array_agg(DISTINCT model_version ORDER BY model_version)
               FILTER (WHERE model_version IS NOT NULL) AS model_versions
    FROM v_lessons
    WHERE {IN_SCOPE} AND reported
    """  # noqa: S608  constants of ours
)


def quality(connection: Connection, scope: Scope) -> Row:
    """The evidence of the scope's reported lessons."""
    return ask_one(connection, QUALITY, scope)


def quality_section(found: Row) -> Section:
    """A short table of what limits the figures."""
    lessons = found["lessons"]
    rows = (
        ("Reported lessons", lessons, 1.0),
        ("Coverage below 60 %", found["thin"], _of(found["thin"], lessons)),
        (f"Faces smaller than {SMALL_FACE_PX} pixels: eyes not judged", found["small_faces"],
         _of(found["small_faces"], lessons)),
        ("Direction to the front no longer certain (camera or seats moved)", found["stale"],
         _of(found["stale"], lessons)),
    )  # fmt: skip
    face_px = found["face_px"]
    return Section(
        name="quality",
        heading="Data quality",
        paragraphs=(
            "Median height of a face: "
            f"{'not known' if face_px is None else f'{face_px:.0f} pixels'}. Seats were in doubt "
            f"for {100 * (found['seat_doubt'] or 0):.2f} % of the students' time.",
        ),
        tables=(
            Table(
                name="quality",
                title="Reported lessons with a weakness",
                columns=(
                    column("what", "What"),
                    column("lessons", "Lessons", "count"),
                    column("share", "Of the reported", "share"),
                ),
                rows=rows if lessons else (),
                empty="No lesson of this period is reported.",
            ),
        ),
    )


def _of(part: int, whole: int) -> float | None:
    return part / whole if whole else None
