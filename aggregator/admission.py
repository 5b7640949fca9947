"""Step 1 of a room: each entry of the log is kept for the second to which it belongs."""

from __future__ import annotations

import msgspec

from aggregator import controls
from aggregator.inbox import NS, is_nonsense, without_expressions
from aggregator.lesson import mark_late
from aggregator.room_state import RoomState
from schemas.messages import CameraStatus, EndOfStream, FrameFaces, RoomMessage, Tick


def admit(state: RoomState, message: RoomMessage, entry_ns: int) -> None:
    """Keep an entry until its second is finalised; what is of no use is counted.

    Args:
        state: of the room.
        message: the decoded entry.
        entry_ns: when it came.
    """
    if isinstance(message, FrameFaces):
        _admit_frame(state, message, entry_ns)
    elif isinstance(message, CameraStatus | EndOfStream):
        if not state.inbox.put_status(message, entry_ns, state.cursor):
            state.count("overflow")
    elif not isinstance(message, Tick):
        controls.keep(state, message)


def _admit_frame(state: RoomState, frame: FrameFaces, entry_ns: int) -> None:
    second = frame.captured_at // NS
    if is_nonsense(frame, entry_ns):
        state.count("nonsense")
    elif second < state.cursor:
        _count_late(state, frame, second)
    else:
        kept = frame if _may_keep_expressions(state) else without_expressions(frame)
        if state.run_id:  # months lie between capture and analysis: no latency
            kept = msgspec.structs.replace(kept, analysed_at=0)
        if not state.inbox.put_frame(kept):
            state.count("overflow")


def _count_late(state: RoomState, frame: FrameFaces, second: int) -> None:
    """A frame behind the watermark: counted, never applied."""
    camera = state.cameras.get(frame.camera_id)
    if camera is not None and camera.ledger.record(frame, late=frame.outcome == "analysed"):
        state.count("late")
        if state.meeting is not None:
            mark_late(state.meeting, second)


def _may_keep_expressions(state: RoomState) -> bool:
    """Where policy locks expressions, none waits in the buffer either."""
    plan = state.plan or max(state.plans, key=lambda p: p.at, default=None)
    return plan is not None and plan.policy.expression
