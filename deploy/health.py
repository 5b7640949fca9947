"""What a service tells over HTTP: `/metrics`, `/healthz` (is it alive) and `/readyz` (can it work).

A service that is not alive wants a new start; one that is not ready wants patience, or what it says
is missing. Both answer 200 or 503, with a sentence for people.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from socket import AF_INET, AF_INET6
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import REGISTRY, CollectorRegistry, make_wsgi_app

from deploy.stop_wish import StopWish
from schemas.errors import SettingsError

# Longer than any server's time-outs, and than a batch on a slow CPU.
SILENT_S: Final = 60.0
# Weights are read and compiled, a database is waited for, before a loop's first round.
START_LIMIT_S: Final = 600.0

Missing = Callable[[], Sequence[str]]
"""What stands between a service and its work, as sentences; empty: nothing."""


@dataclass(frozen=True)
class Health:
    """How a service is.

    Attributes:
        stop: what its loop asks at each round.
        missing: see `Missing`.
    """

    stop: StopWish
    missing: Missing

    def trouble(self) -> str:
        """Why the service must be started anew; empty while it is alive."""
        silence_s, has_begun = self.stop.silence_s()
        if silence_s <= (SILENT_S if has_begun else START_LIMIT_S):
            return ""
        what = "its loop stands still" if has_begun else "its loop has not begun"
        return f"{what} for {silence_s:.0f} s"


def gauge_says_ready(name: str, registry: CollectorRegistry = REGISTRY) -> Missing:
    """Readiness of a service that keeps a gauge of it."""

    def missing() -> list[str]:
        value = registry.get_sample_value(name)
        if value is None:
            return ["the service is starting"]
        return [] if value else ["it waits for a server or for a new version: see its log"]

    return missing


@contextmanager
def serving_health(
    host: str, port: int, health: Health, registry: CollectorRegistry = REGISTRY
) -> Iterator[int]:
    """Answer inside; the port that is listened on (0 takes a free one).

    Raises:
        SettingsError: the port cannot be had.
    """
    try:
        server = _Server((host, port), _QuietHandler)
    except OSError as exc:
        raise SettingsError(
            f"FACEPOSE_METRICS_PORT: port {port} on {host} cannot be used ({exc.strerror}): "
            "choose another one for each process, or 0 for none"
        ) from exc
    server.set_app(make_app(health, registry))
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_app(health: Health, registry: CollectorRegistry = REGISTRY) -> WSGIApplication:
    """The three pages."""
    show_metrics = make_wsgi_app(registry)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            pages: Iterable[bytes] = show_metrics(environ, start_response)
            return pages
        if path == "/healthz":
            trouble = [text] if (text := health.trouble()) else []
            return _answer(start_response, trouble, "alive")
        if path == "/readyz":
            return _answer(start_response, health.missing(), "ready")
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"there are /metrics, /healthz and /readyz\n"]

    return app


def _answer(start_response: StartResponse, trouble: Sequence[str], good: str) -> list[bytes]:
    status = "503 Service Unavailable" if trouble else "200 OK"
    start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
    return ["".join(f"{line}\n" for line in trouble or [good]).encode()]


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each question; none of them holds up the end of the process."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self.address_family = AF_INET6 if ":" in address[0] else AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of our own name, which may take a resolver's time-out."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.socket.getsockname()[:2]
        self.setup_environ()


class _QuietHandler(WSGIRequestHandler):
    timeout = 10  # for whoever connects and asks nothing

    def log_message(self, *_: Any) -> None:  # noqa: ANN401  as http.server has it
        """A line for each question would drown the log."""
