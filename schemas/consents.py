"""Consents: who said what about which use of a student's figures, and whether it is enough.

The guardian, the student, both together and the school each have their own word, with its own time.
Any refusal in force beats any consent: that is the child's veto of the United Kingdom, and holds
until the child takes it back; the guardian's word stands unchanged beside it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple, get_args

from sqlalchemy import Connection, delete, insert, select, text, update
from sqlalchemy.dialects.postgresql import Range

from schemas.policy import PROFILES
from schemas.tables import consents

Purpose = Literal["presence", "score", "expression", "research"]
Giver = Literal["guardian", "student", "both", "school_basis"]
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)
GIVERS: Final[tuple[Giver, ...]] = get_args(Giver)
Times = Range[dt.datetime]

# The students of a site who may be linked to a seat at a moment; `consent_holds` is `may_link`.
LINKABLE: Final = text(
    """
    SELECT student_id FROM students JOIN sites USING (site_id)
    WHERE sites.slug = :site AND sites.per_student AND erased_at IS NULL
      AND consent_holds(student_id, CAST(:purpose AS smallint), policy_profile, :at)
    ORDER BY student_id
    """
)
_AUDIT: Final = text(
    """
    SELECT audit_append(:action, 'student', student_digest(pseudonym), :reason, 1)
    FROM students WHERE student_id = :student_id
    """
)


class Word(NamedTuple):
    """What one side said about one purpose.

    Attributes:
        granted: consent, or its refusal.
        by: whose word it is.
        notice: version of the notice that explained the purpose.
        since: aware time from which it holds.
        until: aware time at which it ends; None: when it is taken back.
        evidence: where the signed form lies; "": nowhere.
    """

    granted: bool
    by: Giver
    notice: str
    since: dt.datetime
    until: dt.datetime | None = None
    evidence: str = ""

    def holds(self, at: dt.datetime) -> bool:
        """Whether it is in force at an aware time."""
        return self.since <= at and (self.until is None or at < self.until)


def purpose_number(purpose: Purpose) -> int:
    """As the table has it: 1 presence, 2 individual score, 3 expression, 4 research export."""
    return PURPOSES.index(purpose) + 1


def who_may_consent(profile: str) -> tuple[Giver, ...]:
    """Whose consent a policy profile takes."""
    if profile == "uk":
        return ("guardian", "both")
    if profile.startswith("us"):
        return ("guardian", "student", "both", "school_basis")
    return ("guardian", "student", "both")


def may_link(profile: str, words: Iterable[Word], at: dt.datetime) -> bool:
    """Whether a rostered student may be linked to lessons at a moment.

    Args:
        profile: policy profile of the site.
        words: all that was said about one student and one purpose.
        at: aware time.
    """
    if PROFILES[profile].per_student == "locked":
        return False
    held = [word for word in words if word.holds(at)]
    if not all(word.granted for word in held):
        return False
    return profile == "demo" or any(word.by in who_may_consent(profile) for word in held)


def record(connection: Connection, student_id: int, purpose: Purpose, word: Word) -> bool:
    """Write a word down; it takes the place of the same side's earlier one for its time.

    Args:
        connection: in the caller's transaction.
        student_id: of the student.
        purpose: what it is about.
        word: what was said.

    Returns:
        False: it stood there already.
    """
    times = Range(word.since, word.until)
    columns = consents.c
    earlier = (
        connection.execute(
            _of(student_id, purpose, word.by).where(columns.valid.overlaps(times)).with_for_update()
        )
        .mappings()
        .all()
    )
    new = _values(student_id, purpose, word, times)
    if any({**row, **new} == dict(row) for row in earlier):
        return False
    rest = []
    for row in earlier:
        connection.execute(delete(consents).where(columns.consent_id == row["consent_id"]))
        kept = {name: value for name, value in row.items() if name != "consent_id"}
        rest += [kept | {"valid": part} for part in _outside(row["valid"], times)]
    connection.execute(insert(consents), [*rest, new])
    _tell(connection, student_id, "consent" if word.granted else "refusal", purpose, word.by, times)
    return True


def withdraw(
    connection: Connection, student_id: int, purpose: Purpose, by: Giver, at: dt.datetime
) -> int:
    """End a side's word, consent or refusal, at an aware time; one of later never begins.

    Returns:
        How many words ended; 0: there was none.
    """
    columns, after = consents.c, Range(at, None)
    rows = connection.execute(
        _of(student_id, purpose, by).where(columns.valid.overlaps(after)).with_for_update()
    ).all()
    for row in rows:
        this = columns.consent_id == row.consent_id
        if row.valid.lower >= at:
            connection.execute(delete(consents).where(this))
        else:
            ended = Range(row.valid.lower, at)
            connection.execute(update(consents).where(this).values(valid=ended))
    if rows:
        _tell(connection, student_id, "withdrawal", purpose, by, after)
    return len(rows)


def _of(student_id: int, purpose: Purpose, by: Giver) -> Any:  # noqa: ANN401  a Select of many types
    c = consents.c
    return select(consents).where(
        c.student_id == student_id, c.purpose == purpose_number(purpose), c.granted_by == by
    )


def _values(student_id: int, purpose: Purpose, word: Word, times: Times) -> dict[str, Any]:
    return {
        "student_id": student_id,
        "purpose": purpose_number(purpose),
        "granted": word.granted,
        "granted_by": word.by,
        "notice_version": word.notice,
        "evidence_ref": word.evidence or None,
        "valid": times,
    }


def _outside(valid: Times, times: Times) -> list[Times]:
    """What is left of an earlier word before and behind a new one's time."""
    parts = []
    if valid.lower is not None and times.lower is not None and valid.lower < times.lower:
        parts.append(Range(valid.lower, times.lower))
    if times.upper is not None and (valid.upper is None or valid.upper > times.upper):
        parts.append(Range(times.upper, valid.upper))
    return parts


def _tell(
    connection: Connection, student_id: int, action: str, purpose: Purpose, by: Giver, times: Times
) -> None:
    since = _utc(times.lower)
    until = "" if times.upper is None else f" until {_utc(times.upper)}"
    reason = f"purpose {purpose}, by {by}, from {since}{until}"
    connection.execute(_AUDIT, {"action": action, "reason": reason, "student_id": student_id}).one()


def _utc(at: dt.datetime | None) -> str:
    return "ever" if at is None else f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
