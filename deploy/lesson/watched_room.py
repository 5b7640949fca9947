"""A room that notes whose faces stand behind each second that it counts.

It is the room itself, fed with the same log; only beside each frame stands who was in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import numpy as np

from aggregator.cameras import Sighting
from aggregator.people import Meeting
from aggregator.room import Room
from aggregator.rows import Rows
from aggregator.seat_change import seat_of_key
from deploy.lesson.matching import People
from schemas.messages import FrameFaces, RoomMessage, RoomPlan
from schemas.wire_types import Box

NOBODY: Final = -1
_Key = tuple[str, Box]  # camera and box: to .01 px, so no other face of these seconds has it
_KEPT_FACES: Final = 60_000


@dataclass(frozen=True, slots=True)
class Note:
    """One second that was counted for one participation.

    Attributes:
        second: Unix time.
        participation_id: whose row it went into.
        person: whose face was seen, `NOBODY` for a face where none is; None: none was seen.
        scored: the second has a score.
    """

    second: int
    participation_id: int
    person: int | None
    scored: bool


@dataclass
class Witness:
    """Knows who was where; takes notes.

    Attributes:
        people: of each camera.
        start_ns: Unix time of the first frame.
        notes: so far.
    """

    people: Mapping[str, People]
    start_ns: int
    notes: list[Note] = field(default_factory=list)
    _owners: dict[_Key, int] = field(default_factory=dict)
    _observed: dict[int, int] = field(default_factory=dict)

    def see(self, frame: FrameFaces) -> None:
        """Tell each face of a frame whose it is."""
        people = self.people[frame.camera_id]
        boxes = np.array([face.box_xyxy for face in frame.faces]).reshape(-1, 4)
        number = people.frame_at((frame.captured_at - self.start_ns) / 1e9)
        owners = people.owners(number, boxes)
        for face, owner in zip(frame.faces, owners, strict=True):
            self._owners[frame.camera_id, face.box_xyxy] = NOBODY if owner is None else owner
        if len(self._owners) > _KEPT_FACES:
            for key in list(islice(self._owners, _KEPT_FACES // 2)):
                del self._owners[key]

    def note(
        self, second: int, meeting: Meeting, sightings: Mapping[str, Sequence[Sighting]]
    ) -> None:
        """Set down who was counted as whom in this second."""
        for key, person in meeting.people.items():
            if not person.present or person.present[-1][1] != second + 1:
                continue
            owners = Counter(
                self._owners[sighting.camera_id, face.box_xyxy]
                for sighting in sightings.get(seat_of_key(key), ())
                for face in sighting.faces
            )
            most = max(sorted(owners), key=owners.__getitem__) if owners else None
            n_obs = person.lesson.n_obs
            scored = n_obs > self._observed.get(person.participation_id, 0)
            self._observed[person.participation_id] = n_obs
            self.notes.append(Note(second, person.participation_id, most, scored))


class WatchedRoom(Room):
    """A room with a witness."""

    witness: Witness

    @classmethod
    def before(cls, witness: Witness, room_id: str, run_id: str = "") -> WatchedRoom:
        """A room that has seen nothing."""
        room = cls.new(room_id, run_id)
        if not isinstance(room, WatchedRoom):
            raise TypeError(f"expected a WatchedRoom, got {type(room).__name__}")
        room.witness = witness
        return room

    def feed(self, entry_id: str, message: RoomMessage) -> Rows:
        """As `Room.feed`, and look who is in the picture."""
        if isinstance(message, FrameFaces):
            self.witness.see(message)
        return super().feed(entry_id, message)

    def _attend(
        self,
        meeting: Meeting,
        second: int,
        plan: RoomPlan,
        sightings: dict[str, list[Sighting]],
    ) -> Rows:
        rows = super()._attend(meeting, second, plan, sightings)
        self.witness.note(second, meeting, sightings)
        return rows
