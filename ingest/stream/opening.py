"""How a camera is opened: FFmpeg's options, hardware decoding, and what its errors mean."""

from __future__ import annotations

import functools
import os
import ssl
from typing import Final
from urllib.parse import urlsplit

import av
import structlog
from av.codec import Codec
from av.codec.hwaccel import HWAccel
from av.container import InputContainer

from ingest.camera_spec import CameraSpec
from ingest.errors import CameraError, Cause
from ingest.stream.fuse import Fuse
from ingest.stream.knock import is_distrusted

# Nobody here needs the frame rate that FFmpeg would guess from the first second or two: the first
# picture is there .8 s after the start instead of 1.5 to 2.1 s (key frames once a second).
PROBING: Final = {"fpsprobesize": "0", "analyzeduration": "500000"}
SILENT: Final = "the camera was silent for some seconds"


def open_stream(spec: CameraSpec, fuse: Fuse) -> InputContainer:
    """A connection to the camera, or its film.

    Args:
        spec: the camera.
        fuse: lit; bounds opening and probing together, then each read.

    Raises:
        av.error.FFmpegError: see `explain`; av's own text holds the url with its password.
    """
    return av.open(
        spec.url,
        mode="r",
        options=options_of(spec),
        timeout=(fuse, fuse),
        hwaccel=hardware(spec.hardware) if spec.hardware != "none" else None,
    )


def options_of(spec: CameraSpec) -> dict[str, str]:
    """FFmpeg's options for the scheme of the camera's url."""
    scheme = urlsplit(spec.url).scheme
    options: dict[str, str] = {}
    if scheme in {"rtsp", "rtsps"}:
        options |= {"rtsp_transport": spec.transport, "allowed_media_types": "video", **PROBING}
    if scheme in {"rtsps", "https"}:
        options |= {"tls_verify": str(int(spec.verify_tls))}
        if spec.verify_tls and (trusted := trusted_certificates()):
            options |= {"ca_file": trusted}
    return options


def trusted_certificates() -> str | None:
    """The file of trusted certificates: `SSL_CERT_FILE`, else the system's."""
    return os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile


@functools.cache
def hardware(device: str) -> HWAccel | None:
    """The hardware decoder, None where it cannot be had; that is told once in a process."""
    try:
        HWAccel(device).create(Codec("h264", "r"))
    except (av.error.FFmpegError, NotImplementedError, RuntimeError) as exc:
        structlog.get_logger("facepose.ingest").warning(
            f"No {device} decoder can be had here; pictures are decoded in software.",
            action="decoder_fallback",
            hardware=device,
            reason=str(exc),
        )
        return None
    return HWAccel(device, allow_software_fallback=True)


_REASONS: Final[dict[type[av.error.FFmpegError], tuple[str, Cause]]] = {
    av.error.HTTPForbiddenError: ("the camera forbids access (403)", "unauthorized"),
    av.error.HTTPTooManyRequestsError: ("the camera has too many viewers (429)", "busy"),
    av.error.HTTPServerError: ("the camera reports an internal error (5xx)", "busy"),
    av.error.ConnectionRefusedError: (
        "the connection is refused; is the address right?",
        "unreachable",
    ),
    av.error.ConnectionResetError: ("the camera dropped the connection", "dropped"),
    av.error.BrokenPipeError: ("the camera dropped the connection", "dropped"),
    av.error.EOFError: ("the camera ended the stream", "dropped"),
    av.error.ExitError: (SILENT, "silent"),
    av.error.TimeoutError: (SILENT, "silent"),
    av.error.InvalidDataError: ("the camera gave no usable answer", "unusable"),
    av.error.OSError: ("the connection broke or the address cannot be reached", "unreachable"),
}


def explain(
    error: av.error.FFmpegError, spec: CameraSpec, *, in_silence: bool = False
) -> CameraError:
    """The error for people, without the url that av puts into its own text.

    Args:
        error: from av.
        spec: the camera.
        in_silence: the time-out had run out; av tells that as one of several errors.
    """
    if in_silence:
        return CameraError(SILENT, "silent")
    is_verified = spec.verify_tls and spec.url.startswith(("rtsps:", "https:"))
    if is_verified and is_distrusted(spec.url, trusted_certificates()):
        return CameraError(
            "the camera's certificate is not trusted: name a file that holds it in SSL_CERT_FILE, "
            "or set `verify_tls: false` for this camera",
            "untrusted",
            slowly=True,
        )
    if isinstance(error, av.error.HTTPUnauthorizedError):
        return CameraError("the camera refuses user or password (401)", "unauthorized", slowly=True)
    if isinstance(error, av.error.HTTPNotFoundError):
        return CameraError(
            "the camera knows no such stream (404); check the path", "not_found", slowly=True
        )
    for kind, (reason, cause) in _REASONS.items():
        if isinstance(error, kind):
            return CameraError(reason, cause)
    return CameraError(f"the stream failed: {error.strerror or type(error).__name__}")
