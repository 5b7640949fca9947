"""Drawn seats of one camera: which track sits where (SCORE §5).

A track belongs to a seat when its anchor was inside the polygon in 6 of the last 10 s. A track
that was *born* inside a seat whose student's face was lost is that student again, at once; a track
that walked in is somebody else until it has stayed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from aggregator.claims import UNLOCK_S, Claim, Sight
from aggregator.tracking import HISTORY_S, NS, Track, solve
from schemas.messages import Point, SeatPlan

MIN_INSIDE_S: Final = 6
_BIRTH_GRACE_S: Final = 1


class SeatBook(msgspec.Struct):
    """Claims on the seats of one camera, by label."""

    claims: dict[str, Claim] = {}

    def step(self, second: int, tracks: Sequence[Track], seats: Sequence[SeatPlan]) -> None:
        """Advance by one second.

        Args:
            second: the second that was just tracked.
            tracks: the camera's living tracks.
            seats: the plan in force.
        """
        regions = {seat.label: Region.of(seat) for seat in seats}
        self.claims = {label: self.claims.get(label, Claim()) for label in regions}
        seen = [track for track in tracks if track.seen_in(second)]
        for track in tracks:
            inside = _seat_at(track.anchor_x, track.anchor_y, regions) if track in seen else ""
            track.history = [*track.history[1 - HISTORY_S :], inside]
        by_id = {track.track_id: track for track in seen}
        for label, claim in self.claims.items():
            _follow_owner(claim, second, by_id.get(claim.owner), label)
        self._assign(second, seen, regions)

    def release(self, label: str) -> None:
        """Another camera saw this student leave."""
        self.claims[label].clear()

    def _assign(self, second: int, seen: Sequence[Track], regions: Mapping[str, Region]) -> None:
        """Give the seats whose student is not seen to the tracks that belong there."""
        settled = {claim.owner for claim in self.claims.values() if claim.sight == Sight.SEEN}
        tracks = [track for track in seen if track.track_id not in settled]
        labels = [label for label, claim in self.claims.items() if claim.sight != Sight.SEEN]
        cost = np.full((len(tracks), len(labels)), np.inf)
        for i, track in enumerate(tracks):
            for j, label in enumerate(labels):
                if _belongs(track, label, regions[label]):
                    cost[i, j] = regions[label].distance(track.anchor_x, track.anchor_y)
        for i, j in solve(cost, 1e3):
            label = labels[j]
            _take(self.claims[label], second, tracks[i], label, regions[label])
        for claim in self.claims.values():
            if not claim.locked and claim.owner and second - claim.last_seen > UNLOCK_S:
                claim.clear()


class Region(msgspec.Struct, frozen=True):
    """A polygon in fractions of the picture."""

    polygon: tuple[Point, ...]
    x: float  # centre
    y: float
    w: float
    h: float

    @classmethod
    def of(cls, seat: SeatPlan) -> Region:
        """The region of a planned seat."""
        xs, ys = [x for x, _ in seat.polygon], [y for _, y in seat.polygon]
        return cls(
            polygon=seat.polygon,
            x=(min(xs) + max(xs)) / 2,
            y=(min(ys) + max(ys)) / 2,
            w=max(xs) - min(xs),
            h=max(ys) - min(ys),
        )

    def distance(self, x: float, y: float) -> float:
        """From the centre, in sizes of the region."""
        return float(np.hypot((x - self.x) / self.w, (y - self.y) / self.h))

    def contains(self, x: float, y: float) -> bool:
        """Even-odd rule; the bounding box first, it is cheap."""
        if abs(x - self.x) > self.w / 2 or abs(y - self.y) > self.h / 2:
            return False
        inside = False
        previous = self.polygon[-1]
        for point in self.polygon:
            (x0, y0), (x1, y1) = previous, point
            if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
                inside = not inside
            previous = point
        return inside


def _seat_at(x: float, y: float, regions: Mapping[str, Region]) -> str:
    """The seat at a point, the nearest centre where polygons overlap; "" for none."""
    hits = [label for label, region in regions.items() if region.contains(x, y)]
    return min(hits, key=lambda label: (regions[label].distance(x, y), label), default="")


def _follow_owner(claim: Claim, second: int, owner: Track | None, label: str) -> None:
    """What became of the student who holds the seat."""
    if not claim.locked:
        return
    if owner is None:
        claim.miss()
    elif owner.history[-1] == label:
        claim.see(second, owner.track_id)
    else:
        claim.out_since = claim.out_since or second
        claim.sight = int(Sight.OUT)
    if claim.out_since and second - claim.out_since >= UNLOCK_S:
        claim.clear()


def _belongs(track: Track, label: str, region: Region) -> bool:
    """Whether the track is inside now, and has been for long enough or from its birth."""
    if track.history[-1] != label:
        return False
    long_enough = track.history.count(label) >= MIN_INSIDE_S
    return long_enough or region.contains(track.born_x, track.born_y)


def _take(claim: Claim, second: int, track: Track, label: str, region: Region) -> None:
    """Let a track that belongs to the seat hold it."""
    reborn = (
        claim.owner != 0
        and not claim.out_since
        and region.contains(track.born_x, track.born_y)
        and track.born_ns // NS >= claim.last_seen - _BIRTH_GRACE_S
    )
    if not reborn and claim.owner != track.track_id:
        back_s = HISTORY_S - 1 - _padded(track.history).index(label)
        claim.start(track.track_id, second - back_s, track.history.count(label) - 1)
    claim.see(second, track.track_id)
    if claim.is_ripe(second):
        claim.lock()


def _padded(history: Sequence[str]) -> list[str]:
    return [""] * (HISTORY_S - len(history)) + list(history)
