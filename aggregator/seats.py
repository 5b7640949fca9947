"""Drawn seats of one camera: which track sits where (SCORE §5).

A track belongs to a seat when its anchor was inside the polygon in 6 of the last 10 s. A track
that was *born* inside a seat whose student's face was lost is that student again, at once; a track
that walked in is somebody else until it has stayed.

A track remembers whose student it is: of the seat that it locked first. So it can be told who
takes another's seat. Two who meet on their ways lose that memory: their tracks may be exchanged.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Final

import msgspec
import numpy as np

from aggregator.claims import NO_TRACK, UNLOCK_S, Claim, Sight
from aggregator.regions import Region, Regions, regions_of
from aggregator.tracking import NS, Track, solve
from schemas.room_plan import SeatPlan

STAY_S: Final = 10  # what counts as having stayed, of which
MIN_INSIDE_S: Final = 6
VISIT_S: Final = 10  # seconds after which somebody in a seat is more than a passer-by
_BIRTH_GRACE_S: Final = 1
_EXCHANGE_S: Final = 2  # between the last of a track at its seat and the first of the next one
_STRAYED: Final = 0.5  # face sizes outside a region: has left it
_BESIDE: Final = 0.21  # the same: may be somebody else's face
_MEETING: Final = 1.2  # face sizes between two who may be taken for one another
_WALKED: Final = 5.0  # face sizes a second of somebody who walks
_STILL: Final = 0.3  # face sizes a second of somebody who sits,
_JITTER: Final = 0.2  # and face sizes besides, of the boxes
_OWNER_BONUS: Final = 0.5  # region sizes: who waits for a seat is not replaced by who leans over
_RESTS: Final = 0b111  # 3 s
_ALL: Final = (1 << STAY_S) - 1


class Arrival(msgspec.Struct):
    """Somebody who takes a seat that nobody holds."""

    origin: str  # seat whose student it is known to be; "": not known
    since: int
    locked: bool  # in this very second


class News(msgspec.Struct):
    """What happened at one seat in one second."""

    rivals: int = 0  # tracks inside besides the owner
    unlocked: bool = False
    gone_since: int = 0  # since when its student was not seen, whom nobody saw leave; 0: no such
    arrival: Arrival | None = None


class SeatBook(msgspec.Struct):
    """Claims on the seats of one camera, by label."""

    claims: dict[str, Claim] = {}
    # by track and seat: was it inside in the last 10 s? one bit a second, the newest the lowest
    stays: dict[int, dict[str, int]] = {}
    origins: dict[int, str] = {}  # by track: the seat whose student it is
    news: dict[str, News] = {}  # of the last second, by seat

    def step(self, second: int, tracks: Sequence[Track], seats: Sequence[SeatPlan]) -> None:
        """Advance by one second.

        Args:
            second: the second that was just tracked.
            tracks: the camera's living tracks.
            seats: the plan in force.
        """
        regions = regions_of(tuple(seats))
        if self.claims.keys() != regions.by_label.keys():
            self.claims = {label: self.claims.get(label, Claim()) for label in regions.by_label}
        self.news = {}
        seen = {track.track_id: track for track in tracks if track.seen_in(second)}
        self._watch(tracks, seen, regions)
        self._forget_who_met(second, tracks, seen)
        for label, claim in self.claims.items():
            if claim.locked:
                self._follow_owner(second, label, seen, regions.by_label[label])
        self._assign(second, seen, regions.by_label)
        self._look_for_rivals(seen)

    def release(self, label: str) -> None:
        """Another camera saw this student leave."""
        self.claims[label].clear()

    def settle(self, label: str) -> None:
        """Whoever holds this seat is its student: what its track remembered was another's."""
        claim = self.claims.get(label)
        if claim is not None and claim.origin:
            claim.origin = ""
            self.origins[claim.owner] = label

    def confirm(self) -> None:
        """Whoever holds a seat is its student, by somebody's word."""
        self.origins = {
            claim.owner: label for label, claim in self.claims.items() if claim.sight == Sight.SEEN
        }
        for claim in self.claims.values():
            claim.origin = ""

    def _watch(self, tracks: Sequence[Track], seen: Mapping[int, Track], regions: Regions) -> None:
        """Note for every track in which seats it is."""
        there = list(seen.values())
        hits = regions.at([t.anchor_x for t in there], [t.anchor_y for t in there])
        now = dict(zip(seen, hits, strict=True))
        old, self.stays = self.stays, {}
        for track in tracks:
            before = old.get(track.track_id)
            stay = _earlier_stays(track.history) if before is None else before
            stay = {
                label: kept
                for label, bits in stay.items()
                if label in regions.by_label and (kept := bits << 1 & _ALL)
            }
            for label in now.get(track.track_id, ()):
                stay[label] = stay.get(label, 0) | 1
            self.stays[track.track_id] = stay
        self.origins = {track: o for track, o in self.origins.items() if track in self.stays}

    def _forget_who_met(
        self, second: int, tracks: Sequence[Track], seen: Mapping[int, Track]
    ) -> None:
        """Of two who met on their ways nobody knows any more which is which.

        They may have met while one of them was hidden: by the other, as likely as not.
        """
        sitting = self._settled()
        if len(sitting) == len(seen):
            return
        afoot = [t for t in tracks if t.track_id not in sitting and self._is_afoot(t, seen)]
        met = {
            track.track_id
            for pair in combinations(afoot, 2)
            if _apart(*pair) < _MEETING + _WALKED * max(_unseen_s(t, second) for t in pair)
            for track in pair
        }
        met |= {t.track_id for t in afoot if self._is_mistaken(t.track_id)}
        for track_id in met:
            del self.origins[track_id]
        for claim in self.claims.values():
            if claim.owner in met:
                claim.owner = NO_TRACK

    def _is_afoot(self, track: Track, seen: Mapping[int, Track]) -> bool:
        """Whether a student is seen to be away, or was when last seen; not who only looks down."""
        origin = self.origins.get(track.track_id)
        if origin is None:
            return False
        claim = self.claims.get(origin)
        return track.track_id in seen or bool(claim and claim.out_since)

    def _is_mistaken(self, track_id: int) -> bool:
        """Whether a track rests on somebody whose own track was lost: it is that student's face."""
        return any(
            bits & _RESTS == _RESTS and self.claims[label].sight == Sight.LOST
            for label, bits in self.stays[track_id].items()
            if label != self.origins[track_id] and self.claims[label].owner != track_id
        )

    def _settled(self) -> set[int]:
        """The tracks of the students who are seen in their seats."""
        return {claim.owner for claim in self.claims.values() if claim.sight == Sight.SEEN}

    def _follow_owner(
        self, second: int, label: str, seen: Mapping[int, Track], region: Region
    ) -> None:
        """What became of the student who holds the seat."""
        claim = self.claims[label]
        owner = seen.get(claim.owner)
        if owner is not None:
            outside = _outside(owner, region)
            claim.strayed = outside > _STRAYED
            if claim.strayed or not self._in(owner.track_id, label):
                claim.leave(second)
            elif outside > _BESIDE:
                claim.miss()  # perhaps the track went over to who stands behind
            else:
                claim.see(second, owner.track_id)
                self.origins.setdefault(owner.track_id, label)
        elif claim.strayed:
            claim.leave(second)
        else:
            if claim.owner > 0 and claim.owner not in self.stays:
                claim.out_since = 0  # leaned out and turned away: not seen to leave
            claim.miss()
        if claim.out_since and second - claim.out_since >= UNLOCK_S:
            claim.clear()
            self._news(label).unlocked = True

    def _assign(
        self, second: int, seen: Mapping[int, Track], regions: Mapping[str, Region]
    ) -> None:
        """Give the seats whose student is not seen to the tracks that belong there."""
        settled = self._settled()
        pairs = [
            (track, label)
            for track_id, track in seen.items()
            if track_id not in settled
            for label in self.stays[track_id]
            if self._may_take(track, label, seen, regions[label])
        ]
        for track, label in _matched(pairs, self.claims, regions):
            self._take(second, label, track, seen, regions[label])
        for claim in self.claims.values():
            if claim.owner and not claim.locked and second - claim.last_seen > UNLOCK_S:
                claim.clear()

    def _may_take(
        self, track: Track, label: str, seen: Mapping[int, Track], region: Region
    ) -> bool:
        """Whether the track is inside now, and has been for long enough or from its birth."""
        claim = self.claims[label]
        if claim.sight == Sight.SEEN or not self._in(track.track_id, label):
            return False
        if _outside(track, region) > _BESIDE:
            return False
        if self.stays[track.track_id][label].bit_count() >= MIN_INSIDE_S:
            return True
        if claim.locked:
            return self._is_reborn(track, label, seen, region)
        return region.contains(track.born_x, track.born_y)

    def _is_reborn(
        self, track: Track, label: str, seen: Mapping[int, Track], region: Region
    ) -> bool:
        """Whether a track is the seat's student, whose face had been lost."""
        claim = self.claims[label]
        student = claim.origin or label
        if claim.owner <= 0 or not region.contains(track.born_x, track.born_y):
            return False
        born = track.born_ns // NS
        if claim.out_since:
            # At the moment when the student seemed to leave: the track went with a passer-by.
            return abs(born - claim.out_since) <= _EXCHANGE_S and _is_still(track)
        if born < claim.last_seen - _BIRTH_GRACE_S:
            return False
        if claim.locked and not _is_still(track):
            return False  # walks past somebody whose head is down
        if self.origins.get(track.track_id, student) != student:
            return False
        return not any(  # the student is not somewhere else
            self.origins.get(other) == student for other in seen if other != track.track_id
        )

    def _take(
        self, second: int, label: str, track: Track, seen: Mapping[int, Track], region: Region
    ) -> None:
        """Let a track that belongs to the seat hold it."""
        claim, track_id = self.claims[label], track.track_id
        if claim.owner != track_id and not self._is_reborn(track, label, seen, region):
            if claim.locked:
                news = self._news(label)
                news.unlocked, news.gone_since = True, claim.last_seen
            stay = self.stays[track_id][label]
            claim.start(track_id, second + 1 - stay.bit_length(), stay.bit_count() - 1)
        elif claim.owner != track_id and claim.out_since:
            self.origins.pop(claim.owner, None)
        claim.see(second, track_id)
        claim.strayed = False
        origin = self.origins.get(track_id, "")
        if is_new := claim.is_ripe(second):
            claim.lock()
            claim.origin = "" if origin == label else origin
        if claim.locked:
            self.origins.setdefault(track_id, claim.origin or label)
        if is_new or (not claim.locked and claim.seen_s >= VISIT_S):
            self._news(label).arrival = Arrival(origin, claim.since, is_new)

    def _look_for_rivals(self, seen: Mapping[int, Track]) -> None:
        """Count who is in a held seat, and neither its student nor in a seat of his own."""
        settled = self._settled()
        for track_id in seen.keys() - settled if len(settled) < len(seen) else ():
            for label, bits in self.stays[track_id].items():
                if bits & 1 and self.claims[label].sight == Sight.SEEN:
                    self._news(label).rivals += 1

    def _news(self, label: str) -> News:
        return self.news.setdefault(label, News())

    def _in(self, track_id: int, label: str) -> bool:
        return bool(self.stays[track_id].get(label, 0) & 1)


