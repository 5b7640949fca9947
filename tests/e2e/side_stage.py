"""A second site on a running pipeline's servers: databases of its own, processes of its own."""

from __future__ import annotations

import datetime as dt
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import redis
import sqlalchemy as sa
import yaml
from psycopg import sql
from pydantic import SecretStr

from deploy.local.stack import Servers
from deploy.local.supervisor import Service, Supervisor
from schemas.database import create_engine, upgrade
from schemas.messages import RoomMessage, RoomPlan, encode
from schemas.settings import Settings
from schemas.site_file import load_site
from schemas.streams import faces_stream
from schemas.sync import sync_site
from tests.e2e.running_pipeline import Pipeline, entry_key


class SideStage:
    """The pipeline's site under another policy, in empty databases.

    Args:
        pipeline: whose servers are used.
        number: of the Redis database on both servers, 1 to 15; it is emptied.
        folder: for the site file and logs.
        policy: block of the site file.
    """

    def __init__(
        self, pipeline: Pipeline, number: int, folder: Path, policy: str | Mapping[str, object]
    ) -> None:
        self.source = pipeline
        self.site_path = folder / "site.yaml"
        block = yaml.safe_load(pipeline.site_path.read_text(encoding="utf-8"))
        block["policy"] = policy
        folder.mkdir(parents=True)
        self.site_path.write_text(yaml.safe_dump(block), encoding="utf-8")
        self.site = load_site(self.site_path)
        settings = pipeline.servers.settings
        self.servers = Servers(
            Settings(
                frames_url=SecretStr(_numbered(settings.require_frames_url(), number)),
                faces_url=SecretStr(_numbered(settings.require_faces_url(), number)),
                database_url=SecretStr(_new_database(settings.require_database_url())),
            )
        )
        self.frames_client = redis.Redis.from_url(self.servers.settings.require_frames_url())
        self.faces_client = redis.Redis.from_url(self.servers.settings.require_faces_url())
        self.frames_client.flushdb()
        self.faces_client.flushdb()
        self.engine = create_engine(self.servers.settings.require_database_url())
        self.supervisor = Supervisor(folder / "logs")
        now = dt.datetime.now(dt.UTC)
        upgrade(self.servers.settings.require_database_url(), now=now)
        sync_site(self.engine, self.site, at=now)

    def copy_log(self) -> None:
        """The lesson's log, as if this site's plan had been in force."""
        for room, entries in self.source.entries.items():
            for entry_id, message in entries:
                fields = dict(encode(self._under_own_policy(message)))
                self.faces_client.xadd(faces_stream(room), fields, id=entry_id)

    def _under_own_policy(self, message: RoomMessage) -> RoomMessage:
        if isinstance(message, RoomPlan):
            return msgspec.structs.replace(message, policy=self.site.rules)
        return message

    def start(self, *services: str, **environment: str) -> None:
        for name in services:
            variables = {**self.servers.environment, **environment}
            self.supervisor.start(Service(name, (name, str(self.site_path)), variables))

    def until(self, condition: Callable[[], bool], what: str, timeout_s: float = 60) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not condition():
            self.supervisor.watch()
            if time.monotonic() > deadline_s:
                words = [self.supervisor.last_words(name) for name in self.supervisor.restarts]
                raise TimeoutError(f"waited {timeout_s:g} s for {what}\n" + "\n".join(words))
            time.sleep(0.1)

    def position(self, room: str) -> tuple[int, int]:
        query = "SELECT position FROM room_state JOIN rooms USING (room_id) WHERE slug = :slug"
        rows = self.rows(query, slug=room)
        return entry_key(rows[0].position) if rows else (0, 0)

    def until_read(self, *ids: tuple[str, str]) -> None:
        """Wait until the aggregator has committed these entries: room and id."""
        self.until(
            lambda: all(self.position(room) >= entry_key(entry_id) for room, entry_id in ids),
            "the aggregator",
        )

    def rows(self, query: sa.TextClause | str, **values: object) -> Sequence[sa.Row[Any]]:
        statement = sa.text(query) if isinstance(query, str) else query
        with self.engine.connect() as connection:
            return connection.execute(statement, values).all()

    def log_of(self, service: str) -> str:
        return self.supervisor.log_path(service).read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        self.supervisor.stop()
        self.engine.dispose()
        self.frames_client.close()
        self.faces_client.close()


def _numbered(url: str, number: int) -> str:
    base, _, _ = url.rpartition("/")
    return f"{base}/{number}"


def _new_database(url: str) -> str:
    name = f"side_{uuid.uuid4().hex[:12]}_{os.getpid()}"
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    base, _, _ = url.rpartition("/")
    return f"{base}/{name}"
