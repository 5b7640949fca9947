from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.stream.sampler import Sampler
from ingest.stream.timestamps import NS


def picked(source_fps: Fraction, analysis_fps: float, seconds: int, start_ns: int = 0) -> list[int]:
    """pts of the frames that the sampler takes from an even source."""
    sampler = Sampler(analysis_fps)
    pts = [start_ns + int(i * NS / source_fps) for i in range(int(seconds * source_fps))]
    return [p for p in pts if sampler.wants(p)]


@pytest.mark.parametrize(
    ("source_fps", "analysis_fps"),
    [("25", 2), ("10", 2), ("30", 5), ("25/2", 5), ("30000/1001", 5), ("50/3", 4), ("60", 0.5)],
)
def test_the_rate_holds_for_ten_minutes_without_drift(source_fps: str, analysis_fps: float) -> None:
    taken = picked(Fraction(source_fps), analysis_fps, seconds=600)

    assert abs(len(taken) - 600 * analysis_fps) <= 1
    frame_s = 1 / Fraction(source_fps)
    for k, pts in enumerate(taken):
        assert abs(pts / NS - k / analysis_fps) <= float(frame_s) / 2 + 1e-6


@pytest.mark.parametrize("source_fps", ["1", "3", "49/10", "5"])
def test_a_source_no_faster_than_the_target_passes_whole(source_fps: str) -> None:
    rate = Fraction(source_fps)

    assert len(picked(rate, 5, seconds=60)) == int(60 * rate)


def test_intervals_of_25_to_2_are_12_or_13_frames() -> None:
    taken = picked(Fraction(25), 2, seconds=60)

    frames = {round((b - a) * 25 / NS) for a, b in itertools.pairwise(taken)}

    assert frames == {12, 13}


def test_after_a_gap_the_grid_goes_on_without_catching_up() -> None:
    sampler = Sampler(5)
    before = [p for p in range(0, NS, NS // 25) if sampler.wants(p)]
    after = [p for p in range(11 * NS, 12 * NS, NS // 25) if sampler.wants(p)]

    assert len(before) == 5
    assert len(after) in {5, 6}


@given(
    jitter_ms=st.lists(st.integers(-9, 9), min_size=50, max_size=300),
    start_ns=st.integers(-(10**15), 10**15),
)
def test_jittered_time_stamps_of_the_target_rate_lose_no_frame(
    jitter_ms: list[int], start_ns: int
) -> None:
    sampler = Sampler(10)
    pts = [start_ns + i * NS // 10 + j * 1_000_000 for i, j in enumerate([0, *jitter_ms])]

    assert all(sampler.wants(p) for p in pts)


@given(gaps_ms=st.lists(st.integers(1, 400), min_size=1, max_size=400), fps=st.floats(0.2, 30))
def test_never_more_frames_than_the_rate_allows(gaps_ms: list[int], fps: float) -> None:
    sampler = Sampler(fps)
    pts_ns = 0
    taken = int(sampler.wants(0))
    for gap in gaps_ms:
        pts_ns += gap * 1_000_000
        taken += sampler.wants(pts_ns)

    assert taken <= pts_ns / NS * fps + 2


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"analysis_fps = 0"):
        Sampler(0)
