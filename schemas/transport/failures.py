"""The transport's kinds of failure, and the one place that tells them apart.

FacePoseError
└── TransportError
    ├── TransportDownError     the server is away: wait and retry
    ├── StreamFullError        its memory is full: a counted drop for frames, wait for observations
    └── TransportRefusedError  wrong password or missing right: people must act
Any other redis error is a bug and passes through unchanged.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import redis
import redis.exceptions as redis_errors

from schemas.errors import FacePoseError


class TransportError(FacePoseError):
    """Root of the transport's errors; texts hold no credentials."""


class TransportDownError(TransportError):
    """The server cannot be reached, is loading, failing over or too slow: wait and retry."""


class StreamFullError(TransportError):
    """The server's memory is full, the entry was not stored."""


class TransportRefusedError(TransportError):
    """The server does not let us in."""


# asked before _DOWN: in redis-py the first two are ConnectionErrors as well
_REFUSED = (
    redis_errors.AuthenticationError,
    redis_errors.AuthorizationError,
    redis_errors.NoPermissionError,
)
_DOWN = (
    redis.ConnectionError,
    redis.TimeoutError,
    redis_errors.ClusterError,
    redis_errors.ReadOnlyError,  # a failover is under way
    redis_errors.TryAgainError,
    redis_errors.RedisClusterException,
)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn redis-py's errors into ours.

    Raises:
        TransportRefusedError, StreamFullError, TransportDownError: see the module.
    """
    try:
        yield
    except _REFUSED as exc:
        raise TransportRefusedError(
            f"the Redis server refused us ({exc}): check user and password in its url"
        ) from exc
    except redis.OutOfMemoryError as exc:
        raise StreamFullError("the Redis server's memory is full") from exc
    except _DOWN as exc:
        raise TransportDownError(f"the Redis server is away ({exc})") from exc
