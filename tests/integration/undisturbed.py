"""A school's database beside that of an undisturbed aggregator on the same log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine

from deploy.chaos.comparison import Comparison, compare
from deploy.chaos.recorder import Recorder
from deploy.chaos.undisturbed import create_database, write_undisturbed
from schemas.database import create_engine
from tests.integration.running_rooms import SINCE, School

ROOM = "room-1"


def recorder_of(school: School) -> Recorder:
    """Reads the log from its beginning; call `collect` before anything is trimmed."""
    return Recorder(school.client, [ROOM])


@contextmanager
def undisturbed_engine(school: School, recorder: Recorder) -> Iterator[Engine]:
    """Of a second database, with the rows that the recorded log stands for."""
    recorder.collect()
    url = create_database(school.database_url)
    [(position, _)] = school.rows("room_state", "position, room_id")
    write_undisturbed(
        url, school.site, SINCE, school.client, recorder.entries, {ROOM: str(position)}
    )
    engine = create_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def beside_undisturbed(school: School, recorder: Recorder) -> Comparison:
    """What the school's database holds against what it should."""
    with undisturbed_engine(school, recorder) as engine:
        return compare(school.engine, engine)


def assert_nothing_lost_or_doubled(comparison: Comparison) -> None:
    """And that there was something to lose."""
    assert comparison.seconds_expected > 100
    assert comparison.differing == {}, comparison.examples
    assert (comparison.lost, comparison.doubled) == (0, 0)
