"""Keeps what this worker holds alive, so that only a dead worker's frames are taken over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog

from schemas.transport import TransportDownError

RENEW_EVERY_S: Final = 0.5

_log = structlog.get_logger(__name__)


class Held:
    """The entries that this worker took and has not acknowledged. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[str, set[str]] = {}

    def add(self, stream: str, entry_ids: Iterable[str]) -> None:
        """These entries are ours now."""
        with self._lock:
            self._ids.setdefault(stream, set()).update(entry_ids)

    def drop(self, stream: str, entry_ids: Iterable[str]) -> None:
        """These entries are acknowledged, or left to others."""
        with self._lock:
            self._ids.get(stream, set()).difference_update(entry_ids)

    def snapshot(self) -> dict[str, list[str]]:
        """The ids by stream, as they are now."""
        with self._lock:
            return {stream: sorted(ids) for stream, ids in self._ids.items() if ids}

    def __len__(self) -> int:
        with self._lock:
            return sum(len(ids) for ids in self._ids.values())


class Renewal(threading.Thread):
    """Renews all held entries every half second until stopped.

    Args:
        held: what to renew.
        renew: resets the idle time of entries of a stream.
        every_s: seconds between two rounds.
    """

    def __init__(
        self,
        held: Held,
        renew: Callable[[str, Sequence[str]], object],
        every_s: float = RENEW_EVERY_S,
    ) -> None:
        super().__init__(name="renewal", daemon=True)
        self._held = held
        self._renew = renew
        self._every_s = every_s
        self._halt = threading.Event()

    def run(self) -> None:
        """The thread's body."""
        while not self._halt.wait(self._every_s):
            self.renew_once()

    def renew_once(self) -> None:
        """One round; a server that is away is left to the main loop, which says so."""
        for stream, entry_ids in self._held.snapshot().items():
            try:
                self._renew(stream, entry_ids)
            except TransportDownError as exc:
                _log.debug("Could not renew", action="renewal_failed", reason=str(exc))
                return

    def stop(self) -> None:
        """End the thread; returns when it has ended."""
        self._halt.set()
        if self.is_alive():
            self.join()
