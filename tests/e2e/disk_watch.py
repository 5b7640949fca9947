"""Watches that processes write no picture to a disk: what they hold open, and what they leave."""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

# SOI and one of the segments that every real JPEG starts with; three bytes alone occur by chance.
JPEG = re.compile(
    rb"\xff\xd8\xff(?:\xe0..JFIF\0|\xe1..Exif\0|\xdb\0[\x43\x84]|\xee..Adobe)", re.DOTALL
)
PNG = re.compile(rb"\x89PNG\r\n\x1a\n")
IN_MEMORY = ("/memfd:", "/dev/", "/proc/", "/sys/")
EVERY_S = 0.05


class DiskWatch:
    """Looks at the processes' open files every 50 ms and, at the end, at whole folders.

    Args:
        processes: pid by name, asked anew each time: processes may be restarted.
        folders: looked through at the end for pictures.
    """

    def __init__(self, processes: Callable[[], Mapping[str, int]], folders: Sequence[Path]) -> None:
        self._processes = processes
        self._folders = folders
        self._before = {path: _stamp(path) for path in self._files()}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._bytes: dict[tuple[str, int], int] = {}
        self.opened: dict[str, set[str]] = {}
        self.pictures_seen: set[str] = set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(10)

    def bytes_written(self, name: str) -> int:
        """What the processes of that name have sent towards a disk, deleted again or not."""
        return sum(count for (one, _), count in self._bytes.items() if one == name)

    def pictures_left(self, needles: Sequence[bytes] = ()) -> set[str]:
        """New or changed files that hold a JPEG or PNG, or a piece of a known picture."""
        changed = [path for path in self._files() if self._before.get(path) != _stamp(path)]
        return {str(path) for path in changed if _has_picture(path, needles)}

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.look()

    def look(self) -> None:
        """One look at what the processes and their children hold open."""
        for name, pid in self._processes().items():
            try:
                family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
                for process in family:
                    self._look_at(name, process)
            except (psutil.Error, OSError):  # it has just ended
                continue

    def _look_at(self, name: str, process: psutil.Process) -> None:
        self._bytes[name, process.pid] = _bytes_written(process.pid)
        for fd in Path(f"/proc/{process.pid}/fd").iterdir():
            if (path := _written_file(process.pid, fd)) is not None:
                self.opened.setdefault(name, set()).add(path)
                if path.endswith(" (deleted)") and _has_picture(fd, ()):
                    self.pictures_seen.add(path)

    def _files(self) -> list[Path]:
        return [
            Path(parent) / name
            for folder in self._folders
            for parent, _, names in os.walk(folder)
            for name in names
        ]


def _written_file(pid: int, fd: Path) -> str | None:
    """The path behind an open file descriptor, if it is a file on a disk, open for writing."""
    try:
        target = str(fd.readlink())
        info = Path(f"/proc/{pid}/fdinfo/{fd.name}").read_text()
        is_file = stat.S_ISREG(fd.stat().st_mode)
    except OSError:
        return None
    flags = int(next(line.split()[1] for line in info.splitlines() if line.startswith("flags")), 8)
    is_written = flags & os.O_ACCMODE != os.O_RDONLY
    return target if is_file and is_written and not target.startswith(IN_MEMORY) else None


def _bytes_written(pid: int) -> int:
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _has_picture(path: Path, needles: Sequence[bytes]) -> bool:
    try:
        data = path.read_bytes()
    except OSError:  # a socket, or gone
        return False
    found = JPEG.search(data) or PNG.search(data)
    return found is not None or any(needle in data for needle in needles)
