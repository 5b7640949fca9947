"""`facepose calibrate` beside a running room: from faces in its log to scores in the database."""

import io
import threading
import time

import pytest
from rich.console import Console

from deploy.calibrate.command import CalibrateOptions, run_calibrate
from deploy.calibrate.errors import CalibrationError
from deploy.calibrate.listing import list_calibrations
from schemas.messages import Tick, encode
from schemas.settings import Settings
from tests.integration.running_rooms import LOG, School
from tests.integration.test_calibration_ranges import ranges, site
from tests.unit import room_log

SECONDS = 1.5


@pytest.fixture
def school(database_url, redis_url):
    school = School(database_url, redis_url, site())
    yield school
    school.close()


@pytest.fixture
def settings(database_url, redis_url):
    return Settings(redis_url=redis_url, database_url=database_url)


def frames(school, stop, faces=4):
    """A worker: a frame every 50 ms."""
    number = 0
    while not stop.wait(0.05):
        seen = [room_log.face(*room_log.centre(i), yaw=10.0 + i, pitch=-3.0) for i in range(faces)]
        at_s = time.time() - room_log.START
        school.raw.xadd(LOG, encode(room_log.frame(at_s, number, seen)))
        number += 1


def calibrate(school, settings, *, faces=4, **options):
    """Run the command while a worker writes; whether it set anything, and what it said."""
    out, end = io.StringIO(), threading.Event()
    worker = threading.Thread(target=frames, args=(school, end, faces))
    if faces is not None:
        worker.start()
    options = {"room": "room-1", "seconds": SECONDS, "yes": True, **options}
    try:
        console = Console(file=out, width=140)
        done = run_calibrate(
            school.site, settings, CalibrateOptions(**options), console, threading.Event()
        )
    finally:
        end.set()
        if faces is not None:
            worker.join()
    return done, out.getvalue()


def listed(school, settings):
    out = io.StringIO()
    list_calibrations(school.site, settings, "room-1", Console(file=out, width=160))
    return out.getvalue()


def let_time_pass(school, aggregator):
    school.raw.xadd(LOG, encode(Tick(room_id="room-1")), id=f"{round(time.time() * 1000) + 9000}-0")
    school.run(aggregator)


def test_twenty_seconds_at_the_board_are_a_calibration_of_every_seat(school, settings):
    aggregator = school.aggregator("a")
    aggregator.step()
    assert "no calibration yet" in listed(school, settings)
    done, said = calibrate(school, settings)
    assert done
    assert "A1" in said
    assert "calibration: {yaw_deg: 10.0, pitch_deg: -3.0}" in said
    let_time_pass(school, aggregator)
    assert [(seat, source, yaw, end) for seat, source, yaw, _, end in ranges(school)] == [
        (f"A{i + 1}", "command", 10.0 + i, None) for i in range(4)
    ]
    table = listed(school, settings)
    assert table.count("manual") == 4
    assert "command" in table


def test_a_dry_run_sets_nothing(school, settings):
    school.aggregator("a").step()
    done, said = calibrate(school, settings, dry_run=True)
    assert not done
    assert "Nothing was set" in said
    kinds = [fields[b"kind"] for _, fields in school.raw.xrange(LOG)]
    assert b"calibration_set" not in kinds


def test_who_cannot_be_asked_must_say_yes(school, settings):
    school.aggregator("a").step()
    with pytest.raises(CalibrationError, match="add --yes"):
        calibrate(school, settings, yes=False)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"faces": None}, "no frame of cam-1 was analysed"),
        ({"faces": 0}, "no face with a head direction"),
        ({"room": "room-7"}, "no room 'room-7'"),
        ({"camera": "cam-7"}, "has not camera 'cam-7'; it has cam-1"),
    ],
)
def test_what_is_in_the_way_is_told(school, settings, options, text):
    school.aggregator("a").step()
    with pytest.raises(CalibrationError, match=text):
        calibrate(school, settings, **options)


def test_without_an_aggregator_nobody_would_read_it(school, settings):
    with pytest.raises(CalibrationError, match="no aggregator serves room 'room-1'"):
        calibrate(school, settings)
