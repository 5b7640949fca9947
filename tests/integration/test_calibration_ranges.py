"""Measured and commanded calibrations in a real database: ranges, beside the site file's."""

import datetime as dt

import msgspec
import pytest
from sqlalchemy import select, text

from aggregator.calibration.ranges import stored_directions, write_calibrations
from aggregator.plan import says_the_same
from aggregator.reference import Places
from aggregator.rows import CalibrationRow, EventRow
from schemas.messages import Tick
from schemas.site import Site
from schemas.sync import sync_site
from schemas.tables import calibrations, seats
from tests.integration.running_rooms import School, a_future_minute, a_site
from tests.unit import room_log, test_calibrating_room

DAY_S = 86_400
FIRST = 1_795_000_000
FILE_AT = dt.datetime.fromtimestamp(FIRST - DAY_S, dt.UTC)


def site(labels=("A1", "A2", "A3", "A4"), calibrated=()):
    """A site whose seats have no calibration but these."""
    file = a_site(seats=4).model_dump(by_alias=True, exclude_unset=True, mode="json")
    [camera] = file["rooms"][0]["cameras"]
    camera["seats"] = {label: camera["seats"][label] for label in labels}
    for label, seat in camera["seats"].items():
        if label not in calibrated:
            del seat["calibration"]
    return Site.model_validate(file)


@pytest.fixture
def school(database_url, redis_url):
    school = School(database_url, redis_url, site())
    yield school
    school.close()


def row(seat="A1", at=FIRST, yaw=10.0, source="measured", **changes):
    values = {
        "room": "room-1", "camera": "cam-1", "seat": seat, "method": "modal_seat",
        "source": source, "yaw_deg": yaw, "pitch_deg": -4.0, "mode_mass": 0.5,
        "n_samples": 700, "factor": 1.0, "valid_from": at,
    }  # fmt: skip
    return CalibrationRow(**{**values, **changes})


def write(school, *rows):
    with school.engine.begin() as connection:
        places = Places("school")
        places.load(connection)
        write_calibrations(connection, list(rows), places)


def ranges(school):
    """(seat, source, yaw, begin, end) of all versions, in order; seconds from FIRST."""
    query = (
        select(
            seats.c.label, calibrations.c.source, calibrations.c.yaw_deg, calibrations.c.valid
        )
        .outerjoin(seats, seats.c.seat_id == calibrations.c.seat_id)
        .order_by(seats.c.label, calibrations.c.valid)
    )  # fmt: skip
    with school.engine.connect() as connection:
        return [
            (label or "", source, yaw, since(valid.lower), since(valid.upper))
            for label, source, yaw, valid in connection.execute(query)
        ]


def since(at):
    return None if at is None else round(at.timestamp()) - FIRST


def at(seconds):
    return dt.datetime.fromtimestamp(FIRST + seconds, dt.UTC)


def stored(school, when=None):
    with school.engine.connect() as connection:
        return {
            (each.camera_id, each.label): each.direction.yaw_deg
            for each in stored_directions(connection, 1, when)
        }


def test_a_new_direction_closes_the_one_before(school):
    write(school, row(yaw=10.0), row(seat="", yaw=1.0, method="camera_mode"))
    write(school, row(yaw=20.0, at=FIRST + 100, source="command", method="manual"))
    assert ranges(school) == [
        ("A1", "measured", 10.0, 0, 100),
        ("A1", "command", 20.0, 100, None),
        ("", "measured", 1.0, 0, None),
    ]
    assert stored(school) == {("cam-1", "A1"): 20.0, ("cam-1", ""): 1.0}
    assert stored(school, at(50)) == {("cam-1", "A1"): 10.0, ("cam-1", ""): 1.0}
    assert stored(school, at(-1)) == {}


def test_two_versions_in_one_commit_are_two_ranges(school):
    write(school, row(yaw=20.0, at=FIRST + 5), row(yaw=10.0))
    assert [each[2:] for each in ranges(school)] == [(10.0, 0, 5), (20.0, 5, None)]


def test_a_replayed_log_changes_nothing(school):
    rows = [row(yaw=10.0), row(yaw=20.0, at=FIRST + 100), row(seat="A2", yaw=30.0)]
    write(school, *rows)
    before = ranges(school)
    for again in (rows, rows[:1], rows[1:]):
        write(school, *again)
        assert ranges(school) == before


