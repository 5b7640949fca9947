"""A site file becomes rows: upserted by slug, disabled when gone, never deleted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text, update

from schemas import tables
from schemas.database import DatabaseUnavailableError, create_engine
from schemas.sync import SyncError, add_proposed_seats, mask_bits, sync_site
from tests.integration.hill_school import (
    MONDAY,
    SQUARE,
    TUESDAY,
    WEDNESDAY,
    Edit,
    camera,
    dump,
    empty,
    migrated_database,
    rows,
    site,
    validities,
)


@pytest.fixture(scope="module")
def migrated(postgres_server: str) -> Iterator[Engine]:
    with migrated_database(postgres_server) as engine:
        yield engine


@pytest.fixture
def engine(migrated: Engine) -> Iterator[Engine]:
    yield migrated
    empty(migrated)


def test_a_site_file_becomes_rows(engine: Engine) -> None:
    report = sync_site(engine, site(), MONDAY)
    assert rows(engine, tables.sites, "slug", "name", "tz", "per_student", "expression", "k") == [
        ("hill-school", "Hill School", "Europe/Amsterdam", True, False, 5)
    ]
    assert rows(engine, tables.rooms, "slug", "name", "capacity", "enabled") == [
        ("room-a", "room-a", 30, True),
        ("room-b", "room-b", None, True),
    ]
    assert rows(engine, tables.cameras, "slug", "room_id", "mask_bit", "fps_target") == [
        ("room-a-1", 1, 0, 5.0),
        ("room-a-2", 1, 1, 5.0),
        ("room-b-1", 2, 0, 5.0),
    ]
    assert rows(engine, tables.seats, "label", "room_id") == [("A1", 1), ("A2", 1)]
    assert rows(engine, tables.seat_regions, "camera_id", "seat_id") == [(1, 1), (1, 2), (2, 1)]
    assert rows(engine, tables.classes, "slug") == [("class-3b",)]
    assert (report.added, report.changed, report.disabled) == (15, 0, 0)
    assert "camera room-a-1 added" in report.lines
    assert "camera room-a-1, seat A2: calibration added" in report.lines


def test_no_secret_and_no_address_of_a_camera_reaches_the_database(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    refs = rows(engine, tables.cameras, "slug", "secret_ref")
    assert refs[0] == ("room-a-1", "CAMERA_USER,CAMERA_PASSWORD")
    assert "10.0.0.5" not in str(dump(engine))


def test_a_second_sync_changes_nothing(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    before = dump(engine)
    report = sync_site(engine, site(), TUESDAY)
    assert report.is_empty
    assert report.text() == "site hill-school: nothing changed"
    assert dump(engine) == before


def test_a_dry_run_tells_what_it_would_do_and_does_nothing(engine: Engine) -> None:
    report = sync_site(engine, site(), MONDAY, dry_run=True)
    assert "15 would be added" in report.text()
    assert rows(engine, tables.sites, "slug") == []


def test_a_camera_that_left_the_file_is_disabled_and_its_seats_are_closed(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    report = sync_site(engine, site(lambda f: f["rooms"][0]["cameras"].pop(0)), TUESDAY)
    assert rows(engine, tables.cameras, "slug", "enabled") == [
        ("room-a-1", False),
        ("room-a-2", True),
        ("room-b-1", True),
    ]
    assert rows(engine, tables.seats, "label", "enabled") == [("A1", True), ("A2", False)]
    assert validities(engine, tables.seat_regions) == [
        (MONDAY, TUESDAY),
        (MONDAY, TUESDAY),
        (MONDAY, None),
    ]
    assert "camera room-a-1 disabled" in report.lines
    assert "room room-a, seat A2 disabled" in report.lines
    assert "camera room-a-1, seat A1: region closed" in report.lines


def test_a_room_that_left_the_file_takes_its_cameras_along_and_comes_back(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    gone = sync_site(engine, site(lambda f: f["rooms"].pop(1)), TUESDAY)
    assert gone.lines == ("room room-b disabled", "camera room-b-1 disabled")
    back = sync_site(engine, site(), WEDNESDAY)
    assert back.lines == ("room room-b enabled", "camera room-b-1 enabled")
    assert rows(engine, tables.cameras, "slug", "mask_bit")[2] == ("room-b-1", 0)


def test_a_camera_that_is_switched_off_in_the_file_keeps_its_plan(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    off = sync_site(engine, site(lambda f: camera(f, 0, 0).update(enabled=False)), TUESDAY)
    assert off.lines == ("camera room-a-1 disabled",)


def test_an_address_that_nobody_answers_is_told_in_words() -> None:
    nowhere = create_engine("postgresql://u@127.0.0.1:1/x", pooled=False)
    with pytest.raises(DatabaseUnavailableError, match=r"PostgreSQL at 127\.0\.0\.1"):
        sync_site(nowhere, site(), MONDAY)


def test_a_mask_bit_is_never_given_out_twice(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    replaced = site(lambda f: camera(f, 0, 0).update(id="room-a-3"))
    sync_site(engine, replaced, TUESDAY)
    with engine.connect() as connection:
        assert mask_bits(connection, "hill-school") == {
            "room-a-1": 0,
            "room-a-2": 1,
            "room-a-3": 2,
            "room-b-1": 0,
        }


def test_a_room_that_used_up_its_bits_says_what_to_do(engine: Engine) -> None:
    def many(start: int) -> Edit:
        cameras = [{"id": f"cam-{start + n}", "url": "a.mp4"} for n in range(31)]
        return lambda f: f["rooms"][0].update(cameras=cameras)

    sync_site(engine, site(many(0)), MONDAY)
    with pytest.raises(SyncError, match="room 'room-a' has had 31 cameras"):
        sync_site(engine, site(many(1)), TUESDAY)


def test_a_camera_that_moves_to_another_room_needs_a_new_id(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    moved = site(lambda f: f["rooms"][1]["cameras"].append(f["rooms"][0]["cameras"].pop(1)))
    with pytest.raises(SyncError, match=r"'room-a-2' now stands in room 'room-b'.*new id"):
        sync_site(engine, moved, TUESDAY)


def test_a_failed_sync_leaves_nothing_behind(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    before = dump(engine)

    def edit(file: dict[str, Any]) -> None:
        file["rooms"][1]["capacity"] = 12
        file["rooms"][1]["cameras"].append(file["rooms"][0]["cameras"].pop(1))

    with pytest.raises(SyncError):
        sync_site(engine, site(edit), TUESDAY)
    assert dump(engine) == before


def test_changed_values_are_told_with_old_and_new(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)

    def edit(file: dict[str, Any]) -> None:
        file["rooms"][0]["capacity"] = 28
        file["policy"] = {"profile": "standard", "per_student": False}

    report = sync_site(engine, site(edit), TUESDAY)
    assert report.lines == (
        "site hill-school: per_student True → False",
        "room room-a: capacity 30 → 28",
    )
    assert report.text().splitlines()[-1] == "site hill-school: 2 changed"


def test_two_sites_share_a_database_and_leave_each_other_alone(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    sync_site(engine, site(lambda f: f["site"].update(id="lake-school")), MONDAY)
    sync_site(engine, site(lambda f: f["rooms"].pop(1)), TUESDAY)
    assert rows(engine, tables.rooms, "site_id", "slug", "enabled") == [
        (1, "room-a", True),
        (1, "room-b", False),
        (2, "room-a", True),
        (2, "room-b", True),
    ]


def test_what_others_wrote_beside_a_camera_stays(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    with engine.begin() as connection:
        connection.execute(update(tables.cameras).values(width=1920, height=1080))
    assert sync_site(engine, site(), TUESDAY).is_empty
    assert set(rows(engine, tables.cameras, "width", "height")) == {(1920, 1080)}


def test_the_sync_makes_room_for_the_rows_to_come(engine: Engine) -> None:
    later = MONDAY + dt.timedelta(days=60)
    sync_site(engine, site(), later)
    with engine.connect() as connection:
        name = f"attention_windows_p{later:%Y%m%d}"
        assert connection.execute(text("SELECT to_regclass(:n)"), {"n": name}).scalar_one()


def test_a_sync_time_without_a_zone_is_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        sync_site(engine, site(), MONDAY.replace(tzinfo=None))


def test_a_proposed_seat_stays_until_its_room_has_a_drawn_plan(engine: Engine) -> None:
    sync_site(engine, site(), MONDAY)
    room_b = dict(rows(engine, tables.rooms, "slug", "room_id"))["room-b"]
    add_proposed_seats(engine, room_b, ["A1", "A2"])
    add_proposed_seats(engine, room_b, ["A2", "A3"])
    proposed = [("A1", True, True), ("A2", True, True), ("A3", True, True)]

    def in_room_b() -> list[tuple[Any, ...]]:
        found = rows(engine, tables.seats, "room_id", "label", "proposed", "enabled")
        return [row[1:] for row in found if row[0] == room_b]

    assert in_room_b() == proposed
    assert sync_site(engine, site(), TUESDAY).lines == ()
    assert in_room_b() == proposed

    def draw(file: dict[str, Any]) -> None:
        camera(file, 1, 0)["seats"] = {"A1": {"polygon": SQUARE}}

    sync_site(engine, site(draw), WEDNESDAY)
    drawn = [("A1", False, True), ("A2", True, False), ("A3", True, False)]
    assert in_room_b() == drawn
    add_proposed_seats(engine, room_b, ["A2"])
    assert in_room_b()[1] == ("A2", True, True)
