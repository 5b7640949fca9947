"""A stored lesson under other parameters: windows, minutes, and the rollups from their sums."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aggregator.people import EARLY_S, ClassMinute
from aggregator.rescoring.class_shifts import ClassShifts
from aggregator.rescoring.estimates import (
    DirectionModel,
    histogram,
    minute_sum_x,
    window_sum_x,
)
from aggregator.rescoring.evidence import MINUTE, Evidence, in_proportion, sums_of
from aggregator.rescoring.slow_states import SlowStates
from aggregator.rescoring.stored_lesson import StoredLesson, Values
from aggregator.results import early_and_late, lesson_quality, slope_per_10_min, x100, x1000
from aggregator.score import Reason, round_half_even
from aggregator.score_params import ScoreParams, changes_geometry
from aggregator.windows import Sums, class_score, percentile


@dataclass(frozen=True)
class RescoredLesson:
    """The new version's rows, columns as in their tables."""

    windows: list[Values] = field(default_factory=list)
    minutes: list[Values] = field(default_factory=list)
    class_minutes: list[Values] = field(default_factory=list)
    participations: list[Values] = field(default_factory=list)
    meetings: list[Values] = field(default_factory=list)


class Rescorer:
    """Recomputes lessons of one score version for another one.

    Args:
        old: parameters of the stored rows.
        new: parameters to recompute for.
        version: number of the new score version.
    """

    def __init__(self, old: ScoreParams, new: ScoreParams, version: int) -> None:
        self.old, self.new, self.version = old, new, version
        self._models = DirectionModel(old), DirectionModel(new)
        self.keeps_windows = not changes_geometry(old, new)

    def lesson(self, stored: StoredLesson) -> RescoredLesson:
        """All rows of the lesson; no windows where labels alone cannot tell their scores."""
        evidence = Evidence(stored.windows)
        windows = self._windows(stored, evidence) if self.keeps_windows else []
        minutes = self._minutes(stored, evidence, Evidence(windows))
        steps = windows or in_proportion(stored.windows, stored.minutes, minutes) or minutes
        states = SlowStates(
            steps, ClassShifts(stored.windows, stored.participations), stored.activities
        )
        people = _sums(stored, minutes)
        participations = [
            self._participation(stored, row, people, states) for row in stored.participations
        ]
        class_minutes = self._class_minutes(stored, minutes)
        return RescoredLesson(
            windows=states.told_in(windows),
            minutes=states.told_in(minutes),
            class_minutes=class_minutes,
            participations=participations,
            meetings=[self._meeting(stored, class_minutes, people)],
        )

    # --- windows and minutes: sums --------------------------------------------------------

    def _windows(self, stored: StoredLesson, evidence: Evidence) -> list[Values]:
        rows: list[Values] = []
        for row in stored.windows:
            activity = stored.activities.at(row["window_start"])
            if not self.new.is_scored(activity):
                rows.append({**self._unscored(row), "missing_reason": _not_scored(row)})
                continue
            eyes = partial(evidence.eyes_at, row)
            sum_x = window_sum_x(row, activity, self.old, self.new, eyes)
            rows.append(self._scored(row, sum_x, activity))
        return rows

    def _minutes(
        self, stored: StoredLesson, evidence: Evidence, rescored: Evidence
    ) -> list[Values]:
        """From the recomputed windows where all of a minute's are, else from its directions."""
        rows: list[Values] = []
        for row in stored.minutes:
            activity = stored.activities.at(row["minute"])
            if not self.new.is_scored(activity):
                rows.append(self._unscored(row))
                continue
            before, after = evidence.sums(row), rescored.sums(row)
            if after.n_obs == row["n_obs"]:
                share = after.sum_x / before.sum_x if before.sum_x else None
                sum_x = 100.0 * after.sum_x if share is None else row["sum_x"] * share
            else:
                sum_x = self._by_directions(row, activity, evidence)
            rows.append(self._scored(row, sum_x, activity))
        return rows

    def _by_directions(self, row: Values, activity: str, evidence: Evidence) -> float:
        old, new = self._models
        recent = evidence.recent(row, old.front_seconds(histogram(row)))
        return minute_sum_x(row, activity, old, new, recent, partial(evidence.eyes_in, row))

    def _is_observed(self, activity: str) -> bool:
        """Whether the same seconds count as observed under both versions."""
        return self.new.is_scored(activity) or not self.old.is_scored(activity)

    def _scored(self, row: Values, sum_x: float, activity: str) -> Values:
        factor = self.old.confidence_factor(activity)
        ratio = self.new.confidence_factor(activity) / factor if factor else 1.0
        new = {
            **row,
            "score_version": self.version,
            "sum_x": round_half_even(sum_x),
            "confidence": round_half_even(row["confidence"] * ratio),
        }
        if "score" in row and new["sum_x"] != row["sum_x"]:
            new["score"] = x100(sums_of([new]).score)
        return new

    def _unscored(self, row: Values) -> Values:
        nothing = {"sum_x": 0, "n_obs": 0, "confidence": 0, "score_version": self.version}
        return {**row, **nothing, **({"score": None} if "score" in row else {})}

    # --- rollups: sums of sums ------------------------------------------------------------

    def _participation(
        self, stored: StoredLesson, row: Values, people: dict[int, _Person], states: SlowStates
    ) -> Values:
        who = row["participation_id"]
        person = people.get(who) or _Person()
        low, high = person.lesson.bounds
        low_s, low_events = states.low(who)
        same_confidence = all(
            self.new.is_scored(name)
            and self.old.confidence_factor(name) == self.new.confidence_factor(name)
            for name in stored.activities.names
        )
        return {
            **row,
            "score_version": self.version,
            "rescored": True,
            "score": x100(person.lesson.lesson_score),
            "score_lo": round_half_even(100.0 * low),
            "score_hi": round_half_even(100.0 * high),
            "score_first25": x100(person.first25.lesson_score),
            "score_after25": x100(person.after25.lesson_score),
            "coverage": x1000(person.lesson.coverage),
            "confidence": (
                row["confidence"] if same_confidence else x1000(person.lesson.confidence)
            ),
            "present_s": person.lesson.n_exp,
            "observed_s": person.lesson.n_obs,
            "low_s": low_s,
            "low_events": low_events,
        }

    def _class_minutes(self, stored: StoredLesson, minutes: list[Values]) -> list[Values]:
        by_minute: dict[dt.datetime, list[Values]] = defaultdict(list)
        for row in minutes:
            by_minute[row["minute"]].append(row)
        return [
            self._class_minute(
                row,
                by_minute[row["minute"]],
                is_observed=self._is_observed(stored.activities.at(row["minute"])),
            )
            for row in stored.class_minutes
        ]

    def _class_minute(self, row: Values, minutes: list[Values], *, is_observed: bool) -> Values:
        students = [sums_of([minute]) for minute in minutes]
        scores = [sums.score for sums in students if sums.score is not None]
        mean = class_score(scores, row["n_exp"])
        return {
            **row,
            "score_version": self.version,
            "rescored": True,
            "score_mean": x100(mean),
            "score_p10": x100(percentile(scores, 0.1)) if mean is not None else None,
            "score_p50": x100(percentile(scores, 0.5)) if mean is not None else None,
            "synchrony": row["synchrony"] if mean is not None else None,
            "n_scored": len(scores),
            "coverage": row["coverage"] if is_observed else x1000(sums_of(minutes).coverage),
        }

    def _meeting(
        self, stored: StoredLesson, class_minutes: list[Values], people: dict[int, _Person]
    ) -> Values:
        row = stored.meeting
        lessons = [person.lesson for person in people.values()]
        scores = [sums.lesson_score for sums in lessons if sums.lesson_score is not None]
        mean = class_score(scores, row["n_present"])
        is_observed = all(map(self._is_observed, stored.activities.names))
        coverage = row["coverage"] / 1000.0 if is_observed else _coverage(lessons)
        minutes = [
            ClassMinute(
                minute["minute_no"],
                None if minute["score_mean"] is None else minute["score_mean"] / 100.0,
                stored.activities.at(minute["minute"] + MINUTE - dt.timedelta(seconds=1)),
            )
            for minute in class_minutes
        ]
        length = stored.ended - row["meeting_start"]
        early, late = early_and_late(minutes, int(length.total_seconds()) // 60)
        held_s = int((stored.ended - stored.started).total_seconds())
        return {
            **row,
            "score_version": self.version,
            "rescored": True,
            "score_mean": x100(mean),
            "score_early": x100(early),
            "score_late": x100(late),
            "slope_c10": x100(slope_per_10_min(minutes)),
            "coverage": x1000(coverage),
            "n_scored": len(scores),
            "quality": lesson_quality(mean, coverage, held_s) if people else row["quality"],
        }


@dataclass
class _Person:
    """Sums over a student's lesson."""

    lesson: Sums = field(default_factory=Sums)
    first25: Sums = field(default_factory=Sums)
    after25: Sums = field(default_factory=Sums)


def _sums(stored: StoredLesson, minutes: list[Values]) -> dict[int, _Person]:
    """Each student's sums. A minute across the 25th belongs to the part that has more of it."""
    early_until = stored.meeting["meeting_start"] + dt.timedelta(seconds=EARLY_S) - MINUTE / 2
    mine: dict[int, tuple[list[Values], list[Values]]] = {}
    for row in minutes:
        parts = mine.setdefault(row["participation_id"], ([], []))
        parts[row["minute"] > early_until].append(row)
    return {
        who: _Person(sums_of(early + late), sums_of(early), sums_of(late))
        for who, (early, late) in mine.items()
    }


def _coverage(sums: list[Sums]) -> float:
    expected = sum(s.n_exp for s in sums)
    return sum(s.n_obs for s in sums) / expected if expected else 0.0


def _not_scored(row: dict[str, Any]) -> int:
    """Why a window of an activity without scores has none."""
    return int(Reason.NOT_SCORED_ACTIVITY) if row["n_obs"] else int(row["missing_reason"])
