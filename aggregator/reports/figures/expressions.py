"""Facial expressions of groups, only where policy permits; never part of the index."""

from __future__ import annotations

from collections import Counter
from typing import Final

from sqlalchemy import Connection, text

from aggregator.reports.document import Chart, Section, Series, Table
from aggregator.reports.figures.scope import Row, Scope, ask
from aggregator.reports.figures.wording import column, share

# Reading expressions touches a row for each student's minute, so not for whole large sites.
MOST_LESSONS: Final = 1000

# Shares over the scope's lessons by network, weighted by students and minutes.
SHARES: Final = text(
    """
    SELECT model_version, expression,
           sum(share * students * minutes) / sum(students * minutes) AS share,
           count(*) AS lessons, max(students) AS students
    FROM v_expressions
    WHERE site = :site AND started_at >= :start AND started_at < :end
      AND (CAST(:class AS text) IS NULL OR class = :class)
      AND (CAST(:room AS text) IS NULL OR room = :room)
    GROUP BY model_version, expression
    ORDER BY model_version, share DESC, expression
    """
)
_CAUTION: Final = (
    "What a network says that faces looked like, on average over a class. It is not what anybody "
    "felt: the link between a face and a feeling is weak (Barrett et al. 2019). It never enters "
    "the index, and nothing should be decided by it."
)


def expressions_section(connection: Connection, scope: Scope, lessons: int) -> Section:
    """Mean shares of seven expressions.

    Args:
        connection: in the report's snapshot.
        scope: of the report; its policy permits expressions.
        lessons: how many it has.
    """
    if lessons > MOST_LESSONS:
        words = (
            f"Not made for more than {MOST_LESSONS:,} lessons: ask for the report of a class.",
        )
        return Section(name="expressions", heading="Facial expressions", paragraphs=words)
    rows = ask(connection, SHARES, scope)
    return Section(
        name="expressions",
        heading="Facial expressions",
        paragraphs=(_CAUTION,),
        charts=(_chart(rows),) if rows else (),
        tables=(_table(rows),),
    )


def _chart(rows: list[Row]) -> Chart:
    """Of the network with most lessons."""
    by_model = Counter({row["model_version"]: row["lessons"] for row in rows})
    [(model, _)] = by_model.most_common(1)
    shown = [row for row in rows if row["model_version"] == model]
    return Chart(
        name="expressions",
        kind="bars",
        title="Mean share of each expression",
        x_title="Expression",
        y_title="Share of the observed time (%)",
        series=(
            Series(
                name="Share",
                x=tuple(row["expression"] for row in shown),
                y=tuple(row["share"] for row in shown),
                n=tuple(row["lessons"] for row in shown),
            ),
        ),
        words=f"Most often {shown[0]['expression']} ({share(shown[0]['share'])}), network {model}.",
        y_range=(0, 1),
        unit="share",
    )


def _table(rows: list[Row]) -> Table:
    return Table(
        name="expressions",
        title="Expressions",
        columns=(
            column("expression", "Expression"),
            column("share", "Share", "share", 1),
            column("lessons", "Lessons", "count"),
            column("model_version", "Network"),
        ),
        rows=tuple(
            (row["expression"], row["share"], row["lessons"], row["model_version"]) for row in rows
        ),
        empty="No lesson of this period has enough students for this figure.",
    )
