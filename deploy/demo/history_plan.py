"""Which lessons the demo's school held before today, and what went on in them.

Two classes, each in its own room, two lessons a week each, ended by the last whole week before
today. In the last two weeks there is a lesson on Friday, too, in turns.
What a report should find is put in on purpose: one class looks up less each week, afternoons
are worse than mornings, and the last week has a lesson that loses its class after 25 minutes, one
that no camera saw, and a student far below the weeks before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

WEEKS: Final = 4
MINUTES: Final = 38  # class minutes 5 to 25 and 25 to 36: ten of each are needed for "lost"
FADES_AT_MIN: Final = 25
_FRIDAY: Final = 4
_AFTERNOON: Final = 12
_TIRED: Final = 0.10  # less on task after noon
_LUCK: Final = 0.03  # spread between lessons


@dataclass(frozen=True)
class ClassHabits:
    """A class and its lessons.

    Attributes:
        class_id: slug.
        room_index: number of its room in the school.
        times: weekday (0: Monday) and local time of the lessons of every week.
        friday: local time of the lesson on a Friday.
        friday_weeks_ago: when that was held; 0: in the last week.
        on_task: share of the time on task in the first week, in the morning.
        change: what each week adds to it.
    """

    class_id: str
    room_index: int
    times: tuple[tuple[int, dt.time], ...]
    friday: dt.time
    friday_weeks_ago: int
    on_task: float
    change: float

    def of_week(self, weeks_ago: int) -> tuple[tuple[int, dt.time], ...]:
        """Weekdays and times in a week; 0: the last one."""
        has_friday = weeks_ago == self.friday_weeks_ago
        return (*self.times, (_FRIDAY, self.friday)) if has_friday else self.times


CLASSES: Final = (
    ClassHabits("class-7a", 0, ((0, dt.time(8, 30)), (2, dt.time(10, 15))), dt.time(13, 30), 0,
                on_task=0.66, change=0.02),
    ClassHabits("class-8b", 1, ((1, dt.time(9, 15)), (3, dt.time(14, 15))), dt.time(11, 30), 1,
                on_task=0.86, change=-0.06),
)  # fmt: skip


@dataclass(frozen=True)
class HistoryLesson:
    """One lesson.

    Attributes:
        room_index, class_id: where, and whose.
        start: aware time.
        seed: of all that is drawn for it.
        on_task: share of the time on task.
        late_on_task: the same from minute 25 on.
        outages: minutes (from, until) in which the camera gave no picture.
        is_seen: False: the camera was away for the whole day.
        best_is_low: the student who looks up most of all does so far less than usual.
    """

    room_index: int
    class_id: str
    start: dt.datetime
    seed: int
    on_task: float
    late_on_task: float
    outages: tuple[tuple[int, int], ...] = ()
    is_seen: bool = True
    best_is_low: bool = False

    @property
    def start_s(self) -> int:
        """Unix time."""
        return int(self.start.timestamp())


def last_monday(today: dt.date) -> dt.date:
    """Monday of the last week that was over before `today`."""
    return today - dt.timedelta(days=today.weekday() + 7)


def plan_history(
    today: dt.date, zone: ZoneInfo, seed: int, weeks: int = WEEKS
) -> tuple[HistoryLesson, ...]:
    """All lessons, the earliest first.

    Args:
        today: the demo's local day.
        zone: of the school.
        seed: of everything that is drawn.
        weeks: how many, the last one whole.
    """
    lessons: list[HistoryLesson] = []
    for week in range(weeks):
        ago = weeks - 1 - week
        monday = last_monday(today) - dt.timedelta(weeks=ago)
        usual = [
            _usual(habits, dt.datetime.combine(monday + dt.timedelta(days=day), time, zone),
                   week, seed)
            for habits in CLASSES
            for day, time in habits.of_week(ago)
        ]  # fmt: skip
        lessons += _with_trouble(usual, ago)
    return tuple(sorted(lessons, key=lambda lesson: lesson.start))


def _usual(habits: ClassHabits, start: dt.datetime, week: int, seed: int) -> HistoryLesson:
    """A lesson in which nothing goes wrong."""
    lesson_seed = seed * 10_000 + habits.room_index * 1000 + week * 10 + start.weekday()
    luck = float(np.random.default_rng(lesson_seed).normal(0.0, _LUCK))
    tired = _TIRED if start.hour >= _AFTERNOON else 0.0
    on_task = float(np.clip(habits.on_task + week * habits.change - tired + luck, 0.2, 0.95))
    return HistoryLesson(
        habits.room_index, habits.class_id, start.astimezone(dt.UTC), lesson_seed, on_task, on_task
    )


def _with_trouble(usual: Sequence[HistoryLesson], weeks_ago: int) -> list[HistoryLesson]:
    """What went wrong in a week; `usual` are lessons of the first class, then of the second."""
    if weeks_ago == 2:  # the camera fails early: most of the second class's lesson goes unseen
        return [*usual[:-1], replace(usual[-1], outages=((7, MINUTES),))]
    if weeks_ago:
        return list(usual)
    one, two, three, unseen, last = usual
    return [
        replace(one, best_is_low=True),
        replace(two, on_task=0.85, late_on_task=0.45, best_is_low=True),  # loses its class
        replace(three, outages=((12, 16),), best_is_low=True),
        replace(unseen, is_seen=False),
        last,
    ]
