"""The counters of every camera over all the readers and processes that it ever had."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

import msgspec

from ingest.camera_report import CameraReport
from ingest.errors import Cause

NUMBERS: Final = ("packets", "bytes", "decoded", "sampled", "published", "statuses_lost")
MAPPINGS: Final = ("ended", "refused", "cpu_s")

Life = tuple[int, int]
"""Of one reader: its process, and its number in it. With another life the counters begin anew."""


class _Page(NamedTuple):
    life: Life
    before: CameraReport | None  # the sum of all earlier lives
    newest: CameraReport


class CameraLedger:
    """What was counted so far; survives every reader."""

    def __init__(self) -> None:
        self._pages: dict[str, _Page] = {}

    def note(self, report: CameraReport, life: Life) -> None:
        """Take a reader's newest word."""
        page = self._pages.get(report.camera_id)
        before = None if page is None else page.before
        if page is not None and page.life != life:
            before = total(page.before, page.newest)
        self._pages[report.camera_id] = _Page(life, before, report)

    def went_down(self, camera_ids: Iterable[str], cause: Cause, reason: str) -> None:
        """The process of these cameras is gone; until another one speaks, they are down."""
        for camera_id in camera_ids:
            if (page := self._pages.get(camera_id)) is not None:
                newest = msgspec.structs.replace(
                    page.newest, state="down", cause=cause, reason=reason, overdue_s=0.0
                )
                self._pages[camera_id] = page._replace(newest=newest)

    def keep(self, camera_ids: Collection[str]) -> None:
        """Forget every other camera."""
        for camera_id in [camera for camera in self._pages if camera not in camera_ids]:
            del self._pages[camera_id]

    def newest(self, camera_id: str) -> CameraReport | None:
        """The newest word of the camera's reader."""
        page = self._pages.get(camera_id)
        return None if page is None else page.newest

    def totals(self) -> tuple[CameraReport, ...]:
        """Each camera as it is now, with everything that was ever counted."""
        return tuple(total(page.before, page.newest) for page in self._pages.values())


def total(before: CameraReport | None, newest: CameraReport) -> CameraReport:
    """`newest` with the counters of both."""
    if before is None:
        return newest
    numbers = {name: getattr(before, name) + getattr(newest, name) for name in NUMBERS}
    mappings = {name: _sum(getattr(before, name), getattr(newest, name)) for name in MAPPINGS}
    return msgspec.structs.replace(newest, **numbers, **mappings)


def _sum(before: dict[str, float], newest: dict[str, float]) -> dict[str, float]:
    keys = dict.fromkeys((*before, *newest))
    return {key: before.get(key, 0) + newest.get(key, 0) for key in keys}
