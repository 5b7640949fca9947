"""Logs in a real Redis become rows in a real PostgreSQL, whatever dies in between."""

import pytest
from msgspec import structs
from sqlalchemy import text

from aggregator.errors import SnapshotError, UnknownPlaceError
from aggregator.held_room import load_room
from aggregator.leases import LeaseKeeper
from aggregator.reference import Places
from aggregator.room import Room
from aggregator.rows import AttentionWindowRow
from aggregator.sealing import Sealer, seal_name
from aggregator.store import Store, StoredState
from schemas.messages import CameraStatus, Tick
from tests.integration.running_rooms import LOG, School, a_future_minute, a_site
from tests.unit import room_log

LENGTH_S = 70
PER_STUDENT = (
    "participations",
    "attention_windows",
    "attention_minutes",
    "participation_summaries",
    "expression_minutes",
)
TABLES = (*PER_STUDENT, "meetings", "meeting_minutes", "meeting_summaries", "camera_minutes")


@pytest.fixture(autouse=True)
def _start(monkeypatch):
    monkeypatch.setattr(room_log, "START", a_future_minute())


@pytest.fixture
def school(database_url, redis_url):
    school = School(database_url, redis_url, a_site())
    yield school
    school.close()


def contents(school):
    return {table: school.rows(table) for table in TABLES}


def expected_windows(timed):
    room, rows = Room.new("room-1"), []
    for entry_id, message in room_log.entries(timed):
        rows += room.feed(entry_id, message)
    return sorted(
        (row.participation_id, row.window_start, row.score)
        for row in rows
        if isinstance(row, AttentionWindowRow)
    )


def test_rows_in_the_database_are_those_of_the_pure_room(school):
    timed = school.a_lesson(LENGTH_S)
    school.log(timed)
    school.run(school.aggregator("a"))
    stored = school.rows(
        "attention_windows",
        "participation_id, extract(epoch FROM window_start)::bigint, score",
    )
    assert stored == expected_windows(timed)
    assert len(school.rows("participations")) == len(school.rows("participation_summaries")) == 6
    [(status, started, ended)] = school.rows(
        "meetings", "status, lower(actual) IS NOT NULL, upper(actual) IS NOT NULL"
    )
    assert (status, started, ended) == ("held", True, True)
    assert len(school.rows("meeting_summaries")) == 1
    assert school.rows("camera_minutes", "frames_published, frames_lost") == [(20, 0), (120, 0)]


def test_why_a_camera_was_away_and_what_its_clocks_said_stand_in_its_minutes(school):
    """Closed minutes: an end with its cause, a frozen picture, a machine's clock."""
    told = {"cause": "frozen", "ended": {"dropped": 2, "ended": 1}, "camera_offset_ms": 900}
    timed = [
        (at, structs.replace(message, state="down", clock_offset_ms=-300, **told))
        if isinstance(message, CameraStatus) and 20 <= at < 21
        else (at, message)
        for at, message in school.a_lesson(LENGTH_S)
    ]
    school.log(timed)
    school.run(school.aggregator("a"))
    columns = "reconnects, reconnect_causes, frozen_s, clock_offset_ms, camera_offset_ms"
    rows = school.rows("camera_minutes", f"minute, {columns}")
    assert [row[1:] for row in rows] == [
        (2, {"dropped": 2}, 1, -300, 900),
        (0, None, 0, None, None),
    ]
    unknown = "count(*) FILTER (WHERE reconnect_causes IS NULL), 0"
    assert school.rows("camera_minutes", unknown) == [(1, 0)]


