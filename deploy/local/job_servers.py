"""Servers for a job that is run now and then: those in use where there are some, else its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import SecretStr

from deploy.local.errors import AlreadyRunningError
from deploy.local.servers import EmbeddedPostgres, EmbeddedValkey
from deploy.local.stack import Servers, running_servers
from schemas.settings import Settings


@contextmanager
def job_servers(folder: Path, settings: Settings, cameras: int) -> Iterator[Servers]:
    """The servers that the settings name; for the rest the embedded ones of a state folder.

    Where `facepose up` has the folder, the job uses the servers that run there; else they are
    started, and stopped at the end.

    Raises:
        LocalError: the folder is in use by something that has no servers, or they do not start.
    """
    urls = settings.database_url, settings.frames_url, settings.faces_url
    has_redis = settings.redis_url is not None or all(urls[1:])
    if settings.database_url is not None and has_redis:
        yield Servers(settings)
        return
    with ExitStack() as cleanup:
        try:
            servers = cleanup.enter_context(running_servers(folder, settings, cameras))
        except AlreadyRunningError as exc:
            servers = _those_of_another(folder, settings, exc)
        yield servers


def _those_of_another(folder: Path, settings: Settings, taken: AlreadyRunningError) -> Servers:
    """The embedded servers that another process runs in the folder."""
    urls: dict[str, str | None] = {}
    if settings.database_url is None:
        urls["database_url"] = EmbeddedPostgres(folder / "postgres").remembered_url()
    if settings.frames_url is None and settings.redis_url is None:
        frames = EmbeddedValkey(folder / "frames", persistent=False)
        urls["frames_url"] = frames.remembered_url()
    if settings.faces_url is None and settings.redis_url is None:
        faces = EmbeddedValkey(folder / "faces", persistent=True)
        urls["faces_url"] = faces.remembered_url()
    found = {name: SecretStr(url) for name, url in urls.items() if url is not None}
    if len(found) < len(urls):
        raise taken
    return Servers(settings.model_copy(update=found), folder=folder)
