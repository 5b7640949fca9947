"""Rosters in the tables: what an import changes, what it keeps, and that it does so once."""

import datetime as dt

import pytest

from deploy.roster.rekey import rekey
from schemas.errors import SettingsError
from schemas.rosters.mistakes import RosterError
from schemas.sync import sync_site
from schemas.vault import Vault
from tests.integration.rostered_school import KEY, NOON, SINCE, a_site
from tests.made_rosters import a_class, a_delta, a_roster, enrolment, role, student

TERM = ("2026-09-01", "2027-07-01")
LATER = NOON + dt.timedelta(days=30)


@pytest.fixture
def school(rostered_school):
    return rostered_school


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_bulk_set_is_stored_once_and_the_second_import_changes_nothing(school, version):
    roster = a_roster(version, classes=("4A", "5B"))
    report = school.take(roster)
    assert report.changes.counts["students"] == {"added": 6, "changed": 0, "unchanged": 0}
    assert report.changes.counts["classes"] == {"changed": 1, "added": 1}  # 4a is the timetable's
    assert report.changes.counts["enrolments"] == {"added": 12}
    assert report.changes.lines == [
        "class 4a: changed (Maths 4A); enrolments: 6 added",
        "class 5b: added (Maths 5B); enrolments: 6 added",
    ]
    assert school.enrolled() == [
        (slug, f"pupil-{i}", *TERM) for slug in ("4a", "5b") for i in range(1, 7)
    ]
    before = school.everything()
    again = school.take(roster, LATER, form="set.zip")
    assert again.changes.is_empty
    assert "stored already, nothing changes" in again.changes.text("school", dry_run=False)
    assert school.everything() == before


