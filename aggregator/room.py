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

from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec

from aggregator.activities import (
    after_close,
    close_activity,
    follow_activity,
    in_force,
    said,
)
from aggregator.calibration.by_hand import adopt_stored, apply_commands
from aggregator.calibration.gathering import gather
from aggregator.calibration.in_force import front_directions
from aggregator.calibration.measuring import measure
from aggregator.cameras import CameraState, Sighting, is_present
from aggregator.claims import Sight
from aggregator.identity import confirm, identify, learn_places, proposed_labels
from aggregator.inbox import (
    NS,
    Second,
    is_nonsense,
    without_expressions,
)
from aggregator.lesson import (
    attend,
    close_meeting,
    due_rows,
    end_of_meeting,
    mark_late,
    open_meeting,
    open_recording,
    tighten_policy,
)
from aggregator.log_time import LATENESS_NS, came_at_ns, moves_to_ns
from aggregator.people import Meeting
from aggregator.replanning import follow_plan, remember_close, to_open
from aggregator.results import meeting_row
from aggregator.room_state import SNAPSHOT_VERSION, RoomState, pack, unpack
from aggregator.rows import Rows, is_per_student
from aggregator.seat_plans import plan_in_force
from aggregator.timetable import Timetable
from schemas.messages import (
    ActivityChange,
    CalibrationSet,
    CameraPlan,
    CameraStatus,
    EndOfStream,
    FrameFaces,
    RoomMessage,
    RoomPlan,
    SeatsConfirmed,
)

MAX_PENDING: Final = 256  # control events that are not yet in force
QUIET_S: Final = 120  # a longer hole in the log is not walked second by second

