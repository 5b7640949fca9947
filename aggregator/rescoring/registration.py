"""A new score version enters the register before its first row is written."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection

from aggregator.score import SCORE_VERSION
from aggregator.score_params import ScoreParams
from schemas.score_versions import ScoreVersionError, ensure_score_version


def register_version(
    connection: Connection,
    version: int,
    params: ScoreParams,
    *,
    name: str,
    code_version: str,
    at: dt.datetime,
) -> None:
    """Register recomputed scores' parameters, or find them there already.

    Args:
        connection: in the caller's transaction.
        version: of the rows to come.
        params: constants behind them.
        name: for people.
        code_version: of this program.
        at: aware time of the registration.

    Raises:
        ScoreVersionError: it is the version that lessons are measured under, or one that stands
            there with other parameters.
    """
    if version == SCORE_VERSION:
        raise ScoreVersionError(
            f"version {version} is what lessons are scored under as they are held; history is "
            "recomputed under a number of its own, beside it"
        )
    ensure_score_version(
        connection,
        version,
        name,
        params=params.as_dict,
        code_version=code_version,
        effective_from=at,
    )
