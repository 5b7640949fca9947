"""Seats that nobody drew, and what is told of seats that changed hands, in a real PostgreSQL."""

import pytest
from msgspec import structs

from schemas.messages import Tick
from schemas.site import Site
from schemas.sync import sync_site
from tests.integration.running_rooms import SINCE, School, a_future_minute, a_site
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
