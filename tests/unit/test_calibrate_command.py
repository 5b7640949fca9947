"""What `facepose calibrate` makes of the faces that it sees."""

import datetime as dt
import io

import msgspec
import pytest
import yaml
from rich.console import Console

from deploy.calibrate.command import room_of, seats_on
from deploy.calibrate.errors import CalibrationError
from deploy.calibrate.looks import CameraLooks
from deploy.calibrate.shown import note_on, show, site_file_block
from deploy.local.errors import LocalError
from deploy.local.running_site import running_settings
from schemas.settings import Settings
from schemas.site import Site
from tests.unit.room_log import centre, face, frame, seat_plans, square

SEATS = seat_plans(3, calibrated=False)


def site(**camera):
    return Site.model_validate(
        {
            "version": 1,
            "site": {"id": "school", "time_zone": "Europe/Amsterdam"},
            "policy": "demo",
            "rooms": [{"id": "room-1", "cameras": [{"id": "cam-1", "url": "a.mp4", **camera}]}],
        }
    )


def looks_at(*poses, seats=SEATS, at=0):
    """A camera that saw these poses at a seat, one in each frame."""
    looks = CameraLooks("cam-1", seats)
    for number, (yaw, pitch) in enumerate(poses):
        looks.feed(frame(number, number, [face(*centre(at), yaw, pitch)]))
    return looks


def test_a_seats_direction_is_the_median_of_its_faces():
    looks = looks_at(*[(10.0, -4.0)] * 8, (11.0, -5.0), (9.0, -3.0), (80.0, 30.0))
    [seat] = looks.measured()
    assert (seat.label, seat.faces, seat.yaw_deg, seat.pitch_deg) == ("A1", 11, 10.0, -4.0)
    assert seat.is_enough
    assert not seat.is_scattered


def test_yaw_goes_round():
    [seat] = looks_at(*[(179.0, 0.0), (-179.0, 0.0), (-177.0, 0.0)] * 5).measured()
    assert seat.yaw_deg == -179.0


def test_a_class_that_looks_everywhere_is_scattered_and_a_glance_is_too_few():
    [seat] = looks_at(*[(-40.0, 0.0), (0.0, 0.0), (40.0, 0.0)] * 5).measured()
    assert seat.is_scattered
    [seat] = looks_at(*[(0.0, 0.0)] * 9).measured()
    assert not seat.is_enough


def test_faces_in_no_seat_or_without_a_pose_do_not_count():
    looks = CameraLooks("cam-1", SEATS)
    between = face(0.9, 0.9)
    poster = msgspec.structs.replace(face(*centre(0)), static=True)
    blurred = msgspec.structs.replace(face(*centre(0)), yaw_deg=None, pitch_deg=None)
    unsure = face(*centre(0), confidence=0.4)
    broken = msgspec.structs.replace(face(*centre(0)), yaw_deg=float("nan"))
    looks.feed(frame(0, 0, [between, poster, blurred, unsure, broken]))
    looks.feed(frame(0, 1, [face(*centre(0))], outcome="expired"))
    assert (looks.frames, looks.faces, looks.elsewhere, looks.measured()) == (1, 1, 1, [])


def test_without_a_seat_plan_the_whole_camera_is_one():
    [whole] = looks_at(*[(4.0, 0.0)] * 12, seats=()).measured()
    assert (whole.label, whole.faces) == ("", 12)


def test_the_block_is_one_for_the_site_file():
    calibrated = looks_at(*[(10.04, -4.0)] * 12).measured()
    looks = CameraLooks("cam-1", SEATS)
    [camera] = site().rooms[0].cameras
    block = yaml.safe_load(site_file_block([camera], {"cam-1": calibrated}))
    assert block == {
        "cameras": [
            {"id": "cam-1", "seats": {"A1": {"calibration": {"yaw_deg": 10.0, "pitch_deg": -4.0}}}}
        ]
    }
    whole = looks_at(*[(4.0, 1.0)] * 12, seats=()).measured()
    block = yaml.safe_load(site_file_block([camera], {"cam-1": whole}))
    assert site(**block["cameras"][0]).rooms[0].cameras[0].calibration.yaw_deg == 4.0
    assert looks.measured() == []


def test_the_table_says_what_is_missing_and_whose_word_counts():
    own = {"A1": {"polygon": square(0.1, 0.2), "calibration": {"yaw_deg": 0, "pitch_deg": 0}}}
    [camera] = site(seats=own).rooms[0].cameras
    looks = looks_at(*[(-40.0, 0.0), (0.0, 0.0), (40.0, 0.0)] * 5)
    [seat] = looks.measured()
    assert note_on(camera, seat) == (
        "scattered: not everybody looked at one place; the site file's own wins"
    )
    out = io.StringIO()
    show([camera], {"cam-1": looks}, {"cam-1": [seat]}, Console(file=out, width=140))
    assert "nobody was seen at A2, A3" in out.getvalue()


def test_the_seats_are_those_of_today():
    march = {"from": "2027-03-01", "seats": {"B1": {"polygon": square(0.5, 0.5)}}}
    camera = site(seats={"A1": {"polygon": square(0.1, 0.2)}}, seat_plans=[march])
    [camera] = camera.rooms[0].cameras
    labels = {
        day: [seat.label for seat in seats_on(camera, dt.date(2027, *day))]
        for day in ((2, 28), (3, 1))
    }
    assert labels == {(2, 28): ["A1"], (3, 1): ["B1"]}


def test_an_unknown_room_is_told_with_those_that_are_known():
    with pytest.raises(CalibrationError, match="no room 'room-9'; it has room-1"):
        room_of(site(), "room-9")


def test_without_a_pipeline_the_command_says_how_to_start_one(tmp_path):
    bare = Settings(redis_url=None, faces_url=None, database_url=None, state=tmp_path)
    with pytest.raises(LocalError, match="start it with `facepose up"):
        running_settings(tmp_path / "site.yaml", bare)
    named = bare.model_copy(
        update={"redis_url": "redis://localhost/0", "database_url": "postgresql://db/x"}
    )
    assert running_settings(tmp_path / "site.yaml", named) == named
