"""One camera of a room: its tracks, its seats or places, its books."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from aggregator.accounting import Ledger
from aggregator.claims import Claim, Sight
from aggregator.place_names import name_places
from aggregator.places import PlaceBook
from aggregator.proposals import ProposedSeat
from aggregator.score import Floats, Ints
from aggregator.seats import SeatBook
from aggregator.tracking import NS, Tracker
from aggregator.views import Views, joined, views_of_faces
from schemas.messages import Face, FrameFaces
from schemas.room_plan import CameraPlan, Direction
from schemas.wire_types import Point


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """What one camera knows in one second about one place."""

    camera_id: str
    sight: int
    analysed: bool  # the camera looked in this second
    down: bool
    faces: list[Face]
    views: Views  # of the camera
    view: int  # index of the place's view in them; -1: no face with a pose
    direction: tuple[float, float] | None  # median yaw, pitch of its good samples (q >= .3) [deg]


class CameraState(msgspec.Struct):
    """Everything that is remembered of one camera; part of the room's snapshot."""

    tracker: Tracker = msgspec.field(default_factory=Tracker)
    seats: SeatBook = msgspec.field(default_factory=SeatBook)
    places: PlaceBook = msgspec.field(default_factory=PlaceBook)
    ledger: Ledger = msgspec.field(default_factory=Ledger)
    ended_at: int = 0  # first second after a clean end of stream; 0: running

    def forget_people(self) -> None:
        """Start over: no track id is carried over a meeting."""
        self.tracker = Tracker(next_id=self.tracker.next_id)
        self.seats = SeatBook()
        self.places = PlaceBook()

    def look(
        self,
        second: int,
        plan: CameraPlan,
        frames: Sequence[FrameFaces],
        fronts: Mapping[str, Direction | None],
        *,
        use_places: bool,
        proposed: Sequence[ProposedSeat] = (),
    ) -> dict[str, Sighting]:
        """Track one second's frames and tell what is known of each place, by its key.

        Args:
            second: the second that is finalised.
            plan: this camera's.
            frames: analysed frames of the second, in order.
            fronts: where the front is for whom sits in a place, by its key; "": for the others.
            use_places: no camera of the room has a seat plan, so places are found.
            proposed: seats that this camera's places may be.
        """
        faces, at_ns, track_ids = self._follow(frames)
        self.tracker.expire(second * NS)
        claims = self._claims(second, plan, proposed if use_places else None)
        if use_places and frames:
            self.places.forget_posters(_posters(frames[-1]))
        owners = [claim.owner if claim.last_seen == second else 0 for claim in claims.values()]
        order, place = _by_place(track_ids, owners)
        held = [faces[i] for i in order.tolist()]
        views, index = views_of_faces(
            held,
            at_ns[order],
            place,
            [fronts.get(key, fronts[""]) for key in claims],
            bit=plan.mask_bit,
            clock_off=self.ledger.is_clock_off(second),
        )
        directions = [pose if math.isfinite(pose[0]) else None for pose in _pairs(views.good_med)]
        ends = np.cumsum(np.bincount(place, minlength=len(owners))).tolist()
        is_down = self.ledger.is_down(second)
        return {
            key: Sighting(
                camera_id=plan.camera_id,
                sight=claim.sight,
                analysed=bool(frames),
                down=is_down,
                faces=held[start:end],
                views=views,
                view=view,
                direction=directions[view] if view >= 0 else None,
            )
            for (key, claim), start, end, view in zip(
                claims.items(), [0, *ends][:-1], ends, index, strict=True
            )
        }

    def _follow(self, frames: Sequence[FrameFaces]) -> tuple[list[Face], Ints, Ints]:
        """All faces in order of time, when they were seen [ns], and their tracks' ids."""
        faces: list[Face] = []
        track_ids: list[int] = []
        at_ns: list[int] = []
        for frame in frames:
            # A poster's face is nobody's: SCORE's static faces.
            moving = tuple([face for face in frame.faces if not face.static])
            track_ids += self.tracker.update(frame.captured_at, moving, frame.width, frame.height)
            faces += moving
            at_ns += [frame.captured_at] * len(moving)
        return faces, np.array(at_ns, np.int64), np.array(track_ids, np.int64)

    def _claims(
        self, second: int, plan: CameraPlan, proposed: Sequence[ProposedSeat] | None
    ) -> dict[str, Claim]:
        if plan.seats:
            self.seats.step(second, self.tracker.tracks, plan.seats)
            return self.seats.claims
        if proposed is not None:
            self.places.step(second, self.tracker.tracks)
            name_places(self.places, second, proposed)
            return {p.label or f"{plan.camera_id}#{p.number}": p.claim for p in self.places.places}
        return {}


def _posters(frame: FrameFaces) -> list[Point]:
    """Centres of the faces that never move, in fractions of the picture."""
    boxes = [face.box_xyxy for face in frame.faces if face.static]
    return [((x0 + x1) / 2 / frame.width, (y0 + y1) / 2 / frame.height) for x0, y0, x1, y1 in boxes]


def is_present(sightings: Sequence[Sighting]) -> bool:
    """Whether the student of a place counts as present, over all cameras that see the place."""
    sights = [sighting.sight for sighting in sightings]
    return Sight.SEEN in sights or (Sight.LOST in sights and Sight.OUT not in sights)


def views_of_students(seen: Sequence[Sequence[Sighting]]) -> tuple[Views, Ints]:
    """All views of some students, and the student of each.

    Args:
        seen: what cameras know of each student, by rising camera bit; each has a view.
    """
    cameras: dict[int, Views] = {}
    starts: dict[int, int] = {}
    index: list[int] = []
    student: list[int] = []
    for i, sightings in enumerate(seen):
        for sighting in sightings:
            if sighting.view < 0:
                continue
            views = sighting.views
            if id(views) not in cameras:
                starts[id(views)] = sum(len(each.counts) for each in cameras.values())
                cameras[id(views)] = views
            index.append(starts[id(views)] + sighting.view)
            student.append(i)
    return joined(list(cameras.values())).taken(np.array(index)), np.array(student)


def _pairs(columns: Floats) -> list[tuple[float, float]]:
    return list(zip(columns[:, 0].tolist(), columns[:, 1].tolist(), strict=True))


def _by_place(track_ids: Ints, owners: Sequence[int]) -> tuple[Ints, Ints]:
    """Which faces belong to places, place by place in their own order, and to which.

    Args:
        track_ids: of every face.
        owners: track id that holds each place; 0: nobody does.
    """
    holders = np.array(owners, np.int64)
    by_id = np.argsort(holders, kind="stable")
    rank = np.searchsorted(holders, track_ids, sorter=by_id)
    place = by_id[np.minimum(rank, len(owners) - 1)] if owners else np.full(len(track_ids), -1)
    held = np.flatnonzero((track_ids > 0) & (holders[place] == track_ids)) if owners else place[:0]
    order: Ints = held[np.argsort(place[held], kind="stable")]
    return order, place[order]
