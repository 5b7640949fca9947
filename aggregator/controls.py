"""Control events: what the log says about the room itself. Each waits for its time.

All of them are applied at the beginning of the second of their `at`, oldest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from aggregator.inbox import NS
from aggregator.room_state import RoomState
from schemas.messages import ActivityChange, CalibrationSet, RoomPlan, SeatsConfirmed

MAX_WAITING: Final = 256  # of a kind; beyond, the oldest are forgotten

Control = RoomPlan | ActivityChange | CalibrationSet | SeatsConfirmed
C = TypeVar("C", RoomPlan, ActivityChange, CalibrationSet, SeatsConfirmed)
_encode: Final = msgspec.msgpack.encode


def keep(state: RoomState, control: Control) -> None:
    """Let a control event wait."""
    if isinstance(control, RoomPlan):
        state.plans = _with(state.plans, control)
    elif isinstance(control, ActivityChange):
        state.activities = _with(state.activities, control)
    elif isinstance(control, SeatsConfirmed):
        state.confirmations = _with(state.confirmations, control)
    else:
        state.calibration.commands = _with(state.calibration.commands, control)


def waiting_controls(state: RoomState) -> list[Control]:
    """All that wait."""
    return [
        *state.plans,
        *state.activities,
        *state.confirmations,
        *state.calibration.commands,
    ]


def due(waiting: Sequence[C], second: int) -> tuple[list[C], list[C]]:
    """Those in force at `second`, oldest first, and those that go on waiting."""
    now = [each for each in waiting if each.at // NS <= second]
    now.sort(key=_order)
    return now, [each for each in waiting if each.at // NS > second]


def _order(control: Control) -> tuple[int, bytes]:
    return control.at, _encode(control)


def _with(waiting: Sequence[C], control: C) -> list[C]:
    kept = list(waiting)
    kept.append(control)
    return kept[-MAX_WAITING:]
