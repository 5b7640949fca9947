"""Says once that this machine's clock is off, and once that it is good again."""

from __future__ import annotations

from typing import Final

import structlog

from schemas.messages import MAX_CLOCK_OFFSET_MS

OFF_MS: Final = MAX_CLOCK_OFFSET_MS
# A clock at the limit must not ring for ever.
GOOD_MS: Final = 200

_log = structlog.get_logger("facepose.ingest")


class ClockAlarm:
    """Watches the offset to the faces server; above .25 s the cameras' views are not fused."""

    def __init__(self) -> None:
        self.is_off = False

    def note(self, offset_ms: int | None) -> None:
        """Take the newest offset; None, not known, changes nothing."""
        if offset_ms is None:
            return
        if not self.is_off and abs(offset_ms) > OFF_MS:
            self.is_off = True
            _log.warning(
                f"This machine's clock is {offset_ms / 1000:+.2f} s off the faces server's: "
                "let both follow a time server (NTP).",
                action="clock_off",
                offset_ms=offset_ms,
            )
        elif self.is_off and abs(offset_ms) < GOOD_MS:
            self.is_off = False
            _log.info("The clock is good again.", action="clock_good", offset_ms=offset_ms)
