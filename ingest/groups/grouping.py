"""Which cameras share a process.

Threads of one process read many cameras as cheaply as many processes do (measured: 5.5 to 6.1 ms a
frame however they were divided), and a process costs 250 to 340 MB. So processes are for isolation
alone: about four cameras share the fate of one.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Final

CAMERAS_A_GROUP: Final = 4
GROUPS_A_CORE: Final = 2


def groups_for(cameras: int, cores: int, wanted: int = 0) -> int:
    """How many groups read so many cameras; `wanted` above 0 overrides the choice."""
    chosen = wanted or min(math.ceil(cameras / CAMERAS_A_GROUP), GROUPS_A_CORE * cores)
    return max(1, min(chosen, cameras))


def most_groups(groups: int) -> int:
    """How many there may be once groups that die were split: memory is bounded, too."""
    return max(2 * groups, groups + CAMERAS_A_GROUP)


class Grouping:
    """Cameras by the number of their group. A camera stays where it is, whoever comes and goes."""

    def __init__(self) -> None:
        self.groups: dict[int, list[str]] = {}
        self._next_number = 0

    def arrange(
        self, camera_ids: Iterable[str], groups: int, suspects: Collection[int] = ()
    ) -> None:
        """Let go of cameras that are not named, and place those that are new.

        Args:
            camera_ids: all cameras to read.
            groups: how many groups there shall be; more may have come from splits.
            suspects: groups that died lately: no newcomer shall share their fate.
        """
        wanted = dict.fromkeys(camera_ids)
        for number, cameras in list(self.groups.items()):
            cameras[:] = [camera for camera in cameras if camera in wanted]
            if not cameras:
                del self.groups[number]
        placed = {camera for cameras in self.groups.values() for camera in cameras}
        for camera in wanted:
            if camera not in placed:
                self._place(camera, groups, suspects)

    def split(self, number: int, culprits: Collection[str] = ()) -> int | None:
        """Divide a group; the number of the new one, None when it cannot be divided.

        Args:
            number: of the group.
            culprits: cameras known to have hung; they leave. Nobody is known: one half leaves.
        """
        cameras = self.groups[number]
        leaving = [camera for camera in cameras if camera in culprits]
        if not 0 < len(leaving) < len(cameras):
            leaving = cameras[(len(cameras) + 1) // 2 :]
        if not leaving:
            return None
        self.groups[number] = [camera for camera in cameras if camera not in leaving]
        return self._open(leaving)

    def _place(self, camera: str, groups: int, suspects: Collection[int]) -> None:
        calm = [number for number in self.groups if number not in suspects]
        if len(self.groups) < groups or (not calm and len(self.groups) < most_groups(groups)):
            self._open([camera])
            return
        smallest = min(calm or self.groups, key=lambda number: len(self.groups[number]))
        self.groups[smallest].append(camera)

    def _open(self, cameras: list[str]) -> int:
        number, self._next_number = self._next_number, self._next_number + 1
        self.groups[number] = cameras
        return number
