"""What can go wrong when everything runs on one machine.

FacePoseError
└── LocalError              its text says what happened and what to do
    ├── AlreadyRunningError     another process uses this state folder
    ├── StateFolderError        the folder cannot be used: rights, wrong owner, a file in its place
    ├── DiskFullError           no room left on the disk of the state folder
    ├── PortInUseError          another program listens on the wanted port
    └── ServerStartError        an embedded server did not start, for another reason
"""

from __future__ import annotations

from schemas.errors import FacePoseError


class LocalError(FacePoseError):
    """Root of the errors of the one-machine mode; shown to people without a traceback."""


class AlreadyRunningError(LocalError):
    """Another process uses this state folder."""


class StateFolderError(LocalError):
    """The state folder cannot be created, read or written."""


class DiskFullError(LocalError):
    """No room is left on the disk of the state folder."""


class PortInUseError(LocalError):
    """Another program listens on the wanted port."""


class ServerStartError(LocalError):
    """An embedded server did not start."""
