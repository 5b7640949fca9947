"""What can go wrong with the database's users."""

from __future__ import annotations

from schemas.errors import FacePoseError


class RoleError(FacePoseError):
    """A login cannot be made."""
