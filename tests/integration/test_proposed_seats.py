"""Seats that nobody drew, and what is told of seats that changed hands, in a real PostgreSQL."""

import io

import pytest
import yaml
from msgspec import structs
from rich.console import Console

from deploy.seating.command import confirm_seats, show_seats
from schemas.errors import SettingsError
from schemas.messages import SeatsConfirmed, Tick, decode_room_message
from schemas.settings import Settings
from schemas.site import Site
from schemas.sync import sync_site
from tests.integration.running_rooms import LOG, SINCE, School, a_future_minute, a_site
from tests.unit import room_log
from tests.unit.room_log import NS

SPOTS = ((0.2, 0.7), (0.4, 0.7), (0.6, 0.7), (0.3, 0.4))
FILM_S, BREAK_S = 100, 700


@pytest.fixture(autouse=True)
def _start(monkeypatch):
    monkeypatch.setattr(room_log, "START", a_future_minute())


def undrawn() -> Site:
    document = a_site().model_dump(mode="json", by_alias=True)
    camera = document["rooms"][0]["cameras"][0]
    camera["seats"], camera["calibration"] = {}, {"yaw_deg": 5.0, "pitch_deg": -4.0}
    return Site.model_validate(document)


def two_lessons(school):
    timed = []
    for n in range(2):
        begin = n * (FILM_S + BREAK_S)
        faces = [room_log.face(*at) for at in SPOTS[n:]]
        film = room_log.timed_log(school.plan, FILM_S, lambda _t, _c, seen=faces: seen)
        timed += [(at + begin, _later(message, begin, n)) for at, message in film]
        silence = range(begin + FILM_S + 1, begin + FILM_S + BREAK_S, 5)
        timed += [(float(at), Tick(room_id="room-1")) for at in silence]
    return timed


def _later(message, begin_s, epoch):
    times = ("at", "captured_at", "analysed_at")
    changes = {
        name: getattr(message, name) + begin_s * NS for name in times if hasattr(message, name)
    }
    if hasattr(message, "epoch"):
        changes["epoch"] = f"e{epoch}"
    return structs.replace(message, **changes)


def test_who_sits_at_a_proposed_seat_has_its_number_from_the_second_meeting_on(
    database_url, redis_url
):
    school = School(database_url, redis_url, undrawn())
    school.log(two_lessons(school))
    school.run(school.aggregator("a"))
    seated = "participations p LEFT JOIN seats USING (seat_id)"
    found = school.rows(seated, "label, proposed, identity_source")
    assert found == [
        ("A2", True, "seat"), ("A3", True, "seat"), ("B1", True, "seat"),
        *[(None, None, "anonymous")] * 4,
    ]  # fmt: skip
    assert sync_site(school.engine, undrawn(), SINCE).lines == ()
    assert school.rows("seats", "label, enabled") == [("A2", True), ("A3", True), ("B1", True)]
    school.close()


@pytest.fixture
def console():
    return Console(file=io.StringIO(), width=200)


def text_of(console):
    return console.file.getvalue()


def settings_of(database_url, redis_url):
    return Settings(database_url=database_url, faces_url=redis_url, redis_url=None, frames_url=None)


def test_the_seats_that_were_found_are_printed_drawn_and_confirmed(
    database_url, redis_url, console, tmp_path
):
    """The second lesson is still being held when its seats are asked for."""
    school = School(database_url, redis_url, undrawn())
    settings = settings_of(database_url, redis_url)
    log = two_lessons(school)
    school.log([(at, message) for at, message in log if at < FILM_S + BREAK_S + 90])
    school.run(school.aggregator("a"))
    show_seats(undrawn(), settings, "room-1", tmp_path / "seats.svg", console)
    printed = text_of(console)
    [camera] = yaml.safe_load(printed)["cameras"]
    assert sorted(camera["seats"]) == ["A1", "A2", "A3", "B1"]
    lines = {line.split(":")[0].strip(): line for line in printed.splitlines()}
    assert "taken in 1 of 2 meetings" in lines["A1"]
    assert "taken in 2 of 2 meetings" in lines["B1"]
    assert "nobody has confirmed them" in printed
    assert (tmp_path / "seats.svg").read_text().count("<text") > 8
    confirm_seats(undrawn(), settings, "room-1", console)
    assert "the 4 seats are confirmed from" in text_of(console)
    [(kind, _)] = [
        (decode_room_message(fields), entry_id)
        for entry_id, fields in school.raw.xrevrange(LOG, count=1)
    ]
    assert isinstance(kind, SeatsConfirmed)
    [(_, at)] = school.rows("rooms", "slug, seats_confirmed_at")
    assert round(at.timestamp()) == kind.at // NS
    assert school.rows("events", "kind, ts") == [("seats_confirmed", at)], "and is not forgotten"
    show_seats(undrawn(), settings, "room-1", None, console)
    assert "; confirmed on 20" in text_of(console)
    school.close()


def test_a_room_of_which_nothing_is_known_says_what_to_do(database_url, redis_url, console):
    school = School(database_url, redis_url, undrawn())
    settings = settings_of(database_url, redis_url)
    with pytest.raises(SettingsError, match="none were found yet: let it run for a lesson"):
        show_seats(undrawn(), settings, "room-1", None, console)
    with pytest.raises(SettingsError, match="none were found yet"):
        confirm_seats(undrawn(), settings, "room-1", console)
    with pytest.raises(SettingsError, match="no room 'attic' in this site; its rooms are room-1"):
        show_seats(undrawn(), settings, "attic", None, console)
    school.close()


def test_a_drawn_plan_is_printed_as_it_stands_in_the_site_file(database_url, redis_url, console):
    school = School(database_url, redis_url, a_site())
    show_seats(a_site(), settings_of(database_url, redis_url), "room-1", None, console)
    [camera] = yaml.safe_load(text_of(console))["cameras"]
    assert {label: seat["polygon"] for label, seat in camera["seats"].items()} == {
        seat.label: [pytest.approx(point) for point in seat.polygon]
        for seat in room_log.seat_plans(6)
    }
    assert "drawn in the site file" in text_of(console)
    school.close()
