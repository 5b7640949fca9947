"""The part of `facepose check` that looks at Redis and PostgreSQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Final

import redis
import sqlalchemy as sa
from pydantic import SecretStr

from deploy.finding import Finding, Verdict
from schemas import database
from schemas.errors import FacePoseError
from schemas.settings import Settings
from schemas.transport import connect

CLOCK_TOLERANCE_S: Final = 0.5


def check_redis(settings: Settings) -> Iterator[Finding]:
    """Both Redis servers: reachable, and with the persistence that their data needs."""
    frames, faces = _url(settings.frames_url, settings), _url(settings.faces_url, settings)
    if frames is None:
        yield Finding("frames server", "ok", "FRAMES_URL not set: an embedded server will be used")
    else:
        yield _reach("frames server", lambda: _frames_words(connect(frames)))
    if faces is None:
        yield Finding("faces server", "ok", "FACES_URL not set: an embedded server will be used")
    elif faces == frames:
        yield _reach("faces server", lambda: _shared_words(connect(faces)))
    else:
        yield _reach("faces server", lambda: _faces_words(connect(faces)))


def check_database(settings: Settings) -> Iterator[Finding]:
    """PostgreSQL: reachable, tables of this version, a clock that agrees with ours."""
    if settings.database_url is None:
        yield Finding("database", "ok", "DATABASE_URL not set: an embedded server will be used")
        return
    url = settings.require_database_url()

    def words() -> tuple[Verdict, str]:
        with database.connect(database.create_engine(url, pooled=False)) as connection:
            offset_s = _clock_offset_s(connection)
            version = connection.execute(sa.text("SHOW server_version")).scalar_one()
            name = f"PostgreSQL {str(version).partition(' ')[0]}"
            if offset_s > CLOCK_TOLERANCE_S:
                return "failed", f"its clock differs from ours by {offset_s:.1f} s: set up NTP"
            return _tables_words(connection, name)

    yield _reach("database", words)


def _clock_offset_s(connection: sa.Connection) -> float:
    """How far PostgreSQL's clock is surely away from ours, whatever the way there took."""
    asked = dt.datetime.now(dt.UTC)
    theirs: dt.datetime = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
    answered = dt.datetime.now(dt.UTC)
    return max((asked - theirs).total_seconds(), (theirs - answered).total_seconds(), 0.0)


def _tables_words(connection: sa.Connection, name: str) -> tuple[Verdict, str]:
    revision, head = database.current_revision(connection), database.head_revision()
    if revision == head:
        return "ok", f"{name}, tables at {revision}, clocks agree"
    try:
        database.require_migrated(connection)
    except database.DatabaseVersionError:
        state = "no tables yet" if revision is None else f"tables at {revision}, not {head}"
        return "warning", f"{name}, {state}: run `facepose db upgrade` (`facepose up` does it too)"
    return "failed", (
        f"{name}, tables at {revision}, newer than this program knows ({head}): upgrade it"
    )


def _url(own: SecretStr | None, settings: Settings) -> str | None:
    url = own or settings.redis_url
    return None if url is None else url.get_secret_value()


def _reach(what: str, look: Callable[[], tuple[Verdict, str]]) -> Finding:
    try:
        verdict, text = look()
    except (redis.RedisError, sa.exc.SQLAlchemyError, FacePoseError, OSError) as exc:
        reason = str(exc).splitlines()[0] if str(exc) else type(exc).__name__
        return Finding(what, "failed", f"cannot be used ({reason}): check the url and the server")
    return Finding(what, verdict, text)


def _frames_words(client: redis.Redis) -> tuple[Verdict, str]:
    appendonly, save = _setting(client, "appendonly"), _setting(client, "save")
    if appendonly == "yes" or save:
        return "warning", "it writes to disk: frames must not (set save '' and appendonly no)"
    return "ok", f"reachable, persistence off{_unknown(appendonly)}"


def _faces_words(client: redis.Redis) -> tuple[Verdict, str]:
    appendonly = _setting(client, "appendonly")
    if appendonly == "no":
        return "warning", "no append-only file: a crash loses the newest observations"
    return "ok", f"reachable, append-only file on{_unknown(appendonly)}"


def _shared_words(client: redis.Redis) -> tuple[Verdict, str]:
    client.ping()
    return "warning", (
        "one server for both: persistence must stay off because of the frames, so observations "
        "that are not yet in PostgreSQL (the newest seconds) are lost when it crashes; set "
        "FACES_URL to a server with appendonly yes"
    )


def _setting(client: redis.Redis, name: str) -> str | None:
    try:
        values = client.config_get(name)
    except redis.ResponseError:  # a managed server hides its configuration
        return None
    return next((str(v) for v in values.values()), None)


def _unknown(setting: str | None) -> str:
    return " (the server does not tell)" if setting is None else ""
