"""What a line of `facepose consent` says, from options or from a CSV file."""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeVar, get_args
from zoneinfo import ZoneInfo

from schemas.consents import GIVERS, PURPOSES, Giver, Purpose, Word
from schemas.errors import SettingsError

Choice = TypeVar("Choice", bound=str)
Deed = Literal["grant", "refuse", "withdraw"]
DEEDS: Final[tuple[Deed, ...]] = get_args(Deed)
COLUMNS: Final = ("purpose", "word", "by", "notice", "from", "until", "evidence")
_REQUIRED: Final = ("purpose", "word", "by", "from")
_MAX_BYTES: Final = 64 * 2**20
_MAX_FIELD: Final = 500
_SHOWN_MISTAKES: Final = 20


class ConsentRow(NamedTuple):
    """One line.

    Attributes:
        pseudonym: of the student, or None.
        sourced_id: the roster's id, or None.
        purpose: what it is about.
        deed: consent, its refusal, or the end of either.
        by: whose word it is.
        notice: version of the notice; "" only when a word is withdrawn.
        first: local day from which it holds.
        last: last local day on which it holds; None: when it is taken back.
        evidence: where the signed form lies.
    """

    pseudonym: str | None
    sourced_id: str | None
    purpose: Purpose
    deed: Deed
    by: Giver
    notice: str
    first: dt.date
    last: dt.date | None
    evidence: str

    def since(self, zone: ZoneInfo) -> dt.datetime:
        """Local midnight at which it begins."""
        return dt.datetime.combine(self.first, dt.time(), zone)

    def word(self, zone: ZoneInfo) -> Word:
        """With its days in the site's zone."""
        until = None
        if self.last is not None:
            until = dt.datetime.combine(self.last + dt.timedelta(days=1), dt.time(), zone)
        return Word(
            self.deed == "grant", self.by, self.notice, self.since(zone), until, self.evidence
        )


def consent_row(fields: dict[str, str]) -> ConsentRow:
    """A line from texts by column name; empty texts are missing ones.

    Raises:
        SettingsError: one of them is wrong, or missing.
    """
    for name in _REQUIRED:
        if not fields.get(name):
            raise SettingsError(f"{name} is missing")
    deed = _one_of("word", fields["word"], DEEDS)
    first = _day("from", fields["from"])
    last = _day("until", fields["until"]) if fields.get("until") else None
    if last is not None and last < first:
        raise SettingsError(f"until {last} lies before from {first}")
    if deed != "withdraw" and not fields.get("notice"):
        raise SettingsError("notice is missing: the version of the text that was explained")
    if bool(fields.get("student")) == bool(fields.get("sourced_id")):
        raise SettingsError("name the student by a pseudonym or by the roster's id, not both")
    return ConsentRow(
        fields.get("student") or None,
        fields.get("sourced_id") or None,
        _one_of("purpose", fields["purpose"], PURPOSES),
        deed,
        _one_of("by", fields["by"], GIVERS),
        fields.get("notice", ""),
        first,
        last,
        fields.get("evidence", ""),
    )


def read_consents(path: Path) -> list[tuple[int, ConsentRow]]:
    """The lines of a CSV file, each with its number; all of them, or none.

    Raises:
        SettingsError: every mistake with its line.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise SettingsError(f"{path} is larger than {_MAX_BYTES // 2**20} MiB")
    rows, mistakes = [], []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, fields in _lines(csv.DictReader(file, strict=True), path):
                try:
                    rows.append((number, consent_row(fields)))
                except SettingsError as exc:
                    mistakes.append(f"  line {number}: {exc}")
    except (UnicodeDecodeError, csv.Error) as exc:
        raise SettingsError(f"{path} is not CSV in UTF-8: {exc}") from None
    refuse_mistakes(path, mistakes)
    return rows


def refuse_mistakes(path: Path, mistakes: list[str]) -> None:
    """Raise: SettingsError, with the first mistakes of a file, when there are any."""
    if mistakes:
        shown = "\n".join(mistakes[:_SHOWN_MISTAKES])
        raise SettingsError(f"{path}: {len(mistakes)} mistakes, nothing was written\n{shown}")


def _lines(reader: csv.DictReader[str], path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    names = reader.fieldnames or ()
    missing = [name for name in _REQUIRED if name not in names]
    unknown = set(names) - {*COLUMNS, "student", "sourced_id"}
    if missing or unknown:
        raise SettingsError(
            f"{path}: the first line names {', '.join(names) or 'nothing'}; "
            f"columns are student or sourced_id, {', '.join(COLUMNS)}"
        )
    for raw in reader:
        if None in raw or None in raw.values():
            raise SettingsError(f"{path}: line {reader.line_num} has another number of columns")
        yield reader.line_num, {name: text.strip()[:_MAX_FIELD] for name, text in raw.items()}


def _one_of(name: str, text: str, choices: tuple[Choice, ...]) -> Choice:
    for choice in choices:
        if text == choice:
            return choice
    raise SettingsError(f"{name} is {text!r}; it is one of {', '.join(choices)}")


def _day(name: str, text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{name} is {text!r}; a day is written 2027-03-01") from None
