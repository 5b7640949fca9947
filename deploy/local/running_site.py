"""The servers that a site's services use right now, for a command beside them."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from deploy.local.errors import LocalError
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.stack import state_folder
from deploy.local.valkey import EmbeddedValkey
from schemas.settings import Settings


def running_settings(site_path: Path, settings: Settings) -> Settings:
    """The settings, with what they leave out taken from `facepose up` of the same site file.

    Nothing is started: a command that looks at a running pipeline needs one.

    Raises:
        LocalError: neither a setting nor `facepose up` names a server.
    """
    folder = state_folder(site_path, settings)
    urls: dict[str, str | None] = {}
    if settings.database_url is None:
        urls["database_url"] = EmbeddedPostgres(folder / "postgres").remembered_url()
    if settings.faces_url is None and settings.redis_url is None:
        faces = EmbeddedValkey(folder / "faces", persistent=True)
        urls["faces_url"] = faces.remembered_url()
    found = {name: SecretStr(url) for name, url in urls.items() if url is not None}
    if len(found) < len(urls):
        raise LocalError(
            f"no pipeline of {site_path.name} is known here: start it with `facepose up "
            f"{site_path}`, or set DATABASE_URL and FACES_URL (or REDIS_URL) to its servers"
        )
    return settings.model_copy(update=found)
