"""Redelivery against real servers: what consumers leave unacknowledged is never lost."""

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas import transport
from schemas.transport import Client
from tests.contract.numbered_entries import GROUP, STREAM, numbers, publish, read


@pytest.fixture
def client(redis_url: str) -> Iterator[Client]:
    with transport.connect(redis_url) as client:
        yield client


def reclaim(client: Client, consumer: str, min_idle_ms: int = 0, count: int = 100):
    return transport.reclaim(client, STREAM, GROUP, consumer, min_idle_ms=min_idle_ms, count=count)


def test_a_lost_group_does_not_break_renewing_reclaiming_and_acknowledging(client):
    transport.renew(client, STREAM, GROUP, "one", ["1-0"])
    assert transport.ack(client, STREAM, GROUP, ["1-0"]) == 0
    assert transport.pending_count(client, STREAM, GROUP) == 0
    assert reclaim(client, "one").entries == []


def test_a_dead_consumers_entries_are_taken_over_with_their_count_of_deliveries(client):
    transport.ensure_group(client, STREAM, GROUP)
    publish(client, 0)
    read(client, "dead")
    for deliveries in (2, 3):
        reclaimed = reclaim(client, "heir")
        assert [entry.deliveries for entry in reclaimed.entries] == [deliveries]
        assert numbers(reclaimed.entries) == [0]


def test_renewed_entries_are_left_alone(client):
    transport.ensure_group(client, STREAM, GROUP)
    publish(client, 0)
    entry = read(client, "one")[0]
    transport.renew(client, STREAM, GROUP, "one", [entry.entry_id])
    assert reclaim(client, "heir", min_idle_ms=60_000).entries == []
    reclaimed = reclaim(client, "heir")
    assert [entry.deliveries for entry in reclaimed.entries] == [2]  # renewing is no delivery


def test_acknowledged_entries_never_come_back(client):
    transport.ensure_group(client, STREAM, GROUP)
    publish(client, 0)
    entry = read(client)[0]
    assert transport.ack(client, STREAM, GROUP, [entry.entry_id]) == 1
    assert reclaim(client, "heir").entries == []
    assert transport.pending_count(client, STREAM, GROUP) == 0


def test_trimmed_entries_are_swept_from_pending_and_counted_once(client):
    transport.ensure_group(client, STREAM, GROUP)
    ids = [publish(client, number) for number in range(4)]
    read(client, "dead")
    transport.trim_below(client, STREAM, ids[2], exact=True)
    reclaimed = reclaim(client, "heir")
    assert reclaimed.expired_ids == ids[:2]
    assert numbers(reclaimed.entries) == [2, 3]
    assert transport.sweep(client, STREAM, GROUP, min_idle_ms=0) == []
    assert transport.pending_count(client, STREAM, GROUP) == 2


def test_a_whole_trimmed_stream_is_swept_page_by_page(client):
    transport.ensure_group(client, STREAM, GROUP)
    for number in range(1200):
        publish(client, number)
    assert len(read(client, "dead", count=1200)) == 1200
    client.xtrim(STREAM, maxlen=0, approximate=False)
    assert len(transport.sweep(client, STREAM, GROUP, min_idle_ms=0)) == 1200


ACTIONS = st.lists(
    st.sampled_from(["publish", "read", "crash", "reclaim", "ack", "renew", "trim"]), max_size=40
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ACTIONS)
def test_every_entry_is_delivered_or_counted_expired_and_never_after_its_ack(client, actions):
    course = Course(client)
    for action in actions:
        getattr(course, action)()
    course.settle()
    assert course.published - course.trimmed_unread == course.delivered | course.expired
    assert course.pending() == 0


class Course:
    """One consumer that crashes and comes back under a new name, and what it has seen."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.stream = f"frames:{{0}}:{uuid.uuid4().hex}"
        self.published: set[str] = set()
        self.delivered: set[str] = set()
        self.expired: set[str] = set()
        self.acked: set[str] = set()
        self.trimmed_unread: set[str] = set()
        self.held: list[str] = []
        self.name = 0
        transport.ensure_group(client, self.stream, GROUP)

    def publish(self) -> None:
        self.published.add(publish(self.client, len(self.published), self.stream))

    def read(self) -> None:
        self.take(transport.read_group(self.client, GROUP, str(self.name), [self.stream], count=2))

    def crash(self) -> None:
        self.held = []
        self.name += 1

    def reclaim(self, count: int = 2) -> None:
        reclaimed = transport.reclaim(
            self.client, self.stream, GROUP, str(self.name), min_idle_ms=0, count=count
        )
        assert not set(reclaimed.expired_ids) & self.expired
        self.expired |= set(reclaimed.expired_ids)
        self.take(reclaimed.entries)

    def take(self, entries) -> None:
        ids = {entry.entry_id for entry in entries}
        assert not ids & self.acked
        self.delivered |= ids
        self.held += ids

    def ack(self) -> None:
        if self.held:
            entry_id = self.held.pop(0)
            transport.ack(self.client, self.stream, GROUP, [entry_id])
            self.acked.add(entry_id)

    def renew(self) -> None:
        pending = [entry_id for entry_id in self.held if entry_id not in self.acked]
        transport.renew(self.client, self.stream, GROUP, str(self.name), pending)

    def trim(self) -> None:
        newest = max(self.published, key=transport.entries.id_order, default="0-0")
        gone = self.published - {newest}
        self.trimmed_unread |= gone - self.delivered - self.expired
        transport.trim_below(self.client, self.stream, newest, exact=True)

    def settle(self) -> None:
        self.read()
        while len(self.delivered | self.expired | self.trimmed_unread) < len(self.published):
            before = len(self.delivered)
            self.read()
            assert len(self.delivered) > before
        self.crash()
        self.reclaim(count=100)
        transport.ack(self.client, self.stream, GROUP, self.held)

    def pending(self) -> int:
        return transport.pending_count(self.client, self.stream, GROUP)
