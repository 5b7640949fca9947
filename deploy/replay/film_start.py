"""`--start`: when a film begins, as people write it."""

from __future__ import annotations

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from deploy.replay.errors import ReplayRequestError

EXAMPLE: Final = "2026-03-02T08:30"


def parse_start(text: str, zone: ZoneInfo) -> dt.datetime:
    """An ISO time, with its offset or in the site's local time, in UTC.

    Raises:
        ReplayRequestError: not a time, or a local time that does not exist or exists twice.
    """
    try:
        time = dt.datetime.fromisoformat(text.strip())
    except ValueError as exc:
        raise ReplayRequestError(
            f"--start {text}: write the time like {EXAMPLE} (in {zone.key}) or {EXAMPLE}+01:00"
        ) from exc
    if len(text.strip()) <= len("2026-03-02"):
        raise ReplayRequestError(f"--start {text}: the time of day is missing, write {EXAMPLE}")
    if time.tzinfo is None:
        time = _local(time, zone, text)
    return time.astimezone(dt.UTC)


def _local(time: dt.datetime, zone: ZoneInfo, text: str) -> dt.datetime:
    first, second = (time.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    if first.astimezone(dt.UTC).astimezone(zone).replace(tzinfo=None) != time:
        raise ReplayRequestError(
            f"--start {text}: the clocks in {zone.key} were put forward over this time; "
            "there is no such time on that day"
        )
    raise ReplayRequestError(
        f"--start {text}: on that day the clocks in {zone.key} were put back, so this time came "
        f"twice: write {first.isoformat(timespec='minutes')} for the first or "
        f"{second.isoformat(timespec='minutes')} for the second"
    )
