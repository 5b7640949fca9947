"""Take one file out of an archive whose own hash has already been verified.

Nothing of the archive is imported, built or unpacked to disk.
"""

import ast
import tarfile
import zipfile
from pathlib import Path

MAX_SOURCE_BYTES = 16_000_000
"""Largest source text that is parsed for a literal."""


class ArchiveError(Exception):
    """The archive does not hold what the manifest says."""


def read_member(archive: Path, path: str, expected_bytes: int) -> bytes:
    """Return the file `path` of a .whl (zip), .tar.gz or .tgz.

    Raises:
        ArchiveError: there is no such file, or it has another size than `expected_bytes`.
    """
    return _read(archive, path, expected_bytes, expected_bytes)


def read_literal(archive: Path, path: str, name: str, expected_bytes: int) -> bytes:
    """Return the bytes literal that the source file `path` assigns to `name`.

    The source is parsed, never run: a literal is data, whatever stands around it.

    Raises:
        ArchiveError: there is no such file or literal, or it has another length.
    """
    source = _read(archive, path, 0, MAX_SOURCE_BYTES)
    for statement in ast.parse(source).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=found)], value=ast.Constant(value=bytes(data))):
                if found == name and len(data) == expected_bytes:
                    return data
    raise ArchiveError(f"{path} assigns no literal of {expected_bytes} bytes to {name}")


def _read(archive: Path, path: str, least: int, most: int) -> bytes:
    read = _read_zip if zipfile.is_zipfile(archive) else _read_tar
    try:
        return read(archive, path, least, most)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError, EOFError) as exc:
        raise ArchiveError(f"{archive.name} does not hold {path}") from exc


def _read_zip(archive: Path, path: str, least: int, most: int) -> bytes:
    with zipfile.ZipFile(archive) as opened:
        _check_size(archive, path, opened.getinfo(path).file_size, least, most)
        return opened.read(path)


def _read_tar(archive: Path, path: str, least: int, most: int) -> bytes:
    with tarfile.open(archive, "r:gz") as opened:
        member = opened.getmember(path)
        _check_size(archive, path, member.size, least, most)
        file = opened.extractfile(member)
        if file is None:
            raise ArchiveError(f"{path} in {archive.name} is no plain file")
        return file.read()


def _check_size(archive: Path, path: str, size: int, least: int, most: int) -> None:
    if not least <= size <= most:
        raise ArchiveError(f"{path} in {archive.name} has another size than expected")
