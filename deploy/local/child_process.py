"""Start and stop a server as a child process that does not outlive its parent.

On Linux the kernel ends the child when the thread that started it dies (PR_SET_PDEATHSIG through
util-linux's `setpriv`), so start servers from a thread that lives as long as they should. Where
`setpriv` is missing, a child left over by a killed parent is found and stopped at the next start.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psutil

from deploy.local.errors import ServerStartError

NOBODY: Final = "nobody"
LOG_KEPT_BYTES: Final = 1_000_000
MAX_COMPLAINT_BYTES: Final = 20_000


def guarded(
    command: Sequence[str], death_signal: signal.Signals | None, *, as_nobody: bool = False
) -> list[str]:
    """`command`, wrapped so that it dies with us and, on demand, runs without being root.

    As nobody it keeps one right of root, DAC_OVERRIDE: the state folder and the installed
    programs may lie below a home directory that only root can enter.

    Raises:
        ServerStartError: the user must be changed and `setpriv` is not installed.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        if as_nobody:
            raise ServerStartError(
                "PostgreSQL refuses to run as root, and the program `setpriv` (package "
                "util-linux) that would change the user is missing: install it, or start as a "
                "normal user"
            )
        return list(command)
    wrapper = [setpriv]
    if death_signal is not None:
        wrapper += ["--pdeathsig", death_signal.name.removeprefix("SIG")]
    if as_nobody:
        wrapper += ["--reuid", NOBODY, "--regid", str(nobody_gid()), "--clear-groups"]
        wrapper += ["--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"]
    return [*wrapper, "--", *command]


def nobody_gid() -> int:
    """The group of the user nobody."""
    import pwd  # noqa: PLC0415  (not on every platform; only root on Unix comes here)

    return pwd.getpwnam(NOBODY).pw_gid


def spawn(command: Sequence[str], log: Path, cwd: Path) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, output to `log`.

    Its own session: Ctrl-C reaches every process of the terminal's group, and the servers must
    live until the services have written their last rows.
    """
    _shorten(log)
    fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=fd,
            stderr=fd,
            cwd=cwd,
            start_new_session=True,
        )
    finally:
        os.close(fd)


def stop(
    process: subprocess.Popen[bytes] | psutil.Process,
    signals: Sequence[tuple[signal.Signals, float]],
) -> None:
    """Send each signal in turn and wait its seconds, until the process is gone; then SIGKILL."""
    for number, patience_s in (*signals, (signal.SIGKILL, 10.0)):
        try:
            process.send_signal(number)
            process.wait(patience_s)
        except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
            continue
        except psutil.NoSuchProcess:
            return
        return


def find_orphan(pid: int | None, mark: str) -> psutil.Process | None:
    """The process `pid` when its command line holds `mark`: a pid alone may have a new owner."""
    if pid is None:
        return None
    try:
        process = psutil.Process(pid)
        return process if any(mark in word for word in process.cmdline()) else None
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def read_pid(path: Path) -> int | None:
    """The number on the first line of a pid file, None when there is none."""
    if not path.exists():
        return None
    first = path.read_text("ascii", "replace").partition("\n")[0].strip()
    return int(first) if first.isascii() and first.isdigit() else None


def log_size(log: Path) -> int:
    """Bytes in a log, 0 when there is none yet."""
    return log.stat().st_size if log.exists() else 0


def written_since(log: Path, start: int) -> str:
    """What a server wrote into its log after `start` bytes, to find out why it ended."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(min(start, log_size(log)))
        return file.read(MAX_COMPLAINT_BYTES).decode("utf-8", "replace")


def _shorten(log: Path) -> None:
    """Drop a log that has grown: a server started for years must not fill the disk."""
    if log.exists() and log.stat().st_size > LOG_KEPT_BYTES:
        log.replace(log.with_suffix(".log.old"))
