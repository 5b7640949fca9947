"""What holds from when to when: a sync closes and opens ranges, and what has been stays."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.dialects.postgresql import Range

from schemas import tables
from schemas.sync import SyncError, sync_site
from tests.integration.hill_school import (
    MONDAY,
    OTHER_SQUARE,
    SQUARE,
    TUESDAY,
    WEDNESDAY,
    camera,
    empty,
    migrated_database,
    site,
    validities,
)

MARCH = dt.datetime(2027, 2, 28, 23, 0, tzinfo=dt.UTC)  # midnight in Amsterdam
MAY = dt.datetime(2027, 4, 30, 22, 0, tzinfo=dt.UTC)  # and in summer time


@pytest.fixture(scope="module")
def migrated(postgres_server: str) -> Iterator[Engine]:
    with migrated_database(postgres_server) as engine:
        yield engine


@pytest.fixture
def engine(migrated: Engine) -> Iterator[Engine]:
    yield migrated
    empty(migrated)


def test_a_changed_region_closes_the_old_one_and_opens_a_new_one(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    moved = site(lambda f: camera(f, 0, 1)["seats"]["A1"].update(polygon=OTHER_SQUARE))
    report = sync_site(engine, moved, TUESDAY)
    assert report.lines == ("camera room-a-2, seat A1: region changed",)
    assert validities(engine, tables.seat_regions) == [
        (MONDAY, TUESDAY),
        (MONDAY, None),
        (MONDAY, None),
        (TUESDAY, None),
    ]


def test_a_changed_calibration_is_a_new_range_and_history_stays(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    turned = site(lambda f: camera(f, 0, 0)["calibration"].update(yaw_deg=15.0))
    assert sync_site(engine, turned, TUESDAY).lines == ("camera room-a-1: calibration changed",)
    taken_back = site(lambda f: camera(f, 0, 0).pop("calibration"))
    assert sync_site(engine, taken_back, WEDNESDAY).lines == (
        "camera room-a-1: calibration closed",
    )
    assert validities(engine, tables.calibrations) == [
        (MONDAY, TUESDAY),
        (MONDAY, None),
        (TUESDAY, WEDNESDAY),
    ]


def test_a_measured_calibration_survives_until_the_file_gives_a_manual_one(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    measured = {
        "camera_id": 3,
        "method": "camera_mode",
        "source": "measured",
        "yaw_deg": 1.0,
        "pitch_deg": 2.0,
        "factor": 0.8,
        "valid": Range(MONDAY, None),
    }
    with engine.begin() as connection:
        connection.execute(insert(tables.calibrations).values(measured))
    assert sync_site(engine, site(), TUESDAY).is_empty
    manual = site(lambda f: camera(f, 1, 0).update(calibration={"yaw_deg": 1.0, "pitch_deg": 2.0}))
    assert sync_site(engine, manual, TUESDAY).lines == ("camera room-b-1: calibration changed",)


def test_two_changes_at_the_same_instant_leave_one_open_range(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    for yaw_deg in (15.0, 16.0):
        turned = site(lambda f, yaw=yaw_deg: camera(f, 0, 0)["calibration"].update(yaw_deg=yaw))
        sync_site(engine, turned, TUESDAY)
    with engine.connect() as connection:
        open_now = connection.execute(
            text("SELECT yaw_deg FROM calibrations WHERE seat_id IS NULL AND valid @> :at"),
            {"at": WEDNESDAY},
        ).scalars()
        assert list(open_now) == [16.0]


def test_a_clock_that_went_back_is_noticed(engine: Engine) -> None:
    sync_site(engine, site(), TUESDAY)
    turned = site(lambda f: camera(f, 0, 0)["calibration"].update(yaw_deg=15.0))
    with pytest.raises(SyncError, match="check this machine's clock"):
        sync_site(engine, turned, MONDAY)


def test_a_seat_that_comes_back_before_it_went_is_refused_too(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    sync_site(engine, site(lambda f: camera(f, 0, 1).pop("seats")), WEDNESDAY)
    with pytest.raises(SyncError, match="check this machine's clock"):
        sync_site(engine, site(), TUESDAY)


def with_seat_plans(file: dict[str, Any]) -> None:
    """A1 moves in March and goes in May, A2 goes in March, B1 comes in May."""
    moved = {"A1": {"polygon": OTHER_SQUARE}}
    camera(file, 0, 0)["seat_plans"] = [
        {"from": "2027-03-01", "seats": moved},
        {"from": "2027-05-01", "seats": {"B1": {"polygon": SQUARE}}},
    ]


def ranges_by_seat(engine: Engine) -> dict[str, list[tuple[Any, Any, bool]]]:
    """Of the first camera: begin, end, and whether it is the first square."""
    regions, seats = tables.seat_regions.c, tables.seats.c
    query = (
        select(seats.label, regions.valid, regions.polygon)
        .join(tables.seats, seats.seat_id == regions.seat_id)
        .join(tables.cameras, tables.cameras.c.camera_id == regions.camera_id)
        .where(tables.cameras.c.slug == "room-a-1")
        .order_by(seats.label, regions.valid)
    )
    found: dict[str, list[tuple[Any, Any, bool]]] = {}
    with engine.connect() as connection:
        for label, valid, polygon in connection.execute(query):
            found.setdefault(label, []).append((valid.lower, valid.upper, polygon == SQUARE))
    return found


def test_seat_plans_with_days_hold_from_local_midnight_on(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    sync_site(engine, site(with_seat_plans), TUESDAY)
    expected = {
        "A1": [(MONDAY, MARCH, True), (MARCH, MAY, False)],
        "A2": [(MONDAY, MARCH, False)],
        "B1": [(MAY, None, True)],
    }
    assert ranges_by_seat(engine) == expected
    for later in (WEDNESDAY, MARCH, MARCH + dt.timedelta(days=3), MAY):
        report = sync_site(engine, site(with_seat_plans), later)
        assert (report.added, report.changed, report.disabled) == (0, 0, 0)
    assert ranges_by_seat(engine) == expected


def test_a_plan_that_is_taken_back_before_its_day_leaves_no_trace(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    before = ranges_by_seat(engine)
    sync_site(engine, site(with_seat_plans), TUESDAY)
    sync_site(engine, site(), WEDNESDAY)
    assert ranges_by_seat(engine) == before


def test_a_change_after_a_plans_day_keeps_what_has_been(engine: Engine) -> None:
    sync_site(engine, site(with_seat_plans), MONDAY)
    april = MARCH + dt.timedelta(days=40)
    sync_site(engine, site(), april)
    assert ranges_by_seat(engine) == {
        "A1": [(MONDAY, MARCH, True), (MARCH, april, False), (april, None, True)],
        "A2": [(MONDAY, MARCH, False), (april, None, False)],
    }


def test_a_clock_that_went_back_is_noticed_with_seat_plans_too(engine: Engine) -> None:
    sync_site(engine, site(with_seat_plans), TUESDAY)
    with pytest.raises(SyncError, match="check this machine's clock"):
        sync_site(engine, site(), MONDAY)
