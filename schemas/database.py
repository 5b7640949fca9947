"""The connection to PostgreSQL, and its migrations.

DatabaseError
├── DatabaseUnavailableError   no server answers: wait
├── DatabaseRefusedError       it does not let us in: waiting does not help, fix the url
└── DatabaseVersionError       migrated by a newer version of this program, or not yet by this one
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from schemas.errors import FacePoseError, SettingsError
from schemas.partitions import DAYS_AHEAD, ensure_partitions
from schemas.roles import explain_missing, missing_roles

_MIGRATION_LOCK: Final = 0x0FACE_0001
_CONNECT_TIMEOUT_S: Final = 5
_NO_RIGHT: Final = "42501"  # SQLSTATE insufficient_privilege
# libpq gives no SQLSTATE for a connection that was never made. A server that speaks another
# language is waited for, as for one that is away.
_REFUSED: Final = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry"
    r'|(role|user|database) "[^"]*" does not exist|is not permitted to log in'
)
# A host that vanishes without a word would otherwise hold a session for many minutes.
_NOTICE_A_DEAD_HOST: Final = {
    "application_name": "facepose",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


class DatabaseError(FacePoseError):
    """PostgreSQL cannot be used as it is."""


class DatabaseUnavailableError(DatabaseError):
    """No server answers."""


class DatabaseRefusedError(DatabaseError, SettingsError):
    """The server does not let us in: user, password or database are not what it knows."""


class DatabaseVersionError(DatabaseError):
    """The database's migrations and this program do not fit together."""


def create_engine(url: str, *, pooled: bool = True) -> Engine:
    """An engine for `postgresql://…`; its sessions run in UTC, a dead connection is replaced.

    Args:
        url: `postgresql://USER:PASSWORD@HOST/NAME`.
        pooled: keep connections open between uses.

    Raises:
        SettingsError: this is not a PostgreSQL url.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # their texts repeat the url, and with it the password
        raise SettingsError(
            "DATABASE_URL is not a url; write postgresql://USER:PASSWORD@HOST/NAME"
        ) from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise SettingsError(f"DATABASE_URL names {parsed.drivername!r}; only postgresql is known")
    pool: dict[str, Any] = {"pool_pre_ping": True} if pooled else {"poolclass": NullPool}
    engine = sqlalchemy.create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        connect_args={"connect_timeout": _CONNECT_TIMEOUT_S, **_NOTICE_A_DEAD_HOST},
        **pool,
    )
    event.listen(engine, "connect", _use_utc)
    return engine


def upgrade(
    url: str, *, now: dt.datetime, progress: Callable[[str], None] = lambda _line: None
) -> list[str]:
    """Migrate to the newest tables and create partitions from `now` on; safe to run at any time.

    Two services that upgrade at once wait for each other.

    Returns:
        One sentence for each thing that was done; empty: all was up to date.

    Raises:
        DatabaseUnavailableError, DatabaseRefusedError, DatabaseVersionError, SettingsError
    """
    done: list[str] = []

    def say(line: str) -> None:
        done.append(line)
        progress(line)

    with connect(create_engine(url, pooled=False)) as connection, _locked(connection):
        _refuse_newer(connection)
        command.upgrade(alembic_config(connection, say), "head")
        created = ensure_partitions(connection, now, DAYS_AHEAD)
        connection.commit()
        if created:
            say(f"created {len(created)} partitions, up to {DAYS_AHEAD} days ahead")
        if missing := missing_roles(connection):
            say(explain_missing(missing))
    return done


@contextmanager
def connect(engine: Engine) -> Iterator[Connection]:
    """A connection, rolled back and closed at the end unless committed.

    Raises:
        DatabaseUnavailableError, DatabaseRefusedError: with the driver's reason; also when the
            user lacks a right for what is done with the connection.
    """
    try:
        connection = engine.connect()
    except OperationalError as exc:
        host = engine.url.host or engine.url.query.get("host", "this machine")
        reason = str(exc.orig).strip().partition("\n")[0]
        if _REFUSED.search(reason):
            raise DatabaseRefusedError(
                f"PostgreSQL at {host} does not let us in: {reason}; "
                "check user, password and name in DATABASE_URL"
            ) from exc
        raise DatabaseUnavailableError(f"PostgreSQL at {host}: {reason}") from exc
    with connection:
        try:
            yield connection
        except ProgrammingError as exc:
            if getattr(exc.orig, "sqlstate", None) != _NO_RIGHT:
                raise
            reason = str(exc.orig).strip().partition("\n")[0]
            raise DatabaseRefusedError(
                f"database user {engine.url.username or 'of this session'} may not do this: "
                f"{reason}; `facepose db login` makes users of the roles that may"
            ) from exc


def require_migrated(connection: Connection) -> None:
    """Let a service start only on tables that it knows; newer ones have been expanded, not changed.

    Raises:
        DatabaseVersionError: `facepose db upgrade` has to run first.
    """
    revision = current_revision(connection)
    older = [script.revision for script in _scripts().walk_revisions("base", "heads")][1:]
    if revision is None or revision in older:
        raise DatabaseVersionError(
            f"the database stands at migration {revision or 'none'}, this program needs "
            f"{head_revision()}: run `facepose db upgrade`"
        )


def current_revision(connection: Connection) -> str | None:
    """The migration that the database stands at; None: it has no tables of ours yet."""
    return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str | None:
    """The newest migration that this program knows."""
    return _scripts().get_current_head()


def alembic_config(connection: Connection, say: Callable[[str], None]) -> Config:
    """Alembic's configuration for a connection, told in sentences."""
    config = _config()

    def applied(*, step: Any, **_: object) -> None:  # noqa: ANN401  Alembic's untyped MigrationInfo
        way = "applied" if step.is_upgrade else "took back"
        revision = step.up_revision
        say(f"{way} migration {revision.revision}: {revision.doc}")

    config.attributes["connection"] = connection
    config.attributes["on_version_apply"] = applied
    return config


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "schemas:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _use_utc(connection: Any, _record: object) -> None:  # noqa: ANN401  the driver's own type
    connection.execute("SET TIME ZONE 'UTC'")
    connection.commit()


@contextmanager
def _locked(connection: Connection) -> Iterator[None]:
    """Hold the migration lock for the session, across Alembic's own transactions."""
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})
        connection.commit()


def _refuse_newer(connection: Connection) -> None:
    revision = current_revision(connection)
    connection.rollback()
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise DatabaseVersionError(
            f"the database stands at migration {revision}, this program knows up to "
            f"{head_revision()}: upgrade this program"
        )
