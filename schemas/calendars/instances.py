"""From events to the instances that are held: series unfolded, moved ones where they went."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from schemas.calendars.events import CalendarEvent, unix
from schemas.calendars.rules import Budget, times

_SHIFT_MARGIN: Final = dt.timedelta(days=31)  # how far "this and all later ones" may be moved


@dataclass(frozen=True, slots=True)
class Instance:
    """One lesson that is held; Unix seconds, end exclusive.

    `original` is when it would have begun: an instance that is moved keeps it.
    """

    uid: str
    original: int
    start: int
    end: int
    category: str


def instances(
    events: Iterable[CalendarEvent], begin: int, end: int, budget: Budget
) -> list[Instance]:
    """The instances that overlap [begin, end), by start and uid.

    Raises:
        ValueError: the rules give or walk too much; tells which event.
    """
    by_uid: dict[str, list[CalendarEvent]] = {}
    for event in events:
        by_uid.setdefault(event.uid, []).append(event)
    found = [
        instance
        for versions in by_uid.values()
        for instance in _series(versions, end, budget)
        if instance.start < end and instance.end > begin
    ]
    return sorted(found, key=lambda i: (i.start, i.uid, i.original))


def _series(versions: list[CalendarEvent], end: int, budget: Budget) -> Iterator[Instance]:
    """All instances of one uid up to `end`."""
    newest: dict[tuple[int | None, dt.date | None], CalendarEvent] = {}
    for event in sorted(versions, key=lambda event: event.sequence):  # stable: of equals the last
        newest[event.original, event.original_day] = event
    master = newest.pop((None, None), None)
    changes = _Changes(newest.values(), master)
    if master is not None and not master.is_off:
        for local, original in _originals(master, end, budget, has_range=changes.has_range):
            if changes.of(local, original) is None:
                yield from changes.shifted(master, local, original)
    for original, change in changes.single():
        if not change.is_off:
            yield _at(change, unix(change.start, change.zone), original)


class _Changes:
    """The changed instances of one series."""

    def __init__(self, changes: Iterable[CalendarEvent], master: CalendarEvent | None) -> None:
        self._changes = list(changes)
        self._by_time = {c.original: c for c in self._changes if c.original is not None}
        self._by_day = {c.original_day: c for c in self._changes if c.original_day is not None}
        self._ranges = sorted((o, c) for o, c in self._by_time.items() if c.and_later)
        self._master = master

    @property
    def has_range(self) -> bool:
        """Whether a change also moves later instances."""
        return bool(self._ranges)

    def of(self, local: dt.datetime, original: int) -> CalendarEvent | None:
        """What replaces the instance, alone."""
        return self._by_time.get(original) or self._by_day.get(local.date())

    def shifted(
        self, master: CalendarEvent, local: dt.datetime, original: int
    ) -> Iterator[Instance]:
        """The instance, where an earlier change also moves it; none when it is cancelled."""
        leading = [change for since, change in self._ranges if since <= original]
        if not leading:
            yield _at(master, original, original)
        elif not (change := leading[-1]).is_off and change.original is not None:
            since = dt.datetime.fromtimestamp(change.original, change.zone).replace(tzinfo=None)
            moved = local + (change.start - since)
            yield _at(change, unix(moved, change.zone), original)

    def single(self) -> Iterator[tuple[int, CalendarEvent]]:
        """Every change with the start that it replaces."""
        for change in self._changes:
            if change.original is not None:
                yield change.original, change
            elif change.original_day is not None and self._master is not None:
                local = dt.datetime.combine(change.original_day, self._master.start.time())
                yield unix(local, self._master.zone), change


def _originals(
    event: CalendarEvent, end: int, budget: Budget, *, has_range: bool
) -> Iterator[tuple[dt.datetime, int]]:
    """Local times and Unix seconds at which a series would begin, each once."""
    horizon = dt.datetime.fromtimestamp(end, event.zone).replace(tzinfo=None)
    if has_range:
        horizon += _SHIFT_MARGIN
    local_times = {event.start, *event.dates}
    for rule in event.rules:
        local_times.update(times(rule, event.start, horizon, budget))
    for local in sorted(local_times):
        second = unix(local, event.zone)
        if second not in event.without and local.date() not in event.without_days:
            yield local, second


def _at(event: CalendarEvent, start: int, original: int) -> Instance:
    return Instance(event.uid, original, start, start + event.duration_s, event.category)
