"""A calendar's file on the disk: whether it can be one at all, without reading its events."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from schemas.errors import CalendarError

MAX_CALENDAR_BYTES: Final = 2 << 20
_BEGIN: Final = b"BEGIN:VCALENDAR"
_END: Final = b"END:VCALENDAR"


def read_calendar_bytes(path: Path) -> bytes:
    """The bytes of a whole iCalendar file.

    Raises:
        CalendarError: it cannot be read, is too large, is cut off or is something else.
    """
    try:
        if (size := path.stat().st_size) > MAX_CALENDAR_BYTES:
            raise CalendarError(
                path, f"has {size >> 20} MiB, more than {MAX_CALENDAR_BYTES >> 20} MiB"
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise CalendarError(path, "there is no such file") from None
    except OSError as exc:
        raise CalendarError(path, f"cannot be read: {exc.strerror or exc}") from exc
    text = data.removeprefix(b"\xef\xbb\xbf").strip()
    if not text.upper().startswith(_BEGIN):
        raise CalendarError(path, "is no iCalendar file: it does not begin with BEGIN:VCALENDAR")
    if not text.upper().endswith(_END):
        raise CalendarError(path, "is cut off: it does not end with END:VCALENDAR")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise CalendarError(path, f"is not UTF-8 (byte {exc.start})") from exc
    return text
