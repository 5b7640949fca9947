"""Embedded servers as their tests make them, and Python processes that start some too."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from deploy.local import child_process
from deploy.local.servers import EmbeddedPostgres, EmbeddedValkey

Server = EmbeddedPostgres | EmbeddedValkey
AS_ROOT = os.geteuid() == 0


def postgres(folder: Path, **options) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder, durable=False, **options)


def valkey(folder: Path, **options) -> EmbeddedValkey:
    return EmbeddedValkey(folder, persistent=True, **options)


def frames_valkey(folder: Path) -> EmbeddedValkey:
    return EmbeddedValkey(folder, persistent=False)


def python_process(
    code: str, folder: Path, *, kind: str = "", path: str | None = None, as_nobody: bool = False
) -> subprocess.Popen[str]:
    """A Python process with `folder` and `kind` as variables; `path` replaces PATH."""
    head = f"import sys\nfrom pathlib import Path\nfolder, kind = Path({str(folder)!r}), {kind!r}\n"
    environment = {"HOME": str(folder), "PYTHONPATH": str(Path(__file__).parents[2])}
    environment["PATH"] = os.environ["PATH"] if path is None else path
    command = [sys.executable, "-c", head + textwrap.dedent(code)]
    return subprocess.Popen(
        child_process.guarded(command, None, as_nobody=True) if as_nobody else command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
