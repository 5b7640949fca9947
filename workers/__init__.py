"""Frames to faces. `from workers import FaceAnalyzer` loads what it needs only when asked."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workers.analyzer import FaceAnalyzer
    from workers.face import Face

__all__ = ["Face", "FaceAnalyzer"]


def __getattr__(name: str) -> Any:  # noqa: ANN401  PEP 562: whatever the name stands for
    if name == "FaceAnalyzer":
        from workers.analyzer import FaceAnalyzer  # noqa: PLC0415  services that need no network

        return FaceAnalyzer
    if name == "Face":
        from workers.face import Face  # noqa: PLC0415  as above

        return Face
    raise AttributeError(f"module 'workers' has no attribute {name!r}")
