"""`manifest.csv`: which version of OneRoster a set is, and what each file is.

OneRoster 1.1 and 1.2 CSV binding, §3: `propertyName,value` with `oneroster.version` and
`file.NAME` = `absent`, `bulk` (all there is) or `delta` (what changed).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from schemas.rosters.csv_rows import Columns, read_rows
from schemas.rosters.files import RosterFiles
from schemas.rosters.mistakes import Mistakes

Mode = Literal["absent", "bulk", "delta"]
Version = Literal["1.1", "1.2"]

FILES: Final = (
    "orgs",
    "academicSessions",
    "courses",
    "classes",
    "users",
    "roles",
    "enrollments",
)
_NAME: Final = "manifest.csv"
_COLUMNS: Final = Columns(("propertyName", "value"), may_be_empty=("value",))


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a set says of itself."""

    version: Version
    modes: Mapping[str, Mode]  # of every file in FILES

    def mode(self, file: str) -> Mode:
        """Of a file like `users`."""
        return self.modes[file]


def read_manifest(files: RosterFiles, mistakes: Mistakes) -> Manifest | None:
    """The set's manifest; None, with the reason among the mistakes, where it cannot be used."""
    if "manifest" not in files.names:
        mistakes.file(
            _NAME, "is missing: it says which version of OneRoster the set is, 1.1 or 1.2"
        )
        return None
    rows = read_rows(_NAME, files.lines("manifest"), _COLUMNS, mistakes)
    said = {row["propertyName"].lower(): row["value"].lower() for row in rows}
    if mistakes.is_hopeless:
        return None
    version = said.get("oneroster.version", "")
    if version not in {"1.1", "1.2"}:
        mistakes.file(_NAME, f"oneroster.version is {version[:20]!r}: only 1.1 and 1.2 are read")
    modes = {file: _mode(file, said, files, mistakes) for file in FILES}
    if version == "1.1":
        modes["roles"] = "absent"
    _check_people(version, modes, mistakes)
    return None if mistakes.is_hopeless else Manifest(cast(Version, version), modes)


def _mode(file: str, said: Mapping[str, str], files: RosterFiles, mistakes: Mistakes) -> Mode:
    mode = said.get(f"file.{file.lower()}", "absent")
    if mode not in {"absent", "bulk", "delta"}:
        mistakes.file(_NAME, f"file.{file} is {mode[:20]!r}: write absent, bulk or delta")
        return "absent"
    if mode != "absent" and file.lower() not in files.names:
        mistakes.file(_NAME, f"file.{file} is {mode}, but there is no {file}.csv")
        return "absent"
    return cast(Mode, mode)


def _check_people(version: str, modes: Mapping[str, Mode], mistakes: Mistakes) -> None:
    """A whole list of users needs to say who of them is a student."""
    if version == "1.2" and modes["users"] == "bulk" and modes["roles"] != "bulk":
        mistakes.file(
            _NAME, "file.users is bulk, so file.roles has to be bulk, too: it says who is a student"
        )
