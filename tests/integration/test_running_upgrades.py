"""New versions in mid-lesson: first the tables, then aggregators, then workers, then ingest."""

import itertools
from contextlib import contextmanager

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from aggregator.leases import LeaseKeeper
from aggregator.metrics import AggregatorMetrics
from aggregator.reference import Places
from aggregator.room import Room
from aggregator.room_state import SNAPSHOT_VERSION
from aggregator.runner import build_aggregator
from aggregator.store import Store, StoredState
from schemas import messages
from schemas.messages import FIELD_BODY, FIELD_VERSION, FrameFaces, Tick, encode
from schemas.site import Site
from schemas.transport.entries import id_order
from tests.integration.running_rooms import LOG, School, a_future_minute, a_site
from tests.integration.undisturbed import (
    assert_nothing_lost_or_doubled,
    beside_undisturbed,
    recorder_of,
)
from tests.unit import room_log
from tests.unit.test_determinism import fed
from tests.unit.test_upgrades import OLD, decoded

LENGTH_S = 130
THIRD_S = LENGTH_S / 3


@pytest.fixture
def school(database_url, valkey_server, monkeypatch):
    monkeypatch.setattr(room_log, "START", a_future_minute())
    school = School(database_url, valkey_server, a_site())
    school.raw.flushdb()
    yield school
    school.close()


def position(school):
    stored = school.rows("room_state", "position, room_id")
    return id_order(stored[0][0]) if stored else (0, 0)


def ready(aggregator):
    return aggregator._metrics.ready._value.get()


# --- messages -------------------------------------------------------------------------------


def of_version_2(message):
    """As the next major version writes it: with fields that a reader of version 1 does not know."""
    fields = encode(message)
    body = msgspec.msgpack.decode(fields[FIELD_BODY]) | {"lens": "wide", "certainty": 0.5}
    return {**fields, FIELD_VERSION: b"2", FIELD_BODY: msgspec.msgpack.encode(body)}


def write(school, timed, *, upgraded):
    """Append messages; those for which `upgraded` says so in version 2."""
    for at, message in timed:
        school._number += 1
        entry_id = f"{round((room_log.START + at) * 1000)}-{school._number}"
        fields = of_version_2(message) if upgraded(at, message) else encode(message)
        school.raw.xadd(LOG, fields, id=entry_id)


def in_order(at, message):
    """Workers are upgraded after the first third of the lesson, ingest after the second."""
    from_s = THIRD_S if isinstance(message, FrameFaces) else 2 * THIRD_S
    return at >= from_s and not isinstance(message, Tick)


def test_a_newer_major_version_waits_for_the_upgrade_and_then_gives_the_same_rows(
    school, monkeypatch
):
    """Somebody upgraded the workers first, against the order."""
    recorder = recorder_of(school)
    old = school.aggregator("of version 1")
    old.step()
    recorder.collect()
    write(school, school.a_lesson(LENGTH_S), upgraded=in_order)
    school.run(old)
    stopped_at = position(school)
    with capture_logs() as logs:
        for _ in range(3):
            old.step()
    assert position(school) == stopped_at < id_order(school.last_id())
    assert not ready(old)
    assert school.raw.xlen("dead:{0}") == 0
    assert not [log for log in logs if log["action"] == "dead_letter"]
    assert not school.rows("meeting_summaries")

    monkeypatch.setattr(messages, "VERSION", 2)  # now a program that understands both
    old.finish()
    school.run(school.aggregator("of version 2"))
    assert position(school) == id_order(school.last_id())
    assert school.rows("meeting_summaries")
    assert_nothing_lost_or_doubled(beside_undisturbed(school, recorder))


