"""OneRoster sets of invented people, in all three forms; tests change what they are about."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

Rows = list[dict[str, str]]
FILES = ("orgs", "academicSessions", "courses", "classes", "users", "roles", "enrollments")


@dataclass
class MadeRoster:
    """A set as rows; `write` makes it a folder or a zip."""

    version: str = "1.2"
    mode: str = "bulk"
    files: dict[str, Rows] = field(default_factory=dict)

    def manifest(self) -> Rows:
        modes = {f"file.{name}": self.mode if name in self.files else "absent" for name in FILES}
        values = {"manifest.version": "1.0", "oneroster.version": self.version} | modes
        return [{"propertyName": name, "value": value} for name, value in values.items()]

    def texts(self) -> dict[str, str]:
        tables = {"manifest": self.manifest()} | self.files
        return {f"{name}.csv": text_of(rows, name, self.version) for name, rows in tables.items()}

    def write(self, path: Path) -> Path:
        """A zip where the path ends so, else a folder."""
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, text in self.texts().items():
                    archive.writestr(name, text)
            return path
        path.mkdir(parents=True, exist_ok=True)
        for old in path.glob("*.csv"):
            old.unlink()
        for name, text in self.texts().items():
            (path / name).write_text(text, encoding="utf-8", newline="")
        return path


HEADERS = {
    "orgs": "sourcedId status dateLastModified name type identifier parentSourcedId",
    "academicSessions": "sourcedId status dateLastModified title type startDate endDate "
    "parentSourcedId schoolYear",
    "courses": "sourcedId status dateLastModified schoolYearSourcedId title courseCode grades "
    "orgSourcedId subjects subjectCodes",
    "classes": "sourcedId status dateLastModified title grades courseSourcedId classCode classType "
    "location schoolSourcedId termSourcedIds subjects subjectCodes periods",
    "users": "sourcedId status dateLastModified enabledUser username userIds givenName familyName "
    "middleName identifier email sms phone agentSourcedIds grades password userMasterIdentifier "
    "resourceSourcedIds preferredGivenName preferredMiddleName preferredFamilyName "
    "primaryOrgSourcedId pronouns",
    "users of 1.1": "sourcedId status dateLastModified enabledUser orgSourcedIds role username "
    "userIds givenName familyName middleName identifier email sms phone agentSourcedIds grades "
    "password",
    "roles": "sourcedId status dateLastModified userSourcedId roleType role beginDate endDate "
    "orgSourcedId userProfileSourcedId",
    "enrollments": "sourcedId status dateLastModified classSourcedId schoolSourcedId userSourcedId "
    "role primary beginDate endDate",
    "manifest": "propertyName value",
}


def text_of(rows: Rows, name: str, version: str = "1.2") -> str:
    """A file with all columns of the specification."""
    out = io.StringIO()
    header = HEADERS.get(f"{name} of {version}", HEADERS[name])
    writer = csv.DictWriter(out, header.split(), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def a_roster(
    version: str = "1.2", students: int = 6, classes: tuple[str, ...] = ("4A",)
) -> MadeRoster:
    """One school and teacher, a term from 1 September to 1 July, all students in all classes."""
    people = [student(i, version) for i in range(1, students + 1)]
    roster = MadeRoster(version)
    roster.files = {
        "orgs": [
            {"sourcedId": "district", "name": "District", "type": "district"},
            {"sourcedId": "school", "name": "School", "type": "school"},
        ],
        "academicSessions": [
            {
                "sourcedId": "term-26",
                "title": "School year 2026/27",
                "type": "schoolYear",
                "startDate": "2026-09-01",
                "endDate": "2027-07-01",
                "schoolYear": "2027",
            }
        ],
        "courses": [{"sourcedId": "course-1", "title": "Maths", "orgSourcedId": "school"}],
        "classes": [a_class(code) for code in classes],
        "users": [*people, teacher(version)],
        "enrollments": [
            *(enrolment(code, i) for code in classes for i in range(1, students + 1)),
            *(enrolment(code, 0, role="teacher") for code in classes),
        ],
    }
    if version == "1.2":
        roster.files["roles"] = [role(i) for i in range(1, students + 1)] + [role(0, "teacher")]
    return roster


def a_delta(
    version: str = "1.2", at: str = "2026-11-02T09:00:00.000Z", **files: Rows
) -> MadeRoster:
    """What changed; rows without a status are active ones."""
    stamped = {
        name: [{"status": "active", "dateLastModified": at} | row for row in rows]
        for name, rows in files.items()
    }
    return MadeRoster(version, "delta", stamped)


def a_class(code: str, **values: str) -> dict[str, str]:
    return {
        "sourcedId": f"class-{code}",
        "title": f"Maths {code}",
        "courseSourcedId": "course-1",
        "classCode": code,
        "classType": "scheduled",
        "schoolSourcedId": "school",
        "termSourcedIds": "term-26",
    } | values


def student(number: int, version: str = "1.2", **values: str) -> dict[str, str]:
    old = {"orgSourcedIds": "school", "role": "student"} if version == "1.1" else {}
    return {
        "sourcedId": f"pupil-{number}",
        "enabledUser": "true",
        "username": f"secret.login.{number}",
        "givenName": f"Given{number}",
        "familyName": f"Family, {number}",
        "email": f"secret{number}@example.org",
        **old,
    } | values


def teacher(version: str = "1.2") -> dict[str, str]:
    old = {"orgSourcedIds": "school", "role": "teacher"} if version == "1.1" else {}
    return student(0, version) | {"givenName": "Teach", "familyName": "Er"} | old


def role(number: int, role: str = "student", **values: str) -> dict[str, str]:
    return {
        "sourcedId": f"role-{number}",
        "userSourcedId": f"pupil-{number}",
        "roleType": "primary",
        "role": role,
        "orgSourcedId": "school",
    } | values


def enrolment(code: str, number: int, role: str = "student", **values: str) -> dict[str, str]:
    return {
        "sourcedId": f"enrolment-{code}-{number}",
        "classSourcedId": f"class-{code}",
        "schoolSourcedId": "school",
        "userSourcedId": f"pupil-{number}",
        "role": role,
        "primary": "false",
    } | values
