"""All that a reader must know of its camera: what a change of the site file is compared by."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from ingest.camera_url import film_path
from schemas.redaction import redact_url
from schemas.site import Camera, Room


class CameraSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One camera as its reader needs it. Two equal specs need no new connection.

    Attributes:
        url: with its secrets filled in: never log it; a film's is an absolute path.
        is_film: read from a file, in real time.
        region: left, top, right, bottom in fractions of the picture; None: all of it.
    """

    room_id: str
    camera_id: str
    url: str
    is_film: bool = False
    loop: bool = False
    transport: Literal["tcp", "udp"] = "tcp"
    verify_tls: bool = True
    hardware: Literal["none", "cuda", "qsv"] = "none"
    region: tuple[float, float, float, float] | None = None
    analysis_fps: float = 5.0

    @property
    def shown_url(self) -> str:
        """The url without credentials."""
        return redact_url(self.url)

    def __repr__(self) -> str:
        """Without the url's secrets: specs stand in tracebacks."""
        return f"CameraSpec({self.camera_id!r}, {self.shown_url!r})"


def spec_of(
    room: Room, camera: Camera, folder: Path, environ: Mapping[str, str] = os.environ
) -> CameraSpec:
    """The camera of a site file in `folder`.

    Raises:
        SettingsError: a secret that the url names is not set.
    """
    url = camera.resolved_url(environ)
    return CameraSpec(
        room_id=room.id,
        camera_id=camera.id,
        url=str(film_path(url, folder.absolute())) if camera.is_film else url,
        is_film=camera.is_film,
        loop=camera.loop,
        transport=camera.transport,
        verify_tls=camera.verify_tls,
        hardware=camera.hardware,
        region=camera.region,
        analysis_fps=camera.analysis_fps,
    )