Control = RoomPlan | ActivityChange | CalibrationSet | SeatsConfirmed
C = TypeVar("C", RoomPlan, ActivityChange, CalibrationSet, SeatsConfirmed)
_encode: Final = msgspec.msgpack.encode


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
        self._put(message, entry_ns)
        return self._advance()

    @property
    def is_over(self) -> bool:
        """Whether a recording's run is at its end; a live room never is."""
        plan = self.state.plan
        if plan is None or plan.recording is None or self.state.meeting is not None:
            return False
        return self.state.cursor > plan.recording.start

    # --- step 1: into the buffer ----------------------------------------------------------

    def _put(self, message: RoomMessage, entry_ns: int) -> None:
        """Keep the entry for the second to which it belongs."""
        state = self.state
        if isinstance(message, FrameFaces):
            self._put_frame(message, entry_ns)
        elif isinstance(message, CameraStatus | EndOfStream):
            if not state.inbox.put_status(message, entry_ns, state.cursor):
                self._count("overflow")
        elif isinstance(message, RoomPlan):
            state.plans = [*state.plans, message][-MAX_PENDING:]
        elif isinstance(message, ActivityChange):
            state.activities = [*state.activities, message][-MAX_PENDING:]
        elif isinstance(message, SeatsConfirmed):
            state.confirmations = [*state.confirmations, message][-MAX_PENDING:]
        elif isinstance(message, CalibrationSet):
            known = state.calibration
            known.commands = [*known.commands, message][-MAX_PENDING:]

    def _put_frame(self, frame: FrameFaces, entry_ns: int) -> None:
        second = frame.captured_at // NS
        if is_nonsense(frame, entry_ns):
            self._count("nonsense")
        elif second < self.state.cursor:
            self._late(frame, second)
        else:
            kept = frame if self._may_keep_expressions() else without_expressions(frame)
            if self.state.run_id:  # months lie between capture and analysis: no latency
                kept = msgspec.structs.replace(kept, analysed_at=0)
            if not self.state.inbox.put_frame(kept):
                self._count("overflow")

    def _late(self, frame: FrameFaces, second: int) -> None:
        """A frame behind the watermark: counted, never applied."""
        camera = self.state.cameras.get(frame.camera_id)
        if camera is not None and camera.ledger.record(frame, late=frame.outcome == "analysed"):
            self._count("late")
            if self.state.meeting is not None:
                mark_late(self.state.meeting, second)

    def _may_keep_expressions(self) -> bool:
        """Where policy locks expressions, none waits in the buffer either."""
        plan = self.state.plan or max(self.state.plans, key=lambda p: p.at, default=None)
        return plan is not None and plan.policy.expression

    def _count(self, what: str) -> None:
        self.state.counts[what] = self.state.counts.get(what, 0) + 1

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
        controls: list[Control] = [*state.plans, *state.activities]
        controls += [*state.calibration.commands, *state.confirmations]
        return (
            state.meeting is None
            and state.cursor % 60 == 0
            and all(control.at // NS >= end for control in controls)
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
                self._count("no_plan")
            return []
        began = second if state.meeting is None else state.meeting.started
        plan = plan_in_force(state.plan, began)
        analysed = self._account(second, waiting, plan)
        calibrated = self._calibrate_by_hand(second, plan)
        rows = self._close_if_over(second, plan)
        rows += self._open_if_planned(second, plan) + self._open_if_recorded(second, plan)
        if state.meeting is not None or not self._timetable_of(plan).decides:
            sightings = self._look(second, plan, analysed)
            rows += self._open_if_present(second, plan, sightings)
            if state.meeting is not None:
                rows += self._attend(state.meeting, second, plan, sightings)
        minutes = self._camera_minutes(second, plan)
        # A camera's books are those of its live stream: a film of the same minutes is not it.
        return calibrated + self._permitted(rows) + ([] if state.run_id else minutes)

    def _apply_controls(self, second: int) -> None:
        """Plans and activities whose time has come, in the order of their times."""
        state = self.state
        for plan in _due(state.plans, second):
            state.plan = plan
            names = [camera.camera_id for camera in plan.cameras]
            state.cameras = {name: state.cameras.get(name, CameraState()) for name in names}
            adopt_stored(state.calibration, plan)
            if state.meeting is not None:
                tighten_policy(state.meeting, plan)
                follow_plan(state.meeting, self._timetable_of(plan), second)
        for change in _due(state.activities, second):
            state.by_hand = said(change)
        if _due(state.confirmations, second):
            confirm(state.meeting, state.cameras.values())
        state.confirmations = [each for each in state.confirmations if each.at // NS > second]
        state.plans = [plan for plan in state.plans if plan.at // NS > second]
        state.activities = [change for change in state.activities if change.at // NS > second]

    def _calibrate_by_hand(self, second: int, plan: RoomPlan) -> Rows:
        known = self.state.calibration
        due = _due(known.commands, second)
        known.commands = [command for command in known.commands if command.at // NS > second]
        return apply_commands(known, due, plan, second) if due else []

    def _account(self, second: int, waiting: Second, plan: RoomPlan) -> dict[str, list[FrameFaces]]:
        """Enter frames and statuses in the cameras' books; the analysed frames, sorted."""
        cameras = self.state.cameras
        analysed: dict[str, list[FrameFaces]] = {camera.camera_id: [] for camera in plan.cameras}
        for frame in waiting.sorted_frames():
            camera = cameras.get(frame.camera_id)
            if camera is None:
                self._count("unknown_camera")
            elif camera.ledger.record(frame) and frame.outcome == "analysed":
                analysed[frame.camera_id].append(frame)
                camera.ended_at = 0
        for status in waiting.sorted_statuses():
            if (camera := cameras.get(status.camera_id)) is None:
                self._count("unknown_camera")
            else:
                camera.ledger.status(second, status)
                camera.ended_at = 0 if status.state == "up" else camera.ended_at
        for end in waiting.sorted_ends():
            if (camera := cameras.get(end.camera_id)) is not None:
                camera.ledger.status(second, end)
                camera.ended_at = second + bool(analysed[end.camera_id])
        for camera in cameras.values():
            camera.ledger.settle(second, expected=not 0 < camera.ended_at <= second)
        return analysed

    def _look(
        self, second: int, plan: RoomPlan, analysed: dict[str, list[FrameFaces]]
    ) -> dict[str, list[Sighting]]:
        """What all cameras know about each place."""
        use_places = not any(camera.seats for camera in plan.cameras)
        sightings: dict[str, list[Sighting]] = {}
        for camera in sorted(plan.cameras, key=_mask_bit):
            frames = analysed[camera.camera_id]
            state = self.state.cameras[camera.camera_id]
            known = self.state.calibration.cameras.get(camera.camera_id)
            fronts = front_directions(camera, known)
            proposed = self.state.proposals.cameras.get(camera.camera_id, ())
            looked = state.look(
                second, camera, frames, fronts, use_places=use_places, proposed=proposed
            )
            for key, seen in looked.items():
                sightings.setdefault(key, []).append(seen)
            if self.state.meeting is not None and frames and frames[-1].model_version:
                self.state.meeting.model_version = frames[-1].model_version
        for label, seen_by in sightings.items():
            self._release_if_left(label, seen_by)
        return sightings

    def _release_if_left(self, label: str, seen_by: list[Sighting]) -> None:
        """Who was seen to leave in one camera is not waited for in another."""
        sights = {sighting.sight for sighting in seen_by}
        if Sight.OUT in sights and Sight.SEEN not in sights:
            for sighting in seen_by:
                if sighting.sight == Sight.LOST:
                    self.state.cameras[sighting.camera_id].seats.release(label)

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

    def _camera_minutes(self, second: int, plan: RoomPlan) -> Rows:
        if (second + 1) % 60:
            return []
        rows: Rows = []
        for camera in plan.cameras:
            ledger = self.state.cameras[camera.camera_id].ledger
            if ledger.has_news:
                rows.append(
                    ledger.close_minute(
                        second - 59, plan.site_id, camera.camera_id, camera.analysis_fps
                    )
                )
        return rows


def _entry_key(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def _mask_bit(camera: CameraPlan) -> int:
    return camera.mask_bit


def _due(controls: Iterable[C], second: int) -> list[C]:
    """Control events in force at `second`, oldest first."""
    due = [control for control in controls if control.at // NS <= second]
    return sorted(due, key=lambda control: (control.at, _encode(control)))
