"""Counters that outlive readers and processes."""

from __future__ import annotations

from typing import Any

from ingest.camera_report import CameraReport
from ingest.groups.ledger import CameraLedger

FIRST, SECOND = (100, 1), (200, 1)


def report(camera: str = "c1", **facts: Any) -> CameraReport:
    return CameraReport(room_id="r1", camera_id=camera, **{"state": "up", **facts})


def only(ledger: CameraLedger) -> CameraReport:
    [camera] = ledger.totals()
    return camera


def test_the_newest_word_of_one_reader_counts() -> None:
    ledger = CameraLedger()
    ledger.note(report(packets=3), FIRST)
    ledger.note(report(packets=5), FIRST)

    assert only(ledger).packets == 5


def test_the_next_process_counts_on_where_the_last_one_ended() -> None:
    ledger = CameraLedger()
    ledger.note(report(packets=5, cpu_s={"decode": 1.0}, ended={"silent": 1}), FIRST)
    ledger.note(report(packets=7, cpu_s={"encode": 2.0}, ended={"hung": 1}), SECOND)
    ledger.note(report(packets=9, cpu_s={"encode": 3.0}, ended={"hung": 1}), SECOND)

    camera = only(ledger)
    assert camera.packets == 14
    assert camera.cpu_s == {"decode": 1.0, "encode": 3.0}
    assert camera.ended == {"silent": 1, "hung": 1}


def test_a_new_reader_in_the_same_process_counts_on_too() -> None:
    ledger = CameraLedger()
    ledger.note(report(bytes=5), (100, 1))
    ledger.note(report(bytes=1), (100, 2))

    assert only(ledger).bytes == 6


def test_what_is_no_counter_is_the_newest() -> None:
    ledger = CameraLedger()
    ledger.note(report(gap_s=4.0, epoch="a"), FIRST)
    ledger.note(report(gap_s=0.5, epoch="b"), SECOND)

    assert (only(ledger).gap_s, only(ledger).epoch) == (0.5, "b")


def test_a_camera_whose_process_is_gone_is_down_until_the_next_one_speaks() -> None:
    ledger = CameraLedger()
    ledger.note(report(packets=5), FIRST)
    ledger.went_down(["c1", "unknown"], "crashed", "its process ended")
    assert (only(ledger).state, only(ledger).cause, only(ledger).packets) == ("down", "crashed", 5)

    ledger.note(report(packets=1), SECOND)
    assert (only(ledger).state, only(ledger).cause, only(ledger).packets) == ("up", "", 6)


def test_a_removed_camera_is_forgotten() -> None:
    ledger = CameraLedger()
    ledger.note(report("c1"), FIRST)
    ledger.note(report("c2"), FIRST)
    ledger.keep({"c2"})

    assert [camera.camera_id for camera in ledger.totals()] == ["c2"]
