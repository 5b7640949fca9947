"""Ids that people give to rooms, cameras, rules and reports of a site file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Slug = Annotated[
    str,
    Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$",
        description="lower-case letters, digits, '.', '_' and '-'",
    ),
]
