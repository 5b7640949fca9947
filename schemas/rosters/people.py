"""Who of a set's users is a student of the school: by role, or because a class of it has them.

OneRoster 1.1 writes role and organisations into `users.csv`, 1.2 into `roles.csv`, with several
roles a person. Nobody's name is kept but students'.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from schemas.rosters.csv_rows import CsvRow
from schemas.rosters.mistakes import Mistakes
from schemas.rosters.roster import Enrolment, Known, Roster, RosterStudent
from schemas.rosters.row_values import ids_in

_STUDENT: Final = "student"
_NOT_THERE: Final = "its user is not in users.csv"

# file, row, the file that has to have it, its id, what it is to the row: whether it is there
Check = Callable[[str, CsvRow, str, str, str], bool]


class People:
    """Users, their roles and their enrolments, in this order; then `finish`.

    Args:
        roster: to fill.
        check: notes a reference to what is not there.
        known: what was imported before.
        mistakes: where to note what is wrong.

    Attributes:
        hanging: roles and enrolments left out because their user or class was.
    """

    def __init__(self, roster: Roster, check: Check, known: Known, mistakes: Mistakes) -> None:
        self.hanging = 0
        self._roster = roster
        self._check = check
        self._known = known
        self._mistakes = mistakes
        self._version = roster.manifest.version
        self._lines: dict[str, int] = {}  # of every user who is told
        self._bad = mistakes.unusable.setdefault("users.csv", set())
        self._removed: set[str] = set()
        self._named: dict[str, RosterStudent] = {}  # who may be a student
        self._students: set[str] = set()  # by their role in this school
        self._ended: set[str] = set()  # role in this school, in a delta
        self._roles: dict[str, int] = {}  # lines of student roles in this school
        self._enrolled: dict[str, int] = {}  # line of an enrolment

    def user(self, row: CsvRow) -> None:
        """A row of users.csv."""
        user_id = row["sourcedId"]
        self._lines[user_id] = row.line
        is_student = True
        if self._version == "1.1":
            orgs = ids_in(row["orgSourcedIds"])
            checks = [self._check("users", row, "orgs", org, "its organisation") for org in orgs]
            if not all(checks):
                self._bad.add(user_id)
                return
            is_student = row["role"].lower() == _STUDENT
            if is_student and self._roster.org in orgs:
                self._students.add(user_id)
        if row["status"].lower() == "tobedeleted":
            self._removed.add(user_id)
        elif is_student:
            self._named[user_id] = RosterStudent(user_id, row["givenName"], row["familyName"])

    def role(self, row: CsvRow) -> None:
        """A row of roles.csv (1.2)."""
        user_id, org = row["userSourcedId"], row["orgSourcedId"]
        if not self._check("roles", row, "orgs", org, "its organisation"):
            self._bad.add(user_id)
            return
        if not self._check_user(row):
            return
        if row["role"].lower() != _STUDENT or org != self._roster.org:
            return
        if row["status"].lower() == "tobedeleted":
            self._ended.add(user_id)
            return
        self._students.add(user_id)
        self._roles[user_id] = row.line

    def enrol(self, enrolment: Enrolment) -> None:
        """A student's row of enrollments.csv."""
        if enrolment.user_id in self._bad:
            self.hanging += 1
            return
        self._enrolled.setdefault(enrolment.user_id, enrolment.line)
        self._roster.enrolments.append(enrolment)

    def finish(self) -> None:
        """Decide who is a student, and check that every enrolment's user is there."""
        roster = self._roster
        told = (self._students | self._enrolled.keys()) - self._bad
        unnamed = told - self._named.keys() - self._removed
        is_whole = roster.manifest.mode("users") == "bulk"
        known = set() if is_whole else self._known.students(unnamed | self._named.keys())
        lost = unnamed - known
        for line, user in sorted((self._place(user), user) for user in lost):
            self._orphan(line, user)
        kept = [e for e in roster.enrolments if e.user_id not in lost]
        orphans = len(lost & self._enrolled.keys())  # noted as mistakes already
        self.hanging += len(roster.enrolments) - len(kept) - orphans
        roster.enrolments = kept
        roster.students = {u: who for u, who in self._named.items() if u in told or u in known}
        roster.removed_students = self._removed | (self._ended - self._students)

    def _check_user(self, row: CsvRow) -> bool:
        user_id = row["userSourcedId"]
        if user_id in self._bad:
            self.hanging += 1
            return False
        if user_id in self._lines or self._roster.manifest.mode("users") != "bulk":
            return True
        self._mistakes.row("roles.csv", row.line, _NOT_THERE)
        return False

    def _place(self, user: str) -> int:
        return self._enrolled.get(user) or self._roles.get(user, 0)

    def _orphan(self, line: int, user: str) -> None:
        file = "enrollments.csv" if user in self._enrolled else "roles.csv"
        sentence = "its user is no student" if user in self._lines else _NOT_THERE
        self._mistakes.row(file, line, sentence)
