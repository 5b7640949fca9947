"""One room: a pure function from its log to rows.

`Room.feed` takes one log entry and returns the rows that it completes. No clock, no input or
output, no chance: the same log gives the same rows, byte for byte, whatever the batching, restarts
or redelivery. How it goes:

1. `feed` only puts an entry into the buffer of the second to which it belongs, and moves the
   watermark: the highest min(captured_at, entry time + 1 s) seen, less 5 s. A status, tick or
   control event counts as its entry time, so idle rooms and dead cameras do not stall it and a
   bogus future time cannot race it.
2. Behind the watermark each whole second is finalised once: what was buffered is sorted, tracked,
   assigned to seats, scored into cells (`_finalise` reads as the list of these steps).
3. A finalised second may complete windows, minutes or the meeting: these are the rows.

A recording's run goes the same way, but its time is the film's: see `log_time`.

All state is in `RoomState`; a snapshot of it after any entry, restored, goes on exactly.
"""

from __future__ import annotations

from typing import Final

from aggregator.activities import (
    after_close,
    close_activity,
    follow_activity,
    in_force,
    said,
)
from aggregator.admission import admit
from aggregator.books import camera_minutes, enter
from aggregator.calibration.by_hand import adopt_stored, apply_commands
from aggregator.calibration.gathering import gather
from aggregator.calibration.measuring import measure
from aggregator.cameras import CameraState, Sighting, is_present
from aggregator.controls import due, waiting_controls
from aggregator.identity import confirm, identify, learn_places, proposed_labels
from aggregator.inbox import (
    NS,
)
from aggregator.lesson import (
    attend,
    close_meeting,
    due_rows,
    end_of_meeting,
    open_meeting,
    open_recording,
    tighten_policy,
)
from aggregator.log_time import LATENESS_NS, came_at_ns, moves_to_ns
from aggregator.looking import look
from aggregator.people import Meeting
from aggregator.replanning import follow_plan, remember_close, to_open
from aggregator.results import meeting_row
from aggregator.room_state import SNAPSHOT_VERSION, RoomState, pack, unpack
from aggregator.rows import Rows, is_per_student
from aggregator.seat_plans import plan_in_force
from aggregator.timetable import Timetable
from schemas.messages import RoomMessage, RoomPlan

QUIET_S: Final = 120  # a longer hole in the log is not walked second by second


