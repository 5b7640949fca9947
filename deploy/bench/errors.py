"""What can go wrong in `facepose bench`."""

from schemas.errors import FacePoseError


class BenchError(FacePoseError):
    """Something that the measurement needs is not here."""
