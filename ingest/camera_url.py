"""Urls of cameras and films: where they lead, and how they may be shown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

# Greedy up to the last "@": a password may hold "/", ":" or "@" that nobody escaped.
_USER_INFO: Final = re.compile(r"^([a-z][a-z0-9+.-]*://).*@", re.IGNORECASE | re.DOTALL)
_SECRET_PAIR: Final = re.compile(
    r"\b(user(?:name)?|usr|login|pass(?:word|wd)?|pwd|token|key|auth)=[^&/;?\s]*", re.IGNORECASE
)


def redact_url(url: str) -> str:
    """The url as it may stand in a log: no user, no password, no query."""
    shown = _USER_INFO.sub(r"\1***@", url)
    head, mark, _query = shown.partition("?")
    head = _SECRET_PAIR.sub(r"\1=***", head)
    return f"{head}?***" if mark else head


def film_path(url: str, folder: Path) -> Path:
    """The film's path; a relative one starts at the site file's `folder`."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        return folder / url
    return folder / (unquote(parts.netloc) + unquote(parts.path))
