"""Recipients of reports: a mail server and a webhook with TLS, under an authority of their own."""

from __future__ import annotations

import datetime as dt
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "localhost"
USER, PASSWORD = "reports", "right-horse-battery"


@dataclass(frozen=True)
class Certificate:
    """A server's certificate that its own authority signed; `path` holds both and the key."""

    path: Path

    @property
    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path)
        return context


def make_certificate(folder: Path) -> Certificate:
    """For `localhost`; trusted by who sets SSL_CERT_FILE to its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "report tests")])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(HOST)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Certificate(path)


@dataclass
class MailBox:
    """What a mail server took; `answer` may refuse, or `before_answer` do something first."""

    port: int = 0
    raw: list[bytes] = field(default_factory=list)
    answer: str = "250 taken"
    before_answer: Callable[[SMTP], None] = lambda _server: None

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(raw, policy=SMTP_POLICY) for raw in self.raw]  # type: ignore[arg-type,misc]

    async def handle_DATA(  # noqa: N802  aiosmtpd calls it
        self, server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        self.raw.append(bytes(envelope.content or b""))
        self.before_answer(server)
        return self.answer


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> Any:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=right, handled=False)


@contextmanager
def mail_server(certificate: Certificate, security: str = "starttls") -> Iterator[MailBox]:
    """A mail server that wants TLS and a login."""
    box = MailBox()
    tls = security == "tls"
    controller = Controller(
        box,
        hostname="127.0.0.1",
        port=_free_port(),
        ssl_context=certificate.context if tls else None,
        tls_context=None if tls else certificate.context,
        require_starttls=not tls,
        authenticator=_authenticate,
        auth_required=not tls,  # with both off aiosmtpd warns of a door that TLS has closed
        auth_require_tls=not tls,
    )
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Hook:
    """What a webhook got, and what it answers."""

    port: int = 0
    posts: list[tuple[str, str, bytes]] = field(default_factory=list)  # path, key, body
    status: int = 200
    location: str = ""
    delay_s: float = 0.0
    is_mute: bool = False

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/hook?token=hidden-token"

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _path, _key, body in self.posts]


@contextmanager
def webhook(certificate: Certificate) -> Iterator[Hook]:
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.posts.append((self.path, self.headers["Idempotency-Key"], body))
            if hook.is_mute:
                self.close_connection = True
                return
            time.sleep(hook.delay_s)
            self.send_response(hook.status)
            if hook.location:
                self.send_header("Location", hook.location)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = certificate.context.wrap_socket(server.socket, server_side=True)
    hook.port = server.server_port
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  a client that hangs up
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port
