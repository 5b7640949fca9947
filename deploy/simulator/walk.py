"""How people come to a seat and leave it: on foot, at one speed, standing up and sitting down."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.simulator.head import Floats
from deploy.simulator.scene import Room
from deploy.simulator.script import Move, StudentScript

WALK_M_PER_S: Final = 1.2
SIT_DOWN_S: Final = 1.5
STANDING_M: Final = 0.42
_BEHIND_M: Final = -0.4  # where people stand at their seat
_AISLE_M: Final = 0.55  # from the outermost seat's neck to the middle of the way along the wall


@dataclass(frozen=True, slots=True)
class Walk:
    """One student's ways, frame by frame (F frames).

    Attributes:
        shift_m: (F, 3) of the neck from its place at the first seat; nan not in the room.
        seated: (F,) at the first seat, or at the one moved to.
        heading_deg: (F,) where somebody on the way to another seat goes: 0 to the board, + to
            image right; nan at all other times.
    """

    shift_m: Floats
    seated: NDArray[np.bool_]
    heading_deg: Floats


def walk(script: StudentScript, time: Floats) -> Walk:
    """Play a script's ways at the times `time` (F,) [s]."""
    shift = _in_and_out(script, time)
    seated = np.all(shift == 0, axis=1)
    heading = np.full(len(time), np.nan)
    for move in script.moves:
        _move(move, time, shift, seated, heading)
    return Walk(shift, seated, heading)


def way_between(room: Room, start: str, end: str) -> tuple[tuple[float, float, float], ...]:
    """The way from one seat to another, along the wall at image left, as `Move.way_m` has it."""
    necks = {seat.label: np.array(seat.neck_m) for seat in room.seats}
    here, there = necks[start], necks[end]
    aisle_x = min(seat.neck_m[0] for seat in room.seats) - _AISLE_M
    up = np.array([0.0, STANDING_M, _BEHIND_M])
    points = [here + up, here + up, there + up, there + up, there]
    points[1][0] = points[2][0] = aisle_x
    return tuple((float(x), float(y), float(z)) for x, y, z in (point - here for point in points))


def arrives_at_s(move: Move) -> float:
    """When somebody who moves sits again."""
    return move.start_s + 2 * SIT_DOWN_S + float(_stops_s(move)[-1])


def _in_and_out(script: StudentScript, time: Floats) -> Floats:
    """(F, 3) [m] of the way to the seat and from it; 0 seated, nan not in the room.

    People walk in from image left behind their own row, standing, and sit down.
    """
    way = np.full((len(time), 3), np.nan)
    way[(time >= script.arrives_s) & (time < script.leaves_s)] = 0.0
    ends = [(script.arrives_s, -1.0)] if script.arrives_s > 0 else []
    if script.leaves_s < time[-1]:
        ends.append((script.leaves_s, 1.0))
    for moment, sign in ends:
        away_s = (time - moment) * sign
        rising = (away_s > 0) & (away_s <= SIT_DOWN_S)
        share = (away_s[rising] / SIT_DOWN_S)[:, None]
        way[rising] = share * share * (3 - 2 * share) * (0.0, STANDING_M, _BEHIND_M)
        walking = (away_s > SIT_DOWN_S) & (away_s < SIT_DOWN_S + 5.0)
        metres = (away_s[walking] - SIT_DOWN_S) * WALK_M_PER_S
        way[walking] = np.stack(
            [-metres, np.full_like(metres, STANDING_M), np.full_like(metres, _BEHIND_M)], axis=1
        )
    return way


def _stops_s(move: Move) -> Floats:
    """(n,) when each standing point of the way is reached, from the first one on."""
    points = np.array(move.way_m[:-1])
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    stops: Floats = np.concatenate([[0.0], np.cumsum(steps)]) / WALK_M_PER_S
    return stops


def _move(
    move: Move, time: Floats, shift: Floats, seated: NDArray[np.bool_], heading: Floats
) -> None:
    """Enter one change of seats into the three arrays, in place."""
    points, stops = np.array(move.way_m), _stops_s(move)
    since = time - move.start_s
    there = ~np.isnan(shift[:, 0])
    rising = there & (since >= 0) & (since < SIT_DOWN_S)
    shift[rising] = _eased(since[rising] / SIT_DOWN_S) * points[0]
    afoot_s = since - SIT_DOWN_S
    afoot = there & (afoot_s >= 0) & (afoot_s < stops[-1])
    for axis in range(3):
        shift[afoot, axis] = np.interp(afoot_s[afoot], stops, points[:-1, axis])
    steps = np.diff(points[:-1], axis=0)
    step = np.clip(np.searchsorted(stops, afoot_s[afoot], side="right") - 1, 0, len(steps) - 1)
    heading[afoot] = np.degrees(np.arctan2(steps[step, 0], steps[step, 2]))
    sitting_s = afoot_s - stops[-1]
    sitting = there & (sitting_s >= 0) & (sitting_s < SIT_DOWN_S)
    shift[sitting] = points[-2] + _eased(sitting_s[sitting] / SIT_DOWN_S) * (
        points[-1] - points[-2]
    )
    arrived = there & (sitting_s >= SIT_DOWN_S)
    shift[arrived] = points[-1]
    seated[there & (since >= 0)] = False
    seated[arrived] = True


def _eased(share: Floats) -> Floats:
    """(n, 1) slow at both ends."""
    eased: Floats = (share * share * (3 - 2 * share))[:, None]
    return eased
