"""The formula that this program scores lessons under, as the register of versions knows it."""

from __future__ import annotations

import datetime as dt
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from sqlalchemy import Connection

from aggregator.score import PARAMS, SCORE_VERSION
from schemas.score_versions import ensure_score_version

SCORE_NAME: Final = "AS-1 visual orientation index"
SCORE_SINCE: Final = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def register_formula(connection: Connection) -> None:
    """Write it into the register, or find it there.

    Raises:
        ScoreVersionError: this version stands there with other parameters.
    """
    ensure_score_version(
        connection,
        SCORE_VERSION,
        SCORE_NAME,
        params=PARAMS,
        code_version=code_version(),
        effective_from=SCORE_SINCE,
    )


def code_version() -> str:
    """Of the installed package."""
    try:
        return version("facepose-classroom")
    except PackageNotFoundError:
        return "unknown"
