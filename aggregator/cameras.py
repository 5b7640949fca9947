"""One camera of a room: its tracks, its seats or places, its books."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from aggregator.accounting import Ledger
from aggregator.calibration import front_directions
from aggregator.cells import FaceSample
from aggregator.claims import Claim, Sight
from aggregator.places import PlaceBook
from aggregator.score import wrap_deg
from aggregator.seats import SeatBook
from aggregator.tracking import NS, Tracker
from schemas.messages import CameraPlan, Direction, Face, FrameFaces


class SeenFace(msgspec.Struct, frozen=True):
    """A face in its frame."""

    frame: FrameFaces
    face: Face


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """What one camera knows in one second about one place."""

    camera_id: str
    sight: int
    analysed: bool  # the camera looked in this second
    down: bool
    faces: tuple[SeenFace, ...]
    camera_bit: int
    front: Direction | None
    clock_off: bool = False  # its seconds are not those of other cameras

    @property
    def samples(self) -> list[FaceSample]:
        """The faces that have a pose, as samples."""
        return [sample for seen in self.faces if (sample := _sample(seen, self)) is not None]


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
        self, second: int, plan: CameraPlan, frames: Sequence[FrameFaces], *, use_places: bool
    ) -> dict[str, Sighting]:
        """Track one second's frames and tell what is known of each place, by its key.

        Args:
            second: the second that is finalised.
            plan: this camera's.
            frames: analysed frames of the second, in order.
            use_places: no camera of the room has a seat plan, so places are found.
        """
        by_track: dict[int, list[SeenFace]] = {}
        for frame in frames:
            # A poster's face is nobody's: SCORE's static faces.
            faces = tuple(face for face in frame.faces if not face.static)
            ids = self.tracker.update(frame.captured_at, faces, frame.width, frame.height)
            for track_id, face in zip(ids, faces, strict=True):
                by_track.setdefault(track_id, []).append(SeenFace(frame, face))
        self.tracker.expire(second * NS)
        claims = self._claims(second, plan, use_places=use_places)
        fronts = front_directions(plan)
        return {
            key: Sighting(
                camera_id=plan.camera_id,
                sight=claim.sight,
                analysed=bool(frames),
                down=self.ledger.is_down(second),
                faces=tuple(by_track.get(claim.owner, ())) if claim.last_seen == second else (),
                camera_bit=plan.mask_bit,
                front=fronts.get(key, fronts[""]),
                clock_off=self.ledger.is_clock_off(second),
            )
            for key, claim in claims.items()
        }

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
    sights = {sighting.sight for sighting in sightings}
    return Sight.SEEN in sights or (Sight.LOST in sights and Sight.OUT not in sights)


def _sample(seen: SeenFace, sighting: Sighting) -> FaceSample | None:
    face = seen.face
    if face.yaw_deg is None or face.pitch_deg is None:
        return None
    if not (math.isfinite(face.yaw_deg) and math.isfinite(face.pitch_deg)):
        return None
    eyes = face.eye_openness
    ear = sum(eyes) / 2 if eyes is not None and all(map(math.isfinite, eyes)) else None
    return FaceSample(
        at_ns=seen.frame.captured_at,
        camera_bit=sighting.camera_bit,
        yaw_deg=wrap_deg(face.yaw_deg),
        pitch_deg=wrap_deg(face.pitch_deg),
        ear=min(max(ear, 0.0), 2.0) if ear is not None else None,
        height_px=face.box_xyxy[3] - face.box_xyxy[1],
        confidence=face.confidence,
        front=sighting.front,
        clock_off=sighting.clock_off,
    )
