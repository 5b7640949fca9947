"""Reports made by hand: as weekly ones are, empty, long, withheld and named by troublemakers."""

import datetime as dt

import msgspec

from aggregator.reports.document import (
    Chart,
    Column,
    KeyFigure,
    Period,
    Report,
    Section,
    Series,
    Table,
)
from tests.unit.made_figures import curve, heat, lessons, not_reported, trend, uptime

WEEK = Period(first=dt.date(2026, 11, 2), last=dt.date(2026, 11, 8), time_zone="Europe/Amsterdam")
METHOD = Section(
    name="method",
    heading="How these figures are made",
    paragraphs=(
        "The visual orientation index says for which share of the time that a student was seen, "
        "the head was turned to the front, the board or the work on the desk. It runs from 0 to "
        "100. It does not measure learning, effort or feelings.",
        "Figures rest on score version 1. Lessons with a coverage under 60 % are not reported.",
    ),
)
PRIVACY = Section(
    name="privacy",
    heading="Privacy",
    paragraphs=(
        "This site works under the profile standard. Group figures stand on 5 students or more.",
        "Windows are kept for 30 days, minutes for 120 days, lessons for 400 days.",
        "Questions: ask the school's data protection officer.",
    ),
)


def weekly() -> Report:
    """A full weekly site report."""
    return Report(
        report_id="week",
        kind="weekly_site",
        title="Weekly report of the site",
        subject="Lyceum Noord",
        site_name="Lyceum Noord",
        period=WEEK,
        policy_profile="standard",
        k=5,
        key_figures=(
            KeyFigure(
                name="attention",
                title="Attention",
                value=68.42,
                unit="points",
                decimals=1,
                basis="41 of 46 lessons, 1,013 students scored",
            ),
            KeyFigure(
                name="coverage",
                title="Coverage",
                value=0.913,
                unit="share",
                basis="of the seconds in which a student was expected",
            ),
            KeyFigure(
                name="uptime",
                title="Camera uptime",
                value=0.9874,
                unit="share",
                decimals=1,
                basis="3 cameras, 2,116 planned minutes",
            ),
            KeyFigure(
                name="lost",
                title="Lessons that lost attention",
                value=4,
                unit="count",
                basis="8 points or more after minute 25",
            ),
            KeyFigure(
                name="not_reported",
                title="Lessons not reported",
                value=5,
                unit="count",
                basis="2 for coverage, 3 for a camera",
            ),
            KeyFigure(
                name="baseline",
                title="Change to the weeks before",
                value=-1.9,
                unit="points",
                decimals=1,
                basis="against the mean of eight weeks",
            ),
        ),
        summary=(
            "41 of 46 lessons are reported; 5 are not, mostly because a camera was down.",
            "Attention was 68.4 of 100, 1.9 below the mean of the eight weeks before.",
            "4 lessons lost 8 points or more after minute 25.",
        ),
        sections=(
            Section(
                name="quality",
                heading="Coverage and cameras",
                paragraphs=("Figures first need evidence: this is how much there is.",),
                charts=(uptime(),),
                tables=(not_reported(),),
            ),
            Section(name="trend", heading="Trend", charts=(trend(),)),
            Section(
                name="curve", heading="Within the lesson", charts=(curve(),), tables=(lessons(),)
            ),
            Section(name="hours", heading="Time of day", charts=(heat(),)),
        ),
        method=METHOD,
        privacy=PRIVACY,
        left_out=("Room 204, Fri 6 Nov 14:30: not closed when this report was made.",),
        score_versions=(1,),
    )


def empty() -> Report:
    """A report of a week without lessons."""
    nothing = msgspec.structs.replace(lessons(0), withheld=())
    blank = msgspec.structs.replace(
        curve(), name="blank", series=(Series(name="This week", x=(), y=()),)
    )
    gaps = msgspec.structs.replace(
        heat(),
        series=tuple(
            msgspec.structs.replace(s, y=(None,) * len(s.x), n=(0,) * len(s.x), withheld=())
            for s in heat().series
        ),
    )
    return msgspec.structs.replace(
        weekly(),
        key_figures=(
            KeyFigure(
                name="attention",
                title="Attention",
                value=None,
                unit="points",
                basis="no lesson in this period",
            ),
        ),
        summary=("There was no lesson in this period.",),
        sections=(
            Section(
                name="curve", heading="Within the lesson", charts=(blank, gaps), tables=(nothing,)
            ),
        ),
        left_out=(),
    )


