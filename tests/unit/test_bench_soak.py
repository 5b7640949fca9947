"""How the soak sums up what it saw."""

from __future__ import annotations

import numpy as np
import pytest

from deploy.bench.errors import BenchError
from deploy.bench.soak import SoakRun
from deploy.bench.soak_readers import SoakSample
from deploy.bench.soak_report import report_of, trend


def sample(at_s: float, rss_kb: float, ended: int = 0, **fields) -> SoakSample:
    causes = {"dropped": ended - ended // 4, "silent": ended // 4}
    values = {"fds": 20, "threads": 18, "ended": causes, **fields}
    return SoakSample(at_s=at_s, rss_kb=round(rss_kb), **values)


def run(restless: list[SoakSample], steady: list[SoakSample] | None = None, **last) -> SoakRun:
    before = sample(0, 80_000, fds=4, threads=3)
    after = sample(999, 120_000, 1000, **{"fds": 4, "threads": 3, "is_last": True, **last})
    return SoakRun(before, 250, restless, steady or [], after)


def growing(kb_each: float, warm_up_kb: float = 0) -> list[SoakSample]:
    """A thousand reconnects in 100 s; the first 200 bring a process to its size."""
    return [
        sample(n / 10, 150_000 - max(0, 200 - n) * warm_up_kb / 200 + n * kb_each, n)
        for n in range(0, 1001, 5)
    ]


def test_a_line_is_found_exactly_and_noise_makes_its_slope_uncertain():
    x = np.arange(100.0)
    exact = trend(x, 5 + 3 * x)
    assert (exact.slope, exact.error) == (pytest.approx(3), pytest.approx(0, abs=1e-9))
    rng = np.random.default_rng(1)
    slopes = [trend(x, 3 * x + rng.normal(0, 40, 100)) for _ in range(400)]
    assert np.mean([each.slope for each in slopes]) == pytest.approx(3, abs=0.05)
    assert np.mean([each.error for each in slopes]) == pytest.approx(
        np.std([each.slope for each in slopes]), rel=0.15
    )


@pytest.mark.parametrize(("xs", "ys"), [([1, 2], [1, 2]), ([3, 3, 3], [1, 2, 3])])
def test_too_little_for_a_slope_is_said(xs, ys):
    with pytest.raises(BenchError, match="too little was seen"):
        trend(xs, ys)


def test_a_leak_of_a_picture_each_time_is_seen_for_what_it_costs_in_an_hour():
    report = report_of(run(growing(kb_each=300)))
    assert report.kb_per_reconnect.slope == pytest.approx(300)
    assert report.mb_per_hour.slope == pytest.approx(300 * 240 / 1024)
    assert report.mb_per_hour_group.slope == pytest.approx(4 * 300 * 240 / 1024)


def test_the_warm_up_is_no_leak():
    report = report_of(run(growing(kb_each=0, warm_up_kb=60_000)))
    assert report.mb_per_hour.slope == pytest.approx(0, abs=1e-6)
    assert report.rss_warm_mb == report.rss_end_mb


def test_what_was_seen_is_summed_up():
    restless = growing(0)
    restless[50] = sample(25, 150_000, 250, hanging=2)
    steady = [sample(100 + n, 150_000 + n, 1000) for n in range(60)]
    report = report_of(run(restless, steady, fds=9, threads=4, published=77))
    assert (report.reconnects, report.warm_up) == (750, 250)
    assert (report.seconds, report.reconnects_per_s) == (100, 10)
    assert report.causes == {"dropped": 750, "silent": 250}
    assert report.hangs == 2
    assert report.published == 77
    assert (report.fds, report.threads) == ((4, 9), (3, 4))
    assert report.steady_mb_per_hour.slope == pytest.approx(3600 / 1024)


def test_without_a_quiet_time_nothing_is_said_of_it():
    assert report_of(run(growing(0))).steady_mb_per_hour is None


def test_a_reader_that_does_not_end_is_a_hanging_one():
    assert report_of(run(growing(0), hanging=1)).hangs == 1


def test_a_run_that_was_cut_off_gives_no_figures():
    unfinished = run(growing(0))
    unfinished.after = None
    with pytest.raises(BenchError, match="not finished"):
        report_of(unfinished)
