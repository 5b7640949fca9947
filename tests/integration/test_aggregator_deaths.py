"""Aggregators that die at chosen points of a commit: no row is lost, doubled or different."""

import random
from collections import Counter

import pytest
from sqlalchemy import text

from aggregator import store
from deploy.chaos.comparison import compare
from schemas.fault_points import IN_COMMIT
from schemas.transport.entries import id_order
from tests.integration.running_rooms import School, a_future_minute, a_site
from tests.integration.undisturbed import (
    assert_nothing_lost_or_doubled,
    beside_undisturbed,
    recorder_of,
    undisturbed_engine,
)
from tests.unit import room_log

LENGTH_S = 130


class KilledError(BaseException):
    """The aggregator is dead; no handler may catch this."""


@pytest.fixture
def school(database_url, valkey_server, monkeypatch):
    monkeypatch.setattr(room_log, "START", a_future_minute())
    school = School(database_url, valkey_server, a_site())
    school.raw.flushdb()
    yield school
    school.close()


def run_with_deaths(school, recorder, timed, *, seed):
    """Let aggregators read the log piece by piece; where they died."""
    chance = random.Random(seed)
    deaths = Counter()

    def may_die(point):
        if chance.random() < 0.12:
            deaths[point] += 1
            raise KilledError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "pass_point", may_die)
        aggregator, number = school.aggregator("first"), 0
        while timed:
            count = chance.randrange(5, 40)
            piece, timed = timed[:count], timed[count:]
            school.log(piece)
            while not has_read(school):
                try:
                    school.run(aggregator)
                except KilledError:  # no clean goodbye: its lease runs out
                    number += 1
                    school.expire_leases()
                    aggregator = school.aggregator(f"successor-{number}")
                recorder.collect()
    return deaths


def has_read(school):
    stored = school.rows("room_state", "position, room_id")
    return bool(stored) and id_order(stored[0][0]) >= id_order(school.last_id())


@pytest.mark.parametrize("seed", [1, 2])
def test_deaths_at_every_point_of_a_commit_leave_no_trace(school, seed):
    recorder = recorder_of(school)
    deaths = run_with_deaths(school, recorder, school.a_lesson(LENGTH_S), seed=seed)
    assert set(deaths) == set(IN_COMMIT)
    assert school.rows("meeting_summaries")
    assert_nothing_lost_or_doubled(beside_undisturbed(school, recorder))


ONE = "ctid = (SELECT min(ctid) FROM {} WHERE {})"
WINDOW = ONE.format("attention_windows", "n_exp = 10")
OTHER_WINDOW = ONE.format("attention_windows", "n_exp BETWEEN 1 AND 9")
MINUTE = ONE.format("attention_minutes", "true")
# what is done to a row → the table, and the student-seconds that are lost and doubled from then on
TAMPERED = {
    f"DELETE FROM attention_windows WHERE {WINDOW}": ("attention_windows", 10, 0),
    f"UPDATE attention_windows SET n_exp = n_exp + 3 WHERE {OTHER_WINDOW}": (
        "attention_windows", 10, 3,
    ),
    f"UPDATE attention_minutes SET sum_x = sum_x + 1 WHERE {MINUTE}": ("attention_minutes", 10, 3),
    "DELETE FROM meeting_summaries": ("meeting_summaries", 10, 3),
    "UPDATE room_state SET snapshot = snapshot || 'x'": ("room_state", 10, 3),
}  # fmt: skip


def test_the_comparison_sees_every_single_row_that_is_wrong(school):
    recorder = recorder_of(school)
    school.log(school.a_lesson(LENGTH_S))
    school.run(school.aggregator("a"))
    differing = Counter()
    with undisturbed_engine(school, recorder) as other:
        assert_nothing_lost_or_doubled(compare(school.engine, other))
        for statement, (table, lost, doubled) in TAMPERED.items():
            with school.engine.begin() as connection:
                connection.execute(text(statement))
            differing[table] += 1
            found = compare(school.engine, other)
            assert found.differing == differing
            assert (found.lost, found.doubled) == (lost, doubled)
            assert any(example.startswith(table) for example in found.examples)
