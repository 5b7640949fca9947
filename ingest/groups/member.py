"""One group as its service knows it: the process that reads it now, and its past."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import structlog

from ingest.errors import Cause
from ingest.groups.group_child import GroupChild
from ingest.groups.protocol import Ends, Order

# The first replacement comes at once, the next ones after a delay that doubles.
FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 30.0
HEALTHY_AFTER_S: Final = 60.0
# Two deaths within this time are no accident.
RECENT_S: Final = 600.0
DEATHS_KEPT: Final = 8

_log = structlog.get_logger("facepose.ingest")


@dataclass
class Member:
    """A group's process.

    Attributes:
        child: None while it waits to be started.
        order: what the child was told last.
        told: how many orders it had.
        start_at_s: when to start it.
        ended: of its cameras' readers, what no process has told yet.
    """

    number: int
    child: GroupChild | None = None
    order: Order | None = None
    told: int = 0
    start_at_s: float = 0.0
    ended: Ends = field(default_factory=dict)
    _delay_s: float = 0.0
    _deaths_s: deque[float] = field(default_factory=lambda: deque(maxlen=DEATHS_KEPT))

    def died_lately(self, now_s: float) -> int:
        """How often within the last ten minutes."""
        return sum(now_s - at_s < RECENT_S for at_s in self._deaths_s)

    def start(self, command: Sequence[str], order: Order, now_s: float) -> None:
        """Start its process; when even that fails, try again later."""
        try:
            self.child = GroupChild(command, now_s)
        except OSError as exc:
            self.died(now_s)
            _log.error(
                "The process of a group of cameras cannot be started; it will be tried again.",
                action="group_not_started",
                group=self.number,
                reason=str(exc),
                start_in_s=self._delay_s,
            )
            return
        self.order = None
        self.tell(order)

    def tell(self, order: Order) -> None:
        """Hand the order to its process, if it runs and does not know it."""
        if self.child is not None and order != self.order:
            self.told += 1
            told = msgspec.structs.replace(order, number=self.told, ended=self.ended)
            self.child.send(told)
            self.order = order

    def died(self, now_s: float) -> None:
        """Its process is gone; it starts again at once, or later when it keeps dying."""
        if self.child is not None and now_s - self.child.started_s > HEALTHY_AFTER_S:
            self._delay_s = 0.0
        self.child = None
        self._deaths_s.append(now_s)
        self.start_at_s = now_s + self._delay_s
        self._delay_s = min(LONGEST_DELAY_S, max(FIRST_DELAY_S, 2 * self._delay_s))

    def count_end(self, camera_id: str, cause: Cause) -> None:
        """A reader ended with its process; the next one tells."""
        causes = self.ended.setdefault(camera_id, {})
        causes[cause] = causes.get(cause, 0) + 1

    def part(self, number: int, cameras: Collection[str], *, is_guilty: bool) -> Member:
        """A new member for cameras that leave this one, both waiting to be started.

        Args:
            number: of the new member.
            cameras: those that leave.
            is_guilty: they hang: delay and past go with them, and this one is free of both. Else
                it is not known who ended the group: the past stays with both, the delay with none.
        """
        if not is_guilty:
            self.start_at_s, self._delay_s = 0.0, FIRST_DELAY_S
        ended = {camera: self.ended.pop(camera) for camera in cameras if camera in self.ended}
        new = Member(number, start_at_s=self.start_at_s, ended=ended)
        new._delay_s, new._deaths_s = self._delay_s, self._deaths_s.copy()
        if is_guilty:
            self.start_at_s, self._delay_s = 0.0, 0.0
            self._deaths_s.clear()
        return new
