"""The disturbed database beside the undisturbed one, row by row, in every table that can differ."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from schemas import tables

# Whoever holds a lease, and how often it changed hands, is what the kills change.
_NOT_COMPARED: Final = frozenset({"room_leases"})
# Numbers of a sequence: two databases may give different ones to the same thing.
_OWN_NUMBERS: Final = frozenset({"calibration_id"})

Key = tuple[object, ...]
Rows = dict[Key, Counter[tuple[object, ...]]]


@dataclass(frozen=True)
class Comparison:
    """What the disturbed database holds, against what it should.

    Attributes:
        seconds_expected: student-seconds of presence in the undisturbed windows.
        seconds_observed: those of them with an observation.
        lost: student-seconds that stand in no window of the disturbed database.
        doubled: student-seconds that stand there and should not.
        rows: rows that should be there, by table.
        differing: rows that are missing, too many or different, by table; only where there are.
        examples: the keys of some of these.
    """

    seconds_expected: int
    seconds_observed: int
    lost: int
    doubled: int
    rows: dict[str, int] = field(default_factory=dict)
    differing: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def differing_rows(self) -> int:
        """Rows that are missing, too many or different."""
        return sum(self.differing.values())

    @property
    def coverage(self) -> float:
        """Share of the expected student-seconds with an observation."""
        return self.seconds_observed / self.seconds_expected if self.seconds_expected else 0.0


def compare(disturbed: sa.Engine, undisturbed: sa.Engine) -> Comparison:
    """Compare all tables of two databases of one site."""
    rows: dict[str, int] = {}
    differing: dict[str, int] = {}
    examples: list[str] = []
    for table in tables.metadata.sorted_tables:
        if table.name in _NOT_COMPARED:
            continue
        want, have = _read(undisturbed, table), _read(disturbed, table)
        rows[table.name] = sum(sum(group.values()) for group in want.values())
        wrong = {key: n for key in want | have if (n := _wrong(want.get(key), have.get(key)))}
        if wrong:
            differing[table.name] = sum(wrong.values())
            examples += [f"{table.name} {key}" for key in sorted(wrong, key=str)[:3]]
    want_s, have_s = _seconds(undisturbed), _seconds(disturbed)
    return Comparison(
        seconds_expected=sum(n_exp for n_exp, _ in want_s.values()),
        seconds_observed=sum(n_obs for _, n_obs in want_s.values()),
        lost=sum(max(0, n - have_s.get(key, (0, 0))[0]) for key, (n, _) in want_s.items()),
        doubled=sum(max(0, n - want_s.get(key, (0, 0))[0]) for key, (n, _) in have_s.items()),
        rows=rows,
        differing=differing,
        examples=examples,
    )


def _wrong(
    want: Counter[tuple[object, ...]] | None, have: Counter[tuple[object, ...]] | None
) -> int:
    """How many rows of one key are missing, too many or different."""
    want, have = want or Counter(), have or Counter()
    return max((want - have).total(), (have - want).total())


def _read(engine: sa.Engine, table: sa.Table) -> Rows:
    columns = [column for column in table.columns if column.name not in _OWN_NUMBERS]
    keys = [column.name for column in table.primary_key.columns]
    with engine.connect() as connection:
        seats = {
            number: f"{room}/{label}"
            for number, room, label in connection.execute(
                sa.select(tables.seats.c.seat_id, tables.seats.c.room_id, tables.seats.c.label)
            )
        }
        found: Rows = {}
        for row in connection.execute(sa.select(*columns)).mappings():
            values: dict[str, Any] = dict(row)
            if "seat_id" in values:
                values["seat_id"] = seats.get(values["seat_id"])
            key = tuple(repr(values.get(name)) for name in keys)
            found.setdefault(key, Counter())[tuple(map(repr, values.values()))] += 1
    return found


def _seconds(engine: sa.Engine) -> dict[Key, tuple[int, int]]:
    """Expected and observed seconds of each student's window."""
    windows = tables.attention_windows.c
    query = sa.select(windows.participation_id, windows.window_start, windows.n_exp, windows.n_obs)
    with engine.connect() as connection:
        return {
            (who, start): (n_exp, n_obs) for who, start, n_exp, n_obs in connection.execute(query)
        }
