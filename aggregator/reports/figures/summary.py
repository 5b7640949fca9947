"""The first page: key figures, and a few sentences that need no statistics to be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aggregator.reports.document import KeyFigure
from aggregator.reports.figures.changes import Change, change_words
from aggregator.reports.figures.lessons import Totals
from aggregator.reports.figures.scope import Row
from aggregator.reports.figures.unreported import Unreported, reason_words
from aggregator.reports.figures.uptime import Uptime, uptime_words
from aggregator.reports.figures.wording import INDEX, count, listed, points, share
from aggregator.results import LOST_POINTS


@dataclass(frozen=True, slots=True)
class Findings:
    """What a report about lessons found.

    Attributes:
        totals: of its period.
        change: of the index against the periods before, each a `period` ("week", "month").
        cameras: of its rooms; None: it is about a class.
    """

    totals: Totals
    change: Change
    period: str
    cameras: Uptime | None
    unreported: Unreported


def lesson_sentences(found: Findings) -> Iterator[str]:
    """Three to six sentences: evidence first, then what it says."""
    totals = found.totals
    if not totals.lessons:
        yield from _nothing(found)
        return
    yield (
        f"{totals.reported} of {count(totals.lessons, 'lesson')} have enough evidence to be "
        f"reported; {share(totals.coverage)} of the students' time was seen well enough."
    )
    if found.cameras is not None:
        yield uptime_words(found.cameras)
    if totals.attention is None:
        yield f"No lesson has a figure of the {INDEX}: none had enough students scored."
    else:
        yield (
            f"The {INDEX} was {points(totals.attention)} of 100 (mean of "
            f"{count(totals.student_lessons, 'student lesson')} in "
            f"{count(totals.reported, 'lesson')}). {change_words(found.change, found.period)}"
        )
        if totals.comparable:
            yield (
                f"{totals.lost} of {count(totals.comparable, 'comparable lesson')} lost "
                f"{LOST_POINTS:.0f} points or more after minute 25."
            )
    yield from _missing(found.unreported)


def operations_sentences(
    totals: Totals, cameras: Uptime, unreported: Unreported, events: list[Row]
) -> Iterator[str]:
    """What the cameras did, what is missing, and what waits for somebody."""
    if not (totals.lessons or cameras.planned or unreported.without_data):
        yield "There was no lesson in this period."
    else:
        yield uptime_words(cameras)
        trouble = [row for row in cameras.rooms if row["down_minutes"]]
        if trouble:
            worst = trouble[0]
            yield (
                f"{count(len(trouble), 'room')} had minutes without picture, most of all "
                f"{worst['room']} (uptime {share(worst['uptime'], 1)})."
            )
        yield (
            f"{count(totals.lessons, 'lesson')} held, {totals.reported} of them with enough "
            f"evidence to be reported (coverage {share(totals.coverage)})."
        )
        yield from _missing(unreported)
    urgent = [row for row in events if row["severity"] >= 3]
    yield (
        f"{count(len(urgent), 'event')} to act on and "
        f"{count(len(events) - len(urgent), 'event')} to look at."
    )


def lesson_key_figures(found: Findings) -> tuple[KeyFigure, ...]:
    """The numbers at the top of a report about lessons."""
    totals, change = found.totals, found.change
    cameras = [_uptime(found.cameras)] if found.cameras is not None else []
    if not totals.lessons:
        return (_reported(totals), *cameras)
    figures = [
        _reported(totals),
        KeyFigure(
            name="coverage",
            title="Coverage",
            value=totals.coverage,
            unit="share",
            basis="of the students' time of presence",
        ),
        *cameras,
        KeyFigure(
            name="attention",
            title="Visual orientation index",
            value=totals.attention,
            unit="points",
            decimals=1,
            basis=f"{count(totals.student_lessons, 'student lesson')}, 0 to 100",
        ),
        KeyFigure(
            name="change",
            title=f"Against the {found.period} before",
            value=change.difference,
            unit="points",
            decimals=1,
            basis={
                "rise": "a clear rise",
                "fall": "a clear fall",
                "none": "no clear change",
            }.get(change.verdict, f"too few {found.period}s to judge"),
        ),
        KeyFigure(
            name="lost",
            title="Lost after 25 minutes",
            value=totals.lost if totals.comparable else None,
            unit="count",
            basis=f"of {count(totals.comparable, 'comparable lesson')}",
        ),
    ]
    return tuple(figures)


def operations_key_figures(
    totals: Totals, cameras: Uptime, unreported: Unreported, events: list[Row]
) -> tuple[KeyFigure, ...]:
    """The numbers at the top of a report about rooms and cameras."""
    return (
        _uptime(cameras),
        _reported(totals),
        KeyFigure(
            name="without_data",
            title="Planned, without data",
            value=len(unreported.without_data),
            unit="count",
            basis="lessons",
        ),
        KeyFigure(
            name="events",
            title="Events to act on",
            value=sum(row["severity"] >= 3 for row in events),
            unit="count",
            basis=f"of {count(len(events), 'event')} to look at",
        ),
    )


def _reported(totals: Totals) -> KeyFigure:
    return KeyFigure(
        name="reported",
        title="Lessons reported",
        value=totals.reported,
        unit="count",
        basis=f"of {count(totals.lessons, 'lesson')} held",
    )


def _uptime(cameras: Uptime) -> KeyFigure:
    return KeyFigure(
        name="uptime",
        title="Camera uptime",
        value=cameras.share,
        unit="share",
        decimals=1,
        basis=f"of {count(cameras.planned, 'camera minute')} in lessons",
    )


def _nothing(found: Findings) -> Iterator[str]:
    yield (
        "No lesson was held in this period, or none has been closed yet: there are no figures, "
        "and that is no fault of the measurement."
    )
    yield from _missing(found.unreported)


def _missing(unreported: Unreported) -> Iterator[str]:
    """One sentence about what is not in the figures; none where all is."""
    parts = []
    if number := unreported.number:
        are = "is" if number == 1 else "are"
        parts.append(f"{count(number, 'lesson')} {are} not reported ({reason_words(unreported)})")
    if number := len(unreported.without_data):
        parts.append(f"{count(number, 'planned lesson')} left no data at all")
    if number := len(unreported.not_closed):
        was = "was" if number == 1 else "were"
        parts.append(f"{count(number, 'lesson')} {was} not closed in time and left out")
    if parts:
        yield f"{listed(parts)}."
