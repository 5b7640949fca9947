"""The things of a site file that have a number: site, classes, rooms, cameras, seats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, select

from schemas.site import Camera, Room, Site
from schemas.sync.merge import Row, merge
from schemas.sync.report import ChangeLog, SyncError
from schemas.tables import cameras, classes, orgs, rooms, seats, sites

MASK_BITS: Final = 31  # attention_windows.cam_mask is a signed integer of 32 bits


def sync_site_row(connection: Connection, site: Site, changes: ChangeLog) -> int:
    """The organisation and the site; returns the site's number."""
    info, rules, slug = site.site, site.rules, site.site.id
    name = info.name or slug
    org = {"slug": slug, "name": name, "policy_profile": rules.profile}
    org_ids = merge(
        connection,
        orgs,
        orgs.c.slug == slug,
        key_of=_slug,
        wanted={slug: org},
        label="org {}".format,
        changes=changes,
    )
    values = {
        "slug": slug,
        "org_id": org_ids[slug],
        "name": name,
        "tz": info.time_zone,
        "policy_profile": rules.profile,
        "per_student": rules.per_student,
        "expression": rules.expression,
        "k": rules.k,
        "retention": site.retention.model_dump(),
    }
    return merge(
        connection,
        sites,
        sites.c.slug == slug,
        key_of=_slug,
        wanted={slug: values},
        label="site {}".format,
        changes=changes,
    )[slug]


def sync_classes(connection: Connection, site: Site, site_id: int, changes: ChangeLog) -> None:
    """The classes that the site file names.

    Those of a calendar's categories are added when their lessons come, and none that is there may
    be disabled for not standing in the site file. A roster's classes keep the roster's title, and
    only the roster disables them.
    """
    scope = classes.c.site_id == site_id
    stored = list(connection.execute(select(classes).where(scope)))
    named = named_classes(site)
    slugs = named | {row.slug for row in stored if row.enabled and row.sourced_id is not None}
    if any(calendar.class_id is None for calendar in site.calendars):
        slugs |= {row.slug for row in stored if row.enabled}
    titles = {row.slug: row.title for row in stored if row.sourced_id is not None}
    wanted = {
        s: {"site_id": site_id, "slug": s, "title": titles.get(s, s), "enabled": True}
        for s in sorted(slugs)
    }
    merge(
        connection,
        classes,
        scope,
        key_of=_slug,
        wanted=wanted,
        label="class {}".format,
        changes=changes,
    )


def named_classes(site: Site) -> set[str]:
    """Slugs of the classes that the site file itself names."""
    slugs = {seating.class_id for seating in site.seatings}
    slugs |= {rule.class_id for rule in site.timetable if rule.class_id}
    return slugs | {calendar.class_id for calendar in site.calendars if calendar.class_id}


def sync_rooms(
    connection: Connection, site: Site, site_id: int, changes: ChangeLog
) -> dict[str, int]:
    """The rooms; returns their numbers by slug."""
    wanted = {
        room.id: {
            "site_id": site_id,
            "slug": room.id,
            "name": room.name or room.id,
            "capacity": room.capacity,
            "enabled": True,
        }
        for room in site.rooms
    }
    scope = rooms.c.site_id == site_id
    return merge(
        connection,
        rooms,
        scope,
        key_of=_slug,
        wanted=wanted,
        label="room {}".format,
        changes=changes,
    )


def sync_cameras(
    connection: Connection,
    site: Site,
    site_id: int,
    room_ids: Mapping[str, int],
    changes: ChangeLog,
) -> None:
    """The cameras, each with a bit of its room's `cam_mask` for ever.

    Raises:
        SyncError: a camera moved to another room, or a room has no bit left.
    """
    scope = cameras.c.site_id == site_id
    rows: list[Row] = [row._asdict() for row in connection.execute(select(cameras).where(scope))]
    stored = {row["slug"]: row for row in rows}
    used: dict[int, set[int]] = {room_id: set() for room_id in room_ids.values()}
    for row in rows:
        used.setdefault(row["room_id"], set()).add(row["mask_bit"])
    wanted = {
        camera.id: {
            "site_id": site_id,
            "room_id": room_ids[room.id],
            "mask_bit": _mask_bit(
                room, camera, room_ids[room.id], stored.get(camera.id), used[room_ids[room.id]]
            ),
            **_camera_values(camera),
        }
        for room in site.rooms
        for camera in room.cameras
    }
    merge(
        connection,
        cameras,
        scope,
        key_of=_slug,
        wanted=wanted,
        label="camera {}".format,
        changes=changes,
    )


def sync_seats(
    connection: Connection,
    site: Site,
    site_id: int,
    room_ids: Mapping[str, int],
    changes: ChangeLog,
) -> None:
    """The seats that any camera of a room sees."""
    of_site = select(rooms.c.room_id, rooms.c.slug).where(rooms.c.site_id == site_id)
    slugs = {row.room_id: row.slug for row in connection.execute(of_site)}
    wanted = {
        (room_ids[room.id], label): {
            "room_id": room_ids[room.id],
            "label": label,
            "enabled": True,
            "proposed": False,
        }
        for room in site.rooms
        for label in room.seat_labels
    }
    undrawn = [room_ids[room.id] for room in site.rooms if not room.seat_labels]
    proposed = select(seats).where(seats.c.room_id.in_(undrawn), seats.c.proposed)
    for row in connection.execute(proposed):  # the aggregator's, not the site file's
        values = {name: getattr(row, name) for name in ("room_id", "label", "enabled", "proposed")}
        wanted[row.room_id, row.label] = values
    merge(
        connection,
        seats,
        seats.c.room_id.in_(select(rooms.c.room_id).where(rooms.c.site_id == site_id)),
        key_of=lambda row: (row["room_id"], row["label"]),
        wanted=wanted,
        label=lambda key: f"room {slugs[key[0]]}, seat {key[1]}",
        changes=changes,
    )


def _slug(row: Row) -> str:
    return str(row["slug"])


def _mask_bit(room: Room, camera: Camera, room_id: int, stored: Row | None, used: set[int]) -> int:
    """The camera's bit, or for a new camera the lowest one that the room never gave out."""
    if stored is not None:
        if stored["room_id"] != room_id:
            raise SyncError(
                f"camera {camera.id!r} now stands in room {room.id!r}: give a moved camera a new "
                "id, so that its history stays with the room that it saw"
            )
        return int(stored["mask_bit"])
    free = next((bit for bit in range(MASK_BITS) if bit not in used), None)
    if free is None:
        raise SyncError(
            f"room {room.id!r} has had {MASK_BITS} cameras, camera {camera.id!r} is one too many: "
            "let it take over the id of a camera that is gone"
        )
    used.add(free)
    return free


def _camera_values(camera: Camera) -> dict[str, Any]:
    return {
        "slug": camera.id,
        "name": camera.id,
        "secret_ref": ",".join(dict.fromkeys(camera.secret_names)),
        "fps_target": camera.analysis_fps,
        "enabled": camera.enabled,
    }
