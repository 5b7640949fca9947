"""What a group is done with, on every server that must do."""

from __future__ import annotations

import pytest

from schemas.transport import ack, connect, ensure_group, id_order, publish, read_group, trim_below
from schemas.transport.progress import done_before

STREAM, GROUP = "frames:{0}:film-1:c1", "workers"


@pytest.fixture
def client(redis_url):
    with connect(redis_url) as client:
        yield client


def published(client, count: int) -> list[str]:
    return [publish(client, STREAM, {b"n": b"%d" % n}) for n in range(count)]


def done(client, ids: list[str]) -> list[bool]:
    limit = done_before(client, STREAM, GROUP)
    assert limit is not None
    return [id_order(entry_id) < limit for entry_id in ids]


def read(client, count: int, consumer: str = "w1") -> None:
    assert len(read_group(client, GROUP, consumer, [STREAM], count=count)) == count


def test_what_nobody_has_read_is_not_done(client):
    ensure_group(client, STREAM, GROUP)
    ids = published(client, 3)
    assert done(client, ids) == [False, False, False]


def test_what_is_read_is_done_only_when_it_is_acknowledged(client):
    ensure_group(client, STREAM, GROUP)
    ids = published(client, 4)
    read(client, 3)
    assert done(client, ids) == [False] * 4
    ack(client, STREAM, GROUP, ids[:1])
    assert done(client, ids) == [True, False, False, False]
    ack(client, STREAM, GROUP, ids[1:3])
    assert done(client, ids) == [True, True, True, False]


def test_one_that_is_slow_holds_up_those_behind_it(client):
    ensure_group(client, STREAM, GROUP)
    ids = published(client, 3)
    read(client, 1, "slow")
    read(client, 2, "quick")
    ack(client, STREAM, GROUP, ids[1:])
    assert done(client, ids) == [False, False, False]


def test_it_can_be_trimmed_up_to_there(client):
    ensure_group(client, STREAM, GROUP)
    ids = published(client, 3)
    read(client, 2)
    ack(client, STREAM, GROUP, ids[:2])
    milliseconds, number = done_before(client, STREAM, GROUP)
    assert trim_below(client, STREAM, f"{milliseconds}-{number}", exact=True) == 2
    assert done(client, ids) == [True, True, False]


def test_a_server_that_has_forgotten_says_nothing(client):
    assert done_before(client, STREAM, GROUP) is None
    publish(client, STREAM, {b"n": b"1"})
    assert done_before(client, STREAM, GROUP) is None
    ensure_group(client, STREAM, "others")
    assert done_before(client, STREAM, GROUP) is None
