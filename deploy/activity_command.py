"""Body of `facepose activity`: a control event into a room's log, and what is in force there."""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console

from aggregator.activities import AHEAD_S, in_force
from aggregator.onlooker import look_at_room
from aggregator.people import Meeting
from aggregator.reference import Places
from aggregator.room_state import RoomState
from aggregator.store import Store
from schemas.database import connect as connect_database
from schemas.database import create_engine
from schemas.errors import SettingsError
from schemas.messages import ActivityChange, encode
from schemas.settings import Settings
from schemas.site import Room, Site
from schemas.streams import faces_stream
from schemas.transport import connect, publish, server_time_ns

NS: Final = 1_000_000_000
LONGEST_AHEAD_S: Final = 12 * 3600
PAST_S: Final = 60  # the minute that a clock shows has begun


def say_activity(
    site: Site, settings: Settings, room_id: str, activity: str, at: str | None, console: Console
) -> None:
    """Publish that the class in a room changes its activity.

    Args:
        site: names the room.
        settings: the observations server.
        room_id: slug.
        activity: one of `schemas.site.ACTIVITIES`.
        at: local time from which it holds; None: now, by the server's clock.
        console: says what was done.

    Raises:
        SettingsError: there is no such room, or no such time.
        TransportError: the server cannot be reached.
    """
    room = _room(site, room_id)
    with connect(settings.require_faces_url()) as client:
        now_ns = server_time_ns(client)
        at_ns = now_ns if at is None else parse_time(at, now_ns, site.time_zone)
        change = ActivityChange(room_id=room.id, at=at_ns, activity=activity)
        publish(client, faces_stream(room.id), encode(change))
    console.print(
        f"Room {room.id}: {activity} from {_clock(at_ns // NS, site.time_zone)} on, "
        "until the lesson is over.",
        highlight=False,
    )


def show_activity(site: Site, settings: Settings, room_id: str, console: Console) -> None:
    """Print what the class in a room does by all that its log says.

    Raises:
        SettingsError: there is no such room.
        DatabaseUnavailableError, TransportError, UnknownPlaceError: servers that are not there or
            do not know the site yet.
    """
    room = _room(site, room_id)
    engine = create_engine(settings.require_database_url())
    places = Places(site.site.id)
    with connect_database(engine) as connection:
        places.load(connection)
    with connect(settings.require_faces_url()) as client:
        seen = look_at_room(client, Store(engine, places), places.room(room.id), room.id)
    engine.dispose()
    for line in describe(seen.state, site.time_zone):
        console.print(line, highlight=False)


def describe(state: RoomState, zone: ZoneInfo) -> list[str]:
    """What a room's state says of its class's activity, as sentences."""
    lines = [_of_meeting(state, state.meeting, zone)]
    if state.meeting is None and state.by_hand is not None:
        until = state.by_hand.at + AHEAD_S
        if until > state.cursor:
            lines.append(
                f"{state.by_hand.activity} was said for a lesson that begins "
                f"until {_clock(until, zone)}."
            )
    lines += [
        f"{change.activity} from {_clock(change.at // NS, zone)} on."
        for change in sorted(state.activities, key=lambda change: change.at)
    ]
    return lines


def _of_meeting(state: RoomState, meeting: Meeting | None, zone: ZoneInfo) -> str:
    if meeting is None:
        return f"No lesson is held in room {state.room_id}."
    activity, source = in_force(meeting, state.by_hand)
    since = meeting.stretch.since if meeting.stretch else meeting.started
    of_class = f" of {meeting.class_slug}" if meeting.class_slug else ""
    return (
        f"Room {state.room_id}: {activity} since {_clock(since, zone)} ({source}), in the lesson"
        f"{of_class} that began at {_clock(meeting.started, zone)}."
    )


def parse_time(text: str, now_ns: int, zone: ZoneInfo) -> int:
    """A local time of today, or a whole one, as Unix nanoseconds.

    Raises:
        SettingsError: it is no time, or lies behind us or too far ahead.
    """
    now = dt.datetime.fromtimestamp(now_ns / NS, zone)
    try:
        if "T" in text or " " in text.strip():
            time = dt.datetime.fromisoformat(text.strip())
        else:
            time = dt.datetime.combine(now.date(), dt.time.fromisoformat(text.strip()))
    except ValueError as exc:
        raise SettingsError(f"{text!r} is no time; write 10:30 or 2026-11-18T10:30") from exc
    at_ns = int(time.replace(tzinfo=time.tzinfo or zone).timestamp()) * NS
    if at_ns < now_ns - PAST_S * NS:
        raise SettingsError(
            f"{text} is over (it is {now:%H:%M:%S}): what was measured by then stays as it is"
        )
    if at_ns > now_ns + LONGEST_AHEAD_S * NS:
        raise SettingsError(f"{text} is more than {LONGEST_AHEAD_S // 3600} hours ahead")
    return at_ns


def _room(site: Site, room_id: str) -> Room:
    room = site.room(room_id)
    if room is None:
        known = ", ".join(sorted(room.id for room in site.rooms))
        raise SettingsError(f"there is no room {room_id!r} in this site; its rooms are {known}")
    return room


def _clock(second: int, zone: ZoneInfo) -> str:
    return dt.datetime.fromtimestamp(second, zone).strftime("%H:%M:%S")
