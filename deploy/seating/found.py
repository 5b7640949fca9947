"""The seats of a room by what its cameras' plans and its own state say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from aggregator.identity import learn_places
from aggregator.proposals import Proposals, ProposedSeat
from aggregator.room_state import RoomState
from schemas.messages import RoomPlan
from schemas.wire_types import Point

REACH_SIZES: Final = 1.2  # face sizes from a seat's middle to its region's edge
_LEAST: Final = 0.002  # of the picture


@dataclass(frozen=True)
class RoomSeat:
    """One seat in one camera's picture.

    Attributes:
        label: of the seat.
        polygon: in fractions of the picture.
        taken: meetings in which somebody sat there; None: the seat is drawn in the site file.
    """

    label: str
    polygon: tuple[Point, ...]
    taken: int | None = None


@dataclass(frozen=True)
class CameraSeats:
    """The seats that one camera sees; `meetings` in which its places were held."""

    camera_id: str
    seats: tuple[RoomSeat, ...]
    meetings: int = 0

    @property
    def is_drawn(self) -> bool:
        """Whether they stand in the site file."""
        return any(seat.taken is None for seat in self.seats)


def seats_of_room(plan: RoomPlan, state: RoomState | None) -> list[CameraSeats]:
    """Drawn seats, or where nothing is drawn in the room those that were found so far.

    Args:
        plan: of the site file, for the day in question.
        state: of the room; None: it has none yet.
    """
    proposals = _found_so_far(plan, state) if state is not None else Proposals()
    return [
        CameraSeats(
            camera.camera_id,
            tuple(RoomSeat(seat.label, seat.polygon) for seat in camera.seats)
            or outlined(proposals.cameras.get(camera.camera_id, ())),
            proposals.meetings.get(camera.camera_id, 0),
        )
        for camera in plan.cameras
    ]


def outlined(seats: Sequence[ProposedSeat]) -> tuple[RoomSeat, ...]:
    """Rectangles around proposed seats; those of neighbours end half-way between them."""
    reach = [[REACH_SIZES * seat.w, REACH_SIZES * seat.h] for seat in seats]
    for i, one in enumerate(seats):
        for j, other in enumerate(seats[:i]):
            gap = (abs(one.x - other.x), abs(one.y - other.y))
            if all(g < a + b for g, a, b in zip(gap, reach[i], reach[j], strict=True)):
                relative = gap[0] / max(one.w, other.w), gap[1] / max(one.h, other.h)
                axis = 0 if relative[0] >= relative[1] else 1
                for k in (i, j):
                    reach[k][axis] = max(min(reach[k][axis], gap[axis] / 2), _LEAST)
    outlines = [
        RoomSeat(seat.label, _rectangle(seat, w, h), seat.taken)
        for seat, (w, h) in zip(seats, reach, strict=True)
    ]
    return tuple(sorted(outlines, key=_in_order))


def _found_so_far(plan: RoomPlan, state: RoomState) -> Proposals:
    """As if the meeting that is being held were over."""
    known = msgspec.msgpack.decode(msgspec.msgpack.encode(state.proposals), type=Proposals)
    if state.meeting is not None and {c.camera_id for c in plan.cameras} <= state.cameras.keys():
        learn_places(known, plan, state.meeting, state.cameras)
    return known


def _rectangle(seat: ProposedSeat, w: float, h: float) -> tuple[Point, ...]:
    left, right = (round(min(max(seat.x + dx, 0.0), 1.0), 4) for dx in (-w, w))
    top, bottom = (round(min(max(seat.y + dy, 0.0), 1.0), 4) for dy in (-h, h))
    return (left, top), (right, top), (right, bottom), (left, bottom)


def _in_order(seat: RoomSeat) -> tuple[int, str, int]:
    """A9 before A10, and Z1 before AA1."""
    row = seat.label.rstrip("0123456789")
    return len(row), row, int(seat.label[len(row) :] or 0)
