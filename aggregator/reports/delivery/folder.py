"""Into a folder: written beside, then renamed, so that nobody ever sees half a file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

from aggregator.reports.delivery.package import Package
from aggregator.reports.errors import DeliveryError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_MODE: Final = 0o640


class File(Protocol):
    """What is written."""

    @property
    def name(self) -> str:
        """Without a folder."""

    @property
    def content(self) -> bytes:
        """All of it."""


def deliver_to_folder(package: Package, folder: Path) -> None:
    """Write every file under its own name; the same run writes the same bytes again.

    Raises:
        DeliveryError: the folder cannot be written, or its disk is full.
    """
    try:
        deliver_files(package.files, folder)
    except OSError as exc:
        if exc.errno in _FULL:
            raise DeliveryError(f"no space left for {folder}: free some") from exc
        raise DeliveryError(f"folder {folder} cannot be written: {exc.strerror or exc}") from exc


def deliver_files(files: Iterable[File], folder: Path) -> None:
    """As `deliver_to_folder`, for files of any origin.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        _write(folder, Path(file.name).name, file.content)
    _sync_folder(folder)


def _write(folder: Path, name: str, content: bytes) -> None:
    draft = folder / f".{name}.{os.getpid()}.part"
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(_MODE)
        draft.replace(folder / name)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """The new names, too, survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
