"""One program that works when it is told to, on one core: a rival, or a part of this project."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

from deploy.bench.errors import BenchError

_ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "FACEPOSE_THREADS"), "1"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One picture analysed: faces, milliseconds by the clock, and on the processor."""

    faces: int
    ms: float
    cpu_ms: float


class Contestant:
    """A started program of `tests/bench`, on one core; see `protocol.py` in its folder.

    Args:
        name: for messages.
        command: interpreter, program, arguments.
        core: the only one that it may use.
        environment: beyond this process's own.

    Raises:
        BenchError: it ended before it was ready; says its last words.
    """

    def __init__(
        self, name: str, command: list[str], *, core: int, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        # A file, not a pipe: a talkative program would fill a pipe that nobody reads, and wait.
        self._words = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  closed below
        whole = {**os.environ, **_ONE_THREAD, **environment}
        self._process = _start_on(core, command, whole, self._words)
        try:
            self._read()
        except BenchError:
            self.close()
            raise

    def analyse(self, picture: Path) -> Answer:
        """Analyse one picture of the folder. Raises: BenchError when the program ends."""
        said = self.ask(picture.name)
        return Answer(int(said["faces"]), float(said["ms"]), float(said["cpu_ms"]))

    def ask(self, line: str = "") -> dict[str, Any]:
        """What it says to one line. Raises: BenchError when the program ends."""
        if self._process.stdin is None:
            raise BenchError(f"{self.name} was started without an input")
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as exc:
            raise self._ended() from exc
        return self._read()

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.communicate()
        self._words.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            raise self._ended()
        said: dict[str, Any] = json.loads(line)
        return said

    def _ended(self) -> BenchError:
        self._process.wait()
        self._words.seek(0)
        lines = self._words.read().strip().splitlines() or ["it said nothing"]
        return BenchError(f"{self.name} ended: {lines[-1]}")


def _start_on(
    core: int, command: list[str], environment: Mapping[str, str], words: IO[str]
) -> subprocess.Popen[str]:
    """Start a program that, with all its threads, keeps to one core."""
    if not hasattr(os, "sched_setaffinity"):
        raise BenchError("rivals are compared on one core each, which only Linux can arrange")
    before = os.sched_getaffinity(0)
    # A child inherits the set of cores; set later, threads that it has already would keep theirs.
    os.sched_setaffinity(0, {core})
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
            env=dict(environment),
        )
    finally:
        os.sched_setaffinity(0, before)
