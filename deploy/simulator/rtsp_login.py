"""Who may see a camera: HTTP's Basic and Digest authentication (RFC 2617), as RTSP uses them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import quote

Scheme = Literal["basic", "digest", "digest-qop"]

_PAIR: Final = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]*))')


@dataclass(frozen=True)
class Login:
    """A camera's user and password, and how it asks for them.

    Attributes:
        scheme: "digest" is RFC 2069's form without quality of protection, which old cameras
            speak; "digest-qop" the one with `qop=auth`.
        realm: the camera's name for what it guards.
        nonce: changes with every start of the camera.
    """

    user: str
    password: str
    scheme: Scheme = "digest-qop"
    realm: str = "simulated camera"
    nonce: str = field(default_factory=lambda: secrets.token_hex(16))

    def __repr__(self) -> str:
        """Without user and password: logins stand in tracebacks."""
        return f"Login({self.scheme!r})"

    @property
    def in_url(self) -> str:
        """User and password as they stand in a url, with the @."""
        return f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"

    @property
    def challenge(self) -> str:
        """The header that asks for them."""
        if self.scheme == "basic":
            return f'Basic realm="{self.realm}"'
        qop = ', qop="auth"' if self.scheme == "digest-qop" else ""
        return f'Digest realm="{self.realm}", nonce="{self.nonce}", algorithm=MD5{qop}'

    def admits(self, method: str, authorization: str) -> bool:
        """Whether a request's `Authorization` header proves that the password is known."""
        kind, _, rest = authorization.partition(" ")
        if kind.lower() != self.scheme.partition("-")[0]:
            return False
        if self.scheme == "basic":
            known = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            return _equal(rest.strip(), known)
        given = {name.lower(): quoted or bare for name, quoted, bare in _PAIR.findall(rest)}
        return (
            given.get("username") == self.user
            and given.get("nonce") == self.nonce
            and _equal(given.get("response", ""), self._response(method, given))
        )

    def _response(self, method: str, given: Mapping[str, str]) -> str:
        """RFC 2617, 3.2.2.1; without `qop` in the older form, as GStreamer answers."""
        whose = _md5(f"{self.user}:{self.realm}:{self.password}")
        what = _md5(f"{method}:{given.get('uri', '')}")
        if "qop" not in given:
            return _md5(f"{whose}:{self.nonce}:{what}")
        once = f"{given.get('nc', '')}:{given.get('cnonce', '')}:{given.get('qop', '')}"
        return _md5(f"{whose}:{self.nonce}:{once}:{what}")


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _equal(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(), known.encode())
