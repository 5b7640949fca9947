"""To a webhook: one HTTPS POST of JSON with the files in it, under an Idempotency-Key.

No redirect is followed: the files go to the host that the site file names and to no other.
"""

from __future__ import annotations

import base64
import http.client
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from aggregator.reports.delivery.package import Package
from aggregator.reports.delivery.time_limit import CONNECT_TIMEOUT_S, LIMIT_S, cut_off_after
from aggregator.reports.errors import DeliveryError

MAX_POST_BYTES: Final = 64 << 20


def body_of(package: Package) -> bytes:
    """The JSON object that is posted; the same at every attempt."""
    files = [
        {
            "name": file.name,
            "media_type": file.media_type,
            "sha256": file.sha256,
            "content_base64": base64.b64encode(file.content).decode(),
        }
        for file in package.files
    ]
    value: dict[str, Any] = {
        "site": package.site,
        "report": package.report,
        "kind": package.kind,
        "title": package.title,
        "period": package.period,
        "first": package.first.isoformat(),
        "last": package.last.isoformat(),
        "made_at": package.finished_at.isoformat(),
        "left_out": list(package.left_out),
        "files": files,
    }
    return msgspec.json.encode(value)


def post(package: Package, url: str, key: str, limit_s: float = LIMIT_S) -> None:
    """Post a run; any answer from 200 to 299 is a receipt.

    Args:
        package: the run.
        url: with its placeholders filled; a secret.
        key: `Idempotency-Key`.
        limit_s: for all of it.

    Raises:
        DeliveryError: refused, or nobody knows whether it was taken.
    """
    body = body_of(package)
    if len(body) > MAX_POST_BYTES:
        raise DeliveryError(f"the files are larger than {MAX_POST_BYTES >> 20} MiB: use a folder")
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "User-Agent": "facepose-classroom",
        "Connection": "close",
    }
    handed_over = False
    try:
        connection = http.client.HTTPSConnection(
            parts.hostname or "",
            parts.port,
            timeout=CONNECT_TIMEOUT_S,
            context=ssl.create_default_context(),
        )
        with cut_off_after(limit_s, lambda: connection.sock):
            try:
                connection.connect()
                handed_over = True
                connection.request("POST", path, body, headers)
                status = connection.getresponse().status
                handed_over = False
            finally:
                connection.close()
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise DeliveryError(f"webhook: {_reason(exc)}", in_doubt=handed_over) from None
    if 300 <= status < 400:
        raise DeliveryError(
            f"the webhook redirects ({status}), which is not followed: write the address that it "
            "leads to"
        )
    if not 200 <= status < 300:
        raise DeliveryError(f"the webhook answers {status}")


def _reason(exc: Exception) -> str:
    """In words without the url, which may hold a secret."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted ({exc.verify_message})"
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return type(exc).__name__
