"""A batch that travels as one text becomes the same rows as values that travel one by one."""

import datetime as dt

import pytest
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from aggregator.bulk_insert import BULKY, insert_bulk
from aggregator.errors import UnknownPlaceError
from aggregator.reference import Places
from aggregator.row_values import column_values
from aggregator.rows import AttentionMinuteRow, AttentionWindowRow, MeetingMinuteRow
from schemas import tables
from schemas.database import connect, create_engine, upgrade
from schemas.site import Site
from schemas.sync import sync_site

SINCE = dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC)
START = int(SINCE.timestamp())
WINDOW = AttentionWindowRow(
    window_start=START,
    participation_id=2**62 + 1,
    meeting_id=2**62 + 3,
    room="room-1",
    cam_mask=2**30,
    window_s=10,
    score=0,
    sum_x=99_999,
    n_obs=9,
    n_exp=10,
    confidence=1000,
    n_front=1,
    n_desk_recent=2,
    n_desk_stale=3,
    n_peer=4,
    n_away=5,
    n_noface=6,
    eye_valid=7,
    eye_closed=8,
    yaw_med_cd=-18_000,
    pitch_med_cd=9_000,
    motion_cd=1,
    face_px=85,
    missing_reason=0,
    state=2,
)
UNSEEN = AttentionWindowRow(
    **{
        **{name: getattr(WINDOW, name) for name in WINDOW.__struct_fields__},
        "participation_id": 5,
        "score": None,
        "yaw_med_cd": None,
        "pitch_med_cd": None,
        "motion_cd": None,
        "face_px": None,
    }
)
MINUTE = AttentionMinuteRow(
    minute=START,
    participation_id=2**62 + 1,
    meeting_id=7,
    sum_x=-1,
    n_obs=3,
    n_exp=60,
    confidence=0,
    state=1,
    direction_hist=bytes(range(256)),
)
CLASS_MINUTE = MeetingMinuteRow(
    minute=START,
    meeting_id=7,
    site="school-1",
    room="room-1",
    minute_no=0,
    score_mean=None,
    score_p10=None,
    score_p50=4_999,
    synchrony=500,
    n_exp=30,
    n_scored=0,
    coverage=1000,
)
ROWS = {
    tables.attention_windows: [WINDOW, UNSEEN],
    tables.attention_minutes: [MINUTE],
    tables.meeting_minutes: [CLASS_MINUTE],
}


@pytest.fixture
def connection(database_url):
    upgrade(database_url, now=SINCE)
    engine = create_engine(database_url, pooled=False)
    site = Site.model_validate(
        {
            "version": 1,
            "site": {"id": "school-1", "time_zone": "UTC"},
            "policy": "demo",
            "rooms": [{"id": "room-1", "cameras": [{"id": "c", "url": "rtsp://c/1"}]}],
        }
    )
    sync_site(engine, site, at=SINCE)
    with connect(engine) as opened:
        yield opened


def places_of(connection):
    places = Places("school-1")
    places.load(connection)
    return places


def test_every_value_arrives_as_it_would_alone_and_a_second_time_changes_nothing(connection):
    places = places_of(connection)
    assert set(ROWS) == set(BULKY)
    for meeting_id in {row.meeting_id for rows in ROWS.values() for row in rows}:
        connection.execute(
            insert(tables.meetings).values(
                meeting_id=meeting_id,
                room_id=places.room("room-1"),
                site_id=places.site_id,
                policy_profile="demo",
                identity_mode=1,
                source_key=str(meeting_id),
            )
        )
    for table, rows in ROWS.items():
        connection.execute(insert(table), [column_values(row, places) for row in rows])
        alone = connection.execute(select(table)).all()
        connection.execute(table.delete())
        insert_bulk(connection, table, rows, places)
        insert_bulk(connection, table, rows, places)
        assert len(alone) == len(rows)
        assert sorted(map(repr, connection.execute(select(table)))) == sorted(map(repr, alone))


def test_a_room_that_is_not_synced_is_named(connection):
    row = AttentionWindowRow(
        **{**{n: getattr(WINDOW, n) for n in WINDOW.__struct_fields__}, "room": "attic"}
    )
    with pytest.raises(UnknownPlaceError, match="'attic'"):
        insert_bulk(connection, tables.attention_windows, [row], places_of(connection))
