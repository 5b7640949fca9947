"""Where a student's rows are, and the statements that erase them, in the order they have to run.

Each takes `:student_id` and `:pseudonym` (text). What names the student's participations goes
before these, they go before the student. Figures of classes and sites are sums of many and stay.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import TextClause, text

_TAKEN_PART: Final = "SELECT participation_id FROM participations WHERE student_id = :student_id"
_NAMES: Final = "LIKE '%' || :pseudonym || '%'"
# Runs of reports about this student, and, since a PDF cannot be searched, all that have files of
# single students from days on which the student was there and that name no other student.
_RUNS: Final = f"""
    SELECT r.run_id FROM report_runs AS r JOIN report_defs AS d USING (report_id)
    WHERE d.params::text {_NAMES} OR EXISTS (
        SELECT FROM report_files AS f WHERE f.run_id = r.run_id
            AND (f.name {_NAMES} OR position(convert_to(:pseudonym, 'UTF8') IN f.content) > 0)
    ) OR d.kind <> 'student' AND EXISTS (
        SELECT FROM participations AS p JOIN meetings AS m USING (meeting_id)
        WHERE p.student_id = :student_id AND m.site_id = d.site_id AND m.actual && r.period
    )
"""  # noqa: S608  texts of ours

IS_HELD: Final = text(
    """
    SELECT r.slug FROM participations AS p
    JOIN meetings AS m USING (meeting_id) JOIN rooms AS r ON r.room_id = m.room_id
    WHERE p.student_id = :student_id AND m.status = 'running'
      AND lower(m.actual) > CAST(:now AS timestamptz) - interval '24 hours'
    """
)
SENT: Final = text(
    f"""
    SELECT count(*) FROM report_deliveries
    WHERE status IN ('sent', 'in_doubt') AND run_id IN (
        SELECT run_id FROM report_files WHERE run_id IN ({_RUNS})
            AND (per_student OR position(convert_to(:pseudonym, 'UTF8') IN content) > 0)
    )
    """  # noqa: S608  texts of ours
)
ERASE: Final[dict[str, TextClause]] = {
    table: text(sql)
    for table, sql in {
        "report_files": f"""
            DELETE FROM report_files WHERE run_id IN ({_RUNS})
            AND (per_student OR name {_NAMES}
                 OR position(convert_to(:pseudonym, 'UTF8') IN content) > 0)
            """,  # noqa: S608
        "report_defs": f"""
            UPDATE report_defs SET enabled = false, params = '{{}}' WHERE params::text {_NAMES}
            """,  # noqa: S608
        "attention_windows": f"""
            DELETE FROM attention_windows WHERE participation_id IN ({_TAKEN_PART})
            """,  # noqa: S608
        "attention_minutes": f"""
            DELETE FROM attention_minutes WHERE participation_id IN ({_TAKEN_PART})
            """,  # noqa: S608
        "expression_minutes": f"""
            DELETE FROM expression_minutes WHERE participation_id IN ({_TAKEN_PART})
            """,  # noqa: S608
        "events": f"""
            DELETE FROM events AS e WHERE e.participation_id IN ({_TAKEN_PART})
            OR e.payload::text {_NAMES} OR EXISTS (
                SELECT FROM participations AS p JOIN seats AS s USING (seat_id)
                WHERE p.student_id = :student_id AND p.meeting_id = e.meeting_id
                  AND jsonb_exists(e.payload -> 'seats', s.label)
            )
            """,  # noqa: S608
        "participation_summaries": f"""
            DELETE FROM participation_summaries
            WHERE student_id = :student_id OR participation_id IN ({_TAKEN_PART})
            """,  # noqa: S608
        "participations": "DELETE FROM participations WHERE student_id = :student_id",
        "seating": "DELETE FROM seating WHERE student_id = :student_id",
        "enrolments": "DELETE FROM enrolments WHERE student_id = :student_id",
        "consents": "DELETE FROM consents WHERE student_id = :student_id",
        "vault.identities": "DELETE FROM vault.identities WHERE student_id = :student_id",
        # What is left is that a number was erased: rows that come with it are made anonymous.
        "students": """
            UPDATE students SET pseudonym = gen_random_uuid(), birth_year = NULL,
                status = 'erased', erased_at = :now
            WHERE student_id = :student_id AND pseudonym = CAST(:pseudonym AS uuid)
            """,
    }.items()
}
