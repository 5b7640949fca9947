"""What can go wrong in the aggregator.

AggregatorError
├── SnapshotError       a room's stored state cannot be used by this version
│   └── NewerSnapshotError   a newer program wrote it: leave the room alone, wait for an upgrade
├── LeaseLostError      another aggregator holds the room now: drop it, write nothing
├── UnknownPlaceError   a row names a room, camera or seat that `db sync` has not stored yet
└── ScoreParamsError    a score version's parameters cannot be used to recompute history
"""

from __future__ import annotations

from schemas.errors import FacePoseError, SettingsError


class AggregatorError(FacePoseError):
    """Base of all errors of the aggregator."""


class SnapshotError(AggregatorError):
    """A room's stored state cannot be used by this version."""


class NewerSnapshotError(SnapshotError):
    """A newer program wrote the room's state: this one must not touch it."""


class LeaseLostError(AggregatorError):
    """Another aggregator holds the room."""


class UnknownPlaceError(AggregatorError):
    """A room, camera or seat that the reference tables do not know."""


class ScoreParamsError(AggregatorError, SettingsError):
    """Parameters of a score version that stored history cannot be recomputed with."""
