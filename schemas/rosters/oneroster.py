"""Reads a OneRoster CSV set: one school's classes, students and enrolments, all checked.

Files are read once, in the order in which they name each other. Of other schools' rows only the ids
are kept. What a bulk file names must be in the set; what a delta names may be known from before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from zoneinfo import ZoneInfo

from schemas.rosters.columns import columns_of
from schemas.rosters.csv_rows import CsvRow, read_rows
from schemas.rosters.files import RosterFiles
from schemas.rosters.manifest import Manifest, read_manifest
from schemas.rosters.mistakes import Mistakes, RosterError
from schemas.rosters.people import People
from schemas.rosters.roster import Enrolment, Known, Roster, RosterClass, Term
from schemas.rosters.row_values import day_of, ids_in, local_day_of

_STUDENT: Final = "student"
_SCHOOL: Final = "school"

Progress = Callable[[int], None]  # is told how many rows were read since it was last told
_TOLD_EVERY: Final = 1_000


def read_roster(
    files: RosterFiles,
    source: str,
    known: Known,
    time_zone: ZoneInfo,
    *,
    org: str | None = None,
    skip_bad: bool = False,
    progress: Progress = lambda _rows: None,
) -> Roster:
    """What the set says of one school.

    Args:
        files: of the set.
        source: their folder or zip, for people.
        known: what was imported before.
        time_zone: of the site: the day of a change is a local one.
        org: id of the school; None: the only school of the set.
        skip_bad: leave wrong rows out instead of refusing the set.
        progress: told of rows that were read.

    Raises:
        RosterError: all mistakes, up to 100, each with file and line.
    """
    mistakes = Mistakes()
    manifest = read_manifest(files, mistakes)
    if manifest is None:
        raise RosterError(source, mistakes.sentences)
    reader = _Reader(files, manifest, known, time_zone, mistakes, progress)
    roster = reader.read(org)
    mistakes.raise_if_any(source, skip_bad=skip_bad)
    roster.mistakes = tuple(mistakes.sentences)
    return roster


class _Reader:
    """One pass over one set."""

    def __init__(
        self,
        files: RosterFiles,
        manifest: Manifest,
        known: Known,
        time_zone: ZoneInfo,
        mistakes: Mistakes,
        progress: Progress,
    ) -> None:
        self._files = files
        self._manifest = manifest
        self._known = known
        self._zone = time_zone
        self._mistakes = mistakes
        self._progress = progress
        self._ids: dict[str, dict[str, int]] = {}  # file: sourcedId: line
        self._terms: dict[str, Term] = {}
        self._schools: dict[str, str] = {}  # of classes
        self._roster = Roster(manifest, "")

    def read(self, org: str | None) -> Roster:
        """All files."""
        schools = [
            row["sourcedId"]
            for row in self._rows("orgs")
            if row["type"].lower() == _SCHOOL and not _is_removed(row)
        ]
        self._read_terms()
        self._read_courses()
        self._roster.org = self._school(org, schools)
        if not self._roster.org:
            return self._roster
        self._read_classes()
        people = People(self._roster, self._check, self._known, self._mistakes)
        for row in self._rows("users"):
            people.user(row)
        for row in self._rows("roles"):
            people.role(row)
        self._read_enrolments(people)
        people.finish()
        self._roster.left_out = self._mistakes.bad_rows + people.hanging
        return self._roster

    def _school(self, org: str | None, schools: list[str]) -> str:
        orgs = self._ids.get("orgs", {})
        if org is not None:
            if self._is_whole("orgs") and org not in orgs:
                self._mistakes.file("orgs.csv", f"has no organisation {org[:100]!r} (--org)")
                return ""
            return org
        if len(schools) == 1:
            return schools[0]
        if not self._mistakes.is_hopeless:
            shown = ", ".join(schools[:20])
            found = f"names {len(schools)} schools ({shown})" if schools else "names no school"
            self._mistakes.file("orgs.csv", f"{found}: say which is this site with --org")
        return ""

    def _read_terms(self) -> None:
        for row in self._rows("academicSessions"):
            start, end = day_of(row["startDate"]), day_of(row["endDate"])
            if start is None or end is None or end < start:
                self._wrong(
                    "academicSessions",
                    row,
                    "startDate and endDate are no days in that order, written like 2026-09-01",
                )
            elif not _is_removed(row):
                self._terms[row["sourcedId"]] = Term(row["title"], start, end)

    def _read_courses(self) -> None:
        for row in self._rows("courses"):
            if row["orgSourcedId"]:
                self._check("courses", row, "orgs", row["orgSourcedId"], "its organisation")

    def _read_classes(self) -> None:
        roster = self._roster
        for row in self._rows("classes"):
            self._schools[row["sourcedId"]] = row["schoolSourcedId"]
            terms = ids_in(row["termSourcedIds"])
            is_sound = self._check("classes", row, "orgs", row["schoolSourcedId"], "its school")
            if row["schoolSourcedId"] != roster.org:
                continue
            if _is_removed(row):
                roster.removed_classes.add(row["sourcedId"])
                continue
            is_sound &= self._check("classes", row, "courses", row["courseSourcedId"], "its course")
            for term in terms:
                is_sound &= self._check("classes", row, "academicSessions", term, "its term")
            if is_sound:
                roster.classes[row["sourcedId"]] = self._class_of(row, terms)

    def _class_of(self, row: CsvRow, ids: list[str]) -> RosterClass:
        terms = sorted(
            (self._terms[i] for i in ids if i in self._terms), key=lambda t: (t.start, t.end)
        )
        return RosterClass(
            sourced_id=row["sourcedId"],
            title=row["title"],
            code=row["classCode"],
            term=", ".join(term.title for term in terms) or None,
            start=min((term.start for term in terms), default=None),
            end=max((term.end for term in terms), default=None),
        )

    def _read_enrolments(self, people: People) -> None:
        for row in self._rows("enrollments"):
            sound = self._check("enrollments", row, "orgs", row["schoolSourcedId"], "its school")
            class_id = row["classSourcedId"]
            school = self._schools.get(class_id, row["schoolSourcedId"])
            if school != self._roster.org or row["role"].lower() != _STUDENT or not sound:
                continue
            if not self._has_class(class_id):
                if self._is_told("classes", class_id):  # but as a wrong row
                    people.hanging += 1
                else:
                    self._wrong("enrollments", row, f"its class {class_id!r} is not in classes.csv")
            elif (enrolment := self._enrolment_of(row)) is not None:
                people.enrol(enrolment)

    def _has_class(self, class_id: str) -> bool:
        if class_id in self._roster.classes or class_id in self._roster.removed_classes:
            return True
        if self._is_told("classes", class_id) or self._manifest.mode("classes") == "bulk":
            return False
        return self._known.has_class(class_id)

    def _enrolment_of(self, row: CsvRow) -> Enrolment | None:
        begin, end = day_of(row["beginDate"]), day_of(row["endDate"])
        if (row["beginDate"] and begin is None) or (row["endDate"] and end is None):
            self._wrong("enrollments", row, "beginDate or endDate is no day like 2026-09-01")
            return None
        held = self._roster.classes.get(row["classSourcedId"])
        if held is not None:
            begin, end = begin or held.start, end or held.end
        if begin and end and end < begin:
            self._wrong("enrollments", row, f"it ends on {end}, before it begins on {begin}")
            return None
        return Enrolment(
            class_id=row["classSourcedId"],
            user_id=row["userSourcedId"],
            begin=begin,
            end=end,
            changed=local_day_of(row["dateLastModified"], self._zone),
            removed=_is_removed(row),
            line=row.line,
        )

    def _rows(self, file: str) -> Iterator[CsvRow]:
        """The rows of a file with an id that no other row has, and a status that is one."""
        mode = self._manifest.mode(file)
        if mode == "absent":
            return
        ids = self._ids.setdefault(file, {})
        columns = columns_of(file, self._manifest.version, mode)
        name = f"{file}.csv"
        for row in read_rows(name, self._files.lines(file), columns, self._mistakes):
            self._roster.rows += 1
            if self._roster.rows % _TOLD_EVERY == 0:
                self._progress(_TOLD_EVERY)
            first = ids.setdefault(row["sourcedId"], row.line)
            if first != row.line:
                self._mistakes.row(name, row.line, f"its sourcedId stands in line {first}, too")
            elif row["status"].lower() not in {"", "active", "tobedeleted"}:
                fault = "status is neither active nor tobedeleted"
                self._mistakes.row(name, row.line, fault, row["sourcedId"])
            elif mode == "delta" and local_day_of(row["dateLastModified"], self._zone) is None:
                fault = "dateLastModified is no date and time (ISO 8601)"
                self._mistakes.row(name, row.line, fault, row["sourcedId"])
            else:
                yield row

    def _check(self, file: str, row: CsvRow, target: str, ref: str, what: str) -> bool:
        """Whether what a row names is there, as far as the set can tell."""
        if not self._is_whole(target) or self._is_told(target, ref):
            return True
        self._wrong(file, row, f"{what} {ref[:100]!r} is not in {target}.csv")
        return False

    def _wrong(self, file: str, row: CsvRow, sentence: str) -> None:
        self._mistakes.row(f"{file}.csv", row.line, sentence)

    def _is_whole(self, file: str) -> bool:
        """Whether the set holds all of a file; one that cannot be read tells nothing."""
        return self._manifest.mode(file) == "bulk" and not self._mistakes.is_hopeless

    def _is_told(self, file: str, sourced_id: str) -> bool:
        """Whether a file has the id, be it in a wrong row."""
        wrong = self._mistakes.unusable.get(f"{file}.csv", ())
        return sourced_id in self._ids.get(file, {}) or sourced_id in wrong


def _is_removed(row: CsvRow) -> bool:
    return row["status"].lower() == "tobedeleted"
