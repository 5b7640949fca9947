"""Natural keys of meetings and the ids that are made of them."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Final

ABSENCE_S: Final = 300  # an automatic meeting ends after that long without anybody seen
MAX_AUTOMATIC_S: Final = 6 * 3600  # and at the latest then

_TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_ICAL: Final = re.compile(rf"ical:(?P<uid>.+?):(?P<original>{_TIME})(~{_TIME})?", re.DOTALL)


def automatic_source_key(start: int) -> str:
    """The natural key of a meeting that presence opened at `start`."""
    return f"auto:{iso_utc(start)}"


def film_source_key(start: int) -> str:
    """The natural key of a meeting that a recording from `start` on holds."""
    return f"film:{iso_utc(start)}"


def iso_utc(second: int) -> str:
    """`2026-11-23T08:30:00Z`."""
    return dt.datetime.fromtimestamp(second, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def hash_id(*parts: str | int) -> int:
    """63 bits of SHA-256 over the parts: the same key gives the same id everywhere."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def planned_key(source_key: str) -> str:
    """The lesson's own key, without the new start of one that was moved after its close."""
    cut = -len("~2026-11-23T08:30:00Z")
    return source_key[:cut] if source_key[cut : cut + 1] == "~" else source_key


def ical_parts(source_key: str) -> tuple[str, int] | None:
    """UID and original start (Unix seconds) of a calendar's lesson; None: it is another's key."""
    found = _ICAL.fullmatch(source_key)
    if found is None:
        return None
    return found["uid"], int(dt.datetime.fromisoformat(found["original"]).timestamp())
