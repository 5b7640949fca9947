"""The register of score versions: what stands behind every score, for ever."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from schemas.errors import FacePoseError
from schemas.tables import score_versions


class ScoreVersionError(FacePoseError):
    """A score version was changed instead of a new one written beside it."""


def params_sha256(params: Mapping[str, Any]) -> str:
    """SHA-256 of the parameters as JSON with sorted keys."""
    return hashlib.sha256(msgspec.json.encode(dict(params), order="sorted")).hexdigest()


def ensure_score_version(
    connection: Connection,
    version: int,
    name: str,
    *,
    params: Mapping[str, Any],
    code_version: str,
    effective_from: dt.datetime,
) -> None:
    """Register a score version, or find that it stands there already with the same parameters.

    Args:
        connection: in the caller's transaction.
        version: as in every row with a score.
        name: its public name.
        params: formula and constants, JSON-able.
        code_version: of the program that first wrote it.
        effective_from: a fixed, aware date, not the time of the call.

    Raises:
        ScoreVersionError: this version stands there with other parameters.
    """
    sha256 = params_sha256(params)
    connection.execute(
        insert(score_versions)
        .values(
            score_version=version,
            name=name,
            params=dict(params),
            params_sha256=sha256,
            code_version=code_version,
            effective_from=effective_from,
        )
        .on_conflict_do_nothing()
    )
    stored = connection.execute(
        select(score_versions.c.params_sha256).where(score_versions.c.score_version == version)
    ).scalar_one()
    if stored != sha256:
        raise ScoreVersionError(
            f"score version {version} ({name}) stands in the database with other parameters: "
            "a changed formula needs a new version, its scores are written beside the old ones"
        )