def test_an_upgrade_in_order_is_noticed_by_nobody(school, monkeypatch):
    recorder = recorder_of(school)
    timed = school.a_lesson(LENGTH_S)
    before = [pair for pair in timed if pair[0] < THIRD_S]
    old = school.aggregator("of version 1")
    old.step()
    recorder.collect()
    write(school, before, upgraded=in_order)
    school.run(old)
    assert ready(old)
    old.finish()
    monkeypatch.setattr(messages, "VERSION", 2)
    new = school.aggregator("of version 2")
    write(school, timed[len(before) :], upgraded=in_order)
    school.run(new)
    assert ready(new)
    assert_nothing_lost_or_doubled(beside_undisturbed(school, recorder))


# --- the room's state -----------------------------------------------------------------------


@contextmanager
def a_newer_program():
    """The program of the next release, as far as states go."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("aggregator.room_state", "aggregator.held_room", "deploy.chaos.undisturbed"):
            patch.setattr(f"{module}.SNAPSHOT_VERSION", SNAPSHOT_VERSION + 1)
        yield


def an_old_aggregator(school):
    """Looks again at once."""
    seconds = itertools.count(step=10.0)
    return build_aggregator(
        school.site,
        school.engine,
        school.client,
        AggregatorMetrics(CollectorRegistry()),
        "old",
        monotonic=lambda: next(seconds),
    )


def test_a_state_of_a_newer_program_is_left_alone_until_the_upgrade(school):
    """An aggregator was rolled back, or an old one outlives the new one's first commit."""
    recorder = recorder_of(school)
    timed = school.a_lesson(LENGTH_S)
    half = len(timed) // 2
    with a_newer_program():
        newer = school.aggregator("newer")
        school.log(timed[:half])
        school.run(newer)
        recorder.collect()
        newer.finish()
    before = school.rows("room_state")
    old = an_old_aggregator(school)
    with capture_logs() as logs:
        for _ in range(4):
            old.step()
    actions = [log["action"] for log in logs]
    assert actions.count("newer_state") == 1
    assert "state_lost" not in actions
    assert not ready(old)
    assert school.rows("room_state") == before
    with a_newer_program():  # it may have the room at once
        school.log(timed[half:])
        school.run(school.aggregator("newer again"))
        assert_nothing_lost_or_doubled(beside_undisturbed(school, recorder))


@pytest.mark.parametrize("stop", [1, 2])
def test_a_state_of_version_1_in_the_database_is_taken_over_in_mid_lesson(
    database_url, valkey_server, stop
):
    school = School(database_url, valkey_server, two_cameras())
    school.raw.flushdb()
    recorder = recorder_of(school)
    for entry_id, fields in OLD.log:
        school.raw.xadd(LOG, fields, id=entry_id)
    leave_as_version_1_did(school, *OLD.states[stop])
    recorder.collect()
    school.run(school.aggregator("upgraded"))
    [(version, _)] = school.rows("room_state", "snapshot_version, room_id")
    assert version == SNAPSHOT_VERSION
    compared = beside_undisturbed(school, recorder)
    assert compared.rows["attention_windows"] > 50
    # The state may still hold less than an undisturbed one: the rows are what counts.
    assert compared.differing.keys() <= {"room_state"}, compared.examples
    school.close()


def two_cameras():
    site = a_site().model_dump(mode="json", exclude_none=True)
    [first] = site["rooms"][0]["cameras"]
    site["rooms"][0]["cameras"] = [first, first | {"id": "cam-2"}]
    return Site.model_validate(site)


def leave_as_version_1_did(school, fed_before, snapshot):
    """What it had committed when it was stopped: rows, position and state."""
    room = Room.new("room-1")
    rows = fed(decoded(OLD.log[:fed_before]), room)
    places = Places("school")
    with school.engine.connect() as connection:
        places.load(connection)
    keeper = LeaseKeeper(school.engine, "of version 1")
    [lease] = keeper.claim([places.room("room-1")])
    state = StoredState(room.position, b"P" + snapshot, 1)
    Store(school.engine, places).commit(lease, rows, state)
    keeper.release([lease])