def test_names_and_ids_of_people_are_in_the_vault_alone_and_sealed(school):
    school.take(a_roster())
    school.seat(["4a,room-1,S1,pupil-1,2026-09-01,"])
    tables = school.rows(
        "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) "
        "FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
        "AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    )
    assert ("vault.identities",) in tables
    for (table,) in tables:
        for (row,) in school.rows(f"SELECT t::text FROM {table} t"):
            for secret in ("Given", "Family", "pupil", "secret", "Teach"):
                assert secret not in row
                assert secret.encode().hex() not in row  # as bytes are shown
    (sealed,) = {len(row) for row in school.rows("SELECT name_enc FROM vault.identities")}
    assert sealed == 1


def test_a_dry_run_says_the_same_and_changes_nothing(school):
    before = school.everything()
    dry = school.take(a_roster(), dry_run=True)
    assert school.everything() == before
    wet = school.take(a_roster())
    assert dry.changes == wet.changes
    assert "a dry run, nothing was written" in dry.changes.text("school", dry_run=True)


def test_a_set_with_mistakes_changes_nothing_unless_wrong_rows_are_left_out(school):
    roster = a_roster()
    roster.files["enrollments"][0]["classSourcedId"] = "nope"
    before = school.everything()
    with pytest.raises(RosterError, match="1 mistake, nothing was changed"):
        school.take(roster)
    assert school.everything() == before
    report = school.take(roster, skip_bad=True)
    assert report.left_out == 1
    assert [pupil for _, pupil, *_ in school.enrolled()] == [f"pupil-{i}" for i in range(2, 7)]


def test_where_rows_were_left_out_nothing_ends_for_being_absent(school):
    school.take(a_roster(classes=("4A", "5B")))
    before = school.enrolled()
    roster = a_roster(students=3)
    roster.files["users"][2]["familyName"] = ""
    roster.files["enrollments"][1] |= {"status": "tobedeleted", "dateLastModified": "2026-10-20"}
    report = school.take(roster, LATER, skip_bad=True)
    assert report.left_out == 3
    assert school.rows("SELECT DISTINCT status FROM students") == [("active",)]
    ended = ("4a", "pupil-2", "2026-09-01", "2026-10-20")  # that one was told
    assert set(school.enrolled()) == {ended, *before} - {("4a", "pupil-2", *TERM)}
    whole = school.take(a_roster(students=3), LATER)
    assert whole.changes.counts["students"]["removed"] == 3


def test_who_is_not_in_the_next_bulk_set_becomes_inactive_and_the_enrolment_ends(school):
    school.take(a_roster())
    report = school.take(a_roster(students=5), LATER)
    assert report.changes.counts["students"]["removed"] == 1
    assert report.changes.lines == ["class 4a: enrolments: 1 removed"]
    assert ("4a", "pupil-6", "2026-09-01", "2026-11-04") in school.enrolled()
    assert school.rows("SELECT status, count(*) FROM students GROUP BY 1 ORDER BY 1") == [
        ("active", 5),
        ("inactive", 1),
    ]
    before = school.everything()
    assert school.take(a_roster(students=5), LATER + dt.timedelta(days=9)).changes.is_empty
    assert school.everything() == before
    back = school.take(a_roster(), LATER + dt.timedelta(days=10))
    assert back.changes.counts["students"]["changed"] == 1
    assert ("4a", "pupil-6", *TERM) in school.enrolled()


def test_a_delta_adds_changes_and_closes_and_the_second_time_nothing(school):
    school.take(a_roster())
    delta = a_delta(
        users=[student(7), student(1, familyName="Newname")],
        roles=[role(7), role(5, status="tobedeleted")],
        classes=[a_class("5B")],
        enrollments=[
            enrolment("4A", 7, beginDate="2026-11-02"),
            enrolment("4A", 2, status="tobedeleted"),
            enrolment("5B", 1, sourcedId="other"),
        ],
    )
    report = school.take(delta, LATER, org="school")
    assert report.changes.counts["students"] == {
        "added": 1,
        "changed": 1,
        "removed": 1,
        "unchanged": 0,
    }
    assert school.enrolled() == [
        ("4a", "pupil-1", *TERM),
        ("4a", "pupil-2", "2026-09-01", "2026-11-02"),  # on the day of its last change
        ("4a", "pupil-3", *TERM),
        ("4a", "pupil-4", *TERM),
        ("4a", "pupil-5", "2026-09-01", "2026-11-04"),  # left the school on the import's day
        ("4a", "pupil-6", *TERM),
        ("4a", "pupil-7", "2026-11-02", None),
        ("5b", "pupil-1", "2026-11-02", None),  # the delta does not bring the term
    ]
    before = school.everything()
    assert school.take(delta, LATER + dt.timedelta(days=1), org="school").changes.is_empty
    assert school.everything() == before


def test_next_years_class_of_the_same_code_takes_over_the_timetables_id(school):
    school.take(a_roster())
    roster = a_roster()
    roster.files["classes"] = [a_class("4A", sourcedId="class-next-year", title="Maths again")]
    for row in roster.files["enrollments"]:
        row["classSourcedId"] = "class-next-year"
    school.take(roster, LATER)
    assert school.rows("SELECT slug, sourced_id, title FROM classes ORDER BY 1") == [
        ("4a", "class-next-year", "Maths again")
    ]


def test_two_classes_of_one_code_get_ids_of_their_own_and_the_sync_leaves_them_alone(school):
    roster = a_roster(classes=("4A", "5B"))
    roster.files["classes"].append(a_class("4A", sourcedId="class-twin"))
    school.take(roster)
    told = school.rows("SELECT slug, sourced_id, title, enabled FROM classes ORDER BY 1")
    assert told == [
        ("4a", "class-4A", "Maths 4A", True),
        ("4a-2", "class-twin", "Maths 4A", True),
        ("5b", "class-5B", "Maths 5B", True),
    ]
    assert sync_site(school.engine, school.site, at=NOON).is_empty
    roster.files["classes"] = [a_class("4A")]
    roster.files["enrollments"] = [enrolment("4A", 1)]
    report = school.take(roster, LATER)
    assert "class 5b: over; enrolments: 6 removed" in report.changes.lines
    assert sync_site(school.engine, school.site, at=LATER).is_empty
    assert school.rows("SELECT slug FROM classes WHERE enabled") == [("4a",)]


def test_another_site_of_the_database_has_students_of_its_own(school, tmp_path):
    school.take(a_roster())
    other = a_site().model_copy(update={"site": a_site().site.model_copy(update={"id": "other"})})
    sync_site(school.engine, other, at=SINCE)
    before = school.enrolled()
    school.site = other
    school.take(a_roster(students=2))
    assert len(school.rows("SELECT 1 FROM students")) == 8
    assert len(school.enrolled()) == len(before) + 2


def test_where_policy_has_no_students_no_roster_is_taken(school):
    school.site = a_site("eu")
    with pytest.raises(SettingsError, match="no figures of single students"):
        school.take(a_roster())
    with pytest.raises(SettingsError, match="no figures of single students"):
        school.seat([])


def test_a_key_is_exchanged_without_losing_anybody(school):
    school.take(a_roster())
    new = Vault(bytes(reversed(range(32))))
    old, school.vault = school.vault, new
    with pytest.raises(SettingsError, match="6 stored identities are sealed with key"):
        school.take(a_roster())
    told = []
    assert rekey(school.engine, old, new, told.append) == 6
    assert sum(told) == 6
    assert rekey(school.engine, old, new) == 0
    assert school.take(a_roster()).changes.is_empty
    with pytest.raises(SettingsError, match="neither the old key"):
        rekey(school.engine, Vault(KEY), Vault(b"x" * 32))
