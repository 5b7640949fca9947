"""What can keep a chaos run from saying anything."""

from __future__ import annotations

from schemas.errors import FacePoseError


class ChaosError(FacePoseError):
    """The run could not be carried out; it says nothing about lost or doubled rows."""
