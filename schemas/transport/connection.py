"""One way to a Redis server; Sentinel and Cluster get in here, and nowhere else."""

from __future__ import annotations

from typing import Final

import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from schemas.errors import SettingsError
from schemas.redaction import redact_url
from schemas.transport.failures import translated

Client = redis.Redis

SOCKET_TIMEOUT_S: Final = 10.0
CONNECT_TIMEOUT_S: Final = 5.0
HEALTH_CHECK_S: Final = 30
# a blocking read must return long before the socket's time-out
MAX_BLOCK_MS: Final = 2000


def connect(url: str) -> Client:
    """A client for `redis://`, `rediss://` (TLS) or `unix://`; connects at the first command.

    redis-py by itself retries 10 times, also after time-outs, which turns one hung read into a
    minute. Here one quick retry heals a connection that the server closed while idle; waiting
    for a server that is away belongs to the caller, who can say so (`patience.back_off`).

    Raises:
        SettingsError: not such a url.
    """
    retry = Retry(
        ExponentialWithJitterBackoff(base=0.02, cap=0.1),
        retries=1,
        supported_errors=(redis.ConnectionError,),
    )
    try:
        return redis.Redis.from_url(
            url,
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=CONNECT_TIMEOUT_S,
            health_check_interval=HEALTH_CHECK_S,
            retry=retry,
            protocol=2,  # one form of reply, from Redis 6.2 on
        )
    except ValueError as exc:
        raise SettingsError(
            f"{redact_url(url)!r} is not the url of a Redis server: it must look like "
            "redis://HOST:6379/0, rediss://HOST:6379/0 (TLS) or unix:///PATH"
        ) from exc


def server_time_ns(client: Client) -> int:
    """The server's clock, Unix time in nanoseconds."""
    with translated():
        seconds, microseconds = client.time()
    return int(seconds) * 1_000_000_000 + int(microseconds) * 1_000
