"""A log of at most one line a minute, so that one bad camera or server cannot flood it."""

from __future__ import annotations

import threading
from typing import Any, Final

import structlog

from ingest.stream.timestamps import NS, NsClock

PERIOD_NS: Final = 60 * NS


class MinuteLog:
    """Says the newest of what happened to one thing, and how many lines it left out."""

    def __init__(self, monotonic_ns: NsClock, **about: str) -> None:
        self._log = structlog.get_logger("facepose.ingest").bind(**about)
        self._monotonic_ns = monotonic_ns
        self._said_ns: int | None = None
        self._waiting: tuple[str, str, dict[str, Any]] | None = None
        self._left_out = 0
        self._lock = threading.Lock()

    def say(self, sentence: str, action: str, **facts: Any) -> None:  # noqa: ANN401  any fact is loggable
        """Log now, or once the minute is over if nothing newer has happened by then."""
        with self._lock:
            self._left_out += self._waiting is not None
            self._waiting = sentence, action, facts
        self.flush()

    def flush(self) -> None:
        """Log what waits, if its time has come; called once a second."""
        with self._lock:
            now_ns = self._monotonic_ns()
            if self._waiting is None:
                return
            if self._said_ns is not None and now_ns - self._said_ns < PERIOD_NS:
                return
            sentence, action, facts = self._waiting
            if self._left_out:
                facts = facts | {"lines_left_out": self._left_out}
            self._waiting, self._left_out, self._said_ns = None, 0, now_ns
        self._log.info(sentence, action=action, **facts)
