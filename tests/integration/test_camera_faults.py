"""Every fault of the simulator against the real `facepose ingest`, all cameras at once.

Times are measured by `facepose bench faults`; here it counts what is told and what is sent.
"""

from __future__ import annotations

from itertools import groupby, pairwise

import pytest

from deploy.bench.fault_cameras import ANALYSIS_FPS, HEALTHY_CAMERAS
from deploy.bench.fault_figures import causes, fault_figures, lost
from deploy.bench.faults import CameraRecord, FaultTimes, run_faults
from deploy.simulator.fault import Fault
from deploy.simulator.faults import FAULTS, fault_named

Records = dict[str, CameraRecord]

# One of each kind, which a short run can show: a closed port, a lost connection, time, another
# picture within the stream.
SHORT = ("refused", "drops", "stamps-jump-back", "size-in-stream")
NOTHING_COMES = frozenset({"unreachable", "unauthorized", "not_found", "busy", "silent", "frozen"})


def by_id(records: list[CameraRecord]) -> Records:
    return {record.camera_id: record for record in records}


@pytest.fixture(scope="module")
def short_run() -> Records:
    times = FaultTimes(quiet_s=1.0, fault_s=3.0, settle_s=1.0)
    return by_id(run_faults([fault_named(name) for name in SHORT], times))


@pytest.fixture(scope="module")
def long_run() -> Records:
    return by_id(run_faults(FAULTS, FaultTimes(quiet_s=5.0)))


def assert_it_is_told_and_over(record: CameraRecord) -> None:
    fault, figures = record.fault, fault_figures(record)
    told = set(causes(record))
    assert told - {"dropped"} == {fault.cause} - {"", "dropped"}
    assert ("dropped" in told) == fault.drops
    assert (figures.epochs > 1) == bool(fault.cause)
    assert figures.back_s is not None


def assert_times_are_in_order(record: CameraRecord) -> None:
    """Within an epoch and from one to the next."""
    frames = record.seen.frames
    assert all(b.at_s > a.at_s for a, b in pairwise(frames))
    assert all(b.epoch >= a.epoch for a, b in pairwise(frames))
    for _, of_epoch in groupby(frames, key=lambda frame: frame.epoch):
        numbers = [frame.seq for frame in of_epoch]
        assert all(b > a for a, b in pairwise(numbers))


def assert_nothing_was_lost(record: CameraRecord) -> None:
    frames = record.seen.frames
    assert len({frame.epoch for frame in frames}) == 1
    assert [frame.seq for frame in frames] == list(range(len(frames)))
    assert lost(frames) == 0
    for a, b in pairwise(frames):
        assert b.at_s - a.at_s == pytest.approx(1 / ANALYSIS_FPS, abs=0.002)
    assert causes(record) == ()


@pytest.mark.parametrize("name", SHORT)
def test_trouble_is_told_and_frames_flow_again(short_run: Records, name: str) -> None:
    assert_it_is_told_and_over(short_run[name])
    assert_times_are_in_order(short_run[name])


@pytest.mark.parametrize("name", HEALTHY_CAMERAS)
def test_other_cameras_lose_nothing(short_run: Records, name: str) -> None:
    assert_nothing_was_lost(short_run[name])


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_is_told_and_frames_flow_again(long_run: Records, fault: Fault) -> None:
    assert_it_is_told_and_over(long_run[fault.name])


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_captured_at_never_runs_back(long_run: Records, fault: Fault) -> None:
    assert_times_are_in_order(long_run[fault.name])


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", [f for f in FAULTS if f.cause in NOTHING_COMES], ids=lambda fault: fault.name
)
def test_the_past_is_never_sent_as_if_it_were_now(long_run: Records, fault: Fault) -> None:
    record = long_run[fault.name]
    noticed_s = record.began_s + (fault_figures(record).noticed_s or 0.0)
    assert not [f for f in record.seen.frames if noticed_s < f.came_s < record.healed_s]


@pytest.mark.slow
@pytest.mark.parametrize("name", HEALTHY_CAMERAS)
def test_all_faults_at_once_cost_the_other_cameras_nothing(long_run: Records, name: str) -> None:
    assert_nothing_was_lost(long_run[name])