def long(rows: int = 60) -> Report:
    """Sixty rooms: bars, a heat map and a table of more than a page."""
    rooms = tuple(f"Room {101 + i}" for i in range(rows))
    bars = Chart(
        name="rooms",
        kind="bars",
        title="Attention by room",
        x_title="Room",
        y_title="Visual orientation index (0 to 100)",
        series=(
            Series(
                name="This week",
                x=rooms,
                y=tuple(50.0 + i * 37 % 41 for i in range(rows)),
                n=tuple(4 + i % 17 for i in range(rows)),
            ),
            Series(
                name="Weeks before",
                x=rooms,
                y=tuple(None if i % 9 == 4 else 48.0 + i * 31 % 43 for i in range(rows)),
                n=tuple(14 + i % 17 for i in range(rows)),
            ),
        ),
        words="Attention of 60 rooms between 50 and 90.",
        y_range=(0, 100),
    )
    return msgspec.structs.replace(
        weekly(),
        sections=(
            Section(name="rooms", heading="All rooms", charts=(bars,)),
            Section(name="lessons", heading="All lessons", tables=(lessons(rows),)),
        ),
    )


BAD_NAMES = (
    '#panic("x")',
    "<script>alert(1)</script>",
    "$\\frac{1}{0}$ & {{ 7*7 }} {% raw %}",
    "]]>--><img src=x onerror=alert(1)>",
    "*bold* _it_ `raw` @ref <label> \\u{41} // x /* y */",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "教室 \u202e 12 \x07 b",
)


def troublesome() -> Report:
    """Names that would be markup somewhere, or are long, or hold letters that a font lacks."""
    columns = (
        Column(name="room", title=BAD_NAMES[0]),
        Column(name="class", title=BAD_NAMES[1]),
        Column(name="attention", title="Attention", decimals=1, unit="points"),
    )
    table = Table(
        name="names",
        title=BAD_NAMES[2],
        columns=columns,
        rows=tuple((name, name, 50.0 + i) for i, name in enumerate(BAD_NAMES)),
    )
    bars = msgspec.structs.replace(
        uptime(),
        name="bad-bars",
        title=BAD_NAMES[3],
        x_title=BAD_NAMES[2],
        words=BAD_NAMES[1],
        series=(Series(name=BAD_NAMES[0], x=BAD_NAMES, y=(0.5,) * len(BAD_NAMES)),),
    )
    lines = msgspec.structs.replace(
        trend(),
        name="bad-lines",
        title=BAD_NAMES[4],
        series=tuple(
            Series(name=name, x=(1.0, 2.0), y=(50.0 + i, 60.0 + i))
            for i, name in enumerate(BAD_NAMES)
        ),
        marks=((1.5, BAD_NAMES[2]),),
    )
    cells = msgspec.structs.replace(
        heat(),
        name="bad-heat",
        series=tuple(Series(name=name, x=BAD_NAMES[:3], y=(1.0, None, 3.0)) for name in BAD_NAMES),
    )
    return msgspec.structs.replace(
        weekly(),
        title=BAD_NAMES[1],
        subject=BAD_NAMES[0],
        site_name=BAD_NAMES[3],
        summary=BAD_NAMES,
        left_out=BAD_NAMES,
        key_figures=tuple(
            KeyFigure(name=str(i), title=name, value=name, unit="text", basis=name)
            for i, name in enumerate(BAD_NAMES)
        ),
        sections=tuple(
            Section(
                name=str(i),
                heading=name,
                paragraphs=(name,),
                charts=(bars, lines, cells)[i : i + 1],
                tables=(table,) if i == 0 else (),
            )
            for i, name in enumerate(BAD_NAMES)
        ),
    )
