"""Reports made by hand: as weekly ones are, empty, long, withheld and named by troublemakers."""

import datetime as dt
import math

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
    Value,
)

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


def curve(minutes: int = 50) -> Chart:
    """A minute-of-lesson curve with a gap, a lone point, a band and a mark."""
    y: list[float | None] = [
        72 + 6 * math.sin(m / 8) - (0.5 * max(0, m - 25)) for m in range(1, minutes + 1)
    ]
    y[30:34] = [None] * 4
    y[35] = None
    return Chart(
        name="curve",
        kind="line",
        title="Attention over the minutes of a lesson: lower after minute 25",
        x_title="Minute of the lesson",
        y_title="Visual orientation index (0 to 100)",
        series=(
            Series(
                name="This week",
                x=tuple(float(m) for m in range(1, minutes + 1)),
                y=tuple(y),
                n=tuple(23 if m < 40 else 23 - (m - 40) for m in range(1, minutes + 1)),
                low=tuple(None if v is None else v - 9 for v in y),
                high=tuple(None if v is None else v + 7 for v in y),
            ),
        ),
        words="The curve starts at 73, rises to 78 at minute 12 and falls to 54 at minute 50.",
        y_range=(0, 100),
        marks=((25.0, "25 min"),),
        band="10th to 90th percentile of lessons",
    )


def trend() -> Chart:
    """Three classes over eight weeks, one of which starts late."""
    weeks = tuple(
        f"{day} {month}"
        for day, month in zip(
            (14, 21, 28, 5, 12, 19, 26, 2),
            ("Sep", "Sep", "Sep", "Oct", "Oct", "Oct", "Oct", "Nov"),
            strict=True,
        )
    )
    return Chart(
        name="trend",
        kind="line",
        title="Attention by week and class",
        x_title="Week that starts on",
        y_title="Visual orientation index (0 to 100)",
        series=(
            Series(name="Mathematics 7b", x=weeks, y=(70, 71, 69, 72, 74, 73, 75, 74), n=(5,) * 8),
            Series(name="Physics 8a", x=weeks, y=(61, 60, None, 58, 57, 59, 60, 62), n=(4,) * 8),
            Series(
                name="Geography of the northern provinces and their waterways, group 2",
                x=weeks,
                y=(None, None, None, None, 66, 68, 67, 69),
                n=(0, 0, 0, 0, 3, 3, 2, 3),
            ),
        ),
        words="Mathematics 7b rose from 70 to 74; Physics 8a stayed near 60.",
    )


def uptime() -> Chart:
    """Bars of shares, one a room."""
    rooms = ("101", "102", "Physics laboratory", "Aula", "204")
    return Chart(
        name="uptime",
        kind="bars",
        title="Share of planned minutes with a working camera",
        x_title="Room",
        y_title="Share of planned minutes (%)",
        series=(
            Series(
                name="Uptime", x=rooms, y=(0.998, 0.993, 0.871, None, 1.0), n=(24, 22, 18, 0, 21)
            ),
        ),
        words="Physics laboratory was at 87.1 %, the others above 99 %.",
        y_range=(0, 1),
        unit="share",
        decimals=1,
        n_of="lessons",
    )


def heat() -> Chart:
    """Hours by weekdays with gaps and withheld cells."""
    hours = tuple(f"{hour}:00" for hour in range(8, 16))
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
    return Chart(
        name="hours",
        kind="heat",
        title="Attention by time of day and weekday",
        x_title="Local time at which the lesson started",
        y_title="Visual orientation index (0 to 100)",
        series=tuple(
            Series(
                name=day,
                x=hours,
                y=tuple(
                    None if (i + 2 * j) % 7 == 3 or (i, j) == (2, 2) else 80.0 - 4 * i + 2 * j
                    for i in range(8)
                ),
                n=tuple(0 if (i + 2 * j) % 7 == 3 else 3 + i for i in range(8)),
                withheld=(2,) if j == 2 else (),
            )
            for j, day in enumerate(days)
        ),
        words="Highest on Friday at 8:00 (88), lowest on Monday at 15:00 (52).",
        y_range=(0, 100),
    )


def lessons(rows: int = 8) -> Table:
    """Lessons, some with no evidence and one withheld."""
    columns = (
        Column(name="local_start", title="Start", unit="time"),
        Column(name="room", title="Room"),
        Column(name="class", title="Class"),
        Column(name="attention", title="Attention", unit="points", decimals=1),
        Column(name="attention_early", title="First 25 min", unit="points", decimals=1),
        Column(name="attention_late", title="After 25 min", unit="points", decimals=1),
        Column(name="coverage", title="Coverage", unit="share"),
        Column(name="students_scored", title="Students scored", unit="count"),
    )
    made: list[tuple[Value, ...]] = []
    for i in range(rows):
        late = None if i % 5 == 3 else 66.0 - 1.37 * i
        made.append(
            (
                f"2026-11-{2 + i % 5:02d}T{8 + i % 7:02d}:30",
                f"{101 + i % 9}",
                ("Mathematics 7b", "Physics 8a", "Geography of the northern provinces")[i % 3],
                None if i % 5 == 3 else 71.23 - 0.81 * (i % 40),
                None if i % 5 == 3 else 75.04 - 0.3 * (i % 40),
                late,
                0.62 + 0.006 * i,
                3 if i % 5 == 3 else 18 + i % 9,
            )
        )
    return Table(
        name="lessons",
        title="Lessons that lost attention after 25 minutes",
        columns=columns,
        rows=tuple(made),
        withheld=tuple((i, c) for i in range(3, rows, 5) for c in (3, 4, 5)),
    )


def not_reported() -> Table:
    """Why lessons are missing, in long words."""
    return Table(
        name="not_reported",
        title="Lessons that are not reported, and why",
        columns=(
            Column(name="local_date", title="Day", unit="date"),
            Column(name="room", title="Room"),
            Column(name="reason_words", title="Reason"),
            Column(name="camera_down_s", title="Camera down", unit="seconds"),
        ),
        rows=(
            ("2026-11-03", "Physics laboratory", "The camera was down for most of it.", 2140),
            ("2026-11-04", "Aula", "Too few students could be scored (4 of 31).", None),
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
