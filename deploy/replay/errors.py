"""What can go wrong before and beside a replay; see `ingest.errors.ReplayError` for the rest.

ReplayError
├── ReplayRequestError   the command line asks for something that cannot be: nothing was done
└── ReplayTakenError     another process, or another film, has this room and start
"""

from __future__ import annotations

from ingest.errors import ReplayError
from schemas.errors import SettingsError


class ReplayRequestError(ReplayError, SettingsError):
    """The command line names something that is not there, or that cannot be; say it again."""


class ReplayTakenError(ReplayError):
    """The meeting belongs to another recording, or another process sends it just now."""
