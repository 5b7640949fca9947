"""Places of a camera without a seat plan: where faces keep appearing becomes a numbered place.

A place is a disk that follows its face. When the face is lost, the next face that is born there
(or where the place was founded, for films that jump back) takes the place over.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from aggregator.claims import UNLOCK_S, Claim
from aggregator.tracking import NS, Track, solve
from schemas.wire_types import Point

REJOIN_SIZES: Final = 1.2  # face sizes between a lost face and the one that takes over
REJOIN_RIPE_SIZES: Final = 2.5  # the same when the newcomer has stayed long enough for a new place
FORGET_S: Final = 300  # nobody is expected for longer where no seat was drawn
_FOUND_AFTER_NS: Final = 1 * NS
_UNLOCKED_COST: Final = 0.5
LONG_STAY_S: Final = 60  # a place where somebody stayed for so long is a seat
LEFT_SIZES: Final = 1.5  # face sizes from it
_SAME_FACE_SIZES: Final = 0.3
_STAY_SIZES: Final = 1.0  # who moves further than this has left


class Stay(msgspec.Struct):
    """Where a face has stayed longest: the seat, not the way to it."""

    x: float = 0.0
    y: float = 0.0
    best_s: int = 0
    now_x: float = 0.0  # mean since it came to where it is now
    now_y: float = 0.0
    now_s: int = 0

    def add(self, track: Track) -> None:
        """Count one second."""
        away = math.hypot((track.x - self.now_x) / track.w, (track.y - self.now_y) / track.h)
        if not self.now_s or away > _STAY_SIZES:
            self.now_x, self.now_y, self.now_s = track.x, track.y, 0
        self.now_s += 1
        self.now_x += (track.x - self.now_x) / self.now_s
        self.now_y += (track.y - self.now_y) / self.now_s
        if self.now_s >= self.best_s:
            self.x, self.y, self.best_s = self.now_x, self.now_y, self.now_s

    def begin_here(self) -> None:
        """What was before does not count: this is the seat."""
        self.x, self.y, self.best_s = self.now_x, self.now_y, self.now_s


class Place(msgspec.Struct):
    """One place; lengths are fractions of the picture."""

    number: int  # within the camera
    claim: Claim
    x: float
    y: float
    w: float
    h: float
    home_x: float  # where it was founded
    home_y: float
    face_x: float  # where the face was last
    face_y: float
    stay: Stay = msgspec.field(default_factory=Stay)
    label: str = ""  # of the proposed seat whose student sits there; "": only a number
    judged: bool = False  # whether a seat was looked for

    def follow(self, track: Track) -> None:
        """Move with the face."""
        self.x, self.y = track.anchor_x, track.anchor_y
        self.w, self.h = track.w, track.h
        self.face_x, self.face_y = track.x, track.y
        self.stay.add(track)

    def distance(self, x: float, y: float) -> float:
        """To the place or to where it was founded, in face sizes."""
        return min(
            math.hypot((x - px) / self.w, (y - py) / self.h)
            for px, py in ((self.x, self.y), (self.home_x, self.home_y))
        )

    @property
    def has_left(self) -> bool:
        """Whether the face was seen last away from where it had stayed for long."""
        dx, dy = (self.face_x - self.stay.x) / self.w, (self.face_y - self.stay.y) / self.h
        return self.stay.best_s >= LONG_STAY_S and math.hypot(dx, dy) > LEFT_SIZES

    def at_the_edge(self) -> bool:
        """Whether the face touches the picture's edge: from there people leave unseen."""
        x, y = self.face_x, self.face_y
        return min(x, 1 - x) < 0.6 * self.w or min(y, 1 - y) < 0.6 * self.h


