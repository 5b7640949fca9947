"""Where a film's url leads."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit


def film_path(url: str, folder: Path) -> Path:
    """The film's path; a relative one starts at the site file's `folder`."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        return folder / url
    return folder / (unquote(parts.netloc) + unquote(parts.path))
