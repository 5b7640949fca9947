"""What can go wrong between a question and its answer."""

from __future__ import annotations

from schemas.errors import FacePoseError


class QueryError(FacePoseError):
    """PostgreSQL does not answer this question; the text says where and what to do."""
