"""The readers of `facepose bench soak`, in a process of their own: `python -m` this module.

Told by `SOAK_TASK` in the environment what to read; says its condition five times a second, one
JSON line each; ends its readers when its standard input ends, and says what is left of them.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import sys
import threading
import time
from collections import Counter
from typing import Final

import cv2
import msgspec
import psutil
import structlog

from ingest.backoff import Backoff
from ingest.camera_spec import CameraSpec
from ingest.camera_state import CameraState
from ingest.groups.running_reader import LEAVE_S, RunningReader
from ingest.minute_log import MinuteLog
from ingest.publisher import (
    FramePublisher,
    ServerRest,
    StatusPublisher,
    kept_frames,
    with_timeout,
)
from ingest.reader import CameraReader
from ingest.stream.live import LiveSource
from ingest.stream.source import HostClocks
from schemas.transport import Client, connect

TASK_VARIABLE: Final = "SOAK_TASK"
SAMPLES_A_SECOND: Final = 5
JPEG_QUALITY: Final = 85
KEPT_S: Final = 4.0
ROOM: Final = "soak"
# The only thing that is not as in service: there the waits grow to 30 s.
FIRST_WAIT_S: Final = 0.05
LONGEST_WAIT_S: Final = 0.1


class SoakTask(msgspec.Struct, frozen=True, kw_only=True):
    """What to read, and where frames and statuses go."""

    urls: tuple[str, ...]
    server_url: str


class SoakSample(msgspec.Struct, frozen=True, kw_only=True):
    """The process at one moment.

    Attributes:
        at_s: monotonic.
        rss_kb: resident memory.
        ended: connections that ended so far, by cause.
        published: frames so far.
        hanging: readers that missed their word, or that did not end when told to.
        is_last: all readers have ended, everything is closed.
    """

    at_s: float
    rss_kb: int
    fds: int
    threads: int
    ended: dict[str, int] = {}
    published: int = 0
    hanging: int = 0
    is_last: bool = False


class Readers:
    """All cameras' readers, with short waits between their connections."""

    def __init__(self, task: SoakTask, client: Client) -> None:
        self._clocks = HostClocks()
        self._rng = random.Random(1)  # noqa: S311  jitter, no secret
        self._client = client
        log = MinuteLog(self._clocks.monotonic_ns, server="faces")
        self._statuses = StatusPublisher(client, self._rest(), log, self._clocks.utc_ns)
        self._readers = [self._start(number, url) for number, url in enumerate(task.urls)]

    def report(self) -> None:
        """A status of every camera, as in service."""
        for reader in self._readers:
            self._statuses.report(reader.state)

    def sample(self) -> SoakSample:
        """How they are."""
        reports = [reader.report() for reader in self._readers]
        ended: Counter[str] = sum((Counter(report.ended) for report in reports), Counter())
        return msgspec.structs.replace(
            process_sample(),
            ended=dict(ended),
            published=sum(report.published for report in reports),
            hanging=sum(report.overdue_s > 0 for report in reports),
        )

    def end(self) -> int:
        """End them; how many did not."""
        for reader in self._readers:
            reader.leave()
        until_s = time.monotonic() + LEAVE_S
        for reader in self._readers:
            reader.join(max(0.0, until_s - time.monotonic()))
        return sum(reader.is_alive for reader in self._readers)

    def _start(self, number: int, url: str) -> RunningReader:
        clocks, stop, rest = self._clocks, threading.Event(), self._rest()
        spec = CameraSpec(room_id=ROOM, camera_id=f"soak-{number}", url=url)
        state = CameraState(spec.room_id, spec.camera_id, clocks.monotonic_ns)
        maxlen = kept_frames(KEPT_S, spec.analysis_fps)
        reader = CameraReader(
            source=LiveSource(spec, clocks, state, stop.wait),
            spec=spec,
            state=state,
            publisher=FramePublisher(self._client, state, rest, maxlen),
            log=MinuteLog(clocks.monotonic_ns, camera=spec.camera_id),
            backoff=Backoff(self._rng, first_s=FIRST_WAIT_S, cap_s=LONGEST_WAIT_S),
            clocks=clocks,
            wait=stop.wait,
            jpeg_quality=JPEG_QUALITY,
        )
        return RunningReader(spec, reader, rest, stop, clocks.monotonic_ns)

    def _rest(self) -> ServerRest:
        return ServerRest(Backoff(self._rng), self._clocks.monotonic_ns)


def process_sample() -> SoakSample:
    """This process, whatever its readers do."""
    process = psutil.Process()
    return SoakSample(
        at_s=time.monotonic(),
        rss_kb=process.memory_info().rss // 1024,
        fds=process.num_fds(),
        threads=process.num_threads(),
    )


def main() -> None:
    """Read until standard input ends."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    cv2.setNumThreads(1)
    task = msgspec.json.decode(os.environ[TASK_VARIABLE], type=SoakTask)
    _say(process_sample())
    with connect(with_timeout(task.server_url)) as client:
        last = _read_until_the_end(Readers(task, client))
    gc.collect()
    now = process_sample()
    _say(
        msgspec.structs.replace(
            last, rss_kb=now.rss_kb, fds=now.fds, threads=now.threads, is_last=True
        )
    )


def _read_until_the_end(readers: Readers) -> SoakSample:
    stopped = threading.Event()
    watch = threading.Thread(target=_wait_for_the_end, args=(stopped,))
    watch.start()
    number = 0
    while not stopped.wait(1 / SAMPLES_A_SECOND):
        if number % SAMPLES_A_SECOND == 0:
            readers.report()
        _say(readers.sample())
        number += 1
    watch.join()
    return msgspec.structs.replace(readers.sample(), hanging=readers.end())


def _wait_for_the_end(stopped: threading.Event) -> None:
    sys.stdin.read()
    stopped.set()


def _say(sample: SoakSample) -> None:
    sys.stdout.write(msgspec.json.encode(sample).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