class PlaceBook(msgspec.Struct):
    """The places of one camera."""

    next_number: int = 1
    places: list[Place] = []
    returned: list[int] = []  # in the last second: whose student had left and may be back
    blocked: list[str] = []  # proposed seats whose student is not known in this meeting
    changed: list[tuple[str, str]] = []  # in the last second: seats whose students changed

    def step(self, second: int, tracks: Sequence[Track]) -> None:
        """Advance by one second; `tracks` are the camera's living tracks."""
        seen = {track.track_id: track for track in tracks if track.seen_in(second)}
        alive = {track.track_id for track in tracks}
        self.returned = []
        for place in self.places:
            owner = seen.get(place.claim.owner)
            if owner is not None:
                place.follow(owner)
                place.claim.see(second, owner.track_id)
            else:
                _miss(place, second, alive=place.claim.owner in alive)
        self._rejoin(second, seen)
        self._found(second, seen)
        self._lock(second, seen)
        self.places = [place for place in self.places if _is_kept(place, second)]

    def forget_posters(self, spots: Sequence[Point]) -> None:
        """What had been taken for somebody turned out to be a picture on the wall."""
        if spots:
            self.places = [
                place
                for place in self.places
                if all(
                    math.hypot((x - place.face_x) / place.w, (y - place.face_y) / place.h)
                    > _SAME_FACE_SIZES
                    for x, y in spots
                )
            ]

    def _rejoin(self, second: int, seen: dict[int, Track]) -> None:
        """Give places whose face is lost to faces that were born there."""
        empty = [place for place in self.places if place.claim.owner not in seen]
        holders = {place.claim.owner: place for place in self.places if place.claim.owner in seen}
        loose = [
            track
            for track in seen.values()
            if track.track_id not in holders or not holders[track.track_id].claim.locked
        ]
        cost = np.full((len(loose), len(empty)), np.inf)
        for i, track in enumerate(loose):
            for j, place in enumerate(empty):
                if not place.claim.locked and track.track_id in holders:
                    continue  # from one unlocked place to another: nothing gained
                distance = max(
                    place.distance(track.born_x, track.born_y),
                    place.distance(track.anchor_x, track.anchor_y),
                )
                if distance <= REJOIN_SIZES:
                    cost[i, j] = distance + (0.0 if place.claim.locked else _UNLOCKED_COST)
        for i, j in solve(cost, REJOIN_SIZES + _UNLOCKED_COST):
            self._hand_over(second, empty[j], loose[i])

    def _hand_over(self, second: int, place: Place, track: Track) -> None:
        """`track` is the lost face of `place`; what it held before was the same person."""
        self.places = [p for p in self.places if p.claim.owner != track.track_id or p is place]
        if place.has_left:
            self.returned.append(place.number)
        place.follow(track)
        place.claim.see(second, track.track_id)

    def _found(self, second: int, seen: dict[int, Track]) -> None:
        """Open an unlocked place under every face that has none and is more than a flicker."""
        held = {place.claim.owner for place in self.places}
        for track in seen.values():
            if track.track_id in held or track.seen_ns - track.born_ns < _FOUND_AFTER_NS:
                continue
            born_s = track.born_ns // NS
            claim = Claim()
            claim.start(track.track_id, born_s, second - born_s)
            claim.see(second, track.track_id)
            place = Place(
                number=self.next_number,
                claim=claim,
                x=track.anchor_x,
                y=track.anchor_y,
                w=track.w,
                h=track.h,
                home_x=track.born_x,
                home_y=track.born_y,
                face_x=track.x,
                face_y=track.y,
            )
            self.next_number += 1
            self.places.append(place)

    def _lock(self, second: int, seen: dict[int, Track]) -> None:
        """Lock what is ripe, unless it is a lost face that moved further while it was lost."""
        for place in list(self.places):
            if place.claim.owner not in seen or not place.claim.is_ripe(second):
                continue
            track = seen[place.claim.owner]
            lost = [p for p in self.places if p.claim.locked and p.claim.owner not in seen]
            near = min(
                lost,
                key=lambda p: (p.distance(track.anchor_x, track.anchor_y), p.number),
                default=None,
            )
            if near and near.distance(track.anchor_x, track.anchor_y) <= REJOIN_RIPE_SIZES:
                self._hand_over(second, near, track)
            else:
                place.claim.lock()


def _miss(place: Place, second: int, *, alive: bool) -> None:
    """The face of a place is not seen: hidden, or gone over the picture's edge."""
    claim = place.claim
    if not alive and not claim.out_since:
        gone = place.at_the_edge() or place.has_left or second - claim.last_seen > FORGET_S
        claim.out_since = second if gone else 0
    claim.miss()


def _is_kept(place: Place, second: int) -> bool:
    """Locked places wait for their student until the meeting's end."""
    return place.claim.locked or second - place.claim.last_seen <= UNLOCK_S
