"""OneRoster sets: what is read of them, and every mistake with its file and line."""

import datetime as dt
import zipfile
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.rosters import files as roster_files
from schemas.rosters.csv_rows import Columns, read_rows
from schemas.rosters.files import RosterFiles
from schemas.rosters.mistakes import Mistakes, RosterError
from schemas.rosters.oneroster import read_roster
from schemas.rosters.roster import NothingKnown, Roster
from tests.made_rosters import (
    MadeRoster,
    a_class,
    a_delta,
    a_roster,
    enrolment,
    role,
    student,
    text_of,
)

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


class SomeKnown:
    """What an earlier import has left."""

    def __init__(self, classes: set[str], students: set[str]) -> None:
        self._classes, self._students = classes, students

    def has_class(self, sourced_id):
        return sourced_id in self._classes

    def students(self, sourced_ids):
        return self._students & sourced_ids


def read(path: Path, known=None, **options) -> Roster:
    with RosterFiles(path) as files:
        return read_roster(files, path.name, known or NothingKnown(), AMSTERDAM, **options)


def mistakes_of(path: Path, **options) -> list[str]:
    with pytest.raises(RosterError) as caught:
        read(path, **options)
    return caught.value.mistakes


@pytest.mark.parametrize("version", ["1.1", "1.2"])
@pytest.mark.parametrize("form", ["folder", "set.zip"])
def test_a_bulk_set_is_read_from_a_folder_and_from_a_zip(tmp_path, version, form):
    roster = read(a_roster(version).write(tmp_path / form))
    assert roster.org == "school"
    assert sorted(roster.students) == [f"pupil-{i}" for i in range(1, 7)]
    assert roster.students["pupil-2"].family_name == "Family, 2"
    (held,) = roster.classes.values()
    assert (held.title, held.code, held.term) == ("Maths 4A", "4A", "School year 2026/27")
    assert {(e.user_id, e.begin, e.end, e.removed) for e in roster.enrolments} == {
        (f"pupil-{i}", dt.date(2026, 9, 1), dt.date(2027, 7, 1), False) for i in range(1, 7)
    }


def test_neither_teachers_nor_what_is_not_needed_are_kept(tmp_path):
    roster = read(a_roster().write(tmp_path / "set"))
    assert "pupil-0" not in roster.students
    assert "secret" not in str([vars_of(s) for s in roster.students.values()])
    assert "Given1" not in repr(roster)
    assert "pupil-1" not in repr(roster.students.values())


def vars_of(item) -> dict[str, object]:
    return {name: getattr(item, name) for name in item.__slots__}


def test_a_file_with_a_byte_order_mark_other_columns_and_another_order_is_read(tmp_path):
    folder = a_roster().write(tmp_path / "set")
    text = '\ufefftype,extra,"name",sourcedId\r\nschool,x,"The ""Old"" School",school\r\n'
    (folder / "orgs.csv").write_text(text, encoding="utf-8", newline="")
    (folder / "courses.csv").write_text("sourcedId\ncourse-1\n\n")
    assert read(folder).org == "school"


def test_a_delta_may_name_what_was_imported_before(tmp_path):
    delta = a_delta(
        enrollments=[
            enrolment("4A", 7, beginDate="2026-11-03"),
            enrolment("4A", 1, status="tobedeleted", dateLastModified="2026-11-01T23:30:00Z"),
        ],
        users=[student(7)],
        roles=[role(7)],
    )
    known = SomeKnown({"class-4A"}, {"pupil-1"})
    roster = read(delta.write(tmp_path / "delta.zip"), known, org="school")
    assert list(roster.students) == ["pupil-7"]
    new, gone = roster.enrolments
    assert (new.begin, new.removed) == (dt.date(2026, 11, 3), False)
    assert gone.removed
    assert gone.changed == dt.date(2026, 11, 2)  # in Amsterdam it was the next day already


def test_a_delta_that_names_what_nobody_knows_is_refused(tmp_path):
    delta = a_delta(enrollments=[enrolment("4A", 7), enrolment("4B", 1)])
    known = SomeKnown({"class-4A"}, {"pupil-1"})
    path = delta.write(tmp_path / "delta.zip")
    assert mistakes_of(path, known=known, org="school") == [
        "enrollments.csv, line 3: its class 'class-4B' is not in classes.csv",
        "enrollments.csv, line 2: its user is not in users.csv",
    ]


