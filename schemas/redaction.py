"""Urls as they may be shown: in logs, errors, statuses and on a terminal."""

from __future__ import annotations

import re
from typing import Final

# greedy up to the last "@": a password may hold "/", ":" or "@" that nobody escaped.
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
