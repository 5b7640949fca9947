"""Figures of `facepose bench faults`, out of what was seen of a camera."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from deploy.bench.fault_figures import fault_figures, healthy_figures, lost
from deploy.bench.fault_report import FaultReport
from deploy.bench.fault_watch import SeenFrame, Sightings
from deploy.bench.faults import CameraRecord, FaultTimes
from deploy.simulator.fault import HEALTHY, Fault
from deploy.simulator.faults import fault_named
from deploy.simulator.rtsp_server import JournalEntry
from schemas.messages import CameraStatus

BEGAN_S, HEALED_S = 1000.0, 1012.0


def frames(epoch: str, first_s: float, last_s: float) -> list[SeenFrame]:
    """Five a second, each on the server .05 s after it was captured."""
    times = [first_s + seq / 5 for seq in range(round((last_s - first_s) * 5))]
    return [SeenFrame(epoch, seq, at_s + 0.05, at_s) for seq, at_s in enumerate(times)]


def status(at_s: float, cause: str = "", **ended: int) -> CameraStatus:
    return CameraStatus(
        room_id="r",
        camera_id="c",
        at=int(at_s * 1e9),
        state="down" if cause else "up",
        cause=cause,
        ended=ended,
    )


def record(fault: Fault, seen: Sightings, *journal: JournalEntry) -> CameraRecord:
    return CameraRecord("c", fault, 990.0, BEGAN_S, HEALED_S, seen, journal)


def test_a_fault_that_lasts_is_over_when_the_camera_is_healed():
    seen = Sightings(
        frames("a", 990, 1000) + frames("b", 1013, 1020),
        [status(999), status(1004.5, "silent"), status(1010, "silent", silent=2), status(1014)],
    )
    journal = [
        JournalEntry(1004.4, "left", "camera"),
        JournalEntry(1004.6, "OPTIONS", "*"),
        JournalEntry(1005.2, "DESCRIBE", "camera"),
    ]
    figures = fault_figures(record(fault_named("stalls"), seen, *journal))
    assert figures.noticed_s == pytest.approx(4.5)
    assert figures.causes == ("silent",)
    assert figures.retry_s == pytest.approx(0.8)
    assert figures.back_s == pytest.approx(1.05)
    assert figures.lost == 65
    assert figures.epochs == 2


def test_a_fault_that_passes_is_over_with_a_new_connection():
    seen = Sightings(
        frames("a", 990, 1000.6) + frames("b", 1001.5, 1012) + frames("c", 1014, 1020),
        [status(1001, "", dropped=1)],
    )
    figures = fault_figures(record(fault_named("drops"), seen))
    assert figures.causes == ("dropped",)
    assert figures.back_s == pytest.approx(1.55)
    assert figures.lost == 5
    assert figures.retry_s is None


def test_a_camera_that_does_not_come_back_has_no_time():
    figures = fault_figures(record(fault_named("not-found"), Sightings(frames("a", 990, 1000))))
    assert figures.back_s is None
    assert figures.noticed_s is None


def test_the_grid_tells_what_is_missing():
    seen = frames("a", 0, 4)
    assert lost(seen) == 0
    assert lost(seen[:5] + seen[8:]) == 3


def test_a_healthy_cameras_rate_is_compared_with_its_own_before():
    whole = frames("a", 990, 1020)
    assert healthy_figures(record(HEALTHY, Sightings(whole))).change_percent == pytest.approx(0)
    half = [frame for frame in whole if frame.at_s < BEGAN_S or frame.seq % 2 == 0]
    figures = healthy_figures(record(HEALTHY, Sightings(half)))
    assert figures.change_percent == pytest.approx(-50, abs=1)
    assert figures.lost == 49


def test_a_run_is_told_in_three_ways():
    good = record(HEALTHY, Sightings(frames("a", 990, 1020)))
    bad = record(fault_named("drops"), Sightings(frames("a", 990, 1000), [status(1001, "dropped")]))
    report = FaultReport([good, bad], FaultTimes())
    assert json.loads(json.dumps(report.as_json()))["faults"][0]["fault"] == "drops"
    markdown = report.as_markdown()
    assert (
        "| `drops`: The camera drops its connections once | 1.0 | dropped | – | – | 0 |" in markdown
    )
    console = Console(file=io.StringIO(), record=True, width=120)
    report.print(console)
    assert "without a fault" in console.export_text()
