"""Reference tables: what the site file says, kept with its history by `schemas.sync`.

Nothing here is ever deleted: what left the site file is disabled, a changed region or calibration
closes the old range of validity and opens a new one. Ids are given out by `sync`, never reused.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE, ExcludeConstraint

from schemas.tables.base import key, metadata, optional, required, slug

orgs: Final = Table(
    "orgs",
    metadata,
    key("org_id", Integer),
    slug(),
    required("name", Text),
    required("policy_profile", Text),
    UniqueConstraint("slug"),
    comment="Who answers for one or more sites; today one for each site file",
)

sites: Final = Table(
    "sites",
    metadata,
    key("site_id", SmallInteger),
    required("org_id", Integer, ForeignKey("orgs.org_id")),
    slug(),
    required("name", Text),
    required("tz", Text),
    optional("policy_profile", Text),
    required("per_student", Boolean),  # the policy in force, after the site's stricter choices
    required("expression", Boolean),
    required("k", SmallInteger),
    optional("retention", JSONB(none_as_null=True)),  # days, by the names of the site file
    UniqueConstraint("slug"),
    comment="A school: one site file",
)

rooms: Final = Table(
    "rooms",
    metadata,
    key("room_id", Integer),
    required("site_id", SmallInteger, ForeignKey("sites.site_id")),
    slug(),
    required("name", Text),
    optional("capacity", SmallInteger),
    # since when the seats are who sits in them, by somebody's word (`facepose seats confirm`)
    optional("seats_confirmed_at", DateTime(timezone=True)),
    required("enabled", Boolean, server_default=text("true")),
    UniqueConstraint("site_id", "slug"),
    comment="Rooms of a site",
)

cameras: Final = Table(
    "cameras",
    metadata,
    key("camera_id", Integer),
    required("site_id", SmallInteger, ForeignKey("sites.site_id")),
    required("room_id", Integer, ForeignKey("rooms.room_id")),
    slug(),
    required("name", Text),
    required("secret_ref", Text),  # names of environment variables, never a secret
    optional("width", SmallInteger),
    optional("height", SmallInteger),
    required("fps_target", REAL),
    required("mask_bit", SmallInteger),  # its bit in attention_windows.cam_mask, never reused
    required("enabled", Boolean, server_default=text("true")),
    UniqueConstraint("site_id", "slug"),
    UniqueConstraint("room_id", "mask_bit"),
    CheckConstraint("mask_bit BETWEEN 0 AND 30", name="mask_bit"),
    comment="Cameras, and films that are played as cameras",
)

seats: Final = Table(
    "seats",
    metadata,
    key("seat_id", Integer),
    required("room_id", Integer, ForeignKey("rooms.room_id")),
    required("label", Text),
    required("enabled", Boolean, server_default=text("true")),
    # not drawn in the site file, but found where faces keep appearing
    required("proposed", Boolean, server_default=text("false")),
    UniqueConstraint("room_id", "label"),
    comment="Seats of a room",
)

seat_regions: Final = Table(
    "seat_regions",
    metadata,
    required("camera_id", Integer, ForeignKey("cameras.camera_id")),
    required("seat_id", Integer, ForeignKey("seats.seat_id")),
    required("polygon", JSONB),  # [[x, y], …] in fractions of the picture's width and height
    required("priority", SmallInteger, server_default=text("1")),
    required("valid", TSTZRANGE),
    ExcludeConstraint(
        (text("int8range(camera_id, camera_id, '[]')"), "&&"),
        (text("int8range(seat_id, seat_id, '[]')"), "&&"),
        ("valid", "&&"),
        using="gist",
        name="seat_regions_valid_excl",
    ),
    comment="Where a camera sees a seat, and when that held",
)

calibrations: Final = Table(
    "calibrations",
    metadata,
    required("calibration_id", BigInteger, Identity(always=True), primary_key=True),
    required("camera_id", Integer, ForeignKey("cameras.camera_id")),
    optional("seat_id", Integer, ForeignKey("seats.seat_id")),  # NULL: the whole camera
    required("method", Text),
    required("source", Text, server_default=text("'site_file'")),
    required("yaw_deg", REAL),
    required("pitch_deg", REAL),
    optional("mode_mass", REAL),
    optional("n_samples", Integer),
    required("factor", REAL),  # f_cal of the score
    required("valid", TSTZRANGE),
    CheckConstraint(
        "method IN ('manual', 'geometric', 'modal_seat', 'plane_fit', 'camera_mode')",
        name="method",
    ),
    CheckConstraint("source IN ('site_file', 'command', 'measured')", name="source"),
    ExcludeConstraint(
        (text("int8range(camera_id, camera_id, '[]')"), "&&"),
        (text("int8range(COALESCE(seat_id, 0), COALESCE(seat_id, 0), '[]')"), "&&"),
        ("valid", "&&"),
        using="gist",
        name="calibrations_valid_excl",
    ),
    comment="The head direction towards the front, per camera or seat, and when that held",
)

classes: Final = Table(
    "classes",
    metadata,
    key("class_id", Integer),
    required("site_id", SmallInteger, ForeignKey("sites.site_id")),
    slug(),
    optional("sourced_id", Text),
    required("title", Text),
    optional("term", Text),
    required("enabled", Boolean, server_default=text("true")),
    UniqueConstraint("site_id", "slug"),
    comment="Groups that the timetable names; no names of people",
)

score_versions: Final = Table(
    "score_versions",
    metadata,
    key("score_version", SmallInteger),
    required("name", Text),
    required("params", JSONB),
    required("params_sha256", Text),
    required("code_version", Text),
    required("effective_from", DateTime(timezone=True)),
    comment="Formula and constants behind each score; a version never changes",
)
