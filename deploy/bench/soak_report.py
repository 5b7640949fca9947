"""What `facepose bench soak` saw, as JSON for programs and as a table for people.

Memory for each reconnect is the slope of a straight line through resident memory over the number of
connections that ended. The first ones, in which libraries and the allocator find their size, are
left out: what the heap holds when all readers rest grew by .2 KB a reconnect, measured apart, while
resident memory grew by 4 KB. A camera that fails for ever is tried every 15 to 30 s (`Backoff`): at
most 240 times an hour. So the slope by the hour is what such a camera costs in the worst case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table

from deploy.bench.errors import BenchError
from deploy.bench.machine import describe_cpu, load_average
from deploy.bench.soak import SoakOptions, SoakRun
from deploy.bench.soak_readers import SoakSample
from ingest.backoff import SLOWLY_S
from ingest.groups.grouping import CAMERAS_A_GROUP

WORST_AN_HOUR: Final = 3600 / (SLOWLY_S / 2)
_AT_THE_END: Final = 25  # samples: 5 s


@dataclass(frozen=True, slots=True)
class Trend:
    """A straight line's slope, and its standard error."""

    slope: float
    error: float


@dataclass(frozen=True, slots=True)
class SoakReport:
    """The figures.

    Attributes:
        reconnects: connections, or attempts at one, that ended when the process was warm.
        warm_up: those before.
        causes: all of them, by cause.
        hangs: readers that missed their word or did not end.
        rss_warm_mb, rss_end_mb: after the warm-up and at the end of the reconnects.
        kb_per_reconnect: growth of resident memory.
        mb_per_hour: the same for a camera that fails for ever.
        mb_per_hour_group: for a process whose cameras all do.
        steady_mb_per_hour: growth while nothing happens; None: not watched.
        fds, threads: before the readers started and after they ended.
    """

    reconnects: int
    warm_up: int
    causes: dict[str, int]
    seconds: float
    reconnects_per_s: float
    published: int
    hangs: int
    rss_warm_mb: float
    rss_end_mb: float
    kb_per_reconnect: Trend
    mb_per_hour: Trend
    mb_per_hour_group: Trend
    steady_mb_per_hour: Trend | None
    fds: tuple[int, int]
    threads: tuple[int, int]


def report_of(run: SoakRun) -> SoakReport:
    """Sum the run up. Raises: BenchError when it was not a whole one."""
    if run.after is None or len(run.restless) < 2:
        raise BenchError("the soak was not finished")
    first, last = run.restless[0], run.restless[-1]
    warm = [each for each in run.restless if _ended(each) >= run.warm_up]
    growth = trend([_ended(each) for each in warm], [each.rss_kb for each in warm])
    hourly = _scaled(growth, WORST_AN_HOUR / 1024)
    seconds = last.at_s - first.at_s
    return SoakReport(
        reconnects=_ended(last) - run.warm_up,
        warm_up=run.warm_up,
        causes=dict(sorted(last.ended.items(), key=lambda item: -item[1])),
        seconds=seconds,
        reconnects_per_s=_ended(last) / seconds,
        published=run.after.published,
        hangs=max(each.hanging for each in (*run.restless, *run.steady, run.after)),
        rss_warm_mb=_mean_mb(warm[:_AT_THE_END]),
        rss_end_mb=_mean_mb(warm[-_AT_THE_END:]),
        kb_per_reconnect=growth,
        mb_per_hour=hourly,
        mb_per_hour_group=_scaled(hourly, CAMERAS_A_GROUP),
        steady_mb_per_hour=_hourly(run.steady),
        fds=(run.before.fds, run.after.fds),
        threads=(run.before.threads, run.after.threads),
    )


def trend(xs: Sequence[float], ys: Sequence[float]) -> Trend:
    """Least squares; the error is what noise without memory would cause."""
    x, y = np.asarray(xs, float), np.asarray(ys, float)
    centred = x - x.mean()
    spread = float(np.sum(centred**2))
    if len(x) < 3 or spread == 0:
        raise BenchError("too little was seen for a slope: take more reconnects or seconds")
    slope = float(np.sum(centred * y) / spread)
    rest = y - y.mean() - slope * centred
    return Trend(slope, float(np.sqrt(np.sum(rest**2) / (len(x) - 2) / spread)))


def as_json(options: SoakOptions, report: SoakReport) -> dict[str, Any]:
    """One object: the figures at the top, what was done below them."""
    return {
        **asdict(report),
        "setting": {
            **asdict(options),
            "machine": describe_cpu(),
            "load_average": load_average(),
        },
    }


def print_report(console: Console, options: SoakOptions, report: SoakReport) -> None:
    """Print the table."""
    console.print(f"{describe_cpu()}; load {load_average():.1f}", highlight=False)
    table = Table(title=f"{options.cameras} cameras in one process", title_justify="left")
    table.add_column("")
    table.add_column("")
    for row in _rows(report):
        table.add_row(*row)
    console.print(table)


def _rows(report: SoakReport) -> list[tuple[str, str]]:
    causes = ", ".join(f"{count} {cause}" for cause, count in report.causes.items())
    steady = report.steady_mb_per_hour
    return [
        ("reconnects", f"{report.reconnects}, after {report.warm_up} to warm up"),
        ("causes", causes),
        ("a second", f"{report.reconnects_per_s:.1f}"),
        ("readers that hung", str(report.hangs)),
        (
            "resident memory",
            f"{report.rss_warm_mb:.1f} MB warm, {report.rss_end_mb:.1f} at the end",
        ),
        ("growth a reconnect", f"{_shown(report.kb_per_reconnect)} KB"),
        ("a camera that fails for ever", f"{_shown(report.mb_per_hour)} MB an hour at most"),
        ("a process of such cameras", f"{_shown(report.mb_per_hour_group)} MB an hour at most"),
        ("without trouble", "not watched" if steady is None else f"{_shown(steady)} MB an hour"),
        ("file descriptors", f"{report.fds[0]} before, {report.fds[1]} after"),
        ("threads", f"{report.threads[0]} before, {report.threads[1]} after"),
    ]


def _ended(sample: SoakSample) -> int:
    return sum(sample.ended.values())


def _hourly(samples: Sequence[SoakSample]) -> Trend | None:
    if len(samples) < 3:
        return None
    growth = trend([each.at_s for each in samples], [each.rss_kb for each in samples])
    return _scaled(growth, 3600 / 1024)


def _scaled(growth: Trend, factor: float) -> Trend:
    return Trend(growth.slope * factor, growth.error * factor)


def _mean_mb(samples: Sequence[SoakSample]) -> float:
    return sum(each.rss_kb for each in samples) / len(samples) / 1024


def _shown(growth: Trend) -> str:
    return f"{growth.slope:+.2f} ± {growth.error:.2f}"
