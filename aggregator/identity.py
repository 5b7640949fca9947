"""Who is who in a meeting: the seat says it, unless somebody else may sit there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from aggregator.cameras import CameraState
from aggregator.meetings import hash_id
from aggregator.people import Meeting
from aggregator.place_names import confirm_places
from aggregator.proposals import Proposals
from aggregator.rows import EventRow, Rows
from aggregator.seat_change import Pair, Sightings
from aggregator.seats import News
from schemas.messages import RoomPlan

SEAT_CHANGE: Final = "seat_change"
_TO_LOOK_AT: Final = 2  # severity


def identify(
    meeting: Meeting,
    plan: RoomPlan,
    second: int,
    sightings: Sightings,
    cameras: Collection[CameraState],
) -> tuple[Sightings, Rows]:
    """Whom the cameras saw, by a key that names one person of the meeting, and what to tell.

    Args:
        meeting: that is being held.
        plan: of the room.
        second: the one that is finalised.
        sightings: by seat or place.
        cameras: of the room, as they are behind this second.
    """
    news: dict[str, list[News]] = {}
    moved: list[Pair] = []
    for camera in cameras:
        for seat, each in camera.seats.news.items():
            news.setdefault(seat, []).append(each)
        moved += camera.places.changed
    changes = meeting.seat_changes
    pairs = changes.follow(second, meeting.started, sightings, news) + changes.new(moved)
    for camera in cameras:
        for seat in changes.mistaken:
            camera.seats.settle(seat)
    if changes.anonymous:
        sightings = {changes.key(seat): seen for seat, seen in sightings.items()}
    if not meeting.per_student:  # then nothing is said about single seats
        return sightings, []
    return sightings, [_event(meeting, plan, second, pair) for pair in pairs]


def confirm(meeting: Meeting | None, cameras: Iterable[CameraState]) -> None:
    """From now on who sits in a seat is its student."""
    if meeting is not None:
        meeting.seat_changes.confirm()
    for camera in cameras:
        camera.seats.confirm()
        confirm_places(camera.places)


def proposed_labels(proposals: Proposals, plan: RoomPlan) -> list[str]:
    """Of the seats that hold where no camera of the room has a plan."""
    return [] if any(camera.seats for camera in plan.cameras) else proposals.labels


def learn_places(
    proposals: Proposals, plan: RoomPlan, meeting: Meeting, cameras: Mapping[str, CameraState]
) -> None:
    """A meeting is over: where people sat becomes the seats that the next one has.

    Nothing is learned where policy has no figures of students: no seat is needed there.
    """
    if not meeting.per_student or any(camera.seats for camera in plan.cameras):
        return
    for camera in sorted(plan.cameras, key=lambda camera: camera.mask_bit):
        held = [p for p in cameras[camera.camera_id].places.places if p.claim.locked]
        proposals.learn(camera.camera_id, held)


def _event(meeting: Meeting, plan: RoomPlan, second: int, pair: Pair) -> EventRow:
    return EventRow(
        ts=second,
        event_id=hash_id(meeting.meeting_id, SEAT_CHANGE, *pair, str(second)),
        kind=SEAT_CHANGE,
        severity=_TO_LOOK_AT,
        site=plan.site_id,
        room=plan.room_id,
        meeting_id=meeting.meeting_id,
        payload={"seats": list(pair)},
    )
