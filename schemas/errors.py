"""What can go wrong between two processes.

FacePoseError
├── MessageError            a message that cannot be used: goes to the dead letters
│   ├── MalformedMessageError   not what its kind promises
│   └── NewerMessageError       made by a newer major version: never acked, wait for an upgrade
├── SiteFileError           every mistake of a site file at once
├── CalendarError           an iCalendar file cannot be used
├── SettingsError           a process setting is missing or wrong
└── TransportError          see transport.py
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class FacePoseError(Exception):
    """Root of every error that this project raises on purpose; its text is for people."""


class MessageError(FacePoseError):
    """A message that this process cannot use."""


class MalformedMessageError(MessageError):
    """The bytes are not the message that their kind promises."""


class NewerMessageError(MessageError):
    """The message was written by a newer major version of this program."""


class SettingsError(FacePoseError):
    """A process setting is missing or wrong."""


class SiteFileError(FacePoseError):
    """Every mistake of a site file, each with its place.

    Attributes:
        path: the site file.
        mistakes: one sentence each.
        waits_for: other files whose change may mend it.
    """

    def __init__(self, path: str, mistakes: Sequence[str], waits_for: Sequence[Path] = ()) -> None:
        self.path = path
        self.mistakes = list(mistakes)
        self.waits_for = tuple(waits_for)
        noun = "mistake" if len(self.mistakes) == 1 else "mistakes"
        lines = "\n".join(f"  {mistake}" for mistake in self.mistakes)
        super().__init__(f"{path}: {len(self.mistakes)} {noun}\n{lines}")


class CalendarError(FacePoseError):
    """An iCalendar file that cannot be used, and why."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")
