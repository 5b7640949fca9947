"""The columns of OneRoster's files that are read, and no other: what is not needed is not taken.

OneRoster 1.1 and 1.2, CSV binding, §4. `username`, mail addresses, telephone numbers, passwords,
grades and demographics are never looked at; their columns may be missing.
"""

from __future__ import annotations

from typing import Final

from schemas.rosters.csv_rows import Columns
from schemas.rosters.manifest import Mode, Version

_DELTA: Final = ("status", "dateLastModified")

_READ: Final = {
    "orgs": Columns(("sourcedId", "name", "type")),
    "academicSessions": Columns(("sourcedId", "title", "startDate", "endDate")),
    "courses": Columns(("sourcedId",), ("orgSourcedId",)),
    "classes": Columns(
        ("sourcedId", "title", "courseSourcedId", "schoolSourcedId", "termSourcedIds"),
        ("classCode",),
    ),
    "users": Columns(("sourcedId", "givenName", "familyName")),
    "roles": Columns(("sourcedId", "userSourcedId", "role", "orgSourcedId")),
    "enrollments": Columns(
        ("sourcedId", "classSourcedId", "schoolSourcedId", "userSourcedId", "role"),
        ("beginDate", "endDate"),
    ),
}
_USERS_1_1: Final = Columns(("sourcedId", "orgSourcedIds", "role", "givenName", "familyName"))


def columns_of(file: str, version: Version, mode: Mode) -> Columns:
    """What is read of a file; a delta has to say what happened to each row, and when."""
    columns = _USERS_1_1 if (file, version) == ("users", "1.1") else _READ[file]
    if mode == "delta":
        return Columns((*columns.required, *_DELTA), columns.optional)
    return Columns(columns.required, (*columns.optional, *_DELTA))
