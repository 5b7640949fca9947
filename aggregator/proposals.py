"""Seats that nobody drew: the places where faces keep appearing, named and kept over lessons.

At the end of a meeting the places that were held become the camera's proposed seats, or move those
that are known a little. In the next meeting whoever stays near one of them has it as the seat.
Rows have letters from the front, which is low in the picture and has the largest faces; within a
row seats are numbered from left to right of the picture. A name that was given is never given to
another place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Final

import msgspec
import numpy as np

from aggregator.places import LEFT_SIZES, LONG_STAY_S, Place
from aggregator.tracking import solve

MAX_SEATS: Final = 200  # of a room
NEAR_SIZES: Final = LEFT_SIZES  # face sizes between a seat and who sits in it
SAME_SIZES: Final = 1.0  # closer places are one seat
ROW_SIZES: Final = 0.75  # face heights between the rows
_DRIFT: Final = 0.25  # how far a seat moves to where it was taken this time
_FORGET_AFTER: Final = 10  # meetings in which it was free, when there is no room for another


class ProposedSeat(msgspec.Struct):
    """A seat; lengths are fractions of the picture."""

    label: str
    x: float  # where the face is
    y: float
    w: float  # of the face
    h: float
    taken: int = 1  # meetings in which somebody sat there
    missed: int = 0  # meetings since then

    def distance(self, x: float, y: float) -> float:
        """In face sizes."""
        return math.hypot((x - self.x) / self.w, (y - self.y) / self.h)

    def move_to(self, place: Place) -> None:
        """Somebody sat there again, in about this place."""
        stay = place.stay
        self.x += _DRIFT * (stay.x - self.x)
        self.y += _DRIFT * (stay.y - self.y)
        self.w += _DRIFT * (place.w - self.w)
        self.h += _DRIFT * (place.h - self.h)
        self.taken += 1
        self.missed = 0


class Proposals(msgspec.Struct):
    """The proposed seats of a room; cameras are not fused: each has seats of its own."""

    cameras: dict[str, list[ProposedSeat]] = {}
    given: dict[str, int] = {}  # row's letter -> highest number that was given
    meetings: dict[str, int] = {}  # meetings in which places of a camera were held

    @property
    def labels(self) -> list[str]:
        """Of all cameras, sorted."""
        return sorted(seat.label for seats in self.cameras.values() for seat in seats)

    def learn(self, camera_id: str, places: Sequence[Place]) -> None:
        """A meeting is over.

        Args:
            camera_id: of a camera without a plan.
            places: that were held in the meeting.
        """
        stayed = [place for place in places if place.stay.best_s >= LONG_STAY_S]
        if not stayed:
            return
        self.meetings[camera_id] = self.meetings.get(camera_id, 0) + 1
        seats = self.cameras.setdefault(camera_id, [])
        for seat in seats:
            seat.missed += 1
        pairs = _taken_seats(stayed, seats)
        for place, seat in pairs:
            seat.move_to(place)
        matched = {place.number for place, _ in pairs}
        self._add(camera_id, [place for place in stayed if place.number not in matched])

    def _add(self, camera_id: str, places: Sequence[Place]) -> None:
        """Name new seats, from the front to the back and from left to right."""
        seats = self.cameras[camera_id]
        for row in _rows(places):
            letter = ""
            for place in row:
                stay = place.stay
                if any(seat.distance(stay.x, stay.y) <= SAME_SIZES for seat in seats):
                    continue
                if not self._has_room():
                    return
                letter = letter or _row_of(place, seats) or self._new_letter()
                number = self.given.get(letter, 0) + 1
                self.given[letter] = number
                seats.append(
                    ProposedSeat(f"{letter}{number}", x=stay.x, y=stay.y, w=place.w, h=place.h)
                )

    def _has_room(self) -> bool:
        """Whether there may be another seat; the one that was free for longest makes room."""
        every = [seat for seats in self.cameras.values() for seat in seats]
        if len(every) < MAX_SEATS:
            return True
        oldest = max(every, key=lambda seat: (seat.missed, seat.label))
        if oldest.missed < _FORGET_AFTER:
            return False
        for seats in self.cameras.values():
            seats[:] = [seat for seat in seats if seat is not oldest]
        return True

    def _new_letter(self) -> str:
        number = 0
        while (letter := _letters(number)) in self.given:
            number += 1
        return letter


def nearest_seats(
    places: Sequence[Place], seats: Sequence[ProposedSeat]
) -> list[tuple[Place, ProposedSeat]]:
    """Places at seats, one to one, by the smallest total distance."""
    cost = np.array(
        [[seat.distance(place.stay.x, place.stay.y) for seat in seats] for place in places]
    ).reshape(len(places), len(seats))
    return [(places[i], seats[j]) for i, j in solve(cost, NEAR_SIZES)]


def _taken_seats(
    places: Sequence[Place], seats: Sequence[ProposedSeat]
) -> list[tuple[Place, ProposedSeat]]:
    """Where a meeting's people sat; a place that has a seat's name is that seat's, if near."""
    by_label = {seat.label: seat for seat in seats}
    named = [(place, by_label[place.label]) for place in places if place.label in by_label]
    kept = [(p, seat) for p, seat in named if seat.distance(p.stay.x, p.stay.y) <= NEAR_SIZES]
    used, done = {seat.label for _, seat in kept}, {place.number for place, _ in kept}
    loose = [place for place in places if place.number not in done]
    return kept + nearest_seats(loose, [seat for seat in seats if seat.label not in used])


def _rows(places: Sequence[Place]) -> list[list[Place]]:
    """Places by rows, the front one first; each from left to right."""
    rows: list[list[Place]] = []
    for place in sorted(places, key=lambda place: (-place.stay.y, place.stay.x, place.number)):
        if rows and rows[-1][-1].stay.y - place.stay.y <= ROW_SIZES * place.h:
            rows[-1].append(place)
        else:
            rows.append([place])
    return [sorted(row, key=lambda place: (place.stay.x, place.number)) for row in rows]


def _row_of(place: Place, seats: Sequence[ProposedSeat]) -> str:
    """Letter of the row in which a new seat is; "": of none that is known."""
    near = [
        (abs(seat.y - place.stay.y) / seat.h, seat.label)
        for seat in seats
        if abs(seat.y - place.stay.y) <= ROW_SIZES * seat.h
    ]
    return min(near)[1].rstrip("0123456789") if near else ""


def _letters(number: int) -> str:
    """A, B and so on to Z, then AA, AB and so on."""
    text = ""
    number += 1
    while number:
        number, digit = divmod(number - 1, len(ascii_uppercase))
        text = ascii_uppercase[digit] + text
    return text