def test_a_student_whose_name_changed_and_one_whose_role_ended_are_told_by_a_delta(tmp_path):
    delta = a_delta(
        users=[student(1, familyName="Other"), student(9)],
        roles=[role(2, status="tobedeleted")],
    )
    known = SomeKnown(set(), {"pupil-1", "pupil-2"})
    roster = read(delta.write(tmp_path / "set"), known, org="school")
    assert list(roster.students) == ["pupil-1"]  # pupil-9 has no role here and never had
    assert roster.removed_students == {"pupil-2"}


def test_every_orphan_is_told_with_file_and_line_and_no_id_of_a_person(tmp_path):
    roster = a_roster()
    roster.files["classes"] += [
        a_class("4B", courseSourcedId="nope"),
        a_class("4C", termSourcedIds="term-26,nope"),
        a_class("4D", schoolSourcedId="nope"),
    ]
    roster.files["enrollments"] += [
        enrolment("4E", 1),
        enrolment("4A", 99, sourcedId="x"),
        enrolment("4B", 1),  # hangs on a wrong row, and is no mistake of its own
        enrolment("4A", 0, sourcedId="y", schoolSourcedId="nope"),
    ]
    roster.files["roles"] += [role(98), role(1, sourcedId="z", orgSourcedId="nope")]
    assert mistakes_of(roster.write(tmp_path / "set")) == [
        "classes.csv, line 3: its course 'nope' is not in courses.csv",
        "classes.csv, line 4: its term 'nope' is not in academicSessions.csv",
        "classes.csv, line 5: its school 'nope' is not in orgs.csv",
        "roles.csv, line 9: its user is not in users.csv",
        "roles.csv, line 10: its organisation 'nope' is not in orgs.csv",
        "enrollments.csv, line 9: its class 'class-4E' is not in classes.csv",
        "enrollments.csv, line 12: its school 'nope' is not in orgs.csv",
        "enrollments.csv, line 10: its user is not in users.csv",
    ]


def test_wrong_rows_and_what_hangs_on_them_can_be_left_out(tmp_path):
    roster = a_roster()
    roster.files["users"][0]["familyName"] = ""
    roster.files["enrollments"][1]["beginDate"] = "1 September"
    path = roster.write(tmp_path / "set")
    assert mistakes_of(path) == [
        "users.csv, line 2: has no familyName",
        "enrollments.csv, line 3: beginDate or endDate is no day like 2026-09-01",
    ]
    left = read(path, skip_bad=True)
    assert sorted(left.students) == [f"pupil-{i}" for i in range(2, 7)]
    assert sorted(e.user_id for e in left.enrolments) == [f"pupil-{i}" for i in range(3, 7)]
    assert left.left_out == 4  # the user, its role, its enrolment, the day


def test_an_id_that_two_rows_have_is_told_with_both_lines(tmp_path):
    roster = a_roster()
    roster.files["enrollments"].append(roster.files["enrollments"][0])
    assert mistakes_of(roster.write(tmp_path / "set")) == [
        "enrollments.csv, line 9: its sourcedId stands in line 2, too"
    ]


