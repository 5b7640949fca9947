"""What can go wrong between a camera and the frames server.

IngestError
├── CameraError          this camera gives no frames now: closed, then tried again after a wait
│   ├── TimeBreakError   its time stamps or our clock jumped: a new epoch must begin
│   └── FilmEndedError   a film without `loop` came to its end: not tried again
├── PictureError         one frame could not become a JPEG: counted, the stream goes on
└── ReaderHungError      a reader gave no sign of life: only a new process can help
"""

from __future__ import annotations

from schemas.errors import FacePoseError


class IngestError(FacePoseError):
    """Root of the errors of ingest."""


class CameraError(IngestError):
    """A camera gives no frames now. Its text is shown to people and holds no credentials.

    Attributes:
        slowly: trying again soon cannot help (wrong password, wrong path).
    """

    def __init__(self, reason: str, *, slowly: bool = False) -> None:
        super().__init__(reason)
        self.slowly = slowly


class TimeBreakError(CameraError):
    """Time stamps of one connection can no longer be mapped to one clock."""


class FilmEndedError(CameraError):
    """A film that is not repeated came to its end."""


class PictureError(IngestError):
    """A decoded frame could not be turned into a JPEG."""


class ReaderHungError(IngestError):
    """A reader thread hangs or died; the process must be replaced."""
