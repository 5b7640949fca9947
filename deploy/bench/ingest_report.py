"""What `facepose bench ingest` measured, as JSON for programs and as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from deploy.bench.camera_film import SHAPES
from deploy.bench.ingest import FLOOR, OURS, RIVALS, IngestOptions
from deploy.bench.ingest_rounds import ContestantResult, IngestRound, ratio, stages, summary
from deploy.bench.machine import describe_cpu, load_average

KEPT_UP: Final = 0.95
NAMES: Final = {
    OURS: "facepose",
    FLOOR: "bare decoding",
    "opencv": "OpenCV, read()",
    "opencv_grab": "OpenCV, grab()",
}


@dataclass(frozen=True, slots=True)
class IngestReport:
    """The figures; times are processor time, ratios medians over rounds in turn.

    Attributes:
        cameras_per_core: that a core's whole time would be enough for.
        ms_per_sampled_frame: of all threads.
        ratio_to_floor: our time as a multiple of bare decoding's; below 1 where pictures are left
            out that the floor decodes.
        ratio_to_opencv: how many times the cameras of the rival a core holds.
        ratio_to_opencv_grab: the same for the careful rival.
        stage_ms: `ms_per_sampled_frame` by stage.
        decoding: which pictures are decoded, in words.
        decoded_share: of the pictures that came.
    """

    cameras_per_core: float
    ms_per_sampled_frame: float
    ratio_to_floor: float
    ratio_to_opencv: float
    ratio_to_opencv_grab: float
    stage_ms: dict[str, float]
    decoding: str
    decoded_share: float
    contestants: dict[str, ContestantResult]


def report_of(rounds: Mapping[str, Sequence[IngestRound]], analysis_fps: float) -> IngestReport:
    """Sum the rounds up."""
    results = {name: summary(each, analysis_fps) for name, each in rounds.items()}
    ours = rounds[OURS]
    grab, read = (ratio(rounds[name], ours) for name in reversed(RIVALS))
    return IngestReport(
        cameras_per_core=results[OURS].cameras_per_core,
        ms_per_sampled_frame=results[OURS].ms,
        ratio_to_floor=ratio(ours, rounds[FLOOR]),
        ratio_to_opencv=read,
        ratio_to_opencv_grab=grab,
        stage_ms=stages(ours),
        decoding=ours[-1].decoding,
        decoded_share=ours[-1].decoded_share or 0.0,
        contestants=results,
    )


def as_json(options: IngestOptions, report: IngestReport) -> dict[str, Any]:
    """One object: the figures at the top, what was measured below them."""
    return {
        **asdict(report),
        "setting": {
            **asdict(options),
            "machine": describe_cpu(),
            "load_average": load_average(),
            "about": SHAPES[options.stream].about,
        },
    }


def print_report(console: Console, options: IngestOptions, report: IngestReport) -> None:
    """Print the tables."""
    width, height = options.size
    console.print(f"{describe_cpu()}; load {load_average():.1f}", highlight=False)
    console.print(
        f"{options.cameras} cameras, {width} x {height} px, {SHAPES[options.stream].about}; "
        f"{options.analysis_fps:g} of 25 frames a second",
        highlight=False,
    )
    console.print(_contestants_table(report))
    console.print(
        f"decoded: {report.decoding or 'all'}, {report.decoded_share:.0%} of the pictures",
        highlight=False,
    )
    console.print(_stages_table(report))
    for name, result in report.contestants.items():
        if result.share < KEPT_UP:
            console.print(
                f"{NAMES[name]} did not keep up: {result.share:.0%} of the frames. "
                "Its figures are too good; measure with fewer --cameras.",
                highlight=False,
            )


def _contestants_table(report: IngestReport) -> Table:
    table = Table(title="On one core in turn, a thread for each camera", title_justify="left")
    table.add_column("")
    for heading in ("cpu ms a sample", "rounds", "cameras a core", "we hold"):
        table.add_column(heading, justify="right", no_wrap=True)
    held = {
        FLOOR: 1 / report.ratio_to_floor,
        "opencv": report.ratio_to_opencv,
        "opencv_grab": report.ratio_to_opencv_grab,
    }
    for name, result in report.contestants.items():
        low, high = result.ms_range
        table.add_row(
            NAMES[name],
            f"{result.ms:.1f}",
            f"{low:.1f}–{high:.1f}",
            f"{result.cameras_per_core:.1f}",
            f"× {held[name]:.2f}" if name in held else "",
        )
    return table


def _stages_table(report: IngestReport) -> Table:
    table = Table(title="cpu ms a sample by stage", title_justify="left")
    for stage in report.stage_ms:
        table.add_column(stage, justify="right")
    table.add_row(*(f"{ms:.2f}" for ms in report.stage_ms.values()))
    return table
