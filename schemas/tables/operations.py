"""What keeps the services honest: frames accounted for, events, the rooms' state and leases."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    REAL,
    BigInteger,
    Computed,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from schemas.tables.base import key, metadata, optional, partitioned, required

camera_minutes: Final = Table(
    "camera_minutes",
    metadata,
    required("minute", DateTime(timezone=True)),
    required("camera_id", Integer),
    required("frames_exp", Integer),  # by the clock and cameras.fps_target
    required("frames_published", Integer),  # = analysed + expired + dead + lost
    required("frames_analysed", Integer),
    required("frames_expired", Integer),  # too old when a worker took them
    required("frames_dead", Integer),  # could not be decoded or analysed
    required("frames_lost", Integer),  # trimmed before a worker took them: gaps in seq
    required("frames_refused", Integer),  # sampled, but the frames server would not take them
    # analysed, but they came behind the watermark and stand in no window
    required("frames_late", Integer, server_default=text("0")),
    required("frames_ok", Integer, Computed("frames_analysed - frames_late", persisted=True)),
    required("down_s", SmallInteger, server_default=text("0")),  # by ingest's word, or no word
    required("frozen_s", SmallInteger, server_default=text("0")),  # of these, the picture stood
    required("reconnects", SmallInteger),  # connections, or attempts at one, that ended
    # The same by cause ({"dropped": 2}); NULL: none, or an ingest that tells no causes.
    optional("reconnect_causes", JSONB(none_as_null=True)),
    required("max_gap_ms", Integer),
    optional("lat_p50_ms", Integer),  # capture to analysed
    optional("lat_p99_ms", Integer),
    # The ingest machine's clock less the faces server's: of the minute, what is furthest from 0.
    optional("clock_offset_ms", Integer),
    # The camera's own clock less ours, by its RTCP reports: the minute's last.
    optional("camera_offset_ms", Integer),
    optional("faces", REAL),  # mean of a frame
    PrimaryKeyConstraint("camera_id", "minute"),
    comment="Every frame of a camera, accounted for",
    **partitioned("minute", "month"),
)

events: Final = Table(
    "events",
    metadata,
    required("ts", DateTime(timezone=True)),
    required("event_id", BigInteger),  # hash of what happened, where and when
    required("kind", Text),  # 'seat_change', 'calibration_bumped', …
    required("severity", SmallInteger),  # 1 to know, 2 to look at, 3 to act on
    optional("site_id", SmallInteger),
    optional("room_id", Integer),
    optional("camera_id", Integer),
    optional("meeting_id", BigInteger),
    optional("participation_id", BigInteger),
    required("payload", JSONB, server_default=text("'{}'::jsonb")),
    PrimaryKeyConstraint("event_id", "ts"),
    Index("events_kind_ts_idx", "kind", "ts"),
    comment="What people should know: seats that changed, cameras that were moved",
    **partitioned("ts", "month"),
)

room_state: Final = Table(
    "room_state",
    metadata,
    key("room_id", Integer, ForeignKey("rooms.room_id")),
    required("run_id", Text, server_default=text("''"), primary_key=True),  # '': live
    required("position", Text),  # id of the last entry of the room's log behind the rows
    required("snapshot", LargeBinary),
    required("snapshot_version", SmallInteger),
    comment="Committed in one transaction with the rows that it explains",
)

room_leases: Final = Table(
    "room_leases",
    metadata,
    key("room_id", Integer, ForeignKey("rooms.room_id")),
    required("run_id", Text, server_default=text("''"), primary_key=True),
    optional("holder", Text),
    required("fence", BigInteger, server_default=text("0")),
    required("until", DateTime(timezone=True), server_default=text("to_timestamp(0)")),
    comment="Which aggregator may write the rows of a room, by the clock of the database",
)
