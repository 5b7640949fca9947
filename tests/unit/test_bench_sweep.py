"""How the bench times stages, sums rounds up, and what it draws."""

import time

import numpy as np
import pytest
import typer

from deploy.bench.contestant import Answer
from deploy.bench.peers import PeerResult, ratios, summary
from deploy.bench.report import Setting, as_json
from deploy.bench.scene import drawn_class, tiled_pictures
from deploy.bench.stage_clock import StageClock
from deploy.bench.sweep import REST, Round, sweep
from deploy.bench.sweep import summary as summary_of_rounds
from deploy.bench_command import _parse_batches, _parse_size
from workers.decode import decode_jpeg

SETTING = Setting("cpu", "openvino", "fast", "yunet", "a machine", 0.1, 1, (640, 360), "a class")


class StandIn:
    """Finds one face in each picture and says how many pictures came at once."""

    def __init__(self, clock: StageClock) -> None:
        self.clock = clock
        self.batches: list[int] = []

    def analyze(self, images):
        self.batches.append(len(images))
        with self.clock("detect"):
            time.sleep(0.001)
        return [["a face"] for _ in images]


def test_a_clock_adds_up_the_times_of_a_stage_and_begins_anew_when_read():
    clock = StageClock()
    for _ in range(2):
        with clock("crop"):
            time.sleep(0.002)
    assert clock.take()["crop"] >= 4
    assert clock.take() == {}


def test_a_stage_that_fails_is_timed_all_the_same():
    clock = StageClock()
    with pytest.raises(ValueError, match="broken"), clock("decode"):
        raise ValueError("broken")
    assert "decode" in clock.take()


def test_every_batch_size_is_measured_in_turn_and_faces_are_counted(weights):
    clock = StageClock()
    analyzer = StandIn(clock)
    jpegs = drawn_class(4, 320, 180, 2)
    results = sweep(analyzer, clock, jpegs, (1, 3), seconds=0.05)
    assert [result.batch for result in results] == [1, 3]
    assert analyzer.batches[:6] == [1, 3, 1, 3, 1, 3]
    for result in results:
        assert result.rounds >= 5
        assert result.faces_per_frame == 1
        assert result.faces_per_s == pytest.approx(result.frames_per_s)
        assert list(result.stage_ms) == ["decode", "detect", REST]


def test_medians_are_told_with_their_quartiles():
    rounds = [Round(4, ms, {"detect": ms / 2}) for ms in (10.0, 20.0, 30.0, 40.0, 1000.0)]
    result = summary_of_rounds(2, rounds)
    assert result.frame_ms == 30
    assert result.frame_ms_quartiles == (20, 40)
    assert result.frames_per_s == pytest.approx(1000 / 30)
    assert result.faces_per_s == pytest.approx(2 * 1000 / 30)
    assert result.stage_ms == {"detect": 15.0}


def test_the_report_holds_the_fastest_batch_size_and_the_promised_keys():
    slow, quick = (summary_of_rounds(n, [Round(n, 40.0 / n, {"detect": 1.0})]) for n in (1, 2))
    report = as_json(SETTING, [slow, quick], None)
    promised = {"device", "engine", "batch", "frames_per_s", "faces_per_s", "stage_ms"}
    assert promised <= set(report)
    assert report["batch"] == 2
    assert [row["batch"] for row in report["sweep"]] == [1, 2]


def test_rivals_are_compared_by_picture_and_the_seed_by_face():
    def result(faces: float, cpu_ms: float) -> PeerResult:
        return PeerResult(faces, 2 * cpu_ms, cpu_ms, (cpu_ms, cpu_ms))

    results = {"ours_fast": result(30, 150), "mtcnn": result(15, 600), "seed": result(1, 35)}
    assert ratios(results, "ours_fast") == {"mtcnn": 4.0, "seed": 7.0}


def test_a_rivals_answers_are_summed_up_by_their_medians():
    answers = [Answer(faces, ms, ms / 2) for faces, ms in ((29, 10.0), (30, 20.0), (30, 90.0))]
    assert summary(answers) == PeerResult(30, 20.0, 10.0, (15.0, 55.0))


@pytest.mark.parametrize("faces", [1, 7, 30])
def test_the_class_that_is_drawn_has_the_size_that_was_asked_for(weights, faces):
    first, second = drawn_class(faces, 640, 360, 2)
    assert decode_jpeg(first).shape == (360, 640, 3)
    assert first != second


def test_faces_of_a_folder_are_laid_out_side_by_side(tmp_path):
    import cv2

    for index in range(3):
        cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((40, 30, 3), 250, np.uint8))
    (picture,) = tiled_pictures(tmp_path, 12, 640, 360, 1)
    bright = decode_jpeg(picture).mean(axis=2) > 200
    assert cv2.connectedComponents(bright.astype(np.uint8))[0] - 1 == 12


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no pictures"):
        tiled_pictures(tmp_path, 4, 640, 360, 1)


@pytest.mark.parametrize("text", ["1920", "1920x", "0x100", "9999x9999", "ax b"])
def test_a_size_that_is_none_is_refused(text):
    with pytest.raises(typer.BadParameter, match="WIDTHxHEIGHT"):
        _parse_size(text)


@pytest.mark.parametrize("text", ["", "0", "1,,2", "1,500", "a"])
def test_batch_sizes_that_are_none_are_refused(text):
    with pytest.raises(typer.BadParameter, match="numbers from 1"):
        _parse_batches(text)


def test_size_and_batches_are_read():
    assert _parse_size("1280x720") == (1280, 720)
    assert _parse_batches("1,2,8") == (1, 2, 8)
