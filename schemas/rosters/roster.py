"""What a OneRoster set says of one school, in the set's own ids."""

from __future__ import annotations

import datetime as dt
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Protocol

from schemas.rosters.manifest import Manifest


class Known(Protocol):
    """What was imported before: a delta may name it without bringing it again."""

    def has_class(self, sourced_id: str) -> bool:
        """Whether a class of the site has this id."""
        ...

    def students(self, sourced_ids: AbstractSet[str]) -> AbstractSet[str]:
        """Those of these users who are students of the site."""
        ...


class NothingKnown:
    """A site without a roster."""

    def has_class(self, _sourced_id: str) -> bool:
        """No."""
        return False

    def students(self, _sourced_ids: AbstractSet[str]) -> AbstractSet[str]:
        """None."""
        return set()


@dataclass(frozen=True, slots=True)
class Term:
    """An academic session; the end is exclusive, as OneRoster has it."""

    title: str
    start: dt.date
    end: dt.date


@dataclass(frozen=True, slots=True)
class RosterClass:
    """A class of the school.

    Attributes:
        code: what people call it in timetables; may be empty.
        term: title of its terms; None: the set does not hold them.
        start, end: of its terms, end exclusive.
    """

    sourced_id: str
    title: str
    code: str
    term: str | None
    start: dt.date | None
    end: dt.date | None


@dataclass(frozen=True, slots=True)
class RosterStudent:
    """A student; shows nothing when printed."""

    sourced_id: str = field(repr=False)
    given_name: str = field(repr=False)
    family_name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A student belongs to a class from `begin` until the day before `end`.

    Attributes:
        begin: None: not told.
        end: None: not told.
        changed: local day of the row's last change; None: not told.
        removed: it holds no more from `changed` on.
        line: in enrollments.csv.
    """

    class_id: str
    user_id: str = field(repr=False)
    begin: dt.date | None
    end: dt.date | None
    changed: dt.date | None
    removed: bool
    line: int


@dataclass(slots=True)
class Roster:
    """What a set says of one school."""

    manifest: Manifest
    org: str
    classes: dict[str, RosterClass] = field(default_factory=dict)
    removed_classes: set[str] = field(default_factory=set)
    students: dict[str, RosterStudent] = field(default_factory=dict)
    removed_students: set[str] = field(default_factory=set)
    enrolments: list[Enrolment] = field(default_factory=list)
    left_out: int = 0  # rows that are wrong, or hang on wrong ones
    mistakes: tuple[str, ...] = ()  # of rows that were left out
    rows: int = 0  # that were read, of all files

    def tells_all(self, file: str) -> bool:
        """Whether what a file does not name is over.

        That is so for a bulk file, unless rows were left out: nobody knows what they would have
        said, so nothing ends because of them.
        """
        return self.manifest.mode(file) == "bulk" and not self.left_out
