"""A student in a meeting, and the meeting: what a room adds up until it closes."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Final

import msgspec

from aggregator.activities import Stretch
from aggregator.cells import Cell, Gaze
from aggregator.score import Label, Reason
from aggregator.seat_change import SeatChanges, seat_of_key
from aggregator.windows import Display, MinuteSums, State, Sums, WindowSums
from schemas.messages import EXPRESSIONS

EARLY_S: Final = 25 * 60
SHIFT_SHARE: Final = 0.4  # fewer of the class than this turned to the front, for
SHIFT_S: Final = 20  # that long, is a shift of the class, not of single students
MIN_CLASS: Final = 5
_SCORED: Final = int(Reason.NONE)
_FRONT: Final = int(Label.FRONT)


class ExpressionSums(msgspec.Struct):
    """Sums of probabilities over the cells of a minute; stored beside the score, never in it."""

    n_obs: int = 0
    p_sum: list[float] = msgspec.field(default_factory=lambda: [0.0] * len(EXPRESSIONS))
    model_version: str = ""

    def add(self, probabilities: Sequence[Sequence[float]], model_version: str) -> None:
        """Count one second: the mean over its faces."""
        if not probabilities:
            return
        self.n_obs += 1
        self.model_version = model_version
        for i in range(len(self.p_sum)):
            self.p_sum[i] += fmean(p[i] for p in probabilities)


class Person(msgspec.Struct):
    """One student, known by seat label or anonymous number."""

    participation_id: int
    anon_no: int
    seat: str  # "": anonymous
    student_id: int | None = None  # None: not to be told from others in other lessons
    gaze: Gaze = msgspec.field(default_factory=Gaze)
    window: WindowSums = msgspec.field(default_factory=WindowSums)
    minute: MinuteSums = msgspec.field(default_factory=MinuteSums)
    first25: Sums = msgspec.field(default_factory=Sums)
    after25: Sums = msgspec.field(default_factory=Sums)
    display: Display = msgspec.field(default_factory=Display)
    expression: ExpressionSums = msgspec.field(default_factory=ExpressionSums)
    present: list[tuple[int, int]] = []  # ranges of seconds, end exclusive
    faces_px: dict[int, int] = {}  # face height -> seconds
    low_s: int = 0
    low_events: int = 0

    @property
    def lesson(self) -> Sums:
        """Over the whole meeting."""
        return self.first25.plus(self.after25)

    def add(self, cell: Cell, *, early: bool) -> None:
        """Count one second of presence."""
        self.window.add(cell)
        self.minute.add(cell)
        (self.first25 if early else self.after25).add(cell)
        second, present = cell.second, self.present
        if cell.face_px is not None:
            px = round(cell.face_px)
            self.faces_px[px] = self.faces_px.get(px, 0) + 1
        if present and present[-1][1] == second:
            present[-1] = (present[-1][0], second + 1)
        else:
            present.append((second, second + 1))

    def show(self, start: int, window_s: int, *, class_shift: bool) -> State:
        """The slow state after the window that began at `start`."""
        before = self.display.state
        state = self.display.update(start, window_s, self.window.score)
        if self.window.exam_s:
            return State.UNKNOWN
        if state == State.LOW:
            self.low_s += self.window.n_exp
            self.low_events += before != State.LOW and not class_shift
        return state

    @property
    def median_face_px(self) -> int | None:
        """Over the meeting."""
        return median_of_counts(self.faces_px)


class ClassMinute(msgspec.Struct, frozen=True):
    """What the meeting's summary needs of one class minute."""

    minute_no: int
    score: float | None
    activity: str


class Meeting(msgspec.Struct):
    """The meeting that is being held."""

    meeting_id: int
    source_key: str
    class_slug: str
    activity: str
    planned: tuple[int, int] | None
    started: int
    last_seen: int  # last second in which anybody was seen
    profile: str
    per_student: bool
    expression: bool
    identity_mode: int
    k: int
    people: dict[str, Person] = {}
    minutes: list[ClassMinute] = []
    front_shares: list[float] = []  # of the minute: share of the class turned to the front
    synchrony_sum: float = 0.0
    synchrony_s: int = 0
    minute_activity: str = ""
    shift_s: int = 0
    camera_down_s: int = 0
    model_version: str = ""
    seat_changes: SeatChanges = msgspec.field(default_factory=SeatChanges)
    stretch: Stretch | None = None  # the activity of now; None: not yet begun
    calibration_stale: bool = False  # known when it closes: it was judged by an old front

    @property
    def start(self) -> int:
        """What the lesson's minutes count from."""
        return self.planned[0] if self.planned else self.started

    @property
    def n_present(self) -> int:
        """Students; a seat whose student is not known any more still is one student's."""
        return len({seat_of_key(key) for key in self.people})

    @property
    def smallest_group(self) -> int:
        """Where no per-student figure may exist, a class figure must not be one in disguise."""
        return 0 if self.per_student else self.k

    @property
    def class_shift(self) -> bool:
        """Whether the class as a whole turned away."""
        return self.shift_s >= SHIFT_S

    def add_class_second(self, cells: Sequence[Cell]) -> None:
        """Count what the class as a whole did in one second."""
        labels = [cell.label for cell in cells if cell.reason == _SCORED]
        if len(labels) < max(MIN_CLASS, self.smallest_group):
            self.shift_s = 0
            return
        share = labels.count(_FRONT) / len(labels)
        self.front_shares.append(share)
        self.synchrony_sum += abs(2.0 * share - 1.0)
        self.synchrony_s += 1
        self.shift_s = self.shift_s + 1 if share < SHIFT_SHARE else 0


def median_of_counts(counts: dict[int, int]) -> int | None:
    """The lower median of a histogram."""
    half = (sum(counts.values()) + 1) // 2
    for value in sorted(counts):
        half -= counts[value]
        if half <= 0:
            return value
    return None
