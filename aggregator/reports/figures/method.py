"""What stands in every report: what the index is and is not, and the rules of privacy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, text

from aggregator.reports.document import Section
from aggregator.reports.figures.changes import LEAST_PERIODS, LEAST_POINTS, MOST_PERIODS
from aggregator.reports.figures.wording import count
from schemas.policy import PROFILES
from schemas.site import Site

# The formulas behind the figures.
VERSIONS: Final = text(
    """
    SELECT score_version, name FROM v_score_versions
    WHERE score_version = ANY(:versions) ORDER BY score_version
    """
)


def method_section(
    connection: Connection, versions: Sequence[int], models: Sequence[str] | None
) -> Section:
    """How the figures are made.

    Args:
        connection: in the report's snapshot.
        versions: score versions of the lessons in the report.
        models: versions of the networks that measured them; None: the figures do not tell.
    """
    found = connection.execute(VERSIONS, {"versions": list(versions)}).all()
    formulas = ", ".join(f"{name} (score version {number})" for number, name in found)
    networks = ""
    if models is not None:
        networks = f"Networks: {', '.join(models) or 'none in this period'}. "
    return Section(
        name="method",
        heading="How these figures are made",
        paragraphs=(
            "The visual orientation index is the share of observed time in which head direction "
            "and eye opening are compatible with the current activity, from 0 to 100. It measures "
            "where heads point. It does not measure what anybody thinks, understands or feels, "
            "and a low figure has many harmless reasons.",
            f"Formula: {formulas or 'no lesson in this period'}. {networks}Facial expressions "
            "are never an input.",
            "The formula's constants are reasoned from the literature and not fitted to human "
            "ratings; agreement with human raters has not been measured here. The best published "
            "agreement in real classrooms is AUC .62 (grade 8) and .72 (grade 12) with "
            "head-pose features (Sümer et al. 2021).",
            "A class figure is the plain mean of its students' figures. Figures over lessons are "
            "weighted by the students scored, so that each student's lesson counts once. A lesson "
            "is reported only if enough was seen: figures rest on observed time, and what was "
            "not seen is missing, not 0. Differences are taken before figures are rounded.",
            f"A change is called clear only if the figure lies {LEAST_POINTS:.0f} points or more "
            "outside what the periods before give reason to expect: the 95 % prediction interval "
            f"of up to {MOST_PERIODS}, at least {LEAST_PERIODS}. Everything else is "
            "ordinary variation.",
            "Limits: the direction to the front is found from how a class sits most of the time, "
            "so a class that never faces the front would be measured against the wrong "
            "direction; small, covered or turned faces are seen less often, which shows in "
            "coverage; group work and discussion are not scored.",
        ),
    )


def privacy_section(site: Site) -> Section:
    """The rules that hold at this site."""
    rules = site.rules
    students = (
        "Figures of single students are kept under pseudonyms, and read only with a reason that "
        "stands in an audit."
        if rules.per_student
        else "No figures of single students are kept."
    )
    faces = (
        "Facial expressions are measured and shown for groups only."
        if rules.expression
        else "Facial expressions are not measured."
    )
    return Section(
        name="privacy",
        heading="Privacy",
        paragraphs=(
            f"This site works under the profile {rules.profile} "
            f"({PROFILES[rules.profile].summary}). {students} {faces}",
            f"A figure of a group is shown only if {count(rules.k, 'student')} or more stand "
            "behind it; where a total would give a small group away, further figures are withheld.",
            "No picture or film is stored. Windows of ten seconds are kept for "
            f"{site.retention.windows_days} days, minutes of single students for "
            f"{site.retention.student_minutes_days} days, lessons for "
            f"{site.retention.lessons_days} days.",
            "Nothing in this report is fit to judge or grade a student or a teacher. Whoever has "
            "questions, objects, or wants data erased asks the school's data protection contact.",
        ),
    )
