"""What can go wrong between a camera and the frames server.

IngestError
├── CameraError          this camera gives no frames now: closed, then tried again after a wait
│   ├── TimeBreakError   its time stamps or our clock jumped: a new epoch must begin
│   └── FilmEndedError   a film without `loop` came to its end: not tried again
├── PictureError         one frame could not become a JPEG: counted, the stream goes on
├── GroupProtocolError   service and group process do not understand each other: a bug
└── ReplayError          a recording cannot be sent through the pipeline
    └── ReplayStoppedError   it was stopped on purpose and can be taken up again
"""

from __future__ import annotations

from typing import Literal

from schemas.errors import FacePoseError

Cause = Literal[
    "unreachable",  # refused, no route, no such host
    "unauthorized",  # 401, 403
    "not_found",  # 404
    "busy",  # too many viewers, or an internal error of the camera
    "untrusted",  # its certificate
    "silent",  # nothing came for some seconds
    "dropped",  # it closed the connection, or the stream ended
    "unusable",  # what came is no stream of pictures
    "no_picture",  # packets come, but nothing that can be decoded
    "frozen",  # the same picture, byte for byte, for seconds
    "time_jump",  # its time stamps jumped
    "clock_step",  # this machine's clock was stepped
    "behind",  # the stream lags, or we do
    "hung",  # the reader gave no sign of life and was replaced
    "crashed",  # the reader's process ended
    "ended",  # closed on purpose
    "failed",  # anything else
]


class IngestError(FacePoseError):
    """Root of the errors of ingest."""


class CameraError(IngestError):
    """A camera gives no frames now. Its text is shown to people and holds no credentials.

    Attributes:
        cause: the same in a word, for counters.
        slowly: trying again soon cannot help (wrong password, wrong path).
    """

    def __init__(self, reason: str, cause: Cause = "failed", *, slowly: bool = False) -> None:
        super().__init__(reason)
        self.cause: Cause = cause
        self.slowly = slowly


class TimeBreakError(CameraError):
    """Time stamps of one connection can no longer be mapped to one clock."""

    def __init__(self, reason: str, cause: Cause = "time_jump") -> None:
        super().__init__(reason, cause)


class FilmEndedError(CameraError):
    """A film that is not repeated came to its end."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "ended")


class PictureError(IngestError):
    """A decoded frame could not be turned into a JPEG."""


class GroupProtocolError(IngestError):
    """What the service and a group's process say to each other cannot be used: a bug."""


class ReplayError(IngestError):
    """A recording cannot be sent through the pipeline; its text says what to do."""


class ReplayStoppedError(ReplayError):
    """A replay was stopped before its end; the same command takes it up again."""
