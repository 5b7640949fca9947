"""Seating plans in the tables: the newest plan holds from its first day, the past stays."""

import pytest

from schemas.rosters.mistakes import RosterError
from tests.made_rosters import a_roster

SEATED = (
    "SELECT s.label, i.student_id, i.name_enc, lower(g.valid)::text, upper(g.valid)::text "
    "FROM seating g JOIN seats s USING (seat_id) JOIN vault.identities i USING (student_id)"
)


@pytest.fixture
def school(rostered_school):
    rostered_school.take(a_roster(classes=("4A", "5B")))
    return rostered_school


def seated(school):
    found = [
        (label, school.vault.open(number, bytes(sealed)).sourced_id, begin, end)
        for label, number, sealed, begin, end in school.rows(SEATED)
    ]
    return sorted(found, key=str)


def test_a_plan_is_stored_in_local_days_and_the_second_time_nothing_changes(school):
    plan = [
        "4a,room-1,S1,pupil-1,2026-09-01,2026-10-24",
        "4a,room-1,S2,pupil-2,2026-09-01,",
        "4a,room-1,S1,pupil-3,2026-10-25,",  # the day on which the clocks go back
        "class-5B,room-2,S1,pupil-1,2026-09-01,",
    ]
    changes = school.seat(plan)
    assert changes.counts["seats"] == {"added": 4}
    assert changes.lines == ["class 4a: seats: 3 added", "class 5b: seats: 1 added"]
    assert seated(school) == [
        ("S1", "pupil-1", "2026-08-31 22:00:00+00", "2026-10-24 22:00:00+00"),
        ("S1", "pupil-1", "2026-08-31 22:00:00+00", None),  # of the other class
        ("S1", "pupil-3", "2026-10-24 22:00:00+00", None),
        ("S2", "pupil-2", "2026-08-31 22:00:00+00", None),
    ]
    before = school.everything()
    assert school.seat(plan).is_empty
    assert school.everything() == before


def test_a_new_plan_holds_from_its_first_day_and_the_past_stays(school):
    school.seat(["4a,room-1,S1,pupil-1,2026-09-01,", "4a,room-1,S2,pupil-2,2026-09-01,"])
    dry = school.seat(["4a,room-1,S1,pupil-2,2027-01-11,"], dry_run=True)
    changes = school.seat(["4a,room-1,S1,pupil-2,2027-01-11,"])
    assert dry == changes
    assert changes.counts["seats"] == {"added": 1, "changed": 2}
    assert seated(school) == [
        ("S1", "pupil-1", "2026-08-31 22:00:00+00", "2027-01-10 23:00:00+00"),
        ("S1", "pupil-2", "2027-01-10 23:00:00+00", None),
        ("S2", "pupil-2", "2026-08-31 22:00:00+00", "2027-01-10 23:00:00+00"),
    ]


def test_a_row_without_an_end_ends_where_its_seat_or_student_begins_anew(school):
    school.seat(
        [
            "4a,room-1,S1,pupil-1,2026-09-01,",
            "4a,room-1,S2,pupil-1,2026-10-01,",  # the student moves
            "4a,room-1,S2,pupil-2,2026-11-01,",  # the seat gets another student
        ]
    )
    assert [(label, pupil, end and end[:10]) for label, pupil, _, end in seated(school)] == [
        ("S1", "pupil-1", "2026-09-30"),
        ("S2", "pupil-1", "2026-10-31"),
        ("S2", "pupil-2", None),
    ]


def test_every_mistake_is_told_with_its_line_and_nothing_is_stored(school):
    with pytest.raises(RosterError) as caught:
        school.seat(
            [
                "4x,room-1,S1,pupil-1,2026-09-01,",
                "4a,room-9,S1,pupil-1,2026-09-01,",
                "4a,room-1,S9,pupil-1,2026-09-02,",
                "4a,room-1,S1,pupil-99,2026-09-01,",
                "4a,room-1,S2,pupil-2,1 September,",
                "4a,room-1,S2,pupil-2,2026-09-02,2026-09-01",
                "4a,room-1,S3,pupil-3,2027-08-01,",
                "class-4A,room-1,S4,pupil-4,2026-09-01,",
                "4a,room-1,S5,pupil-5,2026-09-01,2026-12-31",
                "4a,room-1,S5,pupil-6,2026-10-01,",
            ]
        )
    assert sorted(caught.value.mistakes, key=lambda s: int(s.split()[2][:-1])) == [
        "seating.csv, line 2: there is no class '4x'",
        "seating.csv, line 3: there is no room 'room-9'",
        "seating.csv, line 4: room 'room-1' has no seat 'S9'",
        "seating.csv, line 5: no student of the roster has its sourced_id",
        "seating.csv, line 6: from and until are days like 2026-09-01",
        "seating.csv, line 7: it ends on 2026-09-01, before it begins on 2026-09-02",
        "seating.csv, line 8: its student is not in class '4a' then",
        "seating.csv, line 9: 'class-4A' is class '4a': use one name for a class",
        "seating.csv, line 11: line 10 holds until 2026-12-31: they overlap",
    ]
    assert seated(school) == []


def test_two_students_on_one_seat_on_one_day_are_told(school):
    rows = ["4a,room-1,S1,pupil-1,2026-09-01,", "4a,room-1,S1,pupil-2,2026-09-01,"]
    with pytest.raises(RosterError, match="line 3: from 2026-09-01 on, line 2 has this seat"):
        school.seat(rows)
