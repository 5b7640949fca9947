"""Which proposed seat a found place is, for as long as that is known.

A place follows its face, so its student stays the same wherever the face goes; the name of the
seat is given once, when the place is locked. Who then sits down at another proposed seat, or comes
back unseen while another student is away too, has no seat's name any more, nor has anybody else
who takes one of the two seats.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aggregator.claims import LOCK_S, SWAP_AWAY_S
from aggregator.places import Place, PlaceBook
from aggregator.proposals import NEAR_SIZES, SAME_SIZES, ProposedSeat, nearest_seats

_SETTLED_S: Final = LOCK_S


def name_places(book: PlaceBook, second: int, seats: Sequence[ProposedSeat]) -> None:
    """Give places the names of their seats, and take away the names that are in doubt.

    Args:
        book: of one camera, behind `second`.
        second: that was just followed.
        seats: the camera's proposed ones.
    """
    book.changed = []
    if not seats:
        return
    by_label = {seat.label: seat for seat in seats}
    for place in book.places:
        if place.label in by_label and place.claim.last_seen == second:
            _notice_move(book, place, by_label[place.label], seats)
    for number in book.returned:
        _notice_return(book, number, second)
    _name(book, seats)


def confirm_places(book: PlaceBook) -> None:
    """Who is at a seat is its student, by somebody's word: look for names anew."""
    book.blocked = []
    for place in book.places:
        if not place.label:
            place.judged = False
            place.stay.begin_here()


def _notice_move(
    book: PlaceBook, place: Place, own: ProposedSeat, seats: Sequence[ProposedSeat]
) -> None:
    """Somebody has sat down at another seat."""
    stay = place.stay
    if stay.now_s < _SETTLED_S or own.distance(stay.now_x, stay.now_y) <= NEAR_SIZES:
        return
    near = [(seat.distance(stay.now_x, stay.now_y), seat.label) for seat in seats]
    distance, label = min(near)
    if distance <= SAME_SIZES:
        _doubt(book, own.label, label)


def _notice_return(book: PlaceBook, number: int, second: int) -> None:
    """Somebody is taken for a student who had left, while others have left as well."""
    back = next((place for place in book.places if place.number == number), None)
    if back is None or not back.label:
        return
    for other in book.places:
        away_s = second - other.claim.last_seen
        if other is not back and other.label and other.has_left and 0 < away_s <= SWAP_AWAY_S:
            _doubt(book, back.label, other.label)


def _doubt(book: PlaceBook, one: str, other: str) -> None:
    """Nobody knows any more who the students of two seats are."""
    book.changed.append((one, other) if one < other else (other, one))
    book.blocked += [label for label in (one, other) if label not in book.blocked]
    for place in book.places:
        if place.label in (one, other):
            place.label = ""


def _name(book: PlaceBook, seats: Sequence[ProposedSeat]) -> None:
    """Name the places that were locked in this second.

    One to one over all places of this moment, so that who sits a little to the side does not take
    the neighbour's name.
    """
    new = [place for place in book.places if place.claim.locked and not place.judged]
    if not new:
        return
    taken = {*book.blocked, *(place.label for place in book.places)}
    free = [seat for seat in seats if seat.label not in taken]
    nameless = [place for place in book.places if not place.label and place.stay.best_s]
    for place, seat in nearest_seats(nameless, free):
        if place in new:
            place.label = seat.label
    for place in new:
        place.judged = True
