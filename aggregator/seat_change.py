"""Students who sit in another's seat: from then on the seat says nothing about who sits there.

A room-level decision from what all cameras saw. Certain: a track that locked one seat locks
another. Suspected: two students were away at one time, not for long, and nobody can say who of
them took which of the two seats. The worst that can happen is one student's figures under
another's name; so a doubt costs the seat its name until somebody confirms the seats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

import msgspec

from aggregator.cameras import Sighting, is_present
from aggregator.claims import SWAP_AWAY_S, Sight
from aggregator.seats import News

ERRAND_S: Final = 5  # who was out for less only leaned out
SETTLED_S: Final = 300  # until then a class arrives: new people in new seats are latecomers
_NUMBER: Final = "\0"  # no label of a seat has it: PostgreSQL's texts cannot

Pair = tuple[str, str]  # of seats, sorted
Sightings = Mapping[str, Sequence[Sighting]]


class Away(msgspec.Struct):
    """A student who was seen to leave the seat."""

    since: int
    taken_at: int = 0  # second in which somebody unknown came; 0: nobody is there
    locked: bool = False  # by that somebody


class SeatChanges(msgspec.Struct):
    """What one meeting knows of students who are not in their seats."""

    anonymous: dict[str, int] = {}  # seats whose student is not known, each with a number
    moved: dict[str, str] = {}  # seat -> the one where its student sits now
    away: dict[str, Away] = {}
    told: list[Pair] = []
    held: list[str] = []  # seats that somebody has locked
    last_number: int = 0
    mistaken: list[str] = []  # in the last second: seats taken by a track that was exchanged
    ambiguous_s: int = 0  # student-seconds with two candidates, or in which a seat unlocked

    def key(self, seat: str) -> str:
        """The key of whoever sits there now."""
        number = self.anonymous.get(seat)
        return seat if number is None else f"{seat}{_NUMBER}{number}"

    def confirm(self) -> None:
        """Who sits in a seat is its student again, by somebody's word."""
        self.anonymous, self.moved, self.away, self.told = {}, {}, {}, []

    def follow(
        self, second: int, started: int, sightings: Sightings, news: Mapping[str, Sequence[News]]
    ) -> list[Pair]:
        """Advance by one second; the seats of which it turned out now that somebody changed.

        Args:
            second: the one that is finalised.
            started: first second of the meeting.
            sightings: by seat, over all cameras.
            news: by seat, of the cameras that have some.
        """
        self.mistaken = []
        self._note_leavers(second, sightings, news)
        pairs: list[Pair] = []
        for seat, told in sorted(news.items()):
            self._note_unseen_leaver(seat, told, sightings)
            self.ambiguous_s += _is_ambiguous(sightings.get(seat, ()), told)
            pairs += self._arrivals(seat, told, sightings, settled=second - started >= SETTLED_S)
        pairs += self._suspected()
        return self.new(pairs)

    def new(self, pairs: Sequence[Pair]) -> list[Pair]:
        """Those of which nothing was told yet."""
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self.told]
        self.told += new
        return new

    def _note_leavers(
        self, second: int, sightings: Sightings, news: Mapping[str, Sequence[News]]
    ) -> None:
        """Who is seen to leave, who came back, and where those who had come are gone again."""
        for seat, seen in sightings.items():
            sights = [sighting.sight for sighting in seen]
            away = self.away.get(seat)
            if Sight.OUT in sights and Sight.SEEN not in sights:
                if away is None or away.locked:
                    self.away[seat] = Away(since=second)
            elif away is not None and not away.locked and seat not in news:
                if Sight.SEEN not in sights:
                    away.taken_at = 0
                elif second - away.since >= ERRAND_S and self._others_afoot(seat):
                    away.taken_at, away.locked = second, True
                else:
                    del self.away[seat]

    def _note_unseen_leaver(self, seat: str, told: Sequence[News], sightings: Sightings) -> None:
        """Somebody walked in where the student was not seen any more: then the student had left."""
        gone = [news.gone_since for news in told if news.gone_since]
        if gone and seat not in self.away and self._has_left(seat, sightings):
            self.away[seat] = Away(since=max(gone))

    def _arrivals(
        self, seat: str, told: Sequence[News], sightings: Sightings, *, settled: bool
    ) -> list[Pair]:
        """Somebody takes a seat that nobody held."""
        arrivals = [news.arrival for news in told if news.arrival is not None]
        if not arrivals:
            return []
        since = min(arrival.since for arrival in arrivals)
        doubtful = self._others_afoot(seat)
        origins = {
            "" if arrival.origin == seat and doubtful else arrival.origin for arrival in arrivals
        }
        if any(arrival.locked for arrival in arrivals):
            return self._taken(seat, since, origins, sightings, settled=settled)
        if origins == {""} and seat in self.away:
            self.away[seat].taken_at = since
        return []

    def _taken(
        self, seat: str, since: int, origins: set[str], sightings: Sightings, *, settled: bool
    ) -> list[Pair]:
        """Somebody stays in a seat that nobody held, and is known by these origins."""
        is_first = seat not in self.held
        if is_first:
            self.held.append(seat)
        others = sorted(o for o in origins - {"", seat} if self._has_left(o, sightings))
        if not others and origins - {"", seat}:
            self.mistaken.append(seat)
        if seat in origins and not others:  # the seat's own student
            self.away.pop(seat, None)
            self.moved.pop(seat, None)
            return []
        if not others and is_first and settled:
            others = self._who_just_got_up(since)
        for other in others:
            self._move(other, seat, sightings)
        if not others and seat in self.moved:  # whose student sits elsewhere
            self._hide(seat)
            others = [self.moved[seat]]
        elif (away := self.away.get(seat)) is not None:
            away.taken_at, away.locked = since, True
        return [_pair(other, seat) for other in others]

    def _others_afoot(self, seat: str) -> bool:
        """Whether another student was away while this seat's was.

        Then the track that comes back proves nothing: it may have gone over to the other one, who
        was perhaps not seen when the two met.
        """
        away = self.away.get(seat)
        return away is not None and any(
            (not other.taken_at or other.taken_at > away.since)
            and abs(other.since - away.since) <= SWAP_AWAY_S
            for label, other in self.away.items()
            if label != seat
        )

    def _has_left(self, seat: str, sightings: Sightings) -> bool:
        """Whether a seat's student can be elsewhere: not where a camera sees the seat held."""
        if seat in self.away or seat in self.moved:
            return True
        return all(sighting.sight != Sight.SEEN for sighting in sightings.get(seat, ()))

    def _who_just_got_up(self, since: int) -> list[str]:
        """The seat whose student may be who came at `since` to a seat that was empty till then."""
        near = [
            (away.since, seat)
            for seat, away in self.away.items()
            if not away.taken_at and 0 <= since - away.since <= SWAP_AWAY_S
        ]
        return [max(near)[1]] if near else []

    def _move(self, origin: str, seat: str, sightings: Sightings) -> None:
        """The student of `origin` sits in `seat`, and who is seen in `origin` is another."""
        self.away.pop(origin, None)
        self.away.pop(seat, None)
        self.moved[origin] = seat
        self._hide(seat)
        if any(sighting.sight == Sight.SEEN for sighting in sightings.get(origin, ())):
            self._hide(origin)

    def _suspected(self) -> list[Pair]:
        """Pairs of seats whose students may have taken each other's."""
        taken = [
            (seat, away)
            for seat, away in sorted(self.away.items())
            if away.taken_at and away.taken_at - away.since <= SWAP_AWAY_S
        ]
        pairs = [
            (one, other)
            for (one, first), (other, second) in combinations(taken, 2)
            if first.since < second.taken_at
            and second.since < first.taken_at
            and (first.locked or second.locked)
        ]
        for pair in pairs:
            for seat in pair:
                self._hide(seat)
        return pairs

    def _hide(self, seat: str) -> None:
        if seat not in self.anonymous:
            self.last_number += 1
            self.anonymous[seat] = self.last_number


def seat_of_key(key: str) -> str:
    """The seat or place where somebody sits, by the key that `SeatChanges.key` gave."""
    return key.partition(_NUMBER)[0]


def _pair(one: str, other: str) -> Pair:
    return (one, other) if one < other else (other, one)


def _is_ambiguous(seen: Sequence[Sighting], told: Sequence[News]) -> bool:
    """Whether a seat that is held has two candidates, or lost its student."""
    if any(news.unlocked for news in told):
        return True
    return any(news.rivals for news in told) and is_present(seen)