class Room:
    """The reducer; see the module's text."""

    def __init__(self, state: RoomState) -> None:
        self.state = state
        self._timetable: Timetable | None = None  # of the plan in force; no part of the state

    @classmethod
    def new(cls, room_id: str, run_id: str = "") -> Room:
        """A room that has seen nothing."""
        return cls(RoomState(room_id=room_id, run_id=run_id))

    @classmethod
    def restore(cls, snapshot: bytes, version: int = SNAPSHOT_VERSION) -> Room:
        """The room of a snapshot. Raises: SnapshotError: another version's, or damaged."""
        return cls(unpack(snapshot, version))

    def snapshot(self) -> bytes:
        """The whole state, exact."""
        return pack(self.state)

    @property
    def position(self) -> str:
        """Id of the last entry that was fed."""
        return self.state.position

    def skip(self, entry_id: str) -> None:
        """Pass over an entry that is not one of our messages."""
        self.state.position = entry_id

    def feed(self, entry_id: str, message: RoomMessage) -> Rows:
        """Take the log's next entry; the rows that it completes.

        Args:
            entry_id: `MILLISECONDS-NUMBER`; entries at or before the position are ignored.
            message: the decoded entry.
        """
        state = self.state
        if _entry_key(entry_id) <= _entry_key(state.position):
            return []
        state.position = entry_id
        entry_ns = came_at_ns(_entry_key(entry_id)[0], state.run_id)
        state.high_ns = max(state.high_ns, moves_to_ns(message, entry_ns, state.run_id))
        if state.high_ns or not state.run_id:  # a run's time begins with its plan
            state.cursor = state.cursor or max(1, (state.high_ns - LATENESS_NS) // NS)
        admit(state, message, entry_ns)
        return self._advance()

    @property
    def is_over(self) -> bool:
        """Whether a recording's run is at its end; a live room never is."""
        plan = self.state.plan
        if plan is None or plan.recording is None or self.state.meeting is not None:
            return False
        return self.state.cursor > plan.recording.start

    # --- step 2: second by second behind the watermark ------------------------------------

    def _advance(self) -> Rows:
        """Finalise every second that the watermark has passed."""
        state = self.state
        end = (state.high_ns - LATENESS_NS) // NS
        rows: Rows = []
        while state.cursor < end:
            if end - state.cursor > QUIET_S and self._is_quiet(end):
                state.cursor = self._next_event(end)
            else:
                rows += self._finalise(state.cursor)
                state.cursor += 1
        return rows

    def _is_quiet(self, end: int) -> bool:
        """Whether nothing can happen in the hole of the log before `end`."""
        state = self.state
        return (
            state.meeting is None
            and state.cursor % 60 == 0
            and all(control.at // NS >= end for control in waiting_controls(state))
            and state.inbox.is_empty_before(end)
        )

    def _next_event(self, end: int) -> int:
        plan = self.state.plan
        if plan is None:
            return end
        start = self._timetable_of(plan).next_start(self.state.cursor + 1, end)
        return end if start is None else start

    def _timetable_of(self, plan: RoomPlan) -> Timetable:
        if self._timetable is None or self._timetable.plan is not plan:
            self._timetable = Timetable(plan)
        return self._timetable

    def _finalise(self, second: int) -> Rows:
        """All that one second means, in this order."""
        state = self.state
        waiting = state.inbox.take(second)
        self._apply_controls(second)
        if state.plan is None:
            for _ in waiting.frames:
                state.count("no_plan")
            return []
        began = second if state.meeting is None else state.meeting.started
        plan = plan_in_force(state.plan, began)
        analysed = enter(state, waiting, second, plan)
        calibrated = self._calibrate_by_hand(second, plan)
        rows = self._close_if_over(second, plan)
        rows += self._open_if_planned(second, plan) + self._open_if_recorded(second, plan)
        if state.meeting is not None or not self._timetable_of(plan).decides:
            sightings = look(state, second, plan, analysed)
            rows += self._open_if_present(second, plan, sightings)
            if state.meeting is not None:
                rows += self._attend(state.meeting, second, plan, sightings)
        minutes = camera_minutes(state, second, plan)
        # A camera's books are those of its live stream: a film of the same minutes is not it.
        return calibrated + self._permitted(rows) + ([] if state.run_id else minutes)

    def _apply_controls(self, second: int) -> None:
        """Plans, activities and confirmations whose time has come, in the order of their times."""
        state = self.state
        plans, state.plans = due(state.plans, second)
        for plan in plans:
            state.plan = plan
            names = [camera.camera_id for camera in plan.cameras]
            state.cameras = {name: state.cameras.get(name, CameraState()) for name in names}
            adopt_stored(state.calibration, plan)
            if state.meeting is not None:
                tighten_policy(state.meeting, plan)
                follow_plan(state.meeting, self._timetable_of(plan), second)
        changes, state.activities = due(state.activities, second)
        for change in changes:
            state.by_hand = said(change)
        confirmations, state.confirmations = due(state.confirmations, second)
        if confirmations:
            confirm(state.meeting, state.cameras.values())

    def _calibrate_by_hand(self, second: int, plan: RoomPlan) -> Rows:
        known = self.state.calibration
        commands, known.commands = due(known.commands, second)
        return apply_commands(known, commands, plan, second) if commands else []

    # --- step 3: meetings and their rows ---------------------------------------------------

    def _close_if_over(self, second: int, plan: RoomPlan) -> Rows:
        state = self.state
        if state.meeting is None:
            return []
        ends = [camera.ended_at for camera in state.cameras.values()]
        all_ended_at = max(ends) if ends and all(ends) else 0
        recorded = plan.recording is not None
        ended = end_of_meeting(state.meeting, second, all_ended_at, recorded=recorded)
        return [] if ended is None else self._close(second, plan, ended)

    def _close(self, second: int, plan: RoomPlan, ended: int) -> Rows:
        state = self.state
        if state.meeting is None:
            return []
        # One meeting, and of a film: a run teaches nothing.
        learned = [] if state.run_id else self._learn_fronts(second, plan, state.meeting)
        rows = learned + self._permitted(close_meeting(state.meeting, plan, second, ended))
        rows += close_activity(state.meeting, ended)
        state.closed = remember_close(state.closed, state.meeting, ended)
        state.by_hand = after_close(state.by_hand, ended)
        if not state.run_id:
            learn_places(state.proposals, plan, state.meeting, state.cameras)
        state.meeting = None
        for camera in state.cameras.values():
            camera.forget_people()
        return rows

    def _learn_fronts(self, second: int, plan: RoomPlan, meeting: Meeting) -> Rows:
        found = {
            camera_id: {seat.label: (seat.x, seat.y) for seat in seats}
            for camera_id, seats in self.state.proposals.cameras.items()
        }
        return measure(self.state.calibration, plan, meeting, second, found)

    def _open_if_planned(self, second: int, plan: RoomPlan) -> Rows:
        """A lesson of the timetable begins, and ends what presence had opened."""
        state = self.state
        if state.meeting is not None and state.meeting.planned:
            return []
        planned = to_open(self._timetable_of(plan), second, state.closed)
        if planned is None:
            return []
        rows = self._close(second, plan, second)
        for camera in state.cameras.values():
            camera.forget_people()
        state.meeting = open_meeting(plan, second, planned)
        return [*rows, meeting_row(state.meeting, plan.site_id, plan.room_id)]

    def _open_if_recorded(self, second: int, plan: RoomPlan) -> Rows:
        """A recording's meeting begins with the film."""
        if plan.recording is None or second != plan.recording.start:
            return []
        self.state.meeting = open_recording(plan, plan.recording)
        return [meeting_row(self.state.meeting, plan.site_id, plan.room_id)]

    def _open_if_present(
        self, second: int, plan: RoomPlan, sightings: dict[str, list[Sighting]]
    ) -> Rows:
        """Where there is no timetable, the first student who is present opens a meeting."""
        state = self.state
        if state.meeting is not None or plan.recording is not None:
            return []
        if not any(map(is_present, sightings.values())):
            return []
        state.meeting = open_meeting(plan, second, None)
        return [meeting_row(state.meeting, plan.site_id, plan.room_id)]

    def _attend(
        self, meeting: Meeting, second: int, plan: RoomPlan, sightings: dict[str, list[Sighting]]
    ) -> Rows:
        activity, source = in_force(meeting, self.state.by_hand)
        rows = follow_activity(meeting, second, activity, source)
        if not self.state.run_id:
            gather(self.state.calibration, sightings, activity)
        cameras = self.state.cameras.values()
        people, events = identify(meeting, plan, second, sightings, cameras)
        proposed = proposed_labels(self.state.proposals, plan)
        rows += attend(meeting, plan, second, people, activity, proposed) + events
        meeting.camera_down_s += any(camera.ledger.is_down(second) for camera in cameras)
        return rows + due_rows(meeting, plan, second + 1)

    def _permitted(self, rows: Rows) -> Rows:
        """The lock: where policy has no per-student figures, no such row leaves the room."""
        meeting = self.state.meeting
        if meeting is None or meeting.per_student:
            return rows
        return [row for row in rows if not is_per_student(row)]


def _entry_key(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)
