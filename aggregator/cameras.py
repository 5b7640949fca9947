"""One camera of a room: its tracks, its seats or places, its books."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from aggregator.accounting import Ledger
from aggregator.claims import Claim, Sight
from aggregator.places import PlaceBook
from aggregator.score import Floats, Ints
from aggregator.seats import SeatBook
from aggregator.tracking import NS, Tracker
from aggregator.views import Views, joined, views_of_faces
from schemas.messages import CameraPlan, Direction, Face, FrameFaces


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
    ) -> dict[str, Sighting]:
        """Track one second's frames and tell what is known of each place, by its key.

        Args:
            second: the second that is finalised.
            plan: this camera's.
            frames: analysed frames of the second, in order.
            fronts: where the front is for whom sits in a place, by its key; "": for the others.
            use_places: no camera of the room has a seat plan, so places are found.
        """
        faces, at_ns = self._follow(frames)
        self.tracker.expire(second * NS)
        claims = self._claims(second, plan, use_places=use_places)
        owners = [claim.owner if claim.last_seen == second else 0 for claim in claims.values()]
        faces_of = [faces.get(owner, []) for owner in owners]
        views, index = views_of_faces(
            faces_of,
            [at_ns.get(owner, []) for owner in owners],
            [fronts.get(key, fronts[""]) for key in claims],
            bit=plan.mask_bit,
            clock_off=self.ledger.is_clock_off(second),
        )
        directions = [pose if math.isfinite(pose[0]) else None for pose in _pairs(views.good_med)]
        is_down = self.ledger.is_down(second)
        return {
            key: Sighting(
                camera_id=plan.camera_id,
                sight=claim.sight,
                analysed=bool(frames),
                down=is_down,
                faces=found,
                views=views,
                view=view,
                direction=directions[view] if view >= 0 else None,
            )
            for (key, claim), found, view in zip(claims.items(), faces_of, index, strict=True)
        }

    def _follow(
        self, frames: Sequence[FrameFaces]
    ) -> tuple[dict[int, list[Face]], dict[int, list[int]]]:
        """The faces of each track, and when they were seen [ns]."""
        faces: dict[int, list[Face]] = {}
        at_ns: dict[int, list[int]] = {}
        for frame in frames:
            # A poster's face is nobody's: SCORE's static faces.
            moving = tuple(face for face in frame.faces if not face.static)
            ids = self.tracker.update(frame.captured_at, moving, frame.width, frame.height)
            for track_id, face in zip(ids, moving, strict=True):
                if track_id not in faces:
                    faces[track_id], at_ns[track_id] = [], []
                faces[track_id].append(face)
                at_ns[track_id].append(frame.captured_at)
        faces.pop(0, None)  # of no track
        return faces, at_ns

    def _claims(self, second: int, plan: CameraPlan, *, use_places: bool) -> dict[str, Claim]:
        if plan.seats:
            self.seats.step(second, self.tracker.tracks, plan.seats)
            return self.seats.claims
        if use_places:
            self.places.step(second, self.tracker.tracks)
            return {f"{plan.camera_id}#{p.number}": p.claim for p in self.places.places}
        return {}


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