def test_a_hundred_mistakes_are_shown_and_all_are_counted(tmp_path):
    roster = a_roster(students=130)
    for row in roster.files["enrollments"]:
        row["endDate"] = "2026-08-01"
    with pytest.raises(RosterError, match="130 mistakes, nothing was changed") as caught:
        read(roster.write(tmp_path / "set"))
    assert len(caught.value.mistakes) == 100
    assert "… and 30 more" in str(caught.value)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("users", "sourcedId,givenName\n1,x\n", "lacks the columns familyName"),
        ("users", "", "lacks the columns sourcedId, givenName, familyName"),
        ("orgs", "sourcedId,name,name,type\n", "names name more than once"),
        ("orgs", 'sourcedId,name,type\nschool,"x,school\n', "line 2 is not CSV"),
        ("manifest", "propertyName,value\noneroster.version,1.0\n", "only 1.1 and 1.2 are read"),
        (
            "manifest",
            "propertyName,value\noneroster.version,1.2\nfile.users,some\n",
            "file.users is 'some': write absent, bulk or delta",
        ),
        (
            "manifest",
            "propertyName,value\noneroster.version,1.1\nfile.roles,bulk\nfile.orgs,bulk\n"
            "file.users,bulk\nfile.classes,bulk\nfile.enrollments,bulk\n",
            "users.csv: its first line lacks the columns orgSourcedIds, role",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_reason_that_leaving_out_does_not_help(
    tmp_path, file, text, told
):
    folder = a_roster().write(tmp_path / "set")
    (folder / f"{file}.csv").write_text(text)
    assert told in "\n".join(mistakes_of(folder, skip_bad=True))


def test_a_file_in_another_character_set_says_how_to_save_it(tmp_path):
    folder = a_roster().write(tmp_path / "set")
    (folder / "orgs.csv").write_bytes("sourcedId,name,type\nschool,École,school".encode("latin-1"))
    assert mistakes_of(folder) == ["orgs.csv: line 2 is not UTF-8: save the file as CSV UTF-8"]


def test_a_file_that_the_manifest_names_and_is_not_there_is_told(tmp_path):
    folder = a_roster().write(tmp_path / "set")
    (folder / "courses.csv").unlink()
    assert mistakes_of(folder) == [
        "manifest.csv: file.courses is bulk, but there is no courses.csv"
    ]


def test_of_several_schools_one_has_to_be_named(tmp_path):
    roster = a_roster()
    roster.files["orgs"].append({"sourcedId": "other", "name": "Other", "type": "school"})
    path = roster.write(tmp_path / "set")
    assert (
        "names 2 schools (school, other): say which is this site with --org"
        in (mistakes_of(path)[0])
    )
    assert len(read(path, org="school").students) == 6
    assert read(path, org="other").students == {}
    assert mistakes_of(path, org="nope") == ["orgs.csv: has no organisation 'nope' (--org)"]


def a_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_zip_that_unfolds_to_more_than_the_limit_is_refused_while_it_is_read(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(roster_files, "MAX_FILE_BYTES", 1 << 20)
    texts = {name: text.encode() for name, text in a_roster().texts().items()}
    texts["courses.csv"] = b"sourcedId\n" + b"course-1\n" * 400_000
    path = a_zip(tmp_path / "bomb.zip", texts)
    assert path.stat().st_size < 20_000
    assert "courses.csv: is larger than 1 MiB" in mistakes_of(path, skip_bad=True)


def test_a_line_without_an_end_is_not_read_into_memory(tmp_path):
    folder = a_roster().write(tmp_path / "set")
    (folder / "courses.csv").write_bytes(b"sourcedId\n" + b"x" * (roster_files.MAX_LINE_BYTES + 9))
    assert mistakes_of(folder) == ["courses.csv: has a line of more than 256 KiB"]


@pytest.mark.parametrize("name", ["../users.csv", "/etc/users.csv", "a/..\\..\\x", "C:\\users.csv"])
def test_a_zip_with_paths_that_lead_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(RosterError, match="this is no roster"):
        RosterFiles(a_zip(tmp_path / "set.zip", {name: b"", "manifest.csv": b""}))


def test_a_zip_of_a_folder_says_what_to_zip(tmp_path):
    path = a_zip(tmp_path / "set.zip", {"export/manifest.csv": b""})
    with pytest.raises(RosterError, match="zip the files themselves, not their folder"):
        RosterFiles(path)


def test_what_is_neither_a_zip_nor_there_is_refused(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no zip")
    with pytest.raises(RosterError, match="neither a folder nor a zip"):
        RosterFiles(tmp_path / "x.zip")
    with pytest.raises(RosterError, match="No such file"):
        RosterFiles(tmp_path / "y.zip")


@given(st.binary(max_size=400))
def test_any_bytes_are_read_as_csv_or_refused_with_a_sentence(content):
    mistakes = Mistakes()
    columns = Columns(("sourcedId", "name"), ("x",))
    rows = list(read_rows("f.csv", content.splitlines(keepends=True), columns, mistakes))
    assert mistakes.sentences or content
    assert all(row["sourcedId"] and row["name"] for row in rows)


LISTED = st.sampled_from(
    ["a", "b,c", '"', "\n", "\r\n", "sourcedId,name", "\x00", "é", "\ufeff", ","]
)


@given(st.lists(LISTED, max_size=40).map("".join))
def test_any_text_below_a_header_is_read_or_refused_with_file_and_line(text):
    mistakes = Mistakes()
    lines = ("sourcedId,name\n" + text).encode().splitlines(keepends=True)
    rows = list(read_rows("f.csv", lines, Columns(("sourcedId", "name")), mistakes))
    assert all("line" in sentence for sentence in mistakes.sentences)
    assert [row.line for row in rows] == sorted({row.line for row in rows})


@given(data=st.data())
def test_a_damaged_zip_is_read_or_refused_never_crashed_on(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("zip") / "set.zip"
    content = bytearray(a_roster(students=2).write(path).read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with suppress(RosterError):
        assert read(path).manifest.version in {"1.1", "1.2"}


def test_the_made_sets_have_the_columns_of_the_specification():
    assert text_of([], "orgs").startswith("sourcedId,status,dateLastModified,name,type")
    assert MadeRoster().manifest()[1] == {"propertyName": "oneroster.version", "value": "1.2"}
