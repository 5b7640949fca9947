"""Keeps a process for each group of cameras: started, watched from outside, replaced, split."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Final

import structlog

from ingest.camera_spec import CameraSpec
from ingest.errors import Cause
from ingest.groups.group_child import Fault, GroupChild
from ingest.groups.grouping import Grouping, groups_for, most_groups
from ingest.groups.ledger import CameraLedger
from ingest.groups.member import Member
from ingest.groups.overview import GroupView, Overview
from ingest.groups.protocol import GroupReport, Order

# Whoever comes round so late was held up himself, and nobody else is to blame.
LATE_S: Final = 2.0
END_S: Final = 8.0
STARTING_A_CORE: Final = 2

_log = structlog.get_logger("facepose.ingest")


class GroupManager:
    """Runs the groups of one service; used by one thread.

    Args:
        command: starts a group's process.
        wanted_groups: how many; 0: chosen from cameras and cores.
        clock: seconds that only grow.
        cores: of this machine.
    """

    def __init__(
        self,
        command: Sequence[str],
        wanted_groups: int,
        clock: Callable[[], float],
        cores: int | None = None,
    ) -> None:
        self._command = tuple(command)
        self._wanted_groups = wanted_groups
        self._clock = clock
        self._cores = cores or _usable_cores()
        self._specs: dict[str, CameraSpec] = {}
        self._finished: dict[str, CameraSpec] = {}  # films that came to their end
        self._grouping = Grouping()
        self._members: dict[int, Member] = {}
        self._leaving: list[tuple[GroupChild, float]] = []  # each with the end of its time
        self._ledger = CameraLedger()
        self._restarts: Counter[str] = Counter()
        self._watched_s = clock()

    # --- the cameras -----------------------------------------------------------------------

    def set_cameras(self, specs: Sequence[CameraSpec]) -> None:
        """Read these cameras from now on; only groups whose cameras changed hear of it."""
        now_s = self._clock()
        self._specs = {spec.camera_id: spec for spec in specs}
        self._ledger.keep(self._specs)
        self._finished = {c: s for c, s in self._finished.items() if self._specs.get(c) == s}
        suspects = [n for n, member in self._members.items() if member.died_lately(now_s)]
        self._grouping.arrange(self._specs, self._groups(), suspects)
        for number in [n for n in self._members if n not in self._grouping.groups]:
            self._let_go(self._members.pop(number), now_s)
        for number in self._grouping.groups:
            member = self._members.setdefault(number, Member(number))
            member.tell(self._order(number))
        self._start_due(now_s)

    def _groups(self) -> int:
        return groups_for(len(self._specs), self._cores, self._wanted_groups)

    def _order(self, number: int) -> Order:
        """What a group shall read: no film that has come to its end already."""
        specs = [self._specs[camera] for camera in self._grouping.groups[number]]
        return Order(cameras=tuple(s for s in specs if self._finished.get(s.camera_id) != s))

    def _let_go(self, member: Member, now_s: float) -> None:
        """Its last camera was removed: its process ends the streams and itself."""
        if member.child is not None:
            member.child.ask_to_end()
            self._leaving.append((member.child, now_s + END_S))

    # --- watching --------------------------------------------------------------------------

    def watch(self) -> None:
        """Take the groups' words, replace those that hang or died; several times a second."""
        now_s = self._clock()
        was_late = now_s - self._watched_s > LATE_S
        for member in list(self._members.values()):
            if member.child is not None:
                self._look_at(member, member.child, now_s, forgive=was_late)
        self._start_due(now_s)
        self._leaving = [(c, by_s) for c, by_s in self._leaving if not _is_gone(c, now_s > by_s)]
        self._watched_s = self._clock()

    def _look_at(self, member: Member, child: GroupChild, now_s: float, *, forgive: bool) -> None:
        if forgive:
            child.forgive(now_s)
        if child.look(now_s) and child.report is not None:
            self._take(member, child.pid, child.report)
        if (fault := child.fault(now_s)) is not None:
            self._replace(member, child, fault, now_s)

    def _take(self, member: Member, pid: int, report: GroupReport) -> None:
        """What a group says of its cameras."""
        for camera in report.cameras:
            member.ended.pop(camera.camera_id, None)  # its first status tells it
            if camera.camera_id in self._specs:
                self._ledger.note(camera, (pid, report.readers[camera.camera_id]))
        if report.order == member.told:  # else it may speak of a film as it was before
            finished = [camera for camera in report.finished if camera in self._specs]
            self._finished |= {camera: self._specs[camera] for camera in finished}

    def _replace(self, member: Member, child: GroupChild, fault: Fault, now_s: float) -> None:
        child.kill()
        member.died(now_s)
        self._restarts[fault.cause] += 1
        cameras = self._grouping.groups[member.number]
        for camera in cameras:
            cause: Cause = fault.cause
            if fault.culprits and camera not in fault.culprits:
                cause = "crashed"  # it only shared the process
            member.count_end(camera, cause)
            self._ledger.went_down([camera], cause, fault.reason)
        _log.warning(
            "A group of cameras is replaced: " + fault.reason + ".",
            action="group_replaced",
            group=member.number,
            pid=child.pid,
            cause=fault.cause,
            cameras=list(cameras),
            culprits=sorted(fault.culprits),
            start_in_s=round(member.start_at_s - now_s, 1),
        )
        culprits = fault.culprits.intersection(cameras)
        if culprits or (not fault.culprits and member.died_lately(now_s) > 1):
            self._split(member, culprits)

    def _split(self, member: Member, culprits: Collection[str]) -> None:
        """Set apart who kills the group, or one half if that is not known."""
        if len(self._grouping.groups) >= most_groups(self._groups()):
            return
        number = self._grouping.split(member.number, culprits)
        if number is None:
            return
        leaving = self._grouping.groups[number]
        is_guilty = set(leaving) == set(culprits)
        self._members[number] = member.part(number, leaving, is_guilty=is_guilty)
        _log.warning(
            "A group of cameras is divided, so that what ends it ends fewer.",
            action="group_split",
            group=member.number,
            cameras=list(self._grouping.groups[member.number]),
            new_group=number,
            new_cameras=list(leaving),
        )

    def _start_due(self, now_s: float) -> None:
        """Start what waits, a few at a time: each takes a core for a second or two."""
        children = [m.child for m in self._members.values() if m.child is not None]
        free = STARTING_A_CORE * self._cores - sum(child.report is None for child in children)
        due = [m for m in self._members.values() if m.child is None and now_s >= m.start_at_s]
        for member in due[: max(0, free)]:
            member.start(self._command, self._order(member.number), now_s)

    # --- the end, and the view from outside ------------------------------------------------

    def end(self) -> None:
        """Let all groups end their streams at once; kill what is still there after 8 s."""
        children = [m.child for m in self._members.values() if m.child is not None]
        children += [child for child, _ in self._leaving]
        for child in children:
            child.ask_to_end()
        limit_s = self._clock() + END_S
        for child in children:
            if not child.await_end(max(0.0, limit_s - self._clock())):
                _log.warning(
                    "A group did not end in time, so it was killed.", action="group_killed"
                )
        self._members.clear()
        self._leaving.clear()

    def overview(self) -> Overview:
        """How it stands now."""
        return Overview(
            groups=tuple(
                self._view(number, tuple(cameras))
                for number, cameras in self._grouping.groups.items()
            ),
            cameras=self._ledger.totals(),
            restarts=dict(self._restarts),
            is_started=True,
        )

    def _view(self, number: int, cameras: tuple[str, ...]) -> GroupView:
        child = self._members[number].child
        if child is None or child.report is None:
            return GroupView(number, cameras, None if child is None else child.pid, False)
        away, offset_ms = child.report.servers_away, child.report.clock_offset_ms
        return GroupView(number, cameras, child.pid, True, away, offset_ms)


def _is_gone(child: GroupChild, time_is_up: bool) -> bool:
    """Whether a process that was asked to end has ended, or was killed now."""
    if child.has_ended or time_is_up:
        child.kill()
        return True
    return False


def _usable_cores() -> int:
    """Those that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
