"""Bounded types of what stands in messages and plans; decoding refuses what lies beyond."""

from __future__ import annotations

from typing import Annotated

import msgspec

Slug = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Label = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]
ShortText = Annotated[str, msgspec.Meta(max_length=500)]
UnixNs = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Pixels = Annotated[int, msgspec.Meta(ge=0, le=8192)]
Counts = Annotated[dict[Slug, int], msgspec.Meta(max_length=64)]
Box = tuple[float, float, float, float]
Point = tuple[float, float]
