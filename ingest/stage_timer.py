"""Processor time by stage."""

from __future__ import annotations

from collections.abc import Callable
from time import thread_time

from ingest.camera_report import Stage


class StageTimer:
    """Counts the processor time of this thread inside a `with`.

    A class of its own, as every packet of every camera passes it.
    """

    __slots__ = ("_began_s", "_name", "_spend")

    def __init__(self, spend: Callable[[Stage, float], None], name: Stage) -> None:
        self._spend = spend
        self._name = name
        self._began_s = 0.0

    def __enter__(self) -> None:
        self._began_s = thread_time()

    def __exit__(self, *_error: object) -> None:
        self._spend(self._name, thread_time() - self._began_s)
