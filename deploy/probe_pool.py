"""Many cameras looked at together, none of which can hold up the rest."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from ingest.camera_spec import CameraSpec
from ingest.errors import CameraError
from ingest.probe import Probe, probe_camera

AT_ONCE: Final = 8  # each decodes for some seconds, and keeps pictures until it is asked for them
# The resolver of names may take 20 s, and a look 17.
LIMIT_S: Final = 40.0
_POLL_S: Final = 0.1

Answer = Probe | CameraError
Look = Callable[[CameraSpec], Probe]


class Probed(NamedTuple):
    """A camera's place in the list, and what it gave or why it gave nothing."""

    number: int
    answer: Answer


class ProbePool:
    """Looks at cameras in threads; one that hangs inside a library is left behind.

    Args:
        specs: the cameras.
        look: at one camera.
        limit_s: for each; then it counts as hung.
    """

    def __init__(
        self, specs: Sequence[CameraSpec], look: Look = probe_camera, limit_s: float = LIMIT_S
    ) -> None:
        self._waiting = list(enumerate(specs))[::-1]
        self._look = look
        self._limit_s = limit_s
        self._running: dict[int, tuple[threading.Thread, float]] = {}
        self._answers: queue.SimpleQueue[Probed] = queue.SimpleQueue()

    def answers(self) -> Iterator[Probed]:
        """Each camera's answer as it comes."""
        while self._waiting or self._running:
            while self._waiting and len(self._running) < AT_ONCE:
                self._start(*self._waiting.pop())
            try:
                probed = self._answers.get(timeout=_POLL_S)
            except queue.Empty:
                yield from self._given_up()
                continue
            if self._running.pop(probed.number, None) is not None:
                yield probed

    def _start(self, number: int, spec: CameraSpec) -> None:
        # A daemon: one that hangs must not keep the program alive.
        thread = threading.Thread(target=self._run, args=(number, spec), daemon=True)
        self._running[number] = thread, time.monotonic() + self._limit_s
        thread.start()

    def _run(self, number: int, spec: CameraSpec) -> None:
        try:
            answer: Answer = self._look(spec)
        except CameraError as exc:
            answer = exc
        self._answers.put(Probed(number, answer))

    def _given_up(self) -> Iterator[Probed]:
        """Those whose time is over, and those whose thread ended without an answer: a bug."""
        for number, (thread, end_s) in list(self._running.items()):
            if thread.is_alive() and time.monotonic() < end_s:
                continue
            if not thread.is_alive() and not self._answers.empty():
                continue  # its answer has just come
            del self._running[number]
            if thread.is_alive():
                hung = CameraError(f"it hung for {self._limit_s:.0f} s without an answer", "hung")
                yield Probed(number, hung)
            else:
                broken = "the look at it broke off, see the error above"
                yield Probed(number, CameraError(broken, "crashed"))
