"""What every embedded server does alike: a folder of its own, a lock on it, start and stop."""

from __future__ import annotations

import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from deploy.local import child_process
from deploy.local.state_folder import FolderLock, storage_errors


class EmbeddedServer(ABC):
    """A server in `folder`, for one parent process at a time.

    Args:
        folder: everything the server keeps; created when missing.
        port: TCP port on the loopback; 0 takes the one of the last time, or any free one.
    """

    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]]  # each with its patience [s]

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self.folder = folder.expanduser().absolute()
        self._wanted_port = port
        self._lock = FolderLock(self.folder)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The running server's process id."""
        return self._process.pid if self._process else None

    def start(self) -> str:
        """Start the server and wait until it answers.

        Returns:
            Its url, which holds the password.

        Raises:
            LocalError: a sentence that says what to do (see `errors`).
        """
        self._lock.acquire()
        try:
            with storage_errors(self.folder):
                return self._start_locked()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ask the server to end, wait until it is gone; harmless when it is."""
        if self._process is not None:
            child_process.stop(self._process, self.stop_signals)
            self._process = None
        self._lock.release()

    def is_running(self) -> bool:
        """Whether the server process lives."""
        return self._process is not None and self._process.poll() is None

    @abstractmethod
    def _start_locked(self) -> str:
        """Start the server in the locked folder; its url."""
