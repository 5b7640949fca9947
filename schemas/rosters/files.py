"""The files of a roster, in a folder or a zip, read line by line and never unpacked.

Nothing that a zip says of itself is believed: what is read is counted, so that a small file which
unfolds to a huge one ends at the limit. Its paths are never used as paths.
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Self

from schemas.rosters.mistakes import RosterError, UnreadableError

MAX_FILE_BYTES: Final = 256 << 20
MAX_TOTAL_BYTES: Final = 512 << 20
MAX_LINE_BYTES: Final = 256 << 10
MAX_FILES: Final = 1_000

# What Python's zip reader raises on bytes that are no sound zip.
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


class RosterFiles:
    """A folder or zip with files like `users.csv`; close it at the end.

    Args:
        path: of the folder or zip.

    Attributes:
        names: of the files, in lower case, without `.csv`.

    Raises:
        RosterError: it is neither, or its files are not at its root.
    """

    def __init__(self, path: Path) -> None:
        self._zip: zipfile.ZipFile | None = None
        self._read_bytes = 0
        if path.is_dir():
            inside = [entry for entry in path.iterdir() if entry.is_file()]
            self._files = {entry.name.lower(): str(entry) for entry in inside}
        else:
            self._zip = _open_zip(path)
            try:
                self._files = _members(path, self._zip)
            except RosterError:
                self._zip.close()
                raise
        self.names = {name.removesuffix(".csv") for name in self._files if name.endswith(".csv")}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._zip is not None:
            self._zip.close()

    def lines(self, name: str) -> Iterator[bytes]:
        """The lines of `NAME.csv` with their ends.

        Raises:
            UnreadableError: it is damaged, encrypted, or larger than the limits.
        """
        size = 0
        try:
            with self._open(self._files[f"{name.lower()}.csv"]) as file:
                while line := file.readline(MAX_LINE_BYTES + 1):
                    size += len(line)
                    self._read_bytes += len(line)
                    _check_sizes(line, size, self._read_bytes)
                    yield line
        except OSError as exc:
            raise UnreadableError(f"cannot be read: {exc.strerror or exc}") from None
        except _BROKEN as exc:
            raise UnreadableError(f"cannot be read: {exc or type(exc).__name__}") from None

    @contextmanager
    def _open(self, place: str) -> Iterator[IO[bytes]]:
        if self._zip is not None:
            with self._zip.open(place) as member:
                yield member
            return
        with Path(place).open("rb") as file:
            yield file


def _open_zip(path: Path) -> zipfile.ZipFile:
    try:
        if path.stat().st_size > MAX_TOTAL_BYTES:
            raise RosterError(str(path), [f"is larger than {MAX_TOTAL_BYTES >> 20} MiB"])
        return zipfile.ZipFile(path)
    except OSError as exc:
        raise RosterError(str(path), [f"cannot be read: {exc.strerror or exc}"]) from None
    except _BROKEN:
        reason = "is neither a folder nor a zip: give the folder or the zip with manifest.csv"
        raise RosterError(str(path), [reason]) from None


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, str]:
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    if len(names) > MAX_FILES:
        raise RosterError(str(path), [f"holds more than {MAX_FILES} files"])
    for name in names:
        parts = name.replace("\\", "/").split("/")
        if ".." in parts or not parts[0] or ":" in parts[0]:
            raise RosterError(
                str(path), [f"holds a file with the path {name!r}: this is no roster, who made it?"]
            )
    flat = {name.lower(): name for name in names}
    if len(flat) < len(names):
        raise RosterError(str(path), ["holds two files of the same name"])
    if "manifest.csv" not in flat and any(name.endswith("/manifest.csv") for name in flat):
        raise RosterError(
            str(path), ["has its files in a folder: zip the files themselves, not their folder"]
        )
    return flat


def _check_sizes(line: bytes, size: int, total: int) -> None:
    if len(line) > MAX_LINE_BYTES:
        raise UnreadableError(f"has a line of more than {MAX_LINE_BYTES >> 10} KiB")
    if size > MAX_FILE_BYTES:
        raise UnreadableError(f"is larger than {MAX_FILE_BYTES >> 20} MiB")
    if total > MAX_TOTAL_BYTES:
        raise UnreadableError(f"makes the set larger than {MAX_TOTAL_BYTES >> 20} MiB")
