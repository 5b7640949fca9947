"""What stands in the way of a calibration.

FacePoseError
└── CalibrationError        its text says what happened and what to do
"""

from __future__ import annotations

from schemas.errors import FacePoseError


class CalibrationError(FacePoseError):
    """A room cannot be calibrated now; shown to people without a traceback."""
