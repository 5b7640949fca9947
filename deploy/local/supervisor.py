"""One child process for each service: started, watched, restarted, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import structlog

from deploy import exit_codes
from deploy.local.child_process import guarded
from deploy.local.errors import LocalError
from schemas.errors import SettingsError

log = structlog.get_logger()

FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 30.0
HEALTHY_AFTER_S: Final = 60.0
LOG_BYTES: Final = 20 << 20


class ServiceRefusedError(LocalError, SettingsError):
    """A service says that its configuration is wrong: starting it again would not help."""


@dataclass(frozen=True)
class Service:
    """How to start one service: the arguments of `facepose` and its environment."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)  # holds the servers' passwords


@dataclass
class _Child:
    service: Service
    process: subprocess.Popen[bytes]
    started_s: float
    delay_s: float = FIRST_DELAY_S
    restart_at_s: float | None = None
    restarts: int = 0


class Supervisor:
    """Keeps services running until it is told to stop them; not thread-safe.

    Args:
        log_folder: where each writes its log; None: they write where this process does.
        clock: seconds that only grow.
        longest_delay_s: before a service that died is started again.
    """

    def __init__(
        self,
        log_folder: Path | None,
        clock: Callable[[], float] = time.monotonic,
        *,
        longest_delay_s: float = LONGEST_DELAY_S,
    ) -> None:
        self._log_folder = log_folder
        self._clock = clock
        self._longest_delay_s = longest_delay_s
        self._children: dict[str, _Child] = {}

    @property
    def restarts(self) -> dict[str, int]:
        """How often each running service was restarted."""
        return {name: child.restarts for name, child in self._children.items()}

    def pid(self, name: str) -> int:
        """Process id of a running service."""
        return self._children[name].process.pid

    def log_path(self, name: str) -> Path | None:
        """Where a service's log is."""
        return None if self._log_folder is None else self._log_folder / f"{name}.log"

    def start(self, service: Service) -> None:
        """Start a service under its name."""
        self._children[service.name] = _Child(service, self._spawn(service), self._clock())

    def watch(self) -> None:
        """Restart what died, each with its own growing delay; call it about every second.

        Raises:
            ServiceRefusedError: a service ended because its configuration is wrong.
        """
        for child in self._children.values():
            self._shorten_log(child.service.name)
            status = child.process.poll()
            if status is None:
                if self._clock() - child.started_s > HEALTHY_AFTER_S:
                    child.delay_s = FIRST_DELAY_S
            elif child.restart_at_s is None:
                self._note_death(child, status)
            elif self._clock() >= child.restart_at_s:
                self._restart(child)

    def stop(self, names: Sequence[str] | None = None, timeout_s: float = 15.0) -> None:
        """SIGTERM to all of them at once, SIGKILL to what is still there after `timeout_s`."""
        chosen = (
            list(self._children) if names is None else [n for n in names if n in self._children]
        )
        children = [self._children.pop(name) for name in chosen]
        for child in children:
            if child.process.poll() is None:
                child.process.terminate()
        deadline_s = self._clock() + timeout_s
        for child in children:
            try:
                child.process.wait(max(0.1, deadline_s - self._clock()))
            except subprocess.TimeoutExpired:
                log.warning(
                    f"{child.service.name} did not stop in {timeout_s:.0f} s, so it was killed",
                    action="service_killed",
                    service=child.service.name,
                )
                child.process.kill()
                child.process.wait()

    def _note_death(self, child: _Child, status: int) -> None:
        name = child.service.name
        if status == exit_codes.CONFIG:
            raise ServiceRefusedError(f"{name} cannot start:\n{self.last_words(name)}")
        log.warning(
            f"{name} ended with status {status}; it starts again in {child.delay_s:.1f} s "
            f"(its log: {self.log_path(name) or 'above'})",
            action="service_died",
            service=name,
            status=status,
        )
        child.restart_at_s = self._clock() + min(child.delay_s, self._longest_delay_s)

    def _restart(self, child: _Child) -> None:
        child.process = self._spawn(child.service)
        child.started_s = self._clock()
        child.restart_at_s = None
        child.delay_s = min(self._longest_delay_s, child.delay_s * 2)
        child.restarts += 1

    def last_words(self, name: str, lines: int = 12) -> str:
        """The end of a service's log."""
        path = self.log_path(name)
        if path is None:
            return "(its reason stands above)"
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return "(it left no log)"
        return "\n".join(text.splitlines()[-lines:])

    def _spawn(self, service: Service) -> subprocess.Popen[bytes]:
        with self._open_log(service.name) as output:
            return subprocess.Popen(
                guarded([sys.executable, "-m", "deploy", *service.arguments], signal.SIGTERM),
                env=dict(service.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the supervisor alone
            )

    def _open_log(self, name: str) -> AbstractContextManager[IO[bytes] | None]:
        path = self.log_path(name)
        if path is None:
            return nullcontext()
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")

    def _shorten_log(self, name: str) -> None:
        """Set a long log aside, and the one set aside before is gone: years must not fill a disk.

        Copied and emptied, not renamed: the service has it open, and appends wherever it ends.
        """
        path = self.log_path(name)
        if path is not None and path.exists() and path.stat().st_size > LOG_BYTES:
            shutil.copyfile(path, path.with_suffix(".old.log"))
            os.truncate(path, 0)