def test_a_successor_goes_on_exactly_where_the_dead_one_committed(school, database_url):
    timed = school.a_lesson(LENGTH_S)
    dead = school.aggregator("dead")
    for third in range(3):
        school.log(timed[third * len(timed) // 3 : (third + 1) * len(timed) // 3])
        school.run(dead)
        school.expire_leases()  # it was killed: no clean goodbye
        dead = school.aggregator(f"successor-{third}")
    school.run(dead)
    stored = school.rows(
        "attention_windows",
        "participation_id, extract(epoch FROM window_start)::bigint, score",
    )
    assert stored == expected_windows(timed)
    assert school.rows("room_leases", "room_id, fence") == [(1, 4)]


def test_replaying_a_whole_log_adds_and_changes_nothing(school):
    school.log(school.a_lesson(LENGTH_S))
    school.run(school.aggregator("a"))
    before = contents(school)
    with school.engine.begin() as connection:
        connection.execute(text("DELETE FROM room_state"))
    school.expire_leases()
    # entries below the position were trimmed only after the second commit
    school.run(school.aggregator("b"))
    assert contents(school) == before


def test_who_lost_the_lease_cannot_write_any_more(school):
    timed = school.a_lesson(LENGTH_S)
    school.log(timed[: len(timed) // 2])
    slow = school.aggregator("slow")
    school.run(slow)
    school.expire_leases()
    quick = school.aggregator("quick")
    school.run(quick)
    before = contents(school)
    school.log(timed[len(timed) // 2 :])
    slow._renewed_s = float("inf")  # it believes that it still holds the room
    slow.step()
    assert contents(school) == before
    assert slow.is_idle()
    school.run(quick)
    assert contents(school) != before


def test_a_clean_stop_commits_and_gives_the_room_back_at_once(school):
    school.log(school.a_lesson(LENGTH_S)[:200])
    first = school.aggregator("first")
    first.step()
    first.finish()
    second = school.aggregator("second")
    second.step()
    assert not second.is_idle()
    assert school.rows("room_state", "room_id, position") == [(1, school.last_id())]


def test_only_one_of_two_aggregators_gets_a_room(school):
    one, two = school.aggregator("one"), school.aggregator("two")
    one.step()
    two.step()
    assert (one.is_idle(), two.is_idle()) == (False, True)


def test_what_nobody_can_use_becomes_a_dead_letter_and_the_rest_goes_on(school):
    timed = school.a_lesson(LENGTH_S)
    school.log(timed[:100])
    top = school.last_id().partition("-")[0]
    school.raw.xadd(LOG, {b"v": b"1", b"kind": b"frame_faces", b"body": b"\xc1"}, id=f"{top}-900")
    stray = Tick(room_id="room-9")
    school.log([(float(timed[99][0]) + 0.01, stray)])
    school.log(timed[100:])
    school.run(school.aggregator("a"))
    assert school.raw.xlen("dead:{0}") == 2
    assert len(school.rows("participation_summaries")) == 6


def test_an_entry_of_a_newer_version_is_waited_for_not_passed(school):
    timed = school.a_lesson(LENGTH_S)
    school.log(timed[:100])
    before = school.last_id()
    top = before.partition("-")[0]
    school.raw.xadd(LOG, {b"v": b"2", b"kind": b"frame_faces", b"body": b"\xc1"}, id=f"{top}-900")
    school.log(timed[100:])
    aggregator = school.aggregator("a")
    for _ in range(3):
        aggregator.step()
    [held] = aggregator._held.values()
    assert (held.blocked, held.room.position) == (True, before)
    assert school.raw.xlen("dead:{0}") == 0


def test_the_log_is_trimmed_only_below_what_is_committed(school):
    school.log(school.a_lesson(LENGTH_S))
    aggregator = school.aggregator("a")
    school.run(aggregator)
    [held] = aggregator._held.values()
    aggregator._trim(held)
    oldest = school.raw.xrange(LOG, count=1)[0][0].decode()
    assert int(oldest.partition("-")[0]) > room_log.START * 1000
    school.expire_leases()
    school.run(school.aggregator("b"))
    assert len(school.rows("participation_summaries")) == 6


def test_a_silent_room_gets_a_tick(school):
    aggregator = school.aggregator("a")
    aggregator.step()
    [held] = aggregator._held.values()
    length = school.raw.xlen(LOG)
    held.heard_s -= 5.1
    aggregator._tick_and_trim()
    assert school.raw.xlen(LOG) == length + 1


def test_a_log_that_was_lost_is_followed_from_its_new_beginning(school):
    timed = school.a_lesson(LENGTH_S)
    school.log(timed[:150])
    school.run(school.aggregator("a"))
    school.raw.flushdb()
    school.expire_leases()
    successor = school.aggregator("b")
    school.raw.xadd(LOG, {b"v": b"1", b"kind": b"zzz"}, id="1-1")
    successor.step()
    assert school.raw.xlen("dead:{0}") == 1


def test_where_policy_locks_student_figures_no_such_row_exists(database_url, redis_url):
    school = School(database_url, redis_url, a_site("eu", seats=12))
    school.log(school.a_lesson(LENGTH_S)[:-1])
    school.run(school.aggregator("a"))
    assert {table: len(school.rows(table)) for table in PER_STUDENT} == dict.fromkeys(
        PER_STUDENT, 0
    )
    assert len(school.rows("meeting_summaries")) == 1
    school.close()


def test_a_sealed_state_dies_with_its_meeting(database_url, redis_url):
    school = School(database_url, redis_url, a_site("eu", seats=12))
    timed = school.a_lesson(LENGTH_S)
    school.log(timed[:180])  # in the meeting
    aggregator = school.aggregator("a")
    school.run(aggregator)
    [held] = aggregator._held.values()
    assert held.room.state.meeting is not None
    store = Store(school.engine, Places("school"))
    stored = store.load(held.lease)
    assert stored is not None
    sealer = Sealer(school.client, "room-1")
    assert Room.restore(sealer.unwrap(stored.snapshot)).state.meeting is not None

    school.log(timed[180:])
    school.run(aggregator)
    assert held.room.state.meeting is None
    assert school.raw.hlen(seal_name("room-1")) == 1
    with pytest.raises(SnapshotError, match="key of the room's sealed state is gone"):
        sealer.unwrap(stored.snapshot)
    school.close()


def test_a_lost_seal_means_a_fresh_room_at_the_committed_position(database_url, redis_url):
    school = School(database_url, redis_url, a_site("eu", seats=12))
    school.log(school.a_lesson(LENGTH_S)[:180])
    school.run(school.aggregator("a"))
    school.raw.delete(seal_name("room-1"))
    school.expire_leases()
    keeper = LeaseKeeper(school.engine, "b")
    [lease] = keeper.claim([1])
    held = load_room(school.client, Store(school.engine, Places("school")), lease, "room-1")
    assert held.room.state.meeting is None
    assert held.room.position == school.last_id()
    school.close()


def test_rows_and_state_are_written_together_or_not_at_all(school):
    places = Places("school")
    with school.engine.connect() as connection:
        places.load(connection)
    store = Store(school.engine, places)
    [lease] = LeaseKeeper(school.engine, "a").claim([1])
    stray = room_log.plan(cameras=("cam-9",), seats=1)
    room, rows = Room.new("room-1"), []
    for entry_id, message in room_log.entries(room_log.timed_log(stray, 70, room_log.classroom())):
        rows += room.feed(entry_id, message)
    with pytest.raises(UnknownPlaceError, match="does not know camera 'cam-9'"):
        store.commit(lease, rows, StoredState(room.position, b"P", 1))
    assert school.rows("attention_windows") == []
    assert store.load(lease) is None


def test_a_site_that_was_never_synced_says_what_to_do(school):
    school.site = school.site.model_copy(
        update={"site": school.site.site.model_copy(update={"id": "elsewhere"})}
    )
    with pytest.raises(UnknownPlaceError, match="run `facepose db sync`"):
        school.aggregator("a")