def test_the_site_file_wins_and_is_not_closed_by_a_measurement(school):
    sync_site(school.engine, site(calibrated=("A1",)), at(0))
    write(school, row(yaw=33.0, at=FIRST + 100), row(seat="A2", yaw=34.0, at=FIRST + 100))
    assert ranges(school) == [
        ("A1", "site_file", 5.0, 0, None),
        ("A2", "measured", 34.0, 100, None),
    ]
    assert stored(school) == {("cam-1", "A2"): 34.0}


def test_a_sync_leaves_what_was_measured_or_commanded(school):
    write(
        school,
        row(),
        row(seat="A2", source="command", method="manual"),
        row(seat="", method="camera_mode"),
    )
    before = ranges(school)
    report = sync_site(school.engine, site(), at(100))
    assert report.is_empty
    assert ranges(school) == before


def test_a_calibration_that_was_pasted_into_the_site_file_is_the_site_files_from_then_on(school):
    write(school, row(yaw=5.0, source="command", method="manual"))
    sync_site(school.engine, site(calibrated=("A1",)), at(100))
    assert ranges(school) == [("A1", "command", 5.0, 0, 100), ("A1", "site_file", 5.0, 100, None)]
    sync_site(school.engine, site(), at(200))
    assert ranges(school)[1] == ("A1", "site_file", 5.0, 100, 200)
    # what an old log says again does not come to lie over it
    write(school, row(yaw=9.0, at=FIRST + 150))
    assert len(ranges(school)) == 2
    write(school, row(yaw=9.0, at=FIRST + 200))
    assert ranges(school)[2] == ("A1", "measured", 9.0, 200, None)


def test_a_seat_that_the_database_does_not_know_is_not_taken_for_the_camera(school):
    write(school, row(seat="Z9"))
    assert ranges(school) == []


def uncalibrated_lessons(monkeypatch, count):
    """Lessons whose entries lie behind the servers' own ids."""
    start = a_future_minute()
    for module in (room_log, test_calibrating_room):
        monkeypatch.setattr(module, "START", start)
    timed = test_calibrating_room.lessons(count)
    end = timed[-1][0]
    return [*timed, *((end + 2.0 * i, Tick(room_id="room-1")) for i in range(1, 6))]


def test_lessons_become_ranges_and_a_lost_state_goes_on_with_them(school, monkeypatch):
    timed = uncalibrated_lessons(monkeypatch, 3)
    timed[0] = (0.0, school.plan)
    school.log(timed)
    school.run(school.aggregator("a"))
    measured = ranges(school)
    assert {(seat, end) for seat, _, _, _, end in measured} >= {("A1", None), ("A4", None)}
    third_end = room_log.START + 2 * 360 + 260 - FIRST
    assert {third_end <= begin <= third_end + 5 for _, _, _, begin, _ in measured} == {True}

    with school.engine.begin() as connection:
        connection.execute(text("DELETE FROM room_state"))
    school.expire_leases()
    successor = school.aggregator("b")
    known = {direction.label for direction in successor._plan_of("room-1", 1).calibrations}
    assert known >= {"A1", "A2", "A3", "A4"}
    school.run(successor)
    assert ranges(school) == measured
    [held] = successor._held.values()
    [plan] = [held.newest_plan]
    assert {direction.label for direction in plan.calibrations} == known


def test_a_calibration_of_our_own_is_no_reason_for_a_new_plan(school):
    before = school.aggregator("a")._plan_of("room-1", 1)
    write(school, row())
    after = school.aggregator("b")._plan_of("room-1", 2)
    assert len(after.calibrations) == 1
    assert says_the_same(before, after)
    assert not says_the_same(before, msgspec.structs.replace(after, window_s=20))


def test_a_bump_is_an_event_beside_the_new_ranges_in_one_commit(school):
    bump = EventRow(
        ts=room_log.START, event_id=7, kind="calibration_bumped", severity=2,
        site="school", room="room-1", camera="cam-1", meeting_id=9,
        payload={"yaw_deg": 12.0, "n_seats": 1, "seats": ["A2"]},
    )  # fmt: skip
    aggregator = school.aggregator("a")
    for _ in range(2):  # the second time after a crash
        aggregator.step()
        [held] = aggregator._held.values()
        held.rows = [row(), bump]
        aggregator._commit(held)
    assert ranges(school) == [("A1", "measured", 10.0, 0, None)]
    columns = "event_id, kind, severity, camera_id, meeting_id, payload"
    assert school.rows("events", columns) == [(7, "calibration_bumped", 2, 1, 9, bump.payload)]