def _matched(
    pairs: Sequence[tuple[Track, str]],
    claims: Mapping[str, Claim],
    regions: Mapping[str, Region],
) -> list[tuple[Track, str]]:
    """One seat a track and one track a seat, by the smallest total distance."""
    if len(pairs) < 2:
        return list(pairs)
    tracks = list({track.track_id: track for track, _ in pairs}.values())
    labels = list(dict.fromkeys(label for _, label in pairs))
    rows = {track.track_id: row for row, track in enumerate(tracks)}
    cost = np.full((len(tracks), len(labels)), np.inf)
    for track, label in pairs:
        distance = regions[label].distance(track.anchor_x, track.anchor_y)
        waits = claims[label].owner == track.track_id
        cost[rows[track.track_id], labels.index(label)] = distance - _OWNER_BONUS * waits
    return [(tracks[i], labels[j]) for i, j in solve(cost, 1e3)]


def _earlier_stays(history: Sequence[str]) -> dict[str, int]:
    """Stays from a track's own history: the seat of each second, the newest last."""
    stays: dict[str, int] = {}
    for age, label in enumerate(reversed(history)):
        if label:
            stays[label] = stays.get(label, 0) | 1 << age
    return stays


def _outside(track: Track, region: Region) -> float:
    """How far outside the bounding box the face itself is, not its slow anchor, in face sizes."""
    dx, dy = abs(track.x - region.x) - region.w / 2, abs(track.y - region.y) - region.h / 2
    if dx <= 0 and dy <= 0:
        return 0.0
    return math.hypot(max(dx, 0.0) / track.w, max(dy, 0.0) / track.h)


def _is_still(track: Track) -> bool:
    """Whether the face has hardly moved since it was first seen; unknown is no."""
    life_s = (track.seen_ns - track.born_ns) / NS
    dx, dy = track.x - track.born_x, track.y - track.born_y
    return life_s > 0 and math.hypot(dx / track.w, dy / track.h) <= _JITTER + _STILL * life_s


def _unseen_s(track: Track, second: int) -> float:
    """How long the face has not been seen; 0 when it was, in this second."""
    return 0.0 if track.seen_in(second) else second + 1 - track.seen_ns / NS


def _apart(one: Track, other: Track) -> float:
    """Distance of two faces, in sizes of the larger one."""
    w, h = max(one.w, other.w), max(one.h, other.h)
    return math.hypot((one.x - other.x) / w, (one.y - other.y) / h)
