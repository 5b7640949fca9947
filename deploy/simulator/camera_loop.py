"""Simulated cameras beside a program that does something else: an event loop in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self, TypeVar

Value = TypeVar("Value")
_PATIENCE_S: Final = 20.0


class CameraLoop:
    """An event loop in a thread of its own; use it as a context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cameras")

    def run(self, coroutine: Coroutine[Any, Any, Value]) -> Value:
        """What `coroutine` returns, run in the loop.

        Raises:
            TimeoutError: it took longer than 20 s.
        """
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(_PATIENCE_S)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE_S)
        self._loop.close()
