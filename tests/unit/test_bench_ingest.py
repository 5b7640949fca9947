"""How rounds of `facepose bench ingest` are summed up, and who takes part."""

import pytest

from deploy.bench.camera_film import SHAPES, STREAMS
from deploy.bench.ingest import CONTESTANTS, FLOOR, OURS, PROGRAMS, RIVALS, IngestOptions
from deploy.bench.ingest_report import as_json, report_of
from deploy.bench.ingest_rounds import IngestRound, ratio, stages, summary

LONGEST_RIVAL = 30
OPTIONS = IngestOptions(4, 30.0, 5.0, (1920, 1080), "plain")


def rounds(*times_ms: float) -> list[IngestRound]:
    return [IngestRound(ms, 1.0) for ms in times_ms]


def counters(cpu_s: float, sampled: int, **more: object) -> dict[str, object]:
    return {"cpu_s": cpu_s, "sampled": sampled, **more}


def test_a_round_is_the_difference_of_two_answers():
    before = counters(1.0, 10, packets=50, decoded=50, stage_s={"decode": 0.5})
    after = counters(
        3.0, 60, packets=300, decoded=250, decoding="all", stage_s={"decode": 1.5, "encode": 0.25}
    )
    measured = IngestRound.between(before, after, expected=100.0)
    assert measured.ms == pytest.approx(40.0)
    assert measured.share == pytest.approx(0.5)
    assert measured.stage_ms == pytest.approx({"decode": 20.0, "encode": 5.0})
    assert measured.decoded_share == pytest.approx(0.8)


def test_a_contestant_that_tells_no_stages_has_none():
    measured = IngestRound.between(counters(1.0, 10), counters(2.0, 20), expected=10.0)
    assert (measured.stage_ms, measured.decoded_share, measured.decoding) == ({}, None, "")


def test_a_core_holds_as_many_cameras_as_its_second_is_enough_for():
    result = summary(rounds(40, 50, 90), analysis_fps=5.0)
    assert (result.ms, result.ms_range) == (50, (40, 90))
    assert result.cameras_per_core == pytest.approx(4.0)


def test_ratios_are_taken_round_by_round_so_that_a_slow_minute_favours_nobody():
    assert ratio(rounds(20, 400, 20), rounds(10, 200, 10)) == 2.0


def test_what_no_stage_took_is_the_rest():
    spent = [IngestRound(50.0, 1.0, {"decode": 30.0, "encode": 10.0}) for _ in range(3)]
    assert stages(spent) == {"decode": 30.0, "encode": 10.0, "rest": 10.0}


def test_the_report_has_the_figures_that_were_promised():
    measured = {
        OURS: rounds(30),
        FLOOR: rounds(25),
        "opencv": rounds(60),
        "opencv_grab": rounds(45),
    }
    said = as_json(OPTIONS, report_of(measured, analysis_fps=5.0))
    assert said["ms_per_sampled_frame"] == 30
    assert said["cameras_per_core"] == pytest.approx(1000 / 150)
    assert said["ratio_to_floor"] == pytest.approx(1.2)
    assert said["ratio_to_opencv"] == pytest.approx(2.0)
    assert said["ratio_to_opencv_grab"] == pytest.approx(1.5)
    assert said["setting"]["stream"] == "plain"


def test_every_contestant_has_its_program_and_no_rival_is_longer_than_a_users_would_be():
    assert {path.stem for path in PROGRAMS.glob("*.py")} == {*CONTESTANTS, "protocol"}
    for name in RIVALS:
        lines = (PROGRAMS / f"{name}.py").read_text(encoding="utf-8").splitlines()
        assert len(lines) <= LONGEST_RIVAL


def test_every_stream_has_a_whole_number_of_groups_in_its_film():
    for name in STREAMS:
        assert 12 % SHAPES[name].gop_s == 0
