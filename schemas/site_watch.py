"""Notices that a site file was changed, so that services follow it without a restart.

Nothing is held open and no thread runs: whoever owns the watch polls it about once a second. An
editor may replace the file by a rename, write it in pieces, or take it away for a moment; so a
change counts once the file has held still from one poll to the next.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import structlog

from schemas.errors import SiteFileError
from schemas.site import Site
from schemas.site_file import load_site

SHOWN_MISTAKES: Final = 20

_Look = tuple[int, int, int] | None  # inode, size, time of the last change; None: no file

_log = structlog.get_logger("facepose.site")


class SiteWatch:
    """Tells the new site once after each change; a broken file is told once and changes nothing.

    Args:
        path: the site file.
        site: what is in force. A file that says the same is no news, whatever its bytes.

    Attributes:
        refused: why the file as it is now is not used; None while it is.
    """

    def __init__(self, path: Path, site: Site) -> None:
        self.refused: SiteFileError | None = None
        self._path = path
        self._site = site
        self._seen: tuple[_Look, ...] = ()
        self._settled = False
        self._digest = b""

    def poll(self) -> Site | None:
        """The site if it is a new one; call it about once a second."""
        waits_for = self.refused.waits_for if self.refused else ()
        look = tuple(_look(path) for path in (self._path, *waits_for))
        if look != self._seen:
            self._seen, self._settled = look, False
            return None
        if self._settled:
            return None
        self._settled = True
        digest = _digest(self._path, *waits_for)
        if digest == self._digest and digest:
            return None
        self._digest = digest
        return self._load()

    def _load(self) -> Site | None:
        try:
            site = load_site(self._path)
        except SiteFileError as exc:
            self._refuse(exc)
            return None
        if self.refused is None and site == self._site:
            return None
        self.refused = None
        _log.info("The site file was read anew.", action="site_file_read", path=str(self._path))
        if site == self._site:
            return None
        self._site = site
        return site

    def _refuse(self, error: SiteFileError) -> None:
        told, self.refused = self.refused, error
        if told is not None and told.mistakes == error.mistakes:
            return
        _log.warning(
            "The site file cannot be used; what it said before stays in force.",
            action="site_file_refused",
            path=str(self._path),
            mistakes=error.mistakes[:SHOWN_MISTAKES],
        )


def _look(path: Path) -> _Look:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _digest(path: Path, *others: Path) -> bytes:
    """Of the file's bytes, and of the others' where they can be read; empty without the file."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return b""
    return digest + b"".join(_digest(other) for other in others)
