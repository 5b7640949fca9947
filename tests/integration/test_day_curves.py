"""A site's daily curves hold each lesson once, and made again they are what was kept."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.history.day_curves import insert_lessons
from aggregator.history.rollup import SiteDay, roll_up
from aggregator.row_values import column_values
from aggregator.rows import MeetingMinuteRow, MeetingSummaryRow
from aggregator.store import StoredState
from schemas.database import connect
from tests.integration.fresh_database import fresh_database
from tests.integration.school_history import Lesson, SchoolHistory

MONDAY, TUESDAY = dt.date(2026, 10, 5), dt.date(2026, 10, 6)
EVENING = dt.time(21, 30)  # in New York the next day of UTC
LESSONS = (
    Lesson(MONDAY, minutes=9),
    Lesson(MONDAY, dt.time(10), minutes=12, level=55.0, room="room-2", class_id="4a"),
    Lesson(MONDAY, EVENING, minutes=6, level=80.0),
    Lesson(MONDAY, dt.time(11), minutes=9, students=4),  # fewer than k
    Lesson(TUESDAY, minutes=9, level=64.0),
    Lesson(TUESDAY, dt.time(10), minutes=9, coverage=0.2, room="room-2"),  # is not reported
    Lesson(TUESDAY, dt.time(12), minutes=9, status="running"),
)
TABLES = "meetings, students, meeting_minutes, participation_summaries, site_day_curves, events"


@pytest.fixture(scope="module")
def history(postgres_server):
    with fresh_database(postgres_server) as url:
        history = SchoolHistory(url, "standard", zone="America/New_York")
        yield history
        history.close()


@pytest.fixture
def school(history):
    """A school in which no lesson was held yet."""
    history.execute(f"TRUNCATE {TABLES} CASCADE")
    return history


def curves(school):
    return school.ask("SELECT * FROM site_day_curves ORDER BY 1, 2, 3, 4")


def deliver(school, lesson, rows):
    lease = school._leases[lesson.room]
    school._store.commit(lease, rows, StoredState("1-1", b"", 2))


def what_rows_say(school, lessons):
    """The curves by their definition, without a database."""
    sums = Counter()
    for lesson in lessons:
        rows = school.rows_of(lesson)
        summaries = [row for row in rows if isinstance(row, MeetingSummaryRow)]
        if not summaries or summaries[0].quality != "ok" or summaries[0].n_scored < 5:
            continue
        for row in rows:
            if isinstance(row, MeetingMinuteRow) and row.score_mean is not None:
                at = lesson.day, row.minute_no
                sums[at, "sum_score"] += row.score_mean * row.n_scored
                sums[at, "n_scored"] += row.n_scored
                sums[at, "n_lessons"] += 1
    return dict(sums)


def as_sums(rows):
    names = ("sum_score", "n_scored", "n_lessons")
    return {((row["day"], row["minute_no"]), name): row[name] for row in rows for name in names}


@given(data=st.data())
@settings(max_examples=8, deadline=None)
def test_a_lesson_is_counted_once_however_its_rows_are_cut_and_delivered_again(history, data):
    history.execute(f"TRUNCATE {TABLES} CASCADE")
    lessons = data.draw(st.lists(st.sampled_from(LESSONS), unique=True, min_size=1))
    for lesson in lessons:
        rows = history.rows_of(lesson)
        cuts = data.draw(st.sets(st.integers(1, len(rows) - 1), max_size=2)) if rows[1:] else set()
        for start, end in pairwise([0, *sorted(cuts), len(rows)]):
            again = data.draw(st.integers(0, start))  # as far back as the last commit, or farther
            deliver(history, lesson, rows[again:end])
    for lesson in data.draw(st.lists(st.sampled_from(lessons))):
        deliver(history, lesson, history.rows_of(lesson))
    kept = curves(history)
    assert as_sums(kept) == what_rows_say(history, lessons)
    assert roll_up(history.engine).corrected == []
    history.execute("TRUNCATE site_day_curves")
    roll_up(history.engine)
    assert curves(history) == kept


def test_rooms_whose_lessons_end_at_the_same_bell_are_all_counted(school):
    lessons = [
        Lesson(MONDAY, dt.time(9), room=f"room-{n}", class_id=f"c{n}", minutes=20 + n)
        for n in (1, 2)
    ]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda one: deliver(school, one, school.rows_of(one)), lessons))
    assert as_sums(curves(school)) == what_rows_say(school, lessons)


def test_made_again_from_one_day_on_a_wrong_day_is_corrected_and_others_are_not_looked_at(school):
    school.hold(*LESSONS)
    right = curves(school)
    school.execute("UPDATE site_day_curves SET sum_score = sum_score + 1")
    report = roll_up(school.engine, TUESDAY)
    assert (report.days, report.corrected) == (1, [f"school {TUESDAY}"])
    assert [row for row in curves(school) if row["day"] == TUESDAY] == [
        row for row in right if row["day"] == TUESDAY
    ]
    told = roll_up(school.engine, dry_run=True)
    assert told.corrected == [f"school {MONDAY}"]
    assert curves(school) != right
    assert roll_up(school.engine, until=TUESDAY).corrected == [f"school {MONDAY}"]
    assert curves(school) == right
    assert roll_up(school.engine).corrected == []


def test_the_curve_of_a_lesson_that_was_deleted_goes(school):
    school.hold(*LESSONS)
    school.execute("DELETE FROM meetings WHERE meeting_id = :id", id=school.meeting_id(LESSONS[4]))
    assert roll_up(school.engine).corrected == [f"school {TUESDAY}"]
    assert {row["day"] for row in curves(school)} == {MONDAY}


def test_days_whose_class_minutes_are_gone_keep_their_curve(school):
    school.hold(*LESSONS)
    kept = curves(school)
    school.execute(
        "DELETE FROM meeting_minutes WHERE meeting_id = :id", id=school.meeting_id(LESSONS[0])
    )
    report = roll_up(school.engine)
    assert (report.days, report.without_minutes, report.corrected) == (2, 1, [])
    assert curves(school) == kept


def test_a_lesson_that_ends_while_its_day_is_made_again_is_counted_once(school):
    """Its summary stands there, uncommitted, before the day is made and is added behind it."""
    school.hold(LESSONS[0])
    ending = [*school.rows_of(LESSONS[2])]
    [summary] = [row for row in ending if isinstance(row, MeetingSummaryRow)]
    deliver(school, LESSONS[2], [row for row in ending if row is not summary])
    site_id = school.places.site_id
    with connect(school.engine) as aggregator, connect(school.engine) as command:
        aggregator.begin()
        SiteDay(command, site_id, MONDAY).make_again()
        with ThreadPoolExecutor(1) as pool:
            values = [column_values(summary, school.places)]
            waits = pool.submit(insert_lessons, aggregator, values)
            with pytest.raises(TimeoutError):
                waits.result(0.3)
            command.commit()
            waits.result(20)
        aggregator.commit()
    assert as_sums(curves(school)) == what_rows_say(school, [LESSONS[0], LESSONS[2]])


def test_a_run_that_was_stopped_has_done_whole_days(school):
    school.hold(*LESSONS)
    right = curves(school)
    school.execute("TRUNCATE site_day_curves")
    asked = iter([False, True])
    assert roll_up(school.engine, stop=lambda: next(asked)).corrected == [f"school {MONDAY}"]
    assert curves(school) == [row for row in right if row["day"] == MONDAY]
    roll_up(school.engine)
    assert curves(school) == right
