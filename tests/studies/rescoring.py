"""How close recomputed history comes to a lesson lived anew: `python -m tests.studies.rescoring`.

One simulated lesson (`tests/integration/held_lessons.py`) goes through a room under version 1 and
into an embedded PostgreSQL, where it is recomputed under other parameters. The same log then goes
through a room that scores by these parameters. Points, means over students or minutes.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from aggregator.rescoring.history import HistoryRescorer, Period
from aggregator.rescoring.recompute import Rescorer
from aggregator.rescoring.registration import register_version
from aggregator.score_params import AS_1, params_from
from deploy.local.servers import EmbeddedPostgres
from tests.integration.held_lessons import HeldLessons, lesson_rows, scored_under

CASES: Final[dict[str, dict[str, Any]]] = {
    "unchanged": {},
    "desk .5, .2": {"credit": {"lecture": [1.0, 0.5, 0.2]}},
    "desk 1, .8": {"credit": {"lecture": [1.0, 1.0, 0.8]}},
    "as seatwork": {"credit": {"lecture": [0.8, 1.0, 1.0]}},
    "stale desk 0": {"credit": {"lecture": [1.0, 0.8, 0.0]}},
    "front 10 x 5": {"front_box_deg": [10, 5]},
    "front 30 x 15": {"front_box_deg": [30, 15]},
    "membership 0 to 35": {"membership_deg": [0, 35]},
    "desk 10 x 8": {"desk_box_deg": [10, 8]},
    "desk at -25": {"desk_centre_deg": [0, -25]},
}
SEED: Final = 3
# Of each table: the row's class, its key, and the figure that is compared.
LEVELS: Final = {
    "participation_summaries": ("ParticipationSummaryRow", ("participation_id",), "score"),
    "meeting_minutes": ("MeetingMinuteRow", ("minute",), "score_mean"),
    "attention_windows": ("AttentionWindowRow", ("participation_id", "window_start"), "score"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, default=40)
    minutes = parser.parse_args().minutes
    say(f"{'parameters':<20}" + "".join(f"{name:^34}" for name in LEVELS) + "  seconds")
    say(f"{'':<20}" + f"{'moved':>12}{'error':>11}{'most':>11}" * len(LEVELS))
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", durable=False)
        lessons = HeldLessons(server.start(), minutes)
        lessons.hold(lesson_rows(minutes, SEED))
        for version, (name, changes) in enumerate(CASES.items(), 2):
            say(f"{name:<20}" + study(lessons, version, changes, minutes))
        lessons.engine.dispose()
        server.stop()


def study(lessons: HeldLessons, version: int, changes: dict[str, Any], minutes: int) -> str:
    params, at = params_from(changes), dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    with lessons.engine.begin() as connection:
        register_version(connection, version, params, name="", code_version="", at=at)
    began = time.perf_counter()
    rescorer = Rescorer(AS_1, params, version)
    HistoryRescorer(lessons.engine, lessons.places.site_id, rescorer, {}).run(Period())
    took_s = time.perf_counter() - began
    with scored_under(params):
        lived = lesson_rows.__wrapped__(minutes, SEED)
    line = ""
    for table, level in LEVELS.items():
        found = {key_of(row, level[1]): row[level[2]] for row in lessons.rows(table, version)}
        before, after = known(lesson_rows(minutes, SEED), level), known(lived, level)
        both = [key for key in after if found.get(key) is not None and key in before]
        if not both:
            line += f"{'–':>12}{'–':>11}{'–':>11}"
            continue
        moved = fmean(abs(after[key] - before[key]) for key in both) / 100
        errors = [abs(after[key] - found[key]) / 100 for key in both]
        line += f"{moved:12.2f}{fmean(errors):11.2f}{max(errors):11.2f}"
    return f"{line}{took_s:9.2f}"


def known(rows: Sequence[object], level: tuple[str, tuple[str, ...], str]) -> dict[Any, int]:
    """Figures of a room's rows by key, where there is one."""
    kind, key, figure = level
    mine = [row for row in rows if type(row).__name__ == kind]
    return {
        tuple(getattr(row, name) for name in key): getattr(row, figure)
        for row in mine
        if getattr(row, figure) is not None
    }


def key_of(row: dict[str, Any], key: tuple[str, ...]) -> tuple[int, ...]:
    """Of a stored row, with times in seconds."""
    values = [row[name] for name in key]
    return tuple(int(v.timestamp()) if isinstance(v, dt.datetime) else v for v in values)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
