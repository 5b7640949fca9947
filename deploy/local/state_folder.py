"""The folder that holds one embedded server's files: rights, lock, secret and remembered port."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from deploy.local.errors import (
    AlreadyRunningError,
    DiskFullError,
    PortInUseError,
    StateFolderError,
)

LOOPBACK: Final = "127.0.0.1"
MIN_FREE_MB: Final = 200  # a fresh PostgreSQL cluster and its first write-ahead log take 60 MB

# POSIX locks do not exclude the process that holds them, hence this note of our own.
_locked_here: set[Path] = set()


@contextlib.contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turn operating system errors about `folder` into sentences.

    Raises:
        DiskFullError: no space or quota left.
        StateFolderError: any other reason why the folder cannot be used.
    """
    try:
        yield
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(folder) from exc
        raise StateFolderError(
            f"the folder {folder} cannot be used ({exc.strerror or exc}): give this user the "
            "right to write there, or choose another folder"
        ) from exc


def disk_full(folder: Path) -> DiskFullError:
    """The error for a disk without room."""
    return DiskFullError(
        f"the disk of {folder} is full: free some space (at least {MIN_FREE_MB} MB) or choose a "
        "folder on another disk, then start again"
    )


def prepare_folder(folder: Path) -> Path:
    """Create `folder` for this user alone and check that its disk has room.

    Raises:
        DiskFullError, StateFolderError: with what to do.
    """
    folder = folder.expanduser().absolute()
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < MIN_FREE_MB:
        raise disk_full(folder)
    return folder


class FolderLock:
    """One process at a time in one folder; the kernel frees the lock of a process that died.

    A POSIX record lock: unlike `flock` it is not inherited by forked children, so that a killed
    parent's children cannot keep the folder locked.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder.absolute() / "lock"
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock; the folder is created when missing.

        Raises:
            AlreadyRunningError: a living process (perhaps this one) holds it.
            DiskFullError, StateFolderError: the folder cannot be used.
        """
        if self._path in _locked_here:
            raise self._taken(os.getpid())
        prepare_folder(self._path.parent)
        with storage_errors(self._path.parent):
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(fd, 0)
                os.pwrite(fd, b"%d\n" % os.getpid(), 0)
            except OSError as exc:
                owner = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
                os.close(fd)
                if exc.errno in (errno.EACCES, errno.EAGAIN):
                    raise self._taken(owner) from None
                raise
        self._fd = fd
        _locked_here.add(self._path)

    def release(self) -> None:
        """Give the lock back; the file stays, since removing it would let two processes in."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
            _locked_here.discard(self._path)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _taken(self, owner: int | str) -> AlreadyRunningError:
        return AlreadyRunningError(
            f"already running in {self._path.parent} (process {owner or 'unknown'}): stop that "
            f"one first (Ctrl-C in its terminal, or `kill {owner or 'PID'}`), or choose another "
            "folder"
        )


def read_or_make_secret(path: Path) -> str:
    """The password in `path`; a new random one, readable by its owner alone, when there is none."""
    if not path.exists():
        write_private(path, secrets.token_hex(24))
    return path.read_text("ascii").strip()


def write_private(path: Path, text: str) -> None:
    """Write `text` so that only the owner can read it, all of it or nothing."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def choose_port(wanted: int, remembered: Path) -> int:
    """A free TCP port on the loopback: `wanted`, else the one used last time, else any.

    Raises:
        PortInUseError: another program listens on `wanted`.
    """
    if wanted:
        if _is_free(wanted):
            return wanted
        raise port_in_use(wanted)
    last = _remembered_port(remembered)
    if last and _is_free(last):
        return last
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def port_in_use(port: int) -> PortInUseError:
    """The error for a port that another program holds."""
    return PortInUseError(
        f"port {port} on {LOOPBACK} is in use by another program: stop that program or choose "
        "another port (0 takes any free one)"
    )


def _remembered_port(path: Path) -> int:
    """The port noted in `path`, 0 when there is none."""
    if not path.exists():
        return 0
    text = path.read_text("ascii", "replace").strip()
    return int(text) if text.isascii() and text.isdigit() and int(text) < 65536 else 0


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex((LOOPBACK, port)) != 0 and _can_bind(port)


def _can_bind(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
