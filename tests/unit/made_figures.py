"""Charts and tables made by hand: with gaps, lone points, bands and withheld cells."""

import math

from aggregator.reports.document import Chart, Column, Series, Table, Value


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
