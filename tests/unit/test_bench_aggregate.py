"""What `facepose bench aggregate` puts into logs, and how it counts."""

from pathlib import Path

import pytest

import deploy
from deploy.bench.aggregate import STAGES, AggregateOptions, AggregateRun
from deploy.bench.aggregate_log import HEIGHT, WIDTH, ClassroomLog, seat_polygon
from deploy.bench.aggregate_report import as_json, report_of
from deploy.bench.cpu_samples import REST, CpuSamples
from schemas.messages import CameraStatus, FrameFaces, decode_room_message
from schemas.transport.entries import id_order

START = 1_795_000_200
STUDENTS, FPS = 30, 5


def log(seed=1):
    return ClassroomLog("room-1", "cam-1", STUDENTS, FPS, seed)


def lesson(seconds, seed=1):
    room = log(seed)
    return [entry for second in range(seconds) for entry in room.second(START + second)]


def test_a_second_has_all_its_frames_and_a_status():
    room = log()
    messages = [decode_room_message(fields) for _, fields in room.second(START)]
    frames = [message for message in messages if isinstance(message, FrameFaces)]
    assert [frame.seq for frame in frames] == list(range(FPS))
    assert {frame.captured_at // 10**9 for frame in frames} == {START}
    assert sum(len(frame.faces) for frame in frames) == room.faces_in_second
    status = messages[-1]
    assert isinstance(status, CameraStatus)
    assert status.last_seq == FPS - 1


def test_entries_come_in_order():
    ids = [id_order(entry_id) for entry_id, _ in lesson(5)]
    assert ids == sorted(set(ids))


def test_a_class_is_the_same_for_the_same_seed_only():
    assert lesson(2, seed=1) == lesson(2, seed=1)
    assert lesson(2, seed=1) != lesson(2, seed=2)


def test_students_stay_in_their_seats():
    inside = total = 0
    seats = [seat_polygon(i, STUDENTS) for i in range(STUDENTS)]
    for _, fields in lesson(60):
        message = decode_room_message(fields)
        for face in message.faces if isinstance(message, FrameFaces) else ():
            x0, y0, x1, y1 = face.box_xyxy
            x, y = (x0 + x1) / 2 / WIDTH, (y0 + y1) / 2 / HEIGHT
            inside += any(a[0] <= x <= b[0] and a[1] <= y <= b[1] for a, _, b, _ in seats)
            total += 1
    assert total > 0.9 * 60 * FPS * STUDENTS
    assert inside == total


def test_samples_count_for_the_innermost_stage():
    samples = CpuSamples({"test_bench_aggregate": "busy", "json/decoder": "json"})
    with samples.watching():
        _burn(3_000_000)
    assert samples.shares["busy"] > 0.9
    assert sum(samples.shares.values()) == pytest.approx(1.0)
    samples.clear()
    assert samples.shares == {}


def test_what_no_stage_knows_is_the_rest():
    samples = CpuSamples({})
    with samples.watching():
        _burn(3_000_000)
    assert samples.shares == {REST: 1.0}


def _burn(steps):
    total = 0
    for step in range(steps):
        total += step
    return total


def test_every_stage_is_a_part_of_the_program():
    for path in STAGES:
        assert (Path(deploy.__file__).parents[1] / path).exists()


def test_a_core_serves_as_many_rooms_as_its_second_is_enough_for():
    options = AggregateOptions(rooms=10, seconds=4, students=30, fps=5)
    run = AggregateRun(
        cpu_s=[0.05, 0.05, 0.05, 0.05],
        postgres_cpu_s=0.02,
        wall_s=0.4,
        entries=240,
        faces=6_000,
        rows=100,
        rss_kb=[1000, 1010, 1020, 1030],
        snapshot_bytes=2048.0,
        commit_s=[0.001, 0.002, 0.003],
        stages={"tracks": 0.75, "cells": 0.25},
    )
    told = as_json(options, report_of(options, run))
    assert told["rooms_per_core"] == pytest.approx(200)
    assert told["faces_per_s"] == pytest.approx(30_000)
    assert told["rows_per_s"] == pytest.approx(500)
    assert told["rooms_by_wall"] == pytest.approx(100)
    assert told["stage_ms"] == pytest.approx({"tracks": 3.75, "cells": 1.25})
    assert told["commit_ms_p50"] == pytest.approx(2.0)
    assert told["kb_per_room_hour"]["slope"] == pytest.approx(10 * 3600 / 10)
