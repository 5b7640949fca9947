"""What can go wrong in a lesson that is drawn as films.

LessonError
├── LogIncompleteError   the run's log was trimmed before it was read
└── OtherRowsError       the database holds other rows than the log gives
"""

from __future__ import annotations

from schemas.errors import FacePoseError


class LessonError(FacePoseError):
    """Base."""


class LogIncompleteError(LessonError):
    """The judgement needs all of the log; this machine was too busy to read it in time."""


class OtherRowsError(LessonError):
    """The database holds other rows than the log gives: that must never be."""
